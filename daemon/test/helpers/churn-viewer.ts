/**
 * A viewer that comes by a real TURN allocation and real ICE, DTLS and SRTP, and leaves in one of the ways in which
 * browsers leave: also in the middle of a handshake, also without a word.
 */
import { Message, type MediaStreamTrack, type RTCPeerConnection } from 'werift';
import { METHOD } from '../../turn/codec/attribute-types.ts';
import { SignalingClient, type Frame } from './sfu-signaling-client.ts';
import { Picture, relayedPeer } from './sfu-werift-peer.ts';

/** werift exports it without the enums of its arguments. */
const StunMessage = Message as unknown as new (method: number, messageClass: number) => Message;
const REQUEST_CLASS = 0;
const DTLS_HANDSHAKE = 22;
const KEY_FRAME_EVERY = 30;
const WAIT_MS = 30_000;
const MAX_TIMES = 4;
/**
 * As a client werift takes what comes twice for something new: on a machine so busy that a flight is repeated, its
 * handshake fails. Our SFU, with the same library, puts records in order first.
 */
const GAVE_UP = new Error('the DTLS client of the test has given up');

type Relay = {
  server: unknown;
  transport: { close: () => Promise<unknown>; send: () => Promise<void>; onData: () => void };
  requestWithRetry: (request: unknown, server: unknown) => Promise<unknown>;
};
/** What werift calls a protocol: its end of one allocation. */
type Protocol = { turn: Relay; sendData: (data: Buffer, address: unknown) => Promise<void> };

/** `endsAtOnce`: the services need not wait until a time is over to know that it has gone. */
export const WAYS = {
  /** Leaves the room, closes its connection, gives its relay back. */
  polite: { endsAtOnce: true },
  /** As a closed tab: the socket's close is the first word. */
  closed: { endsAtOnce: true },
  /** Never answers the offer. */
  unanswered: { endsAtOnce: true },
  /** Has answered, and goes before a path is found. */
  inIce: { endsAtOnce: true },
  /** Goes when it has sent its first flights. */
  inDtls: { endsAtOnce: true },
  /** Loses its socket, comes back to its session, sees more, leaves. */
  resumed: { endsAtOnce: true },
  /** Restarts ICE, sees more over the new path, leaves. */
  restarted: { endsAtOnce: true },
  /** Asks for a restart that it does not answer. */
  restartUnanswered: { endsAtOnce: true },
  /** The socket is cut; what goes over the relay ends politely. */
  cut: { endsAtOnce: false },
  /** SIGKILL: the kernel closes all sockets, nobody says a word. */
  killed: { endsAtOnce: false },
  /** Killed in the middle of ICE, and of DTLS. */
  killedInIce: { endsAtOnce: false },
  killedInDtls: { endsAtOnce: false },
  /** The cable is pulled: not even the socket is closed. */
  vanished: { endsAtOnce: false },
} as const;
export type Way = keyof typeof WAYS;

export class ChurnViewer {
  readonly #url: string;
  readonly #room: string;
  readonly #relayed = new Set<Protocol>();
  readonly #gaveUp = Promise.withResolvers<never>();
  #signaling!: SignalingClient;
  #peer!: RTCPeerConnection;
  #picture: Picture | undefined;
  #resumeToken = '';
  #offers = 0;
  #answers = true;
  #isGoing = false;
  #tail: Promise<unknown> = Promise.resolve();
  #wake = (): void => undefined;
  #flights = Infinity;
  readonly #sockets: (() => Promise<unknown>)[] = [];

  private constructor(url: string, room: string) {
    this.#url = url;
    this.#room = room;
    this.#gaveUp.promise.catch(() => undefined);
  }

