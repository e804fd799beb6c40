/**
 * The publish leg: ONE RTCPeerConnection for everything a page sends, to any number of rooms. We always offer, one
 * offer at a time, each for one room; media goes through the relay only. A connection that fails is repaired by an ICE
 * restart, then replaced, then the session is.
 */
import type { ServerFrame, ServerFrameData } from '../../daemon/contract/signaling.ts';
import { Emitter } from './emitter.ts';
import type { MediaEnvironment, MediaSession, ServerRefusal } from './media-session.ts';
import { Publication, type PublishOptions } from './publication.ts';
import { publishRepair } from './recovery.ts';
import type { Timers } from './timers.ts';

export type PublisherOptions = {
  session: MediaSession;
  media: MediaEnvironment;
  timers: Timers;
  /** Whether the server has let us into the room in this session. */
  isJoined: (roomId: string) => boolean;
};

/** An offer without an answer for this long, or a repair without a connection, has failed. */
const ANSWER_LIMIT_MS = 10_000;
const REPAIR_LIMIT_MS = 10_000;
const REFUSAL_RETRY_MS = 5000;
/** Saying it again would not help. */
const FINAL_REFUSALS = new Set(['forbidden', 'unauthorized', 'track_limit', 'invalid_request']);

type Offer = Readonly<{ requestId: string; roomId: string; sdp: string; cancelLimit: () => void }>;
/** Stands for an offer while it is being made: no answer is to it. */
const UNMADE: Offer = { requestId: '', roomId: '', sdp: '', cancelLimit: () => undefined };

export class Publisher extends Emitter<{ connection: undefined }> {
  readonly #options: PublisherOptions;
  readonly #publications = new Set<Publication>();
  /** Rooms whose part of the description the server has not seen. */
  readonly #dirty = new Set<string>();
  #connection: RTCPeerConnection | undefined;
  /** The offer that is being made or waits for its answer. */
  #offer: Offer | null = null;
  #earlyCandidates: RTCIceCandidateInit[] = [];
  #restartIce = false;
  #repairs = 0;
  #requests = 0;
  #cancelRepair: () => void = () => undefined;
  #cancelRetry: () => void = () => undefined;

