/** Figures of one track out of a connection's statistics report (W3C webrtc-stats). Pure. */

export type ReceivedFigures = {
  /** Of the report, in ms since the epoch. */
  atMs: number;
  codec: string | null;
  bytes: number;
  packets: number;
  packetsLost: number;
  /** Since the reading before, in [0, 1]; null for the first. */
  lossRate: number | null;
  jitterMs: number;
  roundTripMs: number | null;
  bitsPerSecond: number | null;
  /** Video only; zero and null for sound. */
  framesDecoded: number;
  framesPerSecond: number | null;
  width: number | null;
  height: number | null;
  freezes: number;
  framesDropped: number;
  /** How the relay is reached: `udp`, `tcp`, `tls`. */
  relayProtocol: string | null;
};

export type SentFigures = {
  atMs: number;
  codec: string | null;
  /** All encodings together. */
  bytes: number;
  packets: number;
  bitsPerSecond: number | null;
  /** As the server reports it, in [0, 1]. */
  lossRate: number | null;
  roundTripMs: number | null;
  /** The largest encoding's. */
  framesEncoded: number;
  framesPerSecond: number | null;
  width: number | null;
  height: number | null;
  /** Why the browser sends less than it was asked for: `cpu`, `bandwidth`; null when it does not. */
  limitedBy: string | null;
  relayProtocol: string | null;
};

type CommonName =
  | 'atMs'
  | 'codec'
  | 'bitsPerSecond'
  | 'framesPerSecond'
  | 'width'
  | 'height'
  | 'roundTripMs'
  | 'relayProtocol';
type Entry = Record<string, unknown>;

/** @param entries the report's values. @param mediaTrackId of the receiver's track. Null: not in the report yet. */
export function receivedFigures(entries: readonly unknown[], mediaTrackId: string): ReceivedFigures | null {
  const report = entries as Entry[];
  const inbound = report.find(
    (one) => one['type'] === 'inbound-rtp' && one['trackIdentifier'] === mediaTrackId,
  );
  if (inbound === undefined) return null;
  return {
    ...commonFigures(report, inbound),
    bytes: number(inbound['bytesReceived']),
    packets: number(inbound['packetsReceived']),
    packetsLost: number(inbound['packetsLost']),
    lossRate: null,
    jitterMs: number(inbound['jitter']) * 1000,
    framesDecoded: number(inbound['framesDecoded']),
    freezes: number(inbound['freezeCount']),
    framesDropped: number(inbound['framesDropped']),
  };
}

/** What a viewer's reading adds to the one before; one of another stream (fewer bytes) adds nothing. */
export function withReceived(now: ReceivedFigures, before: ReceivedFigures | null): ReceivedFigures {
  const rated = withRate(now, before);
  if (before === null || now.bytes < before.bytes) return rated;
  const lost = Math.max(0, now.packetsLost - before.packetsLost);
  const all = lost + Math.max(0, now.packets - before.packets);
  return { ...rated, lossRate: all === 0 ? null : lost / all };
}

/** What the server is told of a track: numbers only, what the browser did not give is left out. */
export function reportOf(figures: ReceivedFigures): Record<string, number> {
  return Object.fromEntries(
    Object.entries(figures).filter(
      (entry): entry is [string, number] => typeof entry[1] === 'number' && entry[0] !== 'atMs',
    ),
  );
}

/** @param entries values of the report of one sender (`RTCRtpSender.getStats`). */
export function sentFigures(entries: readonly unknown[]): SentFigures | null {
  const report = entries as Entry[];
  const all = report.filter((one) => one['type'] === 'outbound-rtp');
  const [largest] = all.toSorted((a, b) => number(b['frameHeight']) - number(a['frameHeight']));
  if (largest === undefined) return null;
  const remote = report.find((one) => one['type'] === 'remote-inbound-rtp');
  const common = commonFigures(report, largest);
  const limit = largest['qualityLimitationReason'];
  return {
    ...common,
    bytes: all.reduce((sum, one) => sum + number(one['bytesSent']), 0),
    packets: all.reduce((sum, one) => sum + number(one['packetsSent']), 0),
    lossRate: numberOrNull(remote?.['fractionLost']),
    roundTripMs: milliseconds(remote?.['roundTripTime']) ?? common.roundTripMs,
    framesEncoded: number(largest['framesEncoded']),
    limitedBy: limit === 'none' ? null : textOrNull(limit),
  };
}

/** Adds the bit rate since an earlier reading; one of another stream (fewer bytes) gives none. */
export function withRate<Figures extends { atMs: number; bytes: number; bitsPerSecond: number | null }>(
  now: Figures,
  before: Figures | null,
): Figures {
  if (before === null || now.bytes < before.bytes || now.atMs <= before.atMs) return now;
  return { ...now, bitsPerSecond: ((now.bytes - before.bytes) * 8000) / (now.atMs - before.atMs) };
}

/** What both directions have: of the stream, and of the path it takes. */
function commonFigures(report: Entry[], stream: Entry): Pick<ReceivedFigures, CommonName> {
  // Every entry has an id: none is found by one that is not known.
  const byId = (id: unknown): Entry | undefined => report.find((one) => one['id'] === id);
  const transport = report.find((one) => one['type'] === 'transport');
  // Firefox marks the pair instead.
  const pair = byId(transport?.['selectedCandidatePairId']) ?? report.find((one) => one['selected'] === true);
  return {
    atMs: number(stream['timestamp']),
    codec: textOrNull(byId(stream['codecId'])?.['mimeType']),
    bitsPerSecond: null,
    framesPerSecond: numberOrNull(stream['framesPerSecond']),
    width: numberOrNull(stream['frameWidth']),
    height: numberOrNull(stream['frameHeight']),
    roundTripMs: milliseconds(pair?.['currentRoundTripTime']),
    relayProtocol: textOrNull(byId(pair?.['localCandidateId'])?.['relayProtocol']),
  };
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function milliseconds(seconds: unknown): number | null {
  const known = numberOrNull(seconds);
  return known === null ? null : known * 1000;
}

function number(value: unknown): number {
  return numberOrNull(value) ?? 0;
}

function numberOrNull(value: unknown): number | null {
  return Number.isFinite(value) ? (value as number) : null;
}