  /**
   * Comes, sees what it can in its way, and goes; again when its own library gave up.
   * @param why what the SFU says of it. @returns how often it had to come.
   * @throws Error when it does not get what it must see.
   */
  static async run(way: Way, url: string, room: string, why: () => Promise<string>): Promise<number> {
    for (let times = 1; ; times += 1) {
      const viewer = new ChurnViewer(url, room);
      try {
        await Promise.race([viewer.#run(way), viewer.#gaveUp.promise]);
        return times;
      } catch (error) {
        const said = `${way}: ${String(error)}; it is ${viewer.#state()}; the SFU says: ${await why()}`;
        viewer.#kill();
        if (error !== GAVE_UP || times === MAX_TIMES) throw new Error(said, { cause: error });
      }
    }
  }

  async #run(way: Way): Promise<void> {
    if (way === 'unanswered') this.#answers = false;
    if (way === 'inDtls' || way === 'killedInDtls') this.#flights = 2;
    await this.#join();
    await this.#see(way);
    if (way === 'resumed') await this.#resume();
    if (way === 'restarted' || way === 'restartUnanswered') await this.#restart(way === 'restarted');
    if (way === 'polite') {
      this.#signaling.send('leave', { roomId: this.#room });
      await this.#signaling.next('left');
    }
    this.#isGoing = true;
    if (way === 'killed' || way === 'killedInIce' || way === 'killedInDtls') this.#kill();
    else if (way === 'vanished') this.#vanish();
    else await this.#goodbye(way !== 'cut');
  }

  /** As far as it comes in its way. */
  async #see(way: Way): Promise<void> {
    if (way === 'unanswered') await this.#signaling.next('offer');
    else if (way === 'inIce' || way === 'killedInIce') {
      await this.#until(() => this.#peer.iceConnectionState !== 'new', 'no checks');
    } else if (way === 'inDtls' || way === 'killedInDtls') {
      await this.#until(() => this.#flights <= 0, 'no handshake');
    } else await this.#seeKeyFrame();
  }