  constructor(options: PublisherOptions) {
    super();
    this.#options = options;
    const { session } = options;
    session.on('frame', (frame) => {
      this.#take(frame);
    });
    session.on('forgotten', () => {
      this.#closeConnection();
    });
    session.on('session', ({ resumed }) => {
      // The offer may have been lost with the socket; the server takes the same one twice.
      if (resumed && this.#offer?.sdp) this.#send(this.#offer);
    });
  }

  get connectionState(): RTCPeerConnectionState {
    return this.#connection?.connectionState ?? 'new';
  }

  publications(roomId: string): Publication[] {
    return [...this.#publications].filter((one) => one.roomId === roomId);
  }

  publish(roomId: string, track: MediaStreamTrack, options: PublishOptions): Publication {
    const publication = new Publication(roomId, track, options, {
      unpublish: (one) => {
        this.#unpublish(one);
      },
      tellMuted: ({ trackId, muted }) => {
        if (trackId !== null) this.#options.session.request({ type: 'track-state', trackId, muted }, roomId);
      },
    });
    this.#publications.add(publication);
    this.#dirty.add(roomId);
    this.#negotiate();
    return publication;
  }

  /** The room is entered: what waits for it is published. */
  roomJoined(roomId: string): void {
    const waits = this.publications(roomId).some(({ transceiver }) => !transceiver);
    if (waits) this.#dirty.add(roomId);
    this.#negotiate();
  }

  /** The room is left: the server has ended its tracks already. */
  roomEnded(roomId: string): void {
    this.#dirty.delete(roomId);
    for (const publication of this.publications(roomId)) this.#remove(publication, null);
    // An answer about this room changes nothing any more.
    this.#closeWhenIdle(this.#offer?.roomId === roomId);
  }

  /** @returns true when the refusal was about publishing. */
  refused({ requestId, code, message, connection }: ServerRefusal): boolean {
    if (connection === 'publish') {
      // One that has only begun is not the one that ended.
      if (!['new', 'connecting'].includes(this.connectionState)) this.#repair(1);
      return true;
    }
    if (!this.#offer || this.#offer.requestId !== requestId) return false;
    const { roomId } = this.#offer;
    // The description goes back to what the server knows; without anything published it is not worth keeping.
    this.#closeConnection();
    if (FINAL_REFUSALS.has(code)) {
      this.#dirty.delete(roomId);
      for (const one of this.publications(roomId)) this.#remove(one, message);
      this.#negotiate();
    } else {
      this.#negotiateLater(REFUSAL_RETRY_MS);
    }
    return true;
  }

  close(): void {
    this.#cancelRetry();
    this.#closeConnection();
    for (const publication of [...this.#publications]) this.#remove(publication, null);
    this.clear();
  }

  // -- Frames ----------------------------------------------------------------------------------------

  #take(frame: ServerFrame): void {
    switch (frame.type) {
      case 'answer':
        if (frame.connection === 'publish') void this.#answered(frame);
        return;
      case 'ice-candidate':
        if (frame.connection === 'publish') this.#takeCandidate(frame.candidate);
        return;
      case 'turn-credentials':
        // Sent again when the relays were restarted: the old ones are gone.
        if (this.#connection) this.#repair(0);
        this.#negotiate();
        return;
      case 'refresh-credentials':
        this.#connection?.setConfiguration(this.#configuration());
        return;
      default:
    }
  }

  #takeCandidate(candidate: ServerFrameData<'ice-candidate'>['candidate']): void {
    if (!candidate?.candidate || !this.#connection) return;
    const init = candidate as RTCIceCandidateInit;
    if (!this.#connection.remoteDescription) {
      if (this.#earlyCandidates.length < 64) this.#earlyCandidates.push(init);
      return;
    }
    this.#connection.addIceCandidate(init).catch(() => undefined);
  }

  // -- Offers ----------------------------------------------------------------------------------------

  #negotiate(): void {
    const { session, isJoined } = this.#options;
    if (this.#offer || session.signaling.phase !== 'open' || session.iceServers.length === 0) return;
    const roomId = [...this.#dirty].find(isJoined);
    if (roomId === undefined) return;
    this.#dirty.delete(roomId);
    if (!this.#connection && this.publications(roomId).length === 0) {
      this.#negotiate();
      return;
    }
    this.#offer = UNMADE;
    void this.#makeOffer(roomId);
  }

  async #makeOffer(roomId: string): Promise<void> {
    const connection = (this.#connection ??= this.#open());
    // What is published in the same turn goes into the same offer.
    await Promise.resolve();
    if (this.#connection !== connection) return;
    this.#dirty.delete(roomId);
    try {
      for (const publication of this.publications(roomId)) {
        publication.transceiver ??= await this.#section(connection, publication);
      }
      if (this.#restartIce) connection.restartIce();
      this.#restartIce = false;
      await connection.setLocalDescription();
    } catch (error) {
      if (this.#connection === connection) this.#unusable(roomId, error);
      return;
    }
    if (this.#connection !== connection) return;
    const offer: Offer = {
      requestId: `p${String(++this.#requests)}`,
      roomId,
      sdp: connection.localDescription?.sdp ?? '',
      cancelLimit: this.#options.timers.after(ANSWER_LIMIT_MS, () => {
        this.#repair(1);
      }),
    };
    this.#offer = offer;
    this.#send(offer);
  }

  #send({ requestId, roomId, sdp }: Offer): void {
    const tracks = this.publications(roomId).flatMap(({ transceiver, source }) => {
      const mid = transceiver?.mid;
      return mid ? [{ mid, source }] : [];
    });
    this.#options.session.send({ type: 'offer', connection: 'publish', requestId, roomId, sdp, tracks });
  }

  /** A section that is idle, else a new one. */
  async #section(connection: RTCPeerConnection, publication: Publication): Promise<RTCRtpTransceiver> {
    const { mediaStreamTrack: track, kind } = publication;
    const { encodings, codec } = publication.options;
    const used = new Set([...this.#publications].map((one) => one.transceiver));
    const idle = connection
      .getTransceivers()
      .find(
        (one) =>
          !used.has(one) &&
          one.direction === 'inactive' &&
          one.receiver.track.kind === kind &&
          !encodings &&
          one.sender.getParameters().encodings.length <= 1,
      );
    let transceiver = idle;
    if (!transceiver) {
      transceiver = connection.addTransceiver(track, {
        direction: 'sendonly',
        ...(encodings && { sendEncodings: encodings }),
      });
    } else {
      await transceiver.sender.replaceTrack(track);
      transceiver.direction = 'sendonly';
    }
    const named = (name = ''): RTCRtpCodec[] =>
      (RTCRtpSender.getCapabilities(kind)?.codecs ?? []).filter(
        ({ mimeType }) => mimeType.toLowerCase() === name.toLowerCase(),
      );
    const wanted = named(codec);
    if (codec !== undefined && wanted.length === 0) throw new Error(`This browser cannot send ${codec}.`);
    if (codec !== undefined || idle) {
      transceiver.setCodecPreferences(codec === undefined ? [] : [...wanted, ...named(`${kind}/rtx`)]);
    }
    return transceiver;
  }

  async #answered(frame: ServerFrameData<'answer'>): Promise<void> {
    const [offer, connection] = [this.#offer, this.#connection];
    if (!offer || offer.requestId !== frame.requestId) return;
    offer.cancelLimit();
    try {
      await connection?.setRemoteDescription({ type: 'answer', sdp: frame.sdp });
      for (const candidate of this.#earlyCandidates.splice(0)) await connection?.addIceCandidate(candidate);
    } catch {
      if (this.#connection === connection) this.#repair(1);
      return;
    }
    if (this.#connection !== connection || this.#offer !== offer) return;
    this.#offer = null;
    for (const publication of this.publications(offer.roomId)) {
      const mid = publication.transceiver?.mid;
      if (!mid) continue;
      const trackId = frame.mids ? frame.mids[mid] : null;
      if (trackId !== undefined) publication.answered(trackId);
      else this.#remove(publication, 'The server did not take this track.');
    }
    this.#closeWhenIdle();
    this.#negotiate();
  }

  /** The browser itself cannot make this offer: no new attempt would be better. */
  #unusable(roomId: string, error: unknown): void {
    const waiting = this.publications(roomId).filter((one) => one.state === 'waiting');
    const reason = error instanceof Error ? error.message : String(error);
    this.#closeConnection();
    for (const publication of waiting) this.#remove(publication, reason);
    this.#negotiate();
  }

  #negotiateLater(ms: number): void {
    this.#cancelRetry();
    this.#cancelRetry = this.#options.timers.after(ms, () => {
      this.#negotiate();
    });
  }

  // -- Publications ----------------------------------------------------------------------------------

  #unpublish(publication: Publication): void {
    if (!this.#publications.has(publication)) return;
    if (publication.transceiver) this.#dirty.add(publication.roomId);
    this.#remove(publication, null);
    this.#negotiate();
  }

  #remove(publication: Publication, reason: string | null): void {
    const { transceiver } = publication;
    this.#publications.delete(publication);
    if (transceiver && this.#connection && transceiver.currentDirection !== 'stopped') {
      transceiver.direction = 'inactive';
      transceiver.sender.replaceTrack(null).catch(() => undefined);
    }
    publication.end(reason);
  }

  // -- The connection --------------------------------------------------------------------------------

  #open(): RTCPeerConnection {
    const connection = this.#options.media.createConnection(this.#configuration());
    connection.onicecandidate = ({ candidate }) => {
      this.#options.session.send({
        type: 'ice-candidate',
        connection: 'publish',
        candidate,
      });
    };
    connection.onconnectionstatechange = () => {
      if (connection.connectionState === 'connected') {
        this.#cancelRepair();
        this.#repairs = 0;
      }
      if (connection.connectionState === 'failed') this.#repair(0);
      this.emit('connection');
    };
    return connection;
  }

  /** Takes the next step of the ladder, `from` at least; the one after it follows unless the connection comes up. */
  #repair(from: number): void {
    const repairs = Math.max(this.#repairs, from);
    const step = publishRepair(repairs);
    if (step === 'new-session') {
      this.#options.session.renew();
      return;
    }
    if (step === 'new-connection') {
      this.#closeConnection();
    } else {
      this.#restartIce = true;
      this.#connection?.setConfiguration(this.#configuration());
    }
    this.#repairs = repairs + 1;
    for (const { roomId } of this.#publications) this.#dirty.add(roomId);
    this.#negotiate();
    this.#cancelRepair();
    this.#cancelRepair = this.#options.timers.after(REPAIR_LIMIT_MS, () => {
      if (this.connectionState === 'connected') this.#repairs = 0;
      // Without a connection nothing could be offered yet: the room or the session comes first.
      else if (this.#connection) this.#repair(0);
    });
  }

  #closeWhenIdle(offerIsVoid = false): void {
    const idle = this.#publications.size === 0 && this.#dirty.size === 0;
    if (idle && (!this.#offer || offerIsVoid)) this.#closeConnection();
  }

  /** Publications wait for the next connection. */
  #closeConnection(): void {
    this.#offer?.cancelLimit();
    this.#offer = null;
    this.#cancelRepair();
    this.#restartIce = false;
    this.#repairs = 0;
    this.#earlyCandidates = [];
    for (const publication of this.#publications) {
      publication.forget();
      this.#dirty.add(publication.roomId);
    }
    const connection = this.#connection;
    if (!connection) return;
    this.#connection = undefined;
    connection.close();
    this.emit('connection');
  }

  #configuration(): RTCConfiguration {
    const { iceServers } = this.#options.session;
    return { iceServers, iceTransportPolicy: 'relay', bundlePolicy: 'max-bundle' };
  }
}
