/**
 * The codecs the SFU passes through and how they are matched and offered. Pure. The table is short on
 * purpose: what is not in it is answered with a rejected section and a sentence.
 */
import type { CodecName, SourceOptions } from './core/types.ts';
import { parseFmtp, type SdpCodec, type SdpMedia } from './sdp/session-description.ts';
import type { LocalCodec } from './sdp/write-sdp.ts';

export type MediaKind = 'audio' | 'video';

/** A codec as one track uses it. `fmtp` is what receivers are told. */
export type TrackCodec = {
  name: CodecName;
  kind: MediaKind;
  clockRate: number;
  channels: number | undefined;
  fmtp: string;
};

const CODECS: readonly (Omit<TrackCodec, 'fmtp'> & { defaultFmtp: string })[] = [
  {
    name: 'H264',
    kind: 'video',
    clockRate: 90_000,
    channels: undefined,
    defaultFmtp: 'level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f',
  },
  { name: 'AV1', kind: 'video', clockRate: 90_000, channels: undefined, defaultFmtp: '' },
  { name: 'VP8', kind: 'video', clockRate: 90_000, channels: undefined, defaultFmtp: '' },
  { name: 'VP9', kind: 'video', clockRate: 90_000, channels: undefined, defaultFmtp: 'profile-id=0' },
  {
    name: 'opus',
    kind: 'audio',
    clockRate: 48_000,
    channels: 2,
    defaultFmtp: 'minptime=10;useinbandfec=1',
  },
];

const VIDEO_FEEDBACK = ['nack', 'nack pli'] as const;
const RECEIVE_FEEDBACK = ['transport-cc'] as const;
/** What viewers may tell of the path: transport-wide feedback, or their own estimate. */
const PATH_FEEDBACK = ['transport-cc', 'goog-remb'] as const;

/** H.264 profiles every decoder in the field is asked for, in this order. */
const OFFERED_H264_PROFILES = ['42e01f', '4d001f', '64001f'];

/** First dynamic payload types (RFC 3551 section 6), then the block RFC 8829 leaves free. */
const PAYLOAD_TYPES = [...range(96, 127), ...range(35, 63)];

export function mimeTypeOf(codec: TrackCodec): string {
  return `${codec.kind}/${codec.name}`;
}

/** Two tracks of equal keys can follow each other in one media section without a new offer. */
export function slotKeyOf(codec: TrackCodec): string {
  const profile = codec.name === 'VP9' ? (parseFmtp(codec.fmtp).get('profile-id') ?? '0') : '';
  return `${codec.name}:${profile}`;
}

/**
 * The profile-level-id to tell receivers for what an SPS really says. Browsers match profiles by fixed bit
 * patterns, so constraint bits without a meaning there are folded (RFC 6184 section 8.1).
 * @param sps profile, constraints and level as six hex digits.
 */
export function announcedProfileLevelId(sps: string): string {
  const profile = sps.slice(0, 2).toLowerCase();
  const constraints = parseInt(sps.slice(2, 4), 16);
  const level = sps.slice(4, 6).toLowerCase();
  const set = (bit: number): boolean => (constraints & (0x80 >> bit)) !== 0;
  if (profile === '42') return `${set(1) ? '42e0' : '4200'}${level}`;
  if (profile === '4d') return `${set(0) ? '42e0' : '4d00'}${level}`;
  if (profile === '64') return `${set(4) && set(5) ? '640c' : '6400'}${level}`;
  return sps.toLowerCase();
}

/**
 * Whether a receiver that was told `offered` is told enough for `now`: the same configuration, or for H.264 the
 * same profile at no higher level.
 */
export function covers(offered: Pick<TrackCodec, 'name' | 'fmtp'>, now: TrackCodec): boolean {
  if (offered.fmtp === now.fmtp) return true;
  if (!hasSameProfile(offered, now) || now.name !== 'H264') return false;
  return levelOf(offered.fmtp) >= levelOf(now.fmtp);
}

/** False when another decoder may be needed: another profile of H.264 or VP9, or another codec. */
export function hasSameProfile(
  a: Pick<TrackCodec, 'name' | 'fmtp'>,
  b: Pick<TrackCodec, 'name' | 'fmtp'>,
): boolean {
  if (a.name !== b.name) return false;
  const [one, other] = [parseFmtp(a.fmtp), parseFmtp(b.fmtp)];
  const profile = (fmtp: Map<string, string>): string | undefined =>
    fmtp.get('profile-level-id')?.slice(0, 4);
  return profile(one) === profile(other) && one.get('profile-id') === other.get('profile-id');
}

/** level_idc of what an fmtp line of H.264 says: ten times the level; 3.1 where it says nothing. */
export function levelOf(fmtp: string): number {
  return parseInt(parseFmtp(fmtp).get('profile-level-id')?.slice(4, 6) ?? '1f', 16);
}

/** fmtp of an H.264 track with the profile and level of its SPS. */
export function h264Fmtp(profileLevelId: string): string {
  return `level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=${profileLevelId}`;
}