  async #resume(): Promise<void> {
    this.#signaling.terminate();
    await this.#signaling.closed;
    this.#signaling = await SignalingClient.open(this.#url);
    this.#listen();
    this.#signaling.send('resume', { resumeToken: this.#resumeToken });
    await this.#signaling.next('session', (frame) => frame['resumed'] === true);
    await this.#picture?.frames(2);
  }

  async #restart(answers: boolean): Promise<void> {
    if (!answers) this.#answers = false;
    this.#signaling.send('restart');
    await this.#until(() => this.#offers > 1, 'no offer after a restart');
    await this.#tail;
    if (answers) await this.#picture?.frames(5);
  }

  async #join(): Promise<void> {
    this.#signaling = await SignalingClient.open(this.#url);
    this.#listen();
    this.#resumeToken = (await this.#signaling.next('session'))['resumeToken'] as string;
    const credentials = await this.#signaling.next('turn-credentials');
    this.#peer = relayedPeer(
      credentials['iceServers'] as { urls: string[]; username: string; credential: string }[],
    );
    this.#peer.onTrack.subscribe((track: MediaStreamTrack) => {
      this.#picture ??= new Picture(track);
      this.#wake();
    });
    this.#peer.iceConnectionStateChange.subscribe(() => {
      this.#wake();
    });
    this.#signaling.send('join', { roomId: this.#room });
  }

  #listen(): void {
    const signaling = this.#signaling;
    signaling.onFrame((frame: Frame) => {
      if (frame.type !== 'offer') return;
      this.#offers += 1;
      this.#wake();
      if (!this.#answers) return;
      const isRestart = this.#offers > 1;
      this.#tail = this.#tail
        .then(() => this.#answer(signaling, frame['sdp'] as string, isRestart))
        .catch(() => undefined);
    });
  }

  async #answer(signaling: SignalingClient, offer: string, isRestart: boolean): Promise<void> {
    const peer = this.#peer;
    await peer.setRemoteDescription({ type: 'offer', sdp: offer });
    await peer.setLocalDescription(await peer.createAnswer());
    await this.#until(() => peer.iceGatheringState === 'complete', 'no relay', 10);
    for (const protocol of this.#protocols()) this.#watch(protocol);
    for (const dtls of peer.dtlsTransports) {
      dtls.onStateChange.subscribe((state) => {
        if (state === 'failed' && !this.#isGoing) this.#gaveUp.reject(GAVE_UP);
      });
    }
    signaling.send('answer', { sdp: peer.localDescription?.sdp });
    // After an ICE restart werift as a viewer has the fault that the SFU's adapter cures.
    for (const ice of peer.iceTransports) {
      if (isRestart && ice.connection.nominated === undefined) ice.start().catch(() => undefined);
    }
  }

  /** Counts its flights; after the last one that it may send it has been seen to be in the middle. */
  #watch(protocol: Protocol): void {
    if (this.#relayed.has(protocol)) return;
    this.#relayed.add(protocol);
    const send = protocol.sendData.bind(protocol);
    protocol.sendData = async (data, address) => {
      if (data[0] === DTLS_HANDSHAKE) {
        this.#flights -= 1;
        this.#wake();
        if (this.#flights < 0) return;
      }
      await send(data, address);
    };
  }

  async #seeKeyFrame(): Promise<void> {
    await this.#until(() => this.#picture !== undefined, 'no track');
    const picture = this.#picture!;
    const seen = (): boolean => picture.numbers.some((number) => number % KEY_FRAME_EVERY === 0);
    while (!seen()) await picture.frames(1);
  }

  /** Closes its connection, gives back its relays, closes its socket with or without the word. */
  async #goodbye(isNormal: boolean): Promise<void> {
    const relays = this.#protocols().map(({ turn }) => turn);
    if (isNormal) this.#signaling.close();
    else this.#signaling.terminate();
    for (const { transport } of relays) {
      // werift closes them with the connection, and never says Refresh with lifetime 0.
      const close = transport.close.bind(transport);
      transport.close = () => Promise.resolve();
      this.#sockets.push(close);
    }
    await Promise.all(this.#peer.dtlsTransports.map((dtls) => dtls.stop().catch(() => undefined)));
    const giveBack = (turn: Relay): Promise<unknown> => {
      const refresh = new StunMessage(METHOD.REFRESH, REQUEST_CLASS);
      refresh.setAttribute('LIFETIME', 0);
      return turn.requestWithRetry(refresh, turn.server);
    };
    await Promise.all(relays.map(giveBack));
    this.#kill();
    await this.#signaling.closed;
  }

  #kill(): void {
    this.#fallSilent();
    (this.#signaling as SignalingClient | undefined)?.terminate();
  }

  #vanish(): void {
    this.#fallSilent();
    this.#signaling.freeze();
  }

  #state(): string {
    const peer = this.#peer as RTCPeerConnection | undefined;
    const dtls = peer?.dtlsTransports.map(({ state }) => state).join();
    const frames = this.#picture?.numbers.length;
    return `ICE ${peer?.iceConnectionState}, DTLS ${dtls}, ${frames} frames`;
  }

  /** What it still has to say goes nowhere. */
  #fallSilent(): void {
    for (const { turn } of this.#protocols()) {
      const { transport } = turn;
      transport.send = () => Promise.resolve();
      transport.onData = () => undefined;
      void transport.close();
    }
    for (const close of this.#sockets) void close();
    void (this.#peer as RTCPeerConnection | undefined)?.close();
  }

  #protocols(): Protocol[] {
    const peer = this.#peer as RTCPeerConnection | undefined;
    const all = peer?.iceTransports.flatMap(
      (ice) => (ice.connection as unknown as { protocols: Protocol[] }).protocols,
    );
    return [...new Set([...(all ?? []), ...this.#relayed])].filter((one) => 'turn' in one);
  }

  async #until(isSo: () => boolean, otherwise: string, lookEveryMs = WAIT_MS): Promise<void> {
    const endMs = Date.now() + WAIT_MS;
    while (!isSo()) {
      const leftMs = endMs - Date.now();
      if (leftMs <= 0) throw new Error(otherwise);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.min(leftMs, lookEveryMs));
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}
