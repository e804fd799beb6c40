/**
 * The cameras' side of the rooms. A seat is a camera's place in its room: it keeps participant and track
 * ids while ingests come and go, so that viewers stay attached over a reconnect.
 */
import type { Ingest, IngestState } from '../../contract/control.ts';
import { AppError } from '../../contract/errors.ts';
import type { IceCandidateInit } from '../../contract/ice.ts';
import { demandOf } from '../rooms/room.ts';
import { slotKeyOf, type MediaKind, type TrackCodec } from '../media/codecs.ts';
import { IngestLeg } from '../media/ingest-leg.ts';
import type { MediaEngine } from '../media/media-engine.ts';
import type { MediaTrack } from '../media/media-track.ts';
import { SdpError } from '../media/sdp/parse-sdp.ts';
import type { RoomDirector } from './room-director.ts';
import { problemOf } from './stream-problem.ts';

type Seat = {
  roomId: string;
  participantId: string;
  identity: string;
  tracks: Map<MediaKind, MediaTrack>;
  ingestId: string | undefined;
};

type OpenIngest = { ingestId: string; seat: Seat; note: string; openedAtMs: number; leg: IngestLeg };

export type IngestEvent = { ingestId: string; roomId: string; state: IngestState; reason: string };

const LOST = 'The connection to the camera is lost. It is being dialled again.';

export class Ingests {
  readonly #engine: MediaEngine;
  readonly #director: RoomDirector;
  readonly #emit: (event: IngestEvent) => void;
  readonly #maxIngests: () => number;
  readonly #byId = new Map<string, OpenIngest>();
  readonly #seats = new Map<string, Seat>();
  /** Ids whose transport is being made: an id must not be opened twice meanwhile. */
  readonly #opening = new Set<string>();

  constructor(options: {
    engine: MediaEngine;
    director: RoomDirector;
    maxIngests: () => number;
    emit: (event: IngestEvent) => void;
  }) {
    this.#engine = options.engine;
    this.#director = options.director;
    this.#maxIngests = options.maxIngests;
    this.#emit = options.emit;
  }

  get size(): number {
    return this.#byId.size;
  }

