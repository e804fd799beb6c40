/**
 * Figures of one track from getStats(), as the design defines them: deltas over 2 s, loss over 10 s, freezes over
 * a minute. A figure the browser does not give is null, never 0. Pure: reports and time come in.
 */

/** An RTCStatsReport, or a Map in tests. */
export type Report = { forEach(visit: (stats: Record<string, unknown>) => void): void };

export type PathFigure = {
  /** `relay`, or something that must not be. */
  candidateType: string;
  /** `udp 3478`: transport to the relay and its port. */
  transport: string | null;
};

export type StatsSample = {
  atMs: number;
  codec: string | null;
  width: number | null;
  height: number | null;
  framesPerSecond: number | null;
  bitsPerSecond: number | null;
  roundTripMs: number | null;
  /** 0 to 1, over 10 s. */
  loss: number | null;
  /** Packets sent again, or asked for again, over 10 s. */
  resent: number | null;
  jitterBufferMs: number | null;
  framesDecoded: number | null;
  framesDropped: number | null;
  freezesPerMinute: number | null;
  path: PathFigure | null;
  /** Newest last, at most 60. */
  bitRates: number[];
};

type Counters = {
  atMs: number;
  framesDecoded: number | null;
  bytesReceived: number | null;
  packetsLost: number | null;
  packetsReceived: number | null;
  resent: number | null;
  jitterBufferDelay: number | null;
  jitterBufferEmittedCount: number | null;
  freezeCount: number | null;
};

const DELTA_MS = 2000;
const LOSS_MS = 10_000;
const FREEZE_MS = 60_000;
const ROUND_TRIP_AGE_MS = 5000;
const PLOT_VALUES = 60;
/** Samples come once or half a time per second; a little early still counts. */
const EARLY_MS = 150;

const numberOf = (value: unknown): number | null =>
  typeof value === 'number' && Number.isFinite(value) ? value : null;
const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null);

export type SampleContext = {
  /** `MediaStreamTrack.id` of the receiver. */
  trackId: string;
  nowMs: number;
  /** From the signaling: what is really sent. */
  mimeType: string | null;
  fmtp: string | null;
  /** Used for the port when the browser does not name the relay's URL. */
  iceServerUrls: readonly string[];
  /** Freezes of the last minute counted by frame gaps, for browsers without `freezeCount`. */
  countedFreezes: number | null;
};

export class TrackStatistics {
  #history: Counters[] = [];
  #bitRates: number[] = [];
  #roundTrip: { mark: string; atMs: number } | undefined;

