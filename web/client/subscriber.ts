/**
 * A subscribe leg: ONE RTCPeerConnection for everything a session watches in one process of the server. The SFU always offers; we answer,
 * trickle, and keep which media section carries which track now. Media goes through the relay only.
 */
import type { IceServer } from '../../daemon/contract/ice.ts';
import type { ClientFrame, ServerFrameData } from '../../daemon/contract/signaling.ts';
import { Emitter } from './emitter.ts';

export type SubscriberEvents = {
  /** The media sections carry other tracks than before. */
  slots: undefined;
  connection: RTCPeerConnectionState;
  /** The first relayed candidate was gathered: the relay answered. */
  relayed: undefined;
  /** Gathering ended without any relayed candidate: no listed transport got an answer. */
  blocked: undefined;
  /** An offer could not be taken; only a new session helps. */
  failed: string;
};

export type SubscriberOptions = {
  iceServers: IceServer[];
  /** Where the server has several for a session. */
  connectionId?: string | undefined;
  send: (frame: ClientFrame) => void;
  createConnection: (configuration: RTCConfiguration) => RTCPeerConnection;
};

export class Subscriber extends Emitter<SubscriberEvents> {
  /** What its frames say of which connection they are about. */
  readonly which: { connectionId: string | undefined };
  readonly #connection: RTCPeerConnection;
  readonly #send: (frame: ClientFrame) => void;
  /** mid -> trackId now. */
  readonly #slots = new Map<string, string | null>();
  #iceServers: IceServer[];
  #queue: Promise<void> = Promise.resolve();
  #earlyCandidates: RTCIceCandidateInit[] = [];
  #relayCandidates = 0;
  #closed = false;

  constructor(options: SubscriberOptions) {
    super();
    this.which = { connectionId: options.connectionId };
    this.#send = options.send;
    this.#iceServers = options.iceServers;
    const connection = options.createConnection(this.#configuration());
    this.#connection = connection;
    connection.onicecandidate = ({ candidate }) => {
      if (candidate?.type === 'relay' && this.#relayCandidates++ === 0) this.emit('relayed');
      this.#send({
        type: 'ice-candidate',
        connection: 'subscribe',
        ...this.which,
        candidate,
      });
    };
    connection.onicegatheringstatechange = () => {
      if (connection.iceGatheringState === 'gathering') this.#relayCandidates = 0;
      if (connection.iceGatheringState === 'complete' && this.#relayCandidates === 0) {
        this.emit('blocked');
      }
    };
    connection.onconnectionstatechange = () => {
      this.emit('connection', connection.connectionState);
    };
  }

  get connectionState(): RTCPeerConnectionState {
    return this.#connection.connectionState;
  }

  get iceServers(): IceServer[] {
    return this.#iceServers;
  }

  /** Fresh credentials: used by the next ICE restart and by relays that are made from now on. */
  setIceServers(iceServers: IceServer[]): void {
    this.#iceServers = iceServers;
    if (!this.#closed) this.#connection.setConfiguration(this.#configuration());
  }

  /** Offers are answered in the order they came. */
  takeOffer(offer: ServerFrameData<'offer'>): void {
    this.#queue = this.#queue.then(async () => {
      if (this.#closed) return;
      try {
        await this.#connection.setRemoteDescription({ type: 'offer', sdp: offer.sdp });
        // The offer names every section: what an older one said is over.
        this.#slots.clear();
        for (const [mid, trackId] of Object.entries(offer.mids)) this.#slots.set(mid, trackId);
        for (const candidate of this.#earlyCandidates.splice(0)) await this.#add(candidate);
        await this.#connection.setLocalDescription();
        const sdp = this.#connection.localDescription?.sdp;
        if (sdp === undefined || this.#isClosed()) return;
        this.#send({ type: 'answer', connection: 'subscribe', ...this.which, offerId: offer.offerId, sdp });
        this.emit('slots');
      } catch (error) {
        if (!this.#isClosed()) this.emit('failed', error instanceof Error ? error.message : String(error));
      }
    });
  }

  takeCandidate(candidate: ServerFrameData<'ice-candidate'>['candidate']): void {
    if (!candidate?.candidate) return;
    const init = candidate as RTCIceCandidateInit;
    if (!this.#connection.remoteDescription) {
      if (this.#earlyCandidates.length < 64) this.#earlyCandidates.push(init);
      return;
    }
    this.#queue = this.#queue.then(() => this.#add(init));
  }

  /** A media section carries another track without a new offer. */
  takeSlot({ mid, trackId }: ServerFrameData<'slot'>): void {
    this.#queue = this.#queue.then(() => {
      this.#slots.set(mid, trackId);
      this.emit('slots');
    });
  }

  /** The receiver's track that carries `trackId` now. */
  receiverTrack(trackId: string): MediaStreamTrack | undefined {
    const transceivers = this.#connection.getTransceivers();
    for (const [mid, carried] of this.#slots) {
      const track = transceivers.find((one) => one.mid === mid)?.receiver.track;
      if (carried === trackId && track) return track;
    }
    return undefined;
  }

  /** A data channel; the server's next offer has the section for it. */
  createChannel(label: string, init: RTCDataChannelInit): RTCDataChannel {
    return this.#connection.createDataChannel(label, init);
  }

  getStats(): Promise<RTCStatsReport> {
    return this.#connection.getStats();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#connection.close();
    this.clear();
  }

  #isClosed(): boolean {
    return this.#closed;
  }

  #configuration(): RTCConfiguration {
    return {
      iceServers: this.#iceServers,
      iceTransportPolicy: 'relay',
      bundlePolicy: 'max-bundle',
    };
  }

  async #add(candidate: RTCIceCandidateInit): Promise<void> {
    try {
      if (!this.#closed) await this.#connection.addIceCandidate(candidate);
    } catch {
      // A candidate of an ICE generation that is over: ICE works with the others.
    }
  }
}
