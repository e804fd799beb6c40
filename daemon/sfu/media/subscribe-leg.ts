/**
 * The receiving connection of one session: we offer, one media section per watched track. A section that
 * fell free is used again for a track of the same kind and codec without a new offer. One offer is out at
 * a time; changes meanwhile go into the next one together.
 */
import { randomBytes, randomInt } from 'node:crypto';
import type { IceCandidateInit } from '../../contract/ice.ts';
import { AppError } from '../../contract/errors.ts';
import type { Cancel } from '../../kit/clock.ts';
import { messageOf } from '../../kit/errors.ts';
import { hasSameProfile, PayloadTypes, slotKeyOf } from './codecs.ts';
import type { DownlinkStats, HeldTrack, PathStats } from './core/types.ts';
import type { MediaEngine } from './media-engine.ts';
import type { MediaTrack } from './media-track.ts';
import { PeerLink, type LinkMilestones } from './peer-link.ts';
import { parseSdp, SdpError } from './sdp/parse-sdp.ts';
import type { DataAssociation, DataAssociationEvents } from './secure-transport.ts';
import { writeSdp, type LocalDataSection, type LocalSection } from './sdp/write-sdp.ts';
import { SubscribeSlot } from './subscribe-slot.ts';

/** A client that does not answer; the next change offers again. */
const ANSWER_TIMEOUT_MS = 30_000;
/** What is read at most; what is too large for the rooms is refused with a sentence. */
const MAX_DATA_MESSAGE_BYTES = 66_560;

/** The section of data channels, with its place among those of the media: what follows it was added later. */
type DataSection = { mid: string; index: number; state: 'new' | 'open' | 'rejected' };

/** What an offer has sections for. */
type Offered = { slots: SubscribeSlot[]; data: DataSection | undefined };

/** `offerId`: no other offer of the process has it. */
export type SubscribeOffer = { offerId: string; sdp: string; mids: Record<string, string | null> };

export type SubscribeLegEvents = {
  offer(offer: SubscribeOffer): void;
  /** A section took or lost a track without a new offer. */
  slot(mid: string, trackId: string | null): void;
  /** The viewer's path does not carry even the smallest encoding, or does again (undefined). */
  held(trackId: string, held: HeldTrack | undefined): void;
  /** The client's answer does not take this track. */
  rejected(trackId: string, codec: string): void;
  /** Data channels can begin: `open` once. */
  data(open: (events: DataAssociationEvents) => DataAssociation): void;
  /** The client's answer takes no data channels. */
  dataRejected(): void;
  /** The offer was not answered in time, or could not be made. */
  failed(message: string): void;
  /** The connection ended by itself. */
  closed(reason: string): void;
};

export class SubscribeLeg {
  readonly #engine: MediaEngine;
  readonly #events: SubscribeLegEvents;
  readonly #maxSlots: number;
  readonly #link: Promise<PeerLink>;
  readonly #payloadTypes = new PayloadTypes();
  readonly #sessionId = String(randomInt(1, 2 ** 47));
  readonly #cname = randomBytes(8).toString('hex');
  readonly #slots: SubscribeSlot[] = [];
  readonly #early: (IceCandidateInit | null)[] = [];
  #open: PeerLink | undefined;
  #version = 0;
  #nextMid: number;
  #dirty = false;
  #restart = false;
  /** Our ICE credentials are new, and no answer has told the client's new ones yet. */
  #isRestarting = false;
  #scheduled = false;
  #data: DataSection | undefined;
  #pending: (SubscribeOffer & Offered) | undefined;
  /** The last offer was given up: what it told the client is not agreed on. */
  #isUnanswered = false;
  #cancelAnswerTimeout: Cancel = () => undefined;
  #closed = false;
  #offeredAtMs: number | null = null;
  #answeredAtMs: number | null = null;
  #ended: string | null = null;

