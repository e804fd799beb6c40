/** What one session sends: its publish connection and the tracks its sections have become. */
import { AppError } from '../../contract/errors.ts';
import type { IceCandidateInit } from '../../contract/ice.ts';
import type { ClientFrame, RoomTicket } from '../../contract/signaling.ts';
import type { MediaEngine } from '../media/media-engine.ts';
import type { MediaTrack } from '../media/media-track.ts';
import { parseOffer, PublishLeg } from '../media/publish-leg.ts';
import { whoOf, type NewTrack, type RoomDirector, type TrackOwner } from './room-director.ts';
import { connectionGone, echo, type SessionVoice } from './session-voice.ts';

const MAX_EARLY_CANDIDATES = 64;

type Offer = Extract<ClientFrame, { type: 'offer' }>;

export class SessionPublishing implements TrackOwner {
  readonly #options: {
    sessionId: string;
    engine: MediaEngine;
    director: RoomDirector;
    voice: SessionVoice;
  };
  /** Own tracks by section. */
  readonly #tracksByMid = new Map<string, string>();
  readonly #earlyCandidates: (IceCandidateInit | null)[] = [];
  #leg: PublishLeg | undefined;
  #closed = false;

  constructor(options: {
    sessionId: string;
    engine: MediaEngine;
    director: RoomDirector;
    voice: SessionVoice;
  }) {
    this.#options = options;
  }

  /** True while there is a connection. */
  get began(): boolean {
    return this.#leg !== undefined;
  }

  trackEnded(trackId: string): void {
    this.#leg?.dropTrack(trackId);
  }

  addCandidate(candidate: IceCandidateInit | null): void {
    if (this.#leg !== undefined) this.#leg.addCandidate(candidate);
    else if (this.#earlyCandidates.length < MAX_EARLY_CANDIDATES) this.#earlyCandidates.push(candidate);
  }

  /**
   * Answers an offer; sections that are refused are told one by one.
   * @throws AppError forbidden, not_joined or invalid_request; SdpError.
   */
  async takeOffer(frame: Offer, ticket: RoomTicket): Promise<void> {
    const { sessionId, director, voice } = this.#options;
    const roomId = frame.roomId ?? this.#onlyRoom();
    const { tracks } = director.rooms;
    const { participantId } = tracks.publisher({ sessionId, who: whoOf(ticket) }, roomId);
    const offer = parseOffer(frame.sdp);
    if (this.#leg?.closed === true || this.#leg?.isOtherPeer(offer) === true) {
      this.#leg.close();
      this.#leg = undefined;
    }
    const leg = this.#leg ?? (await this.#openLeg());
    if (this.#closed) {
      leg.close();
      return;
    }
    const sourceOf = new Map((frame.tracks ?? []).map(({ mid, source }) => [mid, source]));
    const refusals: AppError[] = [];
    const sdp = await leg.answer(offer, ({ mid, codec }) => {
      const { identity } = ticket;
      const source: NewTrack['source'] = sourceOf.get(mid) ?? 'unknown';
      try {
        const track = director.addTrack({ roomId, participantId, identity, source, codec, owner: this });
        this.#tracksByMid.set(mid, track.trackId);
        return track;
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        refusals.push(error);
        return undefined;
      }
    });
    const mids = Object.fromEntries(this.#tracksByMid);
    voice.send({ type: 'answer', ...echo(frame.requestId), connection: 'publish', sdp, mids });
    for (const refusal of refusals) voice.fail(refusal, { requestId: frame.requestId, roomId });
    for (const candidate of this.#earlyCandidates.splice(0)) leg.addCandidate(candidate);
  }

  /** Ends the connection and its tracks. Twice is harmless. */
  close(): void {
    this.#closed = true;
    this.#leg?.close();
  }

  async #openLeg(): Promise<PublishLeg> {
    const { director, engine, voice } = this.#options;
    const leg: PublishLeg = await PublishLeg.open(engine, {
      removed: (track: MediaTrack) => {
        for (const [mid, trackId] of this.#tracksByMid) {
          if (trackId === track.trackId) this.#tracksByMid.delete(mid);
        }
        director.removeTrack(track.trackId);
      },
      parameters: (track, source) => {
        director.noteParameters(track, source, engine.clock.nowMs());
      },
      closed: (reason) => {
        if (this.#leg !== leg) return;
        this.#leg = undefined;
        voice.send(connectionGone('publish', reason));
      },
    });
    this.#leg = leg;
    return leg;
  }

  #onlyRoom(): string {
    const [room, ...others] = this.#options.director.rooms.ofSession(this.#options.sessionId);
    if (room === undefined) throw new AppError('not_joined', 'Join a room before you publish into it.');
    if (others.length > 0) throw new AppError('invalid_request', 'Name the room to publish into: roomId.');
    return room.roomId;
  }
}
