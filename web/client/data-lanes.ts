/**
 * Data messages between the participants of a room: two data channels of the subscribe connection, one that loses nothing
 * and one that is never late. They are opened with the first use and again after every reconnection.
 */
import type { MediaSession } from './media-session.ts';
import type { Timers } from './timers.ts';

export type DataOptions = {
  /** Names what it is about; receivers get it with the message. */
  topic?: string;
  /** `false`: rather lost than late, for pointers and positions. */
  reliable?: boolean;
};

export type DataMessage = {
  roomId: string;
  participantId: string;
  topic: string;
  data: string | Uint8Array<ArrayBuffer>;
};

const REOPEN_MS = 1000;
const MAX_WAITING = 64;
/** By what they are: reliable or not. */
const LANES: Record<string, RTCDataChannelInit> = {
  true: {},
  false: { ordered: false, maxRetransmits: 0 },
};

export class DataLanes {
  readonly #session: MediaSession;
  readonly #timers: Timers;
  readonly #heard: (message: DataMessage) => void;
  readonly #wanted = new Set<string>();
  #channels: Record<string, RTCDataChannel> = {};
  #maxBytes = 0;
  #waiting: (() => void)[] = [];

  constructor(session: MediaSession, timers: Timers, heard: (message: DataMessage) => void) {
    this.#session = session;
    this.#timers = timers;
    this.#heard = heard;
    session.on('forgotten', () => {
      this.#channels = {};
    });
    session.on('frame', (frame) => {
      if (frame.type === 'data-open') this.#maxBytes = frame.maxMessageBytes;
      // In the room the server knows which connection it is.
      if (frame.type === 'welcome' && this.#wanted.has(frame.roomId)) this.want(frame.roomId, true);
    });
  }

  /** Messages of a room shall come; `joined`: we are in it. */
  want(roomId: string, joined: boolean): void {
    this.#wanted.add(roomId);
    if (!joined || this.#channels['true'] || !this.#session.send({ type: 'open-data', roomId })) return;
    for (const label in LANES) this.#open(label);
  }

  drop(roomId: string): void {
    this.#wanted.delete(roomId);
  }

  /** Resolves when the message is on its way; what the server refuses is told by the client's event `error`. */
  async send(
    roomId: string,
    data: string | Uint8Array,
    { topic = '', reliable = true }: DataOptions,
  ): Promise<void> {
    const isText = typeof data === 'string';
    const payload = isText ? bytesOf(data) : data;
    const label = String(reliable);
    if (this.#channels[label]?.readyState !== 'open') {
      if (!reliable) return;
      if (this.#waiting.length >= MAX_WAITING) throw new Error('Too many data messages wait.');
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    if (payload.length > this.#maxBytes) {
      throw new RangeError(`A data message may have ${String(this.#maxBytes)} bytes.`);
    }
    if (this.#wanted.has(roomId)) {
      this.#channels[label]?.send(seal(isText ? 0 : 1, [roomId, '', topic], payload));
    }
  }

  #open(label: string): void {
    const channel = this.#session.createChannel(label, LANES[label] ?? {});
    this.#channels[label] = channel;
    channel.binaryType = 'arraybuffer';
    channel.onopen = () => {
      if (channel.ordered) for (const go of this.#waiting.splice(0)) go();
    };
    channel.onmessage = ({ data }) => {
      const message = read(new Uint8Array(data as ArrayBuffer));
      if (this.#wanted.has(message.roomId)) this.#heard(message);
    };
    channel.onclose = () => {
      // The server closes what we read too slowly, and says so.
      this.#timers.after(REOPEN_MS, () => {
        if (this.#channels[label] === channel) this.#open(label);
      });
    };
  }
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Kind, three names with their lengths, payload. @throws RangeError for a name of more than 255 bytes. */
function seal(kind: number, names: string[], payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const head = names.map(bytesOf).flatMap((bytes) => {
    if (bytes.length > 255) throw new RangeError('A topic may have 255 bytes.');
    return [bytes.length, ...bytes];
  });
  return new Uint8Array([kind, ...head, ...payload]);
}

function read(message: Uint8Array<ArrayBuffer>): DataMessage {
  const text = (from: number, to?: number): string => new TextDecoder().decode(message.subarray(from, to));
  let at = 1;
  const name = (): string => text(at + 1, (at += 1 + (message[at] ?? 0)));
  // Read in the order they are written in.
  return {
    roomId: name(),
    participantId: name(),
    topic: name(),
    data: message[0] ? message.slice(at) : text(at),
  };
}
