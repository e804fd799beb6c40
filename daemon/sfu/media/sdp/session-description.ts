/**
 * Session descriptions as data (RFC 8866, 8829): what both directions of the SFU read and write. Only
 * what the SFU acts on is kept; an unknown line is skipped. Pure.
 */

export type MediaDirection = 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive';

export type SdpCodec = {
  payloadType: number;
  /** As written: `H264`, `opus`, `rtx`. */
  name: string;
  clockRate: number;
  channels: number | undefined;
  /** The text after the payload type of `a=fmtp`, else empty. */
  fmtp: string;
  /** Texts after the payload type of `a=rtcp-fb`, for example `nack pli`. */
  feedback: string[];
};

export type SdpFingerprint = { algorithm: string; value: string };

export type SdpMedia = {
  kind: string;
  /** 0 = rejected or removed. */
  port: number;
  protocol: string;
  mid: string;
  direction: MediaDirection;
  codecs: SdpCodec[];
  extensions: { id: number; uri: string }[];
  /** RFC 8285 section 6: both forms of header extensions may be mixed in one stream. */
  extmapAllowMixed: boolean;
  ssrcs: number[];
  /** `a=ssrc-group:FID`: media and its RTX. */
  fidGroups: { ssrc: number; rtxSsrc: number }[];
  /** RtpStreamIds the sender will use (RFC 8853), in its order; empty without simulcast. */
  rids: string[];
  rtcpMux: boolean;
  ufrag: string;
  password: string;
  fingerprints: SdpFingerprint[];
  setup: string;
  /** Candidate attribute values, starting with `candidate:`. */
  candidates: string[];
  endOfCandidates: boolean;
};

export type SessionDescription = {
  /** Members of the first BUNDLE group, in order; empty when there is none. */
  bundle: string[];
  media: SdpMedia[];
};

/** RFC 8285 names of the header extensions we speak. */
export const EXTENSION_URI = {
  mid: 'urn:ietf:params:rtp-hdrext:sdes:mid',
  transportCc: 'http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01',
  audioLevel: 'urn:ietf:params:rtp-hdrext:ssrc-audio-level',
  /** AV1 RTP payload format, appendix A. */
  dependencyDescriptor:
    'https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension',
  /** RFC 8852. */
  rid: 'urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id',
  repairedRid: 'urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id',
} as const;

/** `key=value;key` of an fmtp line; keys in lower case. */
export function parseFmtp(fmtp: string): Map<string, string> {
  const parameters = new Map<string, string>();
  for (const part of fmtp.split(';')) {
    const equals = part.indexOf('=');
    const key = (equals === -1 ? part : part.slice(0, equals)).trim().toLowerCase();
    if (key !== '') parameters.set(key, equals === -1 ? '' : part.slice(equals + 1).trim());
  }
  return parameters;
}
