/**
 * Data messages between the participants of a room: two data channels of the connection that carries the room, one that
 * loses nothing and one that is never late. They are opened with the first use and again after every reconnection.
 */
import type { ServerFrameData } from '../../daemon/contract/signaling.ts';
import { NO_ANSWER, RequestError, type MediaSession } from './media-session.ts';
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
const OPEN_LIMIT_MS = 30_000;
/** By what they are: reliable or not. */
const KINDS: Record<string, RTCDataChannelInit> = {
  true: {},
  false: { ordered: false, maxRetransmits: 0 },
};

/** The channels of one connection; `opened` rejects when that takes too long. */
type Lanes = Record<string, { channel: RTCDataChannel; opened: Promise<unknown> }>;

export class DataLanes {
  readonly #session: MediaSession;
  readonly #timers: Timers;
  readonly #heard: (message: DataMessage) => void;
  readonly #wanted = new Set<string>();
  /** Of each room, once the server has said which connection carries it. */
  readonly #homes = new Map<string, Promise<Lanes>>();
  /** By connectionId; '' where there is one for all rooms. */
  readonly #lanes = new Map<string, Lanes>();
  #maxBytes = 0;

  constructor(session: MediaSession, timers: Timers, heard: (message: DataMessage) => void) {
    this.#session = session;
    this.#timers = timers;
    this.#heard = heard;
    session.on('forgotten', () => {
      this.#homes.clear();
      this.#lanes.clear();
    });
    session.on('frame', (frame) => {
      if (frame.type !== 'welcome') return;
      // It may be on another connection than before.
      this.#homes.delete(frame.roomId);
      if (this.#wanted.has(frame.roomId)) this.want(frame.roomId, true);
    });
  }

  /** Messages of a room shall come; `joined`: we are in it, so that the server knows which connection it is. */
  want(roomId: string, joined: boolean): void {
    this.#wanted.add(roomId);
    if (!joined || this.#homes.has(roomId)) return;
    const home = this.#find(roomId);
    this.#homes.set(roomId, home);
    home.catch((error: unknown) => {
      if (this.#homes.has(roomId)) this.#session.refuse(error as RequestError, roomId);
      // The next message asks again, but not each of many.
      this.#timers.after(REOPEN_MS, () => this.#homes.delete(roomId));
    });
  }

  drop(roomId: string): void {
    this.#wanted.delete(roomId);
    this.#homes.delete(roomId);
  }

  /** Resolves when the message is on its way; what the server refuses later is told by the client's event `error`. */
  async send(
    roomId: string,
    data: string | Uint8Array,
    { topic = '', reliable = true }: DataOptions,
  ): Promise<void> {
    const payload = typeof data === 'string' ? bytesOf(data) : data;
    const lane = (await this.#homes.get(roomId))?.[String(reliable)];
    if (lane?.channel.readyState !== 'open') {
      if (!reliable) return;
      await lane?.opened;
    }
    if (payload.length > this.#maxBytes) {
      throw new RangeError(`A data message may have ${String(this.#maxBytes)} bytes.`);
    }
    lane?.channel.send(seal(payload === data ? 1 : 0, [roomId, '', topic], payload));
  }

  /** Asks for the connection of a room, and opens channels where it has none. @throws RequestError (rejects). */
  async #find(roomId: string): Promise<Lanes> {
    const answer = await this.#session.ask({ type: 'open-data', roomId }, roomId);
    const { connectionId = '', maxMessageBytes } = answer as ServerFrameData<'data-open'>;
    this.#maxBytes = maxMessageBytes;
    const lanes = this.#lanes.get(connectionId) ?? {};
    this.#lanes.set(connectionId, lanes);
    for (const label in KINDS) if (!lanes[label]) this.#open(lanes, connectionId, label);
    return lanes;
  }

  #open(lanes: Lanes, connectionId: string, label: string): void {
    const channel = this.#session.createChannel(connectionId, label, KINDS[label] ?? {});
    const opened = new Promise((resolve, reject) => {
      channel.onopen = resolve;
      this.#timers.after(OPEN_LIMIT_MS, () => {
        reject(new RequestError('unavailable', NO_ANSWER));
      });
    });
    opened.catch(() => undefined);
    lanes[label] = { channel, opened };
    channel.binaryType = 'arraybuffer';
    channel.onmessage = ({ data }) => {
      this.#heard(read(new Uint8Array(data as ArrayBuffer)));
    };
    channel.onclose = () => {
      // The server closes what we read too slowly, and says so.
      this.#timers.after(REOPEN_MS, () => {
        if (this.#lanes.get(connectionId) === lanes) this.#open(lanes, connectionId, label);
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