  /** @param options.firstMid where the sections' names begin: another connection of the session had those before. */
  constructor(options: {
    engine: MediaEngine;
    maxSlots: number;
    firstMid: number;
    events: SubscribeLegEvents;
  }) {
    this.#engine = options.engine;
    this.#nextMid = options.firstMid;
    this.#events = options.events;
    this.#maxSlots = options.maxSlots;
    this.#link = PeerLink.open(options.engine, {
      controlling: true,
      events: {
        connected: (peer) => {
          for (const slot of this.#slots) slot.connect(peer);
          this.#openData();
        },
        closed: (reason) => {
          this.#ended = reason;
          this.#end();
          options.events.closed(reason);
        },
      },
    });
    this.#link.then(
      (link) => {
        if (this.#closed) link.close();
        else this.#open = link;
        for (const candidate of this.#early.splice(0)) link.addCandidate(candidate);
      },
      (error: unknown) => {
        this.#end();
        options.events.closed(messageOf(error));
      },
    );
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Where a connection after this one begins to name its sections. */
  get nextMid(): number {
    return this.#nextMid;
  }

  /** The path to the viewer; undefined before DTLS is up. */
  get path(): PathStats | undefined {
    return this.#open?.peer?.path(this.#engine.clock.nowMs());
  }

  /** The offer that waits for an answer, to be sent again after a resume. */
  get pendingOffer(): SubscribeOffer | undefined {
    const pending = this.#pending;
    if (pending === undefined) return undefined;
    return { offerId: pending.offerId, sdp: pending.sdp, mids: this.#mids(pending.slots) };
  }

  /** How far the connection has come; `ended`: why it ended by itself. */
  milestones(): LinkMilestones & {
    offeredAtMs: number | null;
    answeredAtMs: number | null;
    ended: string | null;
  } {
    const link = this.#open?.milestones;
    return {
      offeredAtMs: this.#offeredAtMs,
      answeredAtMs: this.#answeredAtMs,
      relayAtMs: link?.relayAtMs ?? null,
      otherCandidates: link?.otherCandidates ?? 0,
      iceAtMs: link?.iceAtMs ?? null,
      dtlsAtMs: link?.dtlsAtMs ?? null,
      ended: this.#ended,
    };
  }

  /** When a track's first packet and key frame were sent; `held`: its path does not carry it now. */
  sent(trackId: string): DownlinkStats | undefined {
    return this.#slotOf(trackId)?.sent();
  }

  sentAtMs(trackId: string): { packetAtMs: number | null; keyFrameAtMs: number | null; held: boolean } {
    return this.#slotOf(trackId)?.sentAtMs() ?? { packetAtMs: null, keyFrameAtMs: null, held: false };
  }

  /** Which track each section carries now. */
  slots(): { mid: string; trackId: string | null }[] {
    return this.#slots.map((slot) => ({ mid: slot.mid, trackId: slot.track?.trackId ?? null }));
  }

  /** Starts sending a track. @throws AppError track_limit or codec_not_supported. */
  watch(track: MediaTrack, paused: boolean): void {
    if (this.#closed || this.#slotOf(track.trackId) !== undefined) return;
    const key = slotKeyOf(track.codec);
    const free = this.#slots.find(
      (slot) => slot.track === undefined && slot.state !== 'rejected' && slot.key === key,
    );
    if (free !== undefined) {
      free.setTrack(track, paused);
      this.#fit(free, false);
      // A section of an offer that is still to come tells its track there.
      if (free.state === 'live' || this.#pending?.slots.includes(free) === true) {
        this.#events.slot(free.mid, track.trackId);
      }
      return;
    }
    const reusable = this.#slots.findIndex((slot) => slot.track === undefined && slot.state === 'rejected');
    if (reusable === -1 && this.#slots.length >= this.#maxSlots) {
      throw new AppError('track_limit', `One session can watch ${String(this.#maxSlots)} tracks at a time.`);
    }
    const codec = this.#payloadTypes.codecFor(track.codec);
    if (codec === undefined) {
      throw new AppError('codec_not_supported', 'This session watches too many different codecs.');
    }
    const mid = String(this.#nextMid++);
    const slot = new SubscribeSlot({
      ...{ engine: this.#engine, mid, cname: this.#cname, track, codec },
      held: (trackId, held) => {
        this.#events.held(trackId, held);
      },
      codecChanged: (changed, isFirst) => {
        this.#fit(changed, isFirst);
      },
    });
    slot.setPaused(paused);
    // A rejected section's place is taken by a new mid (RFC 8829 section 5.2.2).
    if (reusable === -1) this.#slots.push(slot);
    else this.#slots.splice(reusable, 1, slot);
    this.#needOffer();
  }

  unwatch(trackId: string): void {
    const slot = this.#slotOf(trackId);
    if (slot === undefined) return;
    slot.setTrack(undefined, false);
    if (slot.state !== 'rejected') this.#events.slot(slot.mid, null);
  }

  setPaused(trackId: string, paused: boolean): void {
    this.#slotOf(trackId)?.setPaused(paused);
  }

  setHeight(trackId: string, height: number | undefined): void {
    this.#slotOf(trackId)?.setHeight(height);
  }

  /** @returns false when the track is not watched. */
  requestKeyFrame(trackId: string): boolean {
    const slot = this.#slotOf(trackId);
    slot?.rejoin();
    return slot !== undefined;
  }

  /** Adds a section for data channels, once. */
  wantData(): void {
    if (this.#closed || this.#data !== undefined) return;
    this.#data = { mid: String(this.#nextMid++), index: this.#slots.length, state: 'new' };
    this.#needOffer();
  }

  /** Offers again with new ICE credentials. */
  restartIce(): void {
    this.#restart = true;
    this.#needOffer();
  }

  addCandidate(candidate: IceCandidateInit | null): void {
    if (this.#open !== undefined) this.#open.addCandidate(candidate);
    else if (this.#early.length < 64) this.#early.push(candidate);
  }

  /**
   * @param offerId the offer that the client answers, where it says so: an answer to one that is over is dropped.
   * @throws SdpError or AppError negotiation_failed; the offer stays out then.
   */
  answer(sdp: string, offerId?: string): void {
    const pending = this.#pending;
    const link = this.#open;
    const isLate = offerId !== undefined && offerId !== pending?.offerId;
    if (isLate || pending === undefined || link === undefined) {
      // It answers, late as it is: what it did not agree to in time is offered again.
      if (this.#isUnanswered) this.#needOffer();
      if (!isLate) throw new AppError('negotiation_failed', 'There is no offer that waits for an answer.');
      this.#engine.answerDrops.add('answer-late');
      return;
    }
    const { data } = pending;
    const description = parseSdp(sdp);
    const sections = data === undefined ? description.media : description.media.toSpliced(data.index, 1);
    if (description.media.length !== pending.slots.length + (data === undefined ? 0 : 1)) {
      throw new SdpError('The answer has another number of media sections than the offer.');
    }
    // The answer to an offer of the connection before this one would reject tracks that the client can play.
    const isOther = sections.some((media, at) => media.port !== 0 && media.mid !== pending.slots[at]?.mid);
    // One without new ICE credentials would restart ICE towards where the client is not any more (RFC 8839).
    if (isOther || (this.#isRestarting && link.isSameGeneration(description))) {
      throw new SdpError('The answer is that to another offer.');
    }
    this.#isRestarting = false;
    link.setRemote(description);
    this.#cancelAnswerTimeout();
    this.#answeredAtMs ??= this.#engine.clock.nowMs();
    this.#pending = undefined;
    const isLeaderRejected = this.#rejectsLeader(description, pending);
    for (const [index, slot] of pending.slots.entries()) {
      const media = sections[index];
      if (media === undefined) continue;
      const before = slot.state;
      const track = slot.track;
      const after = slot.applyAnswer(media, link.peer);
      if (after === 'rejected' && before !== 'rejected' && track !== undefined) {
        slot.setTrack(undefined, false);
        this.#events.rejected(track.trackId, track.codec.name);
      }
    }
    if (data !== undefined && data.state !== 'rejected' && description.media[data.index]?.port === 0) {
      data.state = 'rejected';
      this.#events.dataRejected();
    }
    if (isLeaderRejected) this.#needOffer();
    else if (this.#dirty || this.#restart) this.#schedule();
  }

  close(): void {
    this.#end();
  }

  #end(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelAnswerTimeout();
    this.#pending = undefined;
    for (const slot of this.#slots) slot.close();
    this.#open?.close();
  }

  /**
   * Brings a section in line with what its track really is. A payload type means one configuration in the whole
   * group (RFC 9143 section 9.2), so another profile or a higher level needs another one, and an offer. A level that
   * was only announced too low waits for the next offer: decoders start by the stream, and an offer restarts them.
   */
  #fit(slot: SubscribeSlot, isFirst: boolean): void {
    const codec = slot.track?.codec;
    if (codec === undefined || slot.state === 'rejected' || slot.covers(codec)) return;
    const before = { name: codec.name, fmtp: slot.codec.fmtp };
    const wanted = this.#payloadTypes.codecFor(codec);
    // Without a free payload type it is sent as it was: most decoders follow the stream.
    if (wanted === undefined) return;
    slot.setCodec(wanted);
    if (!isFirst || !hasSameProfile(before, codec)) this.#needOffer();
  }

  /**
   * The first section of the group brings the transport of all (RFC 9143 section 7.3.1). Firefox opens none when it
   * rejects that one, and its other sections stay dark, until an offer puts the next one in its place.
   */
  #rejectsLeader({ media }: { media: readonly { port: number }[] }, { slots, data }: Offered): boolean {
    const states = slots.map(({ state }) => state as string);
    const offered = data === undefined ? states : states.toSpliced(data.index, 0, data.state);
    const leader = offered.findIndex((state) => state !== 'rejected');
    return media[leader]?.port === 0 && media.some(({ port }) => port !== 0);
  }

  /** At once when there is a connection: the client's first packet may overtake its answer. */
  #openData(): void {
    const link = this.#open;
    if (this.#data?.state !== 'new' || link?.peer === undefined) return;
    this.#data.state = 'open';
    this.#events.data((events) => link.openData(events));
  }

  #slotOf(trackId: string): SubscribeSlot | undefined {
    return this.#slots.find((slot) => slot.track?.trackId === trackId);
  }

  #needOffer(): void {
    this.#dirty = true;
    this.#schedule();
  }

  /** Waits for the end of this turn, so that a room full of tracks is one offer. */
  #schedule(): void {
    if (this.#scheduled || this.#pending !== undefined || this.#closed) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#makeOffer().catch((error: unknown) => {
        this.#scheduled = false;
        if (!this.#closed) this.#events.failed(`No offer could be made: ${messageOf(error)}.`);
      });
    });
  }

  async #makeOffer(): Promise<void> {
    const link = await this.#link;
    if (this.#restart) {
      this.#restart = false;
      this.#isRestarting = true;
      await link.restartIce();
    }
    this.#scheduled = false;
    const data = this.#data;
    const isEmpty = this.#slots.length === 0 && data === undefined;
    if (this.#closed || this.#pending !== undefined || isEmpty) return;
    this.#dirty = false;
    this.#version += 1;
    const slots = [...this.#slots];
    const media: (LocalSection | LocalDataSection)[] = slots.map((slot) => slot.section());
    const sdp = writeSdp({
      sessionId: this.#sessionId,
      version: this.#version,
      transport: link.local,
      setup: 'actpass',
      sections: data === undefined ? media : media.toSpliced(data.index, 0, dataSection(data)),
      extmapAllowMixed: true,
      rtcpMuxOnly: false,
    });
    const offerId = `${this.#sessionId}.${String(this.#version)}`;
    this.#pending = { offerId, sdp, mids: {}, slots, data };
    this.#isUnanswered = false;
    this.#openData();
    this.#cancelAnswerTimeout = this.#engine.clock.after(ANSWER_TIMEOUT_MS, () => {
      this.#pending = undefined;
      this.#isUnanswered = true;
      if (!this.#closed) this.#events.failed('The offer was not answered in time.');
    });
    this.#offeredAtMs ??= this.#engine.clock.nowMs();
    this.#events.offer({ offerId, sdp, mids: this.#mids(slots) });
  }

  #mids(slots: readonly SubscribeSlot[]): Record<string, string | null> {
    return Object.fromEntries(slots.map((slot) => [slot.mid, slot.track?.trackId ?? null]));
  }
}

function dataSection({ mid, state }: DataSection): LocalDataSection {
  return {
    mid,
    kind: 'application',
    rejected: state === 'rejected',
    maxMessageBytes: MAX_DATA_MESSAGE_BYTES,
  };
}
