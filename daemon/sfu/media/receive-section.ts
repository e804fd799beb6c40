/** What the core must know of a media section that a peer sends on. Pure. */
import { feedbackOf, rtxPayloadTypeOf, type TrackCodec } from './codecs.ts';
import type { SourceOptions } from './core/types.ts';
import { EXTENSION_URI, type SdpCodec, type SdpMedia } from './sdp/session-description.ts';

/** The extensions of a remote section that we use, with the ids it gave them. */
export function knownExtensions(media: SdpMedia): { id: number; uri: string }[] {
  const wanted: string[] = [EXTENSION_URI.mid, EXTENSION_URI.transportCc];
  if (media.kind === 'audio') wanted.push(EXTENSION_URI.audioLevel);
  if (media.rids.length > 1) wanted.push(EXTENSION_URI.rid, EXTENSION_URI.repairedRid);
  // One-byte header extensions carry ids 1 to 14 (RFC 8285 section 4.2).
  return media.extensions.filter(({ id, uri }) => id <= 14 && wanted.includes(uri));
}

export function extensionId(media: SdpMedia, uri: string): number | undefined {
  return knownExtensions(media).find((extension) => extension.uri === uri)?.id;
}

/** Encodings of one section that are received. */
const MAX_ENCODINGS = 4;
/** Codecs whose encodings can follow each other in one stream. VP9 and AV1 carry their layers inside. */
const SIMULCAST_CODECS: readonly string[] = ['VP8', 'H264'];

/** The encodings to receive: all that an offer sends, or none without simulcast. */
export function encodingsOf(media: SdpMedia, track: TrackCodec): string[] {
  const canTell =
    extensionId(media, EXTENSION_URI.rid) !== undefined &&
    extensionId(media, EXTENSION_URI.mid) !== undefined;
  if (media.rids.length < 2 || !canTell || !SIMULCAST_CODECS.includes(track.name)) return [];
  return media.rids.slice(0, MAX_ENCODINGS);
}

/**
 * @param media the sender's section: its offer, or its answer to ours.
 * @param bindBySsrc false when several codecs are possible: then the payload type decides.
 */
export function sourceOptions(
  media: SdpMedia,
  codec: SdpCodec,
  track: TrackCodec,
  options: { trackId: string; bindBySsrc: boolean; rid?: string },
): SourceOptions {
  const fid = media.fidGroups[0];
  const ssrc = fid?.ssrc ?? media.ssrcs[0];
  return {
    trackId: options.trackId,
    kind: track.kind,
    codec: track.name,
    clockRate: track.clockRate,
    payloadType: codec.payloadType,
    rtxPayloadType: rtxPayloadTypeOf(media, codec.payloadType),
    ssrc: options.bindBySsrc ? ssrc : undefined,
    rtxSsrc: options.bindBySsrc ? fid?.rtxSsrc : undefined,
    mid: media.mid,
    midExtensionId: extensionId(media, EXTENSION_URI.mid),
    transportCcExtensionId: extensionId(media, EXTENSION_URI.transportCc),
    audioLevelExtensionId: track.kind === 'audio' ? extensionId(media, EXTENSION_URI.audioLevel) : undefined,
    feedback: feedbackOf(codec),
    rid: options.rid,
    ridExtensionId: extensionId(media, EXTENSION_URI.rid),
    repairedRidExtensionId: extensionId(media, EXTENSION_URI.repairedRid),
  };
}
