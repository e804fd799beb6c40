/** What the core must know of a media section that a peer sends on. Pure. */
import { feedbackOf, rtxPayloadTypeOf, type TrackCodec } from './codecs.ts';
import type { CodecName, SourceOptions } from './core/types.ts';
import { EXTENSION_URI, type SdpCodec, type SdpMedia } from './sdp/session-description.ts';

/** The extensions of a remote section that we use, with the ids it gave them. */
export function knownExtensions(media: SdpMedia, codec: CodecName): { id: number; uri: string }[] {
  const wanted: string[] = [EXTENSION_URI.mid, EXTENSION_URI.transportCc];
  if (media.kind === 'audio') wanted.push(EXTENSION_URI.audioLevel);
  // It grows beyond what the one-byte form holds, and a viewer that got only some of it could decode nothing.
  if (codec === 'AV1' && media.extmapAllowMixed) wanted.push(EXTENSION_URI.dependencyDescriptor);
  if (media.rids.length > 1) wanted.push(EXTENSION_URI.rid, EXTENSION_URI.repairedRid);
  // One-byte header extensions carry ids 1 to 14 (RFC 8285 section 4.2).
  return media.extensions.filter(({ id, uri }) => id <= 14 && wanted.includes(uri));
}

function extensionId(media: SdpMedia, codec: CodecName, uri: string): number | undefined {
  return knownExtensions(media, codec).find((extension) => extension.uri === uri)?.id;
}

/** Encodings of one section that are received. */
const MAX_ENCODINGS = 4;
/** Codecs whose encodings can follow each other in one stream. VP9 and AV1 carry their layers inside. */
const SIMULCAST_CODECS: readonly string[] = ['VP8', 'H264'];

/** The encodings to receive: all that an offer sends, or none without simulcast. */
export function encodingsOf(media: SdpMedia, track: TrackCodec): string[] {
  const canTell =
    extensionId(media, track.name, EXTENSION_URI.rid) !== undefined &&
    extensionId(media, track.name, EXTENSION_URI.mid) !== undefined;
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
  const idOf = (uri: string): number | undefined => extensionId(media, track.name, uri);
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
    midExtensionId: idOf(EXTENSION_URI.mid),
    transportCcExtensionId: idOf(EXTENSION_URI.transportCc),
    audioLevelExtensionId: idOf(EXTENSION_URI.audioLevel),
    dependencyDescriptorExtensionId: idOf(EXTENSION_URI.dependencyDescriptor),
    feedback: feedbackOf(codec),
    rid: options.rid,
    ridExtensionId: idOf(EXTENSION_URI.rid),
    repairedRidExtensionId: idOf(EXTENSION_URI.repairedRid),
  };
}
