/** Reads a remote session description. Bounds first: nothing grows with what a peer sends. Pure. */
import type {
  MediaDirection,
  SdpCodec,
  SdpFingerprint,
  SdpMedia,
  SessionDescription,
} from './session-description.ts';

const MAX_SDP_CHARS = 256 * 1024;
const MAX_LINES = 8000;
const MAX_MEDIA = 256;
const MAX_CODECS = 128;
const MAX_CANDIDATES = 64;
const MAX_LIST = 64;
/** Encodings of one section that are looked at. */
const MAX_RIDS = 8;

/** The text is no usable session description. The message is one sentence for the peer's developer. */
export class SdpError extends Error {
  override readonly name = 'SdpError';
}

type Level = { ufrag: string; password: string; fingerprints: SdpFingerprint[]; setup: string };

/** Parses an offer or answer. Transport attributes of the session level are filled in per section. */
export function parseSdp(text: string): SessionDescription {
  if (text.length > MAX_SDP_CHARS) throw new SdpError('The session description is too long.');
  const lines = text.split(/\r\n|\n|\r/, MAX_LINES + 1);
  if (lines.length > MAX_LINES) throw new SdpError('The session description has too many lines.');
  if (lines[0] !== 'v=0') throw new SdpError('The session description does not start with v=0.');
  const session: Level = { ufrag: '', password: '', fingerprints: [], setup: '' };
  const description: SessionDescription = { bundle: [], media: [] };
  let sessionDirection: MediaDirection = 'sendrecv';
  let allowsMixed = false;
  let media: SdpMedia | undefined;
  for (const line of lines) {
    if (line.startsWith('m=')) {
      if (description.media.length >= MAX_MEDIA) throw new SdpError('There are too many media sections.');
      media = startMedia(line.slice(2), sessionDirection);
      description.media.push(media);
    } else if (line.startsWith('a=')) {
      const { name, value } = attribute(line);
      readTransport(media ?? session, name, value);
      if (media !== undefined) readMedia(media, name, value);
      else if (isDirection(name)) sessionDirection = name;
      else if (name === 'extmap-allow-mixed') allowsMixed = true;
      else if (name === 'group' && description.bundle.length === 0 && value.startsWith('BUNDLE')) {
        description.bundle = value.split(' ').slice(1, MAX_MEDIA + 1);
      }
    }
  }
  if (description.media.length === 0) throw new SdpError('There is no media section.');
  const mids = new Set<string>();
  for (const [index, one] of description.media.entries()) {
    one.mid ||= String(index);
    if (mids.has(one.mid)) throw new SdpError(`Two media sections have the mid "${one.mid}".`);
    mids.add(one.mid);
    one.ufrag ||= session.ufrag;
    one.password ||= session.password;
    one.setup ||= session.setup;
    one.extmapAllowMixed ||= allowsMixed;
    if (one.fingerprints.length === 0) one.fingerprints = session.fingerprints;
  }
  return description;
}

function attribute(line: string): { name: string; value: string } {
  const colon = line.indexOf(':');
  if (colon === -1) return { name: line.slice(2).trim(), value: '' };
  return { name: line.slice(2, colon), value: line.slice(colon + 1).trim() };
}

function startMedia(text: string, direction: MediaDirection): SdpMedia {
  const [kind = '', port = '', protocol = '', ...formats] = text.trim().split(/ +/, MAX_CODECS + 3);
  if (!/^\d{1,5}(\/\d+)?$/.test(port)) throw new SdpError('A media section has no port.');
  const codecs = formats.flatMap((format): SdpCodec[] =>
    /^\d{1,3}$/.test(format) && Number(format) <= 127 ? [staticCodec(Number(format))] : [],
  );
  return {
    kind,
    port: parseInt(port, 10),
    protocol,
    mid: '',
    direction,
    codecs,
    extensions: [],
    extmapAllowMixed: false,
    ssrcs: [],
    fidGroups: [],
    rids: [],
    rtcpMux: false,
    ufrag: '',
    password: '',
    fingerprints: [],
    setup: '',
    candidates: [],
    endOfCandidates: false,
  };
}

/** RFC 3551 payload types that may come without an rtpmap line; others are filled in by it. */
function staticCodec(payloadType: number): SdpCodec {
  const names: Record<number, string> = { 0: 'PCMU', 8: 'PCMA', 9: 'G722' };
  const name = names[payloadType] ?? '';
  return {
    payloadType,
    name,
    clockRate: name === '' ? 0 : 8000,
    channels: undefined,
    fmtp: '',
    feedback: [],
  };
}