  /** Opens or replaces a room's camera leg. @returns our offer. @throws AppError conflict or of the rooms. */
  async open(options: {
    ingestId: string;
    roomId: string;
    identity: string;
    note: string;
    audio: boolean;
  }): Promise<string> {
    const { ingestId, roomId } = options;
    if (this.#byId.has(ingestId) || this.#opening.has(ingestId)) {
      throw new AppError('conflict', `There is an ingest "${ingestId}" already.`);
    }
    if (this.#byId.size + this.#opening.size >= this.#maxIngests()) {
      throw new AppError('room_limit', 'This namespace has as many ingests as it may.');
    }
    this.#opening.add(ingestId);
    let leg: IngestLeg;
    const self: { ingest?: OpenIngest } = {};
    try {
      leg = await IngestLeg.open(this.#engine, {
        audio: options.audio,
        events: {
          track: (kind, codec) => this.#trackFor(self.ingest, kind, codec),
          state: (state, reason) => {
            if (self.ingest !== undefined) this.#onState(self.ingest, state, reason);
          },
          parameters: (track, source) => {
            this.#director.noteParameters(track, source, this.#engine.clock.nowMs());
          },
        },
      });
    } finally {
      this.#opening.delete(ingestId);
    }
    try {
      const seat = this.#takeSeat(roomId, options.identity);
      const before = seat.ingestId === undefined ? undefined : this.#byId.get(seat.ingestId);
      const openedAtMs = this.#engine.clock.nowMs();
      const ingest: OpenIngest = { ingestId, seat, note: options.note, openedAtMs, leg };
      self.ingest = ingest;
      seat.ingestId = ingestId;
      this.#byId.set(ingestId, ingest);
      before?.leg.close('Another ingest of the room has taken its place.');
      this.#emit({ ingestId, roomId, state: 'offered', reason: '' });
      return leg.offer();
    } catch (error) {
      leg.close('It could not be opened.');
      throw error;
    }
  }

  /** @throws AppError not_found, negotiation_failed, codec_not_supported. */
  answer(ingestId: string, sdp: string): void {
    const ingest = this.#get(ingestId);
    try {
      ingest.leg.answer(sdp);
    } catch (error) {
      if (error instanceof SdpError)
        throw new AppError('negotiation_failed', error.message, { cause: error });
      throw error;
    }
    // What the camera does not send any more ends; its other tracks go on.
    const sent = new Set(ingest.leg.tracks.map((track) => track.trackId));
    for (const [kind, track] of ingest.seat.tracks) {
      if (sent.has(track.trackId)) continue;
      ingest.seat.tracks.delete(kind);
      this.#director.removeTrack(track.trackId);
    }
  }

  addCandidate(ingestId: string, candidate: IceCandidateInit): void {
    this.#get(ingestId).leg.addCandidate(candidate);
  }

  setNote(ingestId: string, note: string): void {
    this.#get(ingestId).note = note;
  }

  /** Ends an ingest; closing it twice is harmless. Its tracks stay while somebody watches the room. */
  close(ingestId: string): void {
    const ingest = this.#byId.get(ingestId);
    ingest?.leg.close('It was closed.');
  }

  list(): Ingest[] {
    return [...this.#byId.values()].map((ingest) => {
      const stats = ingest.leg.videoStats();
      return {
        ingestId: ingest.ingestId,
        roomId: ingest.seat.roomId,
        state: ingest.leg.state,
        note: ingest.note,
        openedAtMs: ingest.openedAtMs,
        video:
          stats === undefined
            ? null
            : {
                codec: ingest.seat.tracks.get('video')?.codec.name ?? '',
                bitsPerSecond: stats.bitsPerSecond,
                framesPerSecond: stats.framesPerSecond,
                keyFrameIntervalMs: stats.keyFrameIntervalMs,
                width: stats.width,
                height: stats.height,
                packetsLost: stats.packetsLost,
                profileLevelId: stats.profileLevelId,
                problem: problemOf([stats], ingest.seat.tracks.get('video')?.declared) ?? '',
              },
      };
    });
  }

  /** Nobody watches any more: a seat without an ingest is given up. */
  onDemand(roomId: string, subscribers: number): void {
    const seat = this.#seats.get(roomId);
    if (subscribers === 0 && seat !== undefined && seat.ingestId === undefined) this.#release(seat);
  }

  closeAll(): void {
    for (const ingest of [...this.#byId.values()]) ingest.leg.close('The service stops.');
  }

  #get(ingestId: string): OpenIngest {
    const ingest = this.#byId.get(ingestId);
    if (ingest === undefined) throw new AppError('not_found', `There is no ingest "${ingestId}".`);
    return ingest;
  }

  #takeSeat(roomId: string, identity: string): Seat {
    const known = this.#seats.get(roomId);
    if (known !== undefined) return known;
    const { participantId, effects } = this.#director.rooms.participants.joinIngest(
      roomId,
      { identity, name: identity },
      this.#engine.clock.nowMs(),
    );
    this.#director.apply(effects);
    const seat: Seat = { roomId, participantId, identity, tracks: new Map(), ingestId: undefined };
    this.#seats.set(roomId, seat);
    return seat;
  }

  /** The seat's track of this kind when the codec is the same, else a new one in its place. */
  #trackFor(ingest: OpenIngest | undefined, kind: MediaKind, codec: TrackCodec): MediaTrack {
    if (ingest === undefined) throw new AppError('not_found', 'This ingest is gone.');
    const { seat } = ingest;
    const known = seat.tracks.get(kind);
    if (known !== undefined && slotKeyOf(known.codec) === slotKeyOf(codec)) return known;
    if (known !== undefined) {
      seat.tracks.delete(kind);
      this.#director.removeTrack(known.trackId);
    }
    const track = this.#director.addTrack({
      roomId: seat.roomId,
      participantId: seat.participantId,
      identity: seat.identity,
      source: 'ingest',
      codec,
      owner: {
        trackEnded: (trackId) => {
          this.#onTrackEnded(seat, trackId);
        },
      },
    });
    seat.tracks.set(kind, track);
    return track;
  }

  #onState(ingest: OpenIngest, state: IngestState, reason: string): void {
    const { seat, ingestId } = ingest;
    const current = seat.ingestId === ingestId;
    if (state === 'closed') {
      this.#byId.delete(ingestId);
      if (current) seat.ingestId = undefined;
    }
    this.#emit({ ingestId, roomId: seat.roomId, state, reason });
    if (!current) return;
    if (state === 'flowing') this.#tellSource(seat.roomId, null);
    else if (state === 'stalled') this.#tellSource(seat.roomId, reason);
    else if (state === 'closed') {
      const room = this.#director.rooms.get(seat.roomId);
      if (room === undefined || demandOf(room) === 0) this.#release(seat);
      else if (room.sourceLost === null) this.#tellSource(seat.roomId, LOST);
    }
  }

  /** The room was closed: the seat is gone, and so is what feeds it. */
  #onTrackEnded(seat: Seat, trackId: string): void {
    for (const [kind, track] of seat.tracks) if (track.trackId === trackId) seat.tracks.delete(kind);
    if (this.#director.rooms.get(seat.roomId)?.members.has(seat.participantId) === true) return;
    if (this.#seats.get(seat.roomId) === seat) this.#seats.delete(seat.roomId);
    const ingest = seat.ingestId === undefined ? undefined : this.#byId.get(seat.ingestId);
    ingest?.leg.close('Its room was closed.');
  }

  #release(seat: Seat): void {
    if (this.#seats.get(seat.roomId) !== seat) return;
    this.#seats.delete(seat.roomId);
    seat.tracks.clear();
    const nowMs = this.#engine.clock.nowMs();
    this.#tellSource(seat.roomId, null);
    this.#director.apply(
      this.#director.rooms.participants.leaveIngest(seat.roomId, seat.participantId, nowMs),
    );
  }

  #tellSource(roomId: string, lost: string | null): void {
    this.#director.apply(this.#director.rooms.setSource(roomId, lost, this.#engine.clock.nowMs()));
  }
}