  update(report: Report, context: SampleContext): StatsSample {
    const byId = new Map<string, Record<string, unknown>>();
    let inbound: Record<string, unknown> | undefined;
    let transport: Record<string, unknown> | undefined;
    report.forEach((stats) => {
      const id = textOf(stats['id']);
      if (id !== null) byId.set(id, stats);
      if (stats['type'] === 'inbound-rtp' && stats['trackIdentifier'] === context.trackId) inbound = stats;
      if (stats['type'] === 'transport') transport = stats;
    });

    const { nowMs } = context;
    const now = countersOf(inbound, nowMs);
    // The counters of a new connection begin again: deltas over the change mean nothing.
    const last = this.#history.at(-1);
    if (last !== undefined && (now.bytesReceived ?? 0) < (last.bytesReceived ?? 0)) this.#history = [];
    // Before the first packet there is nothing to count from.
    if (inbound !== undefined) this.#history.push(now);
    while (this.#history.length > 1 && nowMs - (this.#history[0]?.atMs ?? nowMs) > FREEZE_MS + DELTA_MS) {
      this.#history.shift();
    }

    const short = this.#before(nowMs, DELTA_MS);
    const ten = this.#before(nowMs, LOSS_MS);
    const minute = this.#before(nowMs, FREEZE_MS);
    const seconds = short === undefined ? 0 : (nowMs - short.atMs) / 1000;
    const perSecond = (value: number | null): number | null =>
      value === null || seconds <= 0 ? null : value / seconds;

    const bytes = perSecond(delta(short, now, 'bytesReceived'));
    const bitsPerSecond = bytes === null ? null : bytes * 8;
    if (bitsPerSecond !== null) {
      this.#bitRates.push(bitsPerSecond);
      if (this.#bitRates.length > PLOT_VALUES) this.#bitRates.shift();
    }
    const codec = byId.get(textOf(inbound?.['codecId']) ?? '');
    const pair = byId.get(textOf(transport?.['selectedCandidatePairId']) ?? '');
    const delay = delta(short, now, 'jitterBufferDelay');
    const emitted = delta(short, now, 'jitterBufferEmittedCount');
    const freezes = delta(minute, now, 'freezeCount');
    return {
      atMs: nowMs,
      codec: codecLabel(textOf(codec?.['mimeType']) ?? context.mimeType, context.fmtp),
      width: numberOf(inbound?.['frameWidth']),
      height: numberOf(inbound?.['frameHeight']),
      framesPerSecond: perSecond(delta(short, now, 'framesDecoded')),
      bitsPerSecond,
      roundTripMs: this.#roundTripMs(pair, nowMs),
      loss: lossOf(ten, now),
      resent: delta(ten, now, 'resent'),
      jitterBufferMs: delay === null || emitted === null || emitted <= 0 ? null : (delay / emitted) * 1000,
      framesDecoded: now.framesDecoded,
      framesDropped: numberOf(inbound?.['framesDropped']),
      freezesPerMinute: freezes === null ? context.countedFreezes : Math.max(0, freezes),
      path: pathOf(byId.get(textOf(pair?.['localCandidateId']) ?? ''), context.iceServerUrls),
      bitRates: [...this.#bitRates],
    };
  }

  /** The newest counters at least `ms` old; the oldest when all are younger. */
  #before(nowMs: number, ms: number): Counters | undefined {
    const older = this.#history.filter((one) => one.atMs < nowMs);
    return older.findLast((one) => nowMs - one.atMs >= ms - EARLY_MS) ?? older[0];
  }

  /** Consent checks renew it every few seconds; one that is not renewed is not true any more. */
  #roundTripMs(pair: Record<string, unknown> | undefined, nowMs: number): number | null {
    const current = numberOf(pair?.['currentRoundTripTime']);
    if (current === null) return null;
    const mark = `${String(pair?.['id'])} ${String(pair?.['responsesReceived'])} ${String(pair?.['totalRoundTripTime'])}`;
    if (this.#roundTrip?.mark !== mark) this.#roundTrip = { mark, atMs: nowMs };
    return nowMs - this.#roundTrip.atMs > ROUND_TRIP_AGE_MS ? null : current * 1000;
  }
}

function countersOf(inbound: Record<string, unknown> | undefined, atMs: number): Counters {
  return {
    atMs,
    framesDecoded: numberOf(inbound?.['framesDecoded']),
    bytesReceived: numberOf(inbound?.['bytesReceived']),
    packetsLost: numberOf(inbound?.['packetsLost']),
    packetsReceived: numberOf(inbound?.['packetsReceived']),
    resent: numberOf(inbound?.['retransmittedPacketsReceived']) ?? numberOf(inbound?.['nackCount']),
    jitterBufferDelay: numberOf(inbound?.['jitterBufferDelay']),
    jitterBufferEmittedCount: numberOf(inbound?.['jitterBufferEmittedCount']),
    freezeCount: numberOf(inbound?.['freezeCount']),
  };
}

function delta(
  from: Counters | undefined,
  to: Counters,
  name: Exclude<keyof Counters, 'atMs'>,
): number | null {
  const before = from?.[name] ?? null;
  const now = to[name];
  return before === null || now === null ? null : now - before;
}

function lossOf(from: Counters | undefined, to: Counters): number | null {
  const lost = delta(from, to, 'packetsLost');
  const received = delta(from, to, 'packetsReceived');
  if (lost === null || received === null || lost + received <= 0) return null;
  return Math.max(0, lost / (lost + received));
}

function pathOf(
  candidate: Record<string, unknown> | undefined,
  iceServerUrls: readonly string[],
): PathFigure | null {
  const candidateType = textOf(candidate?.['candidateType']);
  if (candidateType === null) return null;
  const protocol = textOf(candidate?.['relayProtocol']) ?? textOf(candidate?.['protocol']);
  const url =
    textOf(candidate?.['url']) ??
    iceServerUrls.find((one) => one.includes(`transport=${protocol ?? ''}`)) ??
    iceServerUrls[0];
  const port =
    url === undefined
      ? null
      : (/:(\d+)(?:\?|$)/.exec(url)?.[1] ?? (url.startsWith('turns:') ? '5349' : '3478'));
  return {
    candidateType,
    transport:
      candidateType !== 'relay' || protocol === null
        ? protocol
        : `${protocol}${port === null ? '' : ` ${port}`}`,
  };
}

/** `relay via udp 3478`; anything else than a relay is named plainly. */
export function pathText(path: PathFigure): string {
  return path.candidateType === 'relay'
    ? `relay via ${path.transport ?? 'unknown transport'}`
    : `${path.candidateType}, not through the relay`;
}

const H264_PROFILES: Record<string, string> = {
  '42': 'Baseline',
  '4d': 'Main',
  '58': 'Extended',
  '64': 'High',
  '6e': 'High 10',
  '7a': 'High 4:2:2',
  f4: 'High 4:4:4',
};

/** `video/H264` with `profile-level-id=640028` -> `H.264 High 4.0`. */
export function codecLabel(mimeType: string | null, fmtp: string | null): string | null {
  if (mimeType === null) return null;
  const name = mimeType.slice(mimeType.indexOf('/') + 1).toUpperCase();
  if (name !== 'H264') return name === 'H265' ? 'H.265' : name;
  const id = /profile-level-id=([0-9a-f]{6})/i.exec(fmtp ?? '')?.[1]?.toLowerCase();
  if (id === undefined) return 'H.264';
  const constrained = id.startsWith('42') && (Number.parseInt(id.slice(2, 4), 16) & 0x40) !== 0;
  const profile = H264_PROFILES[id.slice(0, 2)];
  const level = (Number.parseInt(id.slice(4, 6), 16) / 10).toFixed(1);
  return `H.264 ${profile === undefined ? '' : `${constrained ? 'Constrained ' : ''}${profile} `}${level}`;
}

const LOSS_LIMIT = 0.02;
const FREEZE_LIMIT = 2;
const ROUND_TRIP_LIMIT_MS = 400;

/** The worst figure of a bad picture in words, or null when it is fine. */
export function troubleOf(sample: StatsSample): string | null {
  if (sample.loss !== null && sample.loss >= LOSS_LIMIT) return `${(sample.loss * 100).toFixed(1)} % loss`;
  if (sample.freezesPerMinute !== null && sample.freezesPerMinute >= FREEZE_LIMIT) {
    return `${String(sample.freezesPerMinute)} freezes in 1 min`;
  }
  if (sample.roundTripMs !== null && sample.roundTripMs > ROUND_TRIP_LIMIT_MS) {
    return `${String(Math.round(sample.roundTripMs))} ms round trip`;
  }
  return null;
}

/** Freezes by frame gaps, for browsers that do not count them: a gap above max(3 x mean, mean + 150 ms). */
export class FrameGaps {
  #lastAtMs: number | undefined;
  #meanMs: number | undefined;
  #freezesAtMs: number[] = [];

  frame(atMs: number): void {
    const gap = this.#lastAtMs === undefined ? undefined : atMs - this.#lastAtMs;
    this.#lastAtMs = atMs;
    if (gap === undefined || gap <= 0) return;
    if (this.#meanMs === undefined) {
      this.#meanMs = gap;
      return;
    }
    if (gap > Math.max(3 * this.#meanMs, this.#meanMs + 150)) {
      this.#freezesAtMs.push(atMs);
      if (this.#freezesAtMs.length > 600) this.#freezesAtMs.shift();
    } else {
      this.#meanMs += (gap - this.#meanMs) / 30;
    }
  }

  /** After a wanted pause the gap is no freeze. */
  reset(): void {
    this.#lastAtMs = undefined;
  }

  perMinute(nowMs: number): number {
    this.#freezesAtMs = this.#freezesAtMs.filter((atMs) => nowMs - atMs < FREEZE_MS);
    return this.#freezesAtMs.length;
  }
}