function readTransport(level: Level, name: string, value: string): void {
  switch (name) {
    case 'ice-ufrag':
      if (value.length <= 256) level.ufrag = value;
      return;
    case 'ice-pwd':
      if (value.length <= 256) level.password = value;
      return;
    case 'setup':
      level.setup = value;
      return;
    case 'fingerprint': {
      const match = /^([A-Za-z0-9-]{3,12}) +([0-9A-Fa-f:]{20,200})$/.exec(value);
      if (match === null || level.fingerprints.length >= 8) return;
      level.fingerprints.push({ algorithm: match[1] ?? '', value: match[2] ?? '' });
      return;
    }
    default:
      return;
  }
}

function readMedia(media: SdpMedia, name: string, value: string): void {
  if (isDirection(name)) {
    media.direction = name;
    return;
  }
  switch (name) {
    case 'mid':
      if (!/^[!-~]{1,64}$/.test(value)) throw new SdpError('A mid is not a token of at most 64 characters.');
      media.mid = value;
      return;
    case 'rtcp-mux':
    case 'rtcp-mux-only':
      media.rtcpMux = true;
      return;
    case 'bundle-only':
      // RFC 9143 section 6: port 0 means "only in the group" here, not "rejected".
      if (media.port === 0) media.port = 9;
      return;
    case 'rtpmap': {
      const match = /^(\d{1,3}) +([A-Za-z0-9._-]{1,32})\/(\d{1,8})(?:\/(\d{1,2}))?$/.exec(value);
      const codec = codecOf(media, match?.[1]);
      if (match === null || codec === undefined) return;
      codec.name = match[2] ?? '';
      codec.clockRate = Number(match[3]);
      codec.channels = match[4] === undefined ? undefined : Number(match[4]);
      return;
    }
    case 'fmtp': {
      const match = /^(\d{1,3}) +(.{1,1024})$/.exec(value);
      const codec = codecOf(media, match?.[1]);
      if (match !== null && codec !== undefined) codec.fmtp = match[2] ?? '';
      return;
    }
    case 'rtcp-fb': {
      const match = /^(\d{1,3}|\*) +([ -~]{1,64})$/.exec(value);
      if (match === null) return;
      const targets = match[1] === '*' ? media.codecs : [codecOf(media, match[1])];
      for (const codec of targets) {
        if (codec !== undefined && codec.feedback.length < 16) codec.feedback.push(match[2] ?? '');
      }
      return;
    }
    case 'extmap': {
      const match = /^(\d{1,3})(?:\/[a-z]+)? +(\S{1,256})/.exec(value);
      const id = Number(match?.[1]);
      if (match === null || id < 1 || id > 255 || media.extensions.length >= MAX_LIST) return;
      media.extensions.push({ id, uri: match[2] ?? '' });
      return;
    }
    case 'extmap-allow-mixed':
      media.extmapAllowMixed = true;
      return;
    case 'ssrc': {
      const ssrc = uint32(value.split(' ', 1)[0]);
      if (ssrc !== undefined && !media.ssrcs.includes(ssrc) && media.ssrcs.length < MAX_LIST) {
        media.ssrcs.push(ssrc);
      }
      return;
    }
    case 'ssrc-group': {
      const [semantics, first, second] = value.split(' ', 3);
      const ssrc = uint32(first);
      const rtxSsrc = uint32(second);
      if (semantics !== 'FID' || ssrc === undefined || rtxSsrc === undefined) return;
      if (media.fidGroups.length < MAX_LIST) media.fidGroups.push({ ssrc, rtxSsrc });
      return;
    }
    case 'simulcast':
      media.rids = sentRids(value);
      return;
    case 'candidate':
      if (media.candidates.length < MAX_CANDIDATES && value.length <= 1024) {
        media.candidates.push(`candidate:${value}`);
      }
      return;
    case 'end-of-candidates':
      media.endOfCandidates = true;
      return;
    default:
      return;
  }
}

/**
 * RFC 8853 section 5.1: `send 1;2,3;~4 recv 5`. The first alternative of each stream; one that starts paused
 * may be resumed, so it counts.
 */
function sentRids(value: string): string[] {
  const words = value.split(/ +/, 4);
  const list = words[words.indexOf('send') + 1];
  if (!words.includes('send') || list === undefined) return [];
  const rids = list.split(';', MAX_RIDS).map((one) => (one.split(',', 1)[0] ?? '').replace(/^~/, ''));
  // RFC 8852 section 3.3: letters and digits, here with the marks that browsers let pass.
  return [...new Set(rids)].filter((rid) => /^[A-Za-z0-9_-]{1,16}$/.test(rid));
}

function codecOf(media: SdpMedia, payloadType: string | undefined): SdpCodec | undefined {
  if (payloadType === undefined) return undefined;
  return media.codecs.find((codec) => codec.payloadType === Number(payloadType));
}

function isDirection(name: string): name is MediaDirection {
  return name === 'sendrecv' || name === 'sendonly' || name === 'recvonly' || name === 'inactive';
}

function uint32(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined;
  const value = Number(text);
  return value <= 0xffffffff ? value : undefined;
}
