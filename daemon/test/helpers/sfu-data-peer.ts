/** A participant with data channels: a signaling client and a werift peer that plays the browser. */
import type { RTCDataChannel, RTCPeerConnection } from 'werift';
import { ApplicationRecords } from '../../sfu/media/dtls-records.ts';
import { readEnvelope, writeEnvelope, type DataMessage } from '../../sfu/media/data/envelope.ts';
import type { SfuProcess } from './sfu-process.ts';
import { SignalingClient, type Frame } from './sfu-signaling-client.ts';
import { answerOffer, weriftPeer } from './sfu-werift-peer.ts';

const WAIT_MS = 30_000;

type Dtls = {
  onStateChange: { subscribe: (heard: (state: string) => void) => void };
  dtls: {
    cipher: {
      cipher: Record<'clientWriteKey' | 'serverWriteKey' | 'clientNonce' | 'serverNonce', Buffer>;
    };
    udpOnMessage: (datagram: Buffer) => void;
    onData: { execute: (packet: Buffer) => void };
    transport: {
      send: (datagram: Buffer) => Promise<void>;
      socket: { onData: (datagram: Buffer) => void };
    };
    send: (packet: Buffer) => Promise<void>;
  };
};

export type Heard = Omit<DataMessage, 'payload'> & { text: string };

export class DataPeer {
  readonly signaling: SignalingClient;
  readonly peer: RTCPeerConnection;
  readonly heard: Heard[] = [];
  participantId = '';
  readonly #prepared = new Set<Dtls>();

  private constructor(signaling: SignalingClient, peer: RTCPeerConnection, connectionId?: string) {
    this.signaling = signaling;
    this.peer = peer;
    let tail = Promise.resolve();
    const answer = (frame: Frame): void => {
      if (frame.type !== 'offer' || frame['connectionId'] !== connectionId) return;
      tail = tail.then(async () => {
        const sdp = await answerOffer(peer, frame['sdp'] as string);
        // Before the SFU can answer: a transport that is connected already would keep what the library does.
        this.#prepareTransports();
        signaling.send('answer', { connectionId, sdp });
      });
    };
    for (const frame of signaling.frames) answer(frame);
    signaling.onFrame(answer);
  }

  /** One of the connections of a client that is in its rooms already. */
  static on(signaling: SignalingClient, address: string, connectionId: string): DataPeer {
    return new DataPeer(signaling, weriftPeer(address), connectionId);
  }

  /** Joins `rooms` and asks for data channels. */
  static async join(
    sfu: SfuProcess,
    address: string,
    rooms: string[],
    ticket: Parameters<SfuProcess['ticket']>[0] = {},
  ): Promise<DataPeer> {
    const signaling = await SignalingClient.open(sfu.url(sfu.ticket(ticket)));
    const one = new DataPeer(signaling, weriftPeer(address));
    for (const roomId of rooms) {
      signaling.send('join', { roomId });
      one.participantId = (await signaling.next('welcome'))['participantId'] as string;
    }
    return one;
  }

  /** Opens a channel as a page would; resolves when it can be used. */
  async open(label: string, options: { ordered?: boolean; maxRetransmits?: number } = {}) {
    const channel = this.peer.createDataChannel(label, options);
    channel.onMessage.subscribe((message) => {
      const read = Buffer.isBuffer(message) ? readEnvelope(message) : undefined;
      if (read === undefined) throw new Error(`not an envelope: ${message.toString()}`);
      const { payload, ...rest } = read;
      this.heard.push({ ...rest, text: payload.toString() });
    });
    await until(`channel "${label}"`, () => channel.readyState === 'open');
    return channel;
  }

  /**
   * Browsers send the INIT; this library waits for it where it is the controlled side. Its client loses its cipher after
   * some hundred records on this Node; what it reads and writes is ours.
   */
  #prepareTransports(): void {
    const { sctpTransport } = this.peer;
    if (sctpTransport !== undefined) Object.defineProperty(sctpTransport, 'isServer', { value: false });
    for (const transport of this.peer.dtlsTransports as unknown as Dtls[]) {
      if (this.#prepared.has(transport)) continue;
      this.#prepared.add(transport);
      transport.onStateChange.subscribe((state) => {
        if (state !== 'connected') return;
        const { dtls } = transport;
        const { clientWriteKey, serverWriteKey, clientNonce, serverNonce } = dtls.cipher.cipher;
        const records = new ApplicationRecords({
          send: { key: clientWriteKey, salt: clientNonce.subarray(0, 4) },
          receive: { key: serverWriteKey, salt: serverNonce.subarray(0, 4) },
          after: 1000,
        });
        const handshake = dtls.udpOnMessage;
        dtls.send = (packet) => dtls.transport.send(records.seal(packet)!);
        dtls.transport.socket.onData = (datagram) => {
          if (datagram[0] !== 23) handshake(datagram);
          else for (const packet of records.open(datagram)) dtls.onData.execute(packet);
        };
      });
    }
  }

  async until(what: string, enough: () => boolean): Promise<void> {
    await until(`${what}; heard ${this.heard.map(({ text }) => text.slice(-20)).join(' ')}`, enough);
  }

  async close(): Promise<void> {
    this.signaling.terminate();
    await this.peer.close();
  }
}

export function say(channel: RTCDataChannel, text: string | Buffer, roomId = '', topic = ''): void {
  channel.send(
    writeEnvelope({
      kind: 'text',
      roomId,
      participantId: 'somebody-else',
      topic,
      payload: Buffer.from(text),
    }),
  );
}

export async function until(what: string, enough: () => boolean): Promise<void> {
  const endMs = Date.now() + WAIT_MS;
  while (!enough()) {
    if (Date.now() > endMs) throw new Error(`not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
