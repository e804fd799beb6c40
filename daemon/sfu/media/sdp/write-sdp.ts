/** Writes our own session descriptions, offers and answers. Pure. */
import type { LocalTransport } from '../secure-transport.ts';
import type { MediaDirection } from './session-description.ts';

export type LocalCodec = {
  payloadType: number;
  name: string;
  clockRate: number;
  channels: number | undefined;
  fmtp: string;
  feedback: readonly string[];
  rtxPayloadType: number | undefined;
};

/** A media section as we write it. A rejected one keeps its place with port 0 (RFC 8829 section 5.2.2). */
export type LocalSection = {
  mid: string;
  kind: string;
  protocol: string;
  rejected: boolean;
  /** Formats to repeat in a rejected section, which has no codecs of its own. */
  formats: readonly string[];
  direction: MediaDirection;
  codecs: readonly LocalCodec[];
  extensions: readonly { id: number; uri: string }[];
  /** `stream track`; undefined leaves `a=msid` out. */
  msid: string | undefined;
  /** Encodings we receive (RFC 8853); fewer than two are no simulcast. */
  rids?: readonly string[];
  sender: { ssrc: number; rtxSsrc: number | undefined; cname: string } | undefined;
};

/** The section of data channels (RFC 8841). Its sizes are in bytes. */
export type LocalDataSection = {
  mid: string;
  kind: 'application';
  rejected: boolean;
  maxMessageBytes: number;
};

const SCTP_PORT = 5000;
const DATA_PROTOCOL = 'UDP/DTLS/SCTP';
const DATA_FORMAT = 'webrtc-datachannel';

export type LocalDescription = {
  /** Stays the same for the life of a connection; RFC 8829 section 5.2.1. */
  sessionId: string;
  version: number;
  transport: LocalTransport;
  setup: 'actpass' | 'passive';
  sections: readonly (LocalSection | LocalDataSection)[];
  /** Header extensions of both forms in one stream (RFC 8285 section 6). */
  extmapAllowMixed: boolean;
  /** Adds `a=rtcp-mux-only` (RFC 8858): strict producers ask for it. */
  rtcpMuxOnly: boolean;
};

export function writeSdp(description: LocalDescription): string {
  const bundle = description.sections.filter((section) => !section.rejected).map((section) => section.mid);
  const lines = [
    'v=0',
    `o=- ${description.sessionId} ${String(description.version)} IN IP4 127.0.0.1`,
    's=-',
    't=0 0',
    ...(bundle.length > 0 ? [`a=group:BUNDLE ${bundle.join(' ')}`] : []),
    ...(description.extmapAllowMixed ? ['a=extmap-allow-mixed'] : []),
    'a=msid-semantic: WMS *',
  ];
  for (const section of description.sections) {
    if ('maxMessageBytes' in section) lines.push(...dataSection(section, description));
    else if (section.rejected) lines.push(...rejectedSection(section));
    else lines.push(...activeSection(section, description));
  }
  return `${lines.join('\r\n')}\r\n`;
}

function rejectedSection(section: Pick<LocalSection, 'mid' | 'kind' | 'protocol' | 'formats'>): string[] {
  const formats = section.formats.length > 0 ? section.formats : ['0'];
  return [
    `m=${section.kind} 0 ${section.protocol} ${formats.join(' ')}`,
    'c=IN IP4 0.0.0.0',
    `a=mid:${section.mid}`,
    'a=inactive',
  ];
}

function dataSection(section: LocalDataSection, description: LocalDescription): string[] {
  if (section.rejected) {
    const { mid, kind } = section;
    return rejectedSection({ mid, kind, protocol: DATA_PROTOCOL, formats: [DATA_FORMAT] });
  }
  return [
    `m=${section.kind} 9 ${DATA_PROTOCOL} ${DATA_FORMAT}`,
    'c=IN IP4 0.0.0.0',
    ...transportLines(description),
    `a=mid:${section.mid}`,
    `a=sctp-port:${String(SCTP_PORT)}`,
    `a=max-message-size:${String(section.maxMessageBytes)}`,
  ];
}

function transportLines({ transport, setup }: LocalDescription): string[] {
  return [
    ...transport.candidates.map((candidate) => `a=${candidate}`),
    'a=end-of-candidates',
    `a=ice-ufrag:${transport.ufrag}`,
    `a=ice-pwd:${transport.password}`,
    'a=ice-options:trickle',
    `a=fingerprint:${transport.fingerprint.algorithm} ${transport.fingerprint.value}`,
    `a=setup:${setup}`,
  ];
}

function activeSection(section: LocalSection, description: LocalDescription): string[] {
  const payloadTypes = section.codecs.flatMap((codec) =>
    codec.rtxPayloadType === undefined ? [codec.payloadType] : [codec.payloadType, codec.rtxPayloadType],
  );
  return [
    `m=${section.kind} 9 ${section.protocol} ${payloadTypes.join(' ')}`,
    'c=IN IP4 0.0.0.0',
    'a=rtcp:9 IN IP4 0.0.0.0',
    ...transportLines(description),
    `a=mid:${section.mid}`,
    ...section.extensions.map(({ id, uri }) => `a=extmap:${String(id)} ${uri}`),
    `a=${section.direction}`,
    ...(section.msid === undefined ? [] : [`a=msid:${section.msid}`]),
    'a=rtcp-mux',
    ...(description.rtcpMuxOnly ? ['a=rtcp-mux-only'] : []),
    'a=rtcp-rsize',
    ...section.codecs.flatMap(codecLines),
    ...simulcastLines(section.rids ?? []),
    ...senderLines(section),
  ];
}

function codecLines(codec: LocalCodec): string[] {
  const payloadType = String(codec.payloadType);
  const channels = codec.channels === undefined || codec.channels === 1 ? '' : `/${String(codec.channels)}`;
  const lines = [
    `a=rtpmap:${payloadType} ${codec.name}/${String(codec.clockRate)}${channels}`,
    ...codec.feedback.map((feedback) => `a=rtcp-fb:${payloadType} ${feedback}`),
  ];
  if (codec.fmtp !== '') lines.push(`a=fmtp:${payloadType} ${codec.fmtp}`);
  if (codec.rtxPayloadType !== undefined) {
    const rtx = String(codec.rtxPayloadType);
    lines.push(`a=rtpmap:${rtx} rtx/${String(codec.clockRate)}`, `a=fmtp:${rtx} apt=${payloadType}`);
  }
  return lines;
}

function simulcastLines(rids: readonly string[]): string[] {
  if (rids.length < 2) return [];
  return [...rids.map((rid) => `a=rid:${rid} recv`), `a=simulcast:recv ${rids.join(';')}`];
}

function senderLines(section: LocalSection): string[] {
  const { sender } = section;
  if (sender === undefined) return [];
  const ssrcs = [sender.ssrc, ...(sender.rtxSsrc === undefined ? [] : [sender.rtxSsrc])].map(String);
  return [
    ...(ssrcs.length === 2 ? [`a=ssrc-group:FID ${ssrcs.join(' ')}`] : []),
    ...ssrcs.flatMap((ssrc) => [
      `a=ssrc:${ssrc} cname:${sender.cname}`,
      ...(section.msid === undefined ? [] : [`a=ssrc:${ssrc} msid:${section.msid}`]),
    ]),
  ];
}