/** The table's entry for an SDP codec. @returns undefined for what is not passed through. */
export function trackCodecOf(codec: SdpCodec): TrackCodec | undefined {
  const entry = CODECS.find(
    (one) => one.name.toLowerCase() === codec.name.toLowerCase() && one.clockRate === codec.clockRate,
  );
  if (entry === undefined) return undefined;
  const { defaultFmtp, ...known } = entry;
  const given = parseFmtp(codec.fmtp);
  if (known.name === 'H264') {
    const profile = given.get('profile-level-id') ?? '42e01f';
    if (!/^[0-9a-f]{6}$/i.test(profile)) return undefined;
    return { ...known, fmtp: h264Fmtp(announcedProfileLevelId(profile)) };
  }
  if (known.name === 'VP9') return { ...known, fmtp: `profile-id=${smallNumber(given.get('profile-id'))}` };
  if (known.name === 'opus') {
    const stereo = given.get('sprop-stereo') === '1' || given.get('stereo') === '1' ? ';stereo=1' : '';
    return { ...known, fmtp: `${defaultFmtp}${stereo}` };
  }
  return { ...known, fmtp: '' };
}

/** The codecs of a section that we pass through, in its order; H.264 with packetization-mode 1 first. */
export function usableCodecs(media: SdpMedia): { sdp: SdpCodec; track: TrackCodec }[] {
  const usable = media.codecs.flatMap((sdp) => {
    const track = trackCodecOf(sdp);
    return track === undefined || track.kind !== media.kind ? [] : [{ sdp, track }];
  });
  const singleNal = (one: { sdp: SdpCodec; track: TrackCodec }): boolean =>
    one.track.name === 'H264' && parseFmtp(one.sdp.fmtp).get('packetization-mode') !== '1';
  return [...usable.filter((one) => !singleNal(one)), ...usable.filter(singleNal)];
}

/** RTX payload type that belongs to a payload type (RFC 4588 section 8.6). */
export function rtxPayloadTypeOf(media: SdpMedia, payloadType: number): number | undefined {
  return media.codecs.find(
    (codec) => codec.name.toLowerCase() === 'rtx' && parseFmtp(codec.fmtp).get('apt') === String(payloadType),
  )?.payloadType;
}

/** What the core must know of the feedback negotiated for a codec. */
export function feedbackOf(codec: SdpCodec): SourceOptions['feedback'] {
  return {
    nack: codec.feedback.includes('nack'),
    pli: codec.feedback.includes('nack pli'),
    transportCc: codec.feedback.includes('transport-cc'),
  };
}

/** Our offer of everything we can receive, with payload types. */
export function receiveCodecs(kind: MediaKind): LocalCodec[] {
  const wanted = CODECS.filter((codec) => codec.kind === kind).flatMap((codec) =>
    codec.name === 'H264'
      ? OFFERED_H264_PROFILES.map((profile) => ({ ...codec, fmtp: h264Fmtp(profile) }))
      : [{ ...codec, fmtp: codec.defaultFmtp }],
  );
  // Audio after video in the same BUNDLE group: payload types must differ (RFC 9143 section 9.2).
  const base = kind === 'audio' ? 120 : 96;
  return wanted.map((codec, index) => ({
    payloadType: base + index * 2,
    name: codec.name,
    clockRate: codec.clockRate,
    channels: codec.channels,
    fmtp: codec.fmtp,
    feedback: kind === 'video' ? [...VIDEO_FEEDBACK, ...RECEIVE_FEEDBACK] : [...RECEIVE_FEEDBACK],
    rtxPayloadType: kind === 'video' ? base + index * 2 + 1 : undefined,
  }));
}

/** Our answer for one codec of an offer: its payload types, and only feedback that both sides speak. */
export function answeredCodec(media: SdpMedia, sdp: SdpCodec, track: TrackCodec): LocalCodec {
  const spoken = [...(track.kind === 'video' ? VIDEO_FEEDBACK : []), ...RECEIVE_FEEDBACK];
  return {
    payloadType: sdp.payloadType,
    name: sdp.name,
    clockRate: sdp.clockRate,
    channels: sdp.channels,
    fmtp: sdp.fmtp,
    feedback: spoken.filter((feedback) => sdp.feedback.includes(feedback)),
    rtxPayloadType: track.kind === 'video' ? rtxPayloadTypeOf(media, sdp.payloadType) : undefined,
  };
}

/**
 * Payload types of one connection's sending sections. In a BUNDLE group a payload type means one codec
 * configuration (RFC 9143 section 9.2), so each configuration gets its own and keeps it.
 */
export class PayloadTypes {
  readonly #byConfiguration = new Map<string, { payloadType: number; rtxPayloadType: number | undefined }>();
  #next = 0;

  /** @returns undefined when all payload types are taken. */
  codecFor(codec: TrackCodec): LocalCodec | undefined {
    const key = `${mimeTypeOf(codec)} ${codec.fmtp}`;
    let types = this.#byConfiguration.get(key);
    if (types === undefined) {
      const payloadType = PAYLOAD_TYPES[this.#next];
      const rtxPayloadType = codec.kind === 'video' ? PAYLOAD_TYPES[this.#next + 1] : undefined;
      if (payloadType === undefined || (codec.kind === 'video' && rtxPayloadType === undefined))
        return undefined;
      this.#next += codec.kind === 'video' ? 2 : 1;
      types = { payloadType, rtxPayloadType };
      this.#byConfiguration.set(key, types);
    }
    return {
      ...types,
      name: codec.name,
      clockRate: codec.clockRate,
      channels: codec.channels,
      fmtp: codec.fmtp,
      feedback: codec.kind === 'video' ? [...VIDEO_FEEDBACK, ...PATH_FEEDBACK] : ['transport-cc'],
    };
  }
}

function smallNumber(text: string | undefined): string {
  return text !== undefined && /^[0-3]$/.test(text) ? text : '0';
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}
