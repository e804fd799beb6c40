/** The plots of Metrics: of the last minutes from live samples, of a longer span from what the daemon remembers. Pure. */
import type { LoadHistory, LoadSpan } from '../../../daemon/contract/load.ts';
import { bits, gauge, rate, sum, timesEight, type Point, type Sample } from './load-view.ts';
import { clock, counted, dayAndTime, grouped } from './wording.ts';

export type Plot = {
  id: string;
  title: string;
  about: string;
  points: Point[];
  floor: number;
  text: (value: number) => string;
};

/** Of the past, in order of the choices; without one, the last minutes live. */
export const SPANS: readonly { span: LoadSpan; label: string; ms: number }[] = [
  { span: '1h', label: '1 h', ms: 3_600_000 },
  { span: '24h', label: '24 h', ms: 24 * 3_600_000 },
  { span: '7d', label: '7 d', ms: 7 * 24 * 3_600_000 },
];

type Series = Exclude<keyof LoadHistory['namespaces'][number], 'namespace'>;
type Measure = Omit<Plot, 'points'> & {
  live: (samples: readonly Sample[], namespace: string | null) => Point[];
  past: Series;
  /** Bytes are told as bits. */
  inBits?: boolean;
};

const MEASURES: readonly Measure[] = [
  {
    id: 'viewers',
    title: 'Viewers',
    about: 'sessions at the SFU',
    live: (samples, namespace) => gauge(samples, namespace, ({ sfu }) => sfu?.sessions ?? null),
    past: 'viewers',
    floor: 5,
    text: (value) => counted(Math.round(value), 'viewer'),
  },
  {
    id: 'bitrate',
    title: 'To viewers',
    about: 'sent by the SFU',
    live: (samples, namespace) => rate(samples, namespace, ({ sfu }) => sfu?.forwarded.bytes ?? null),
    past: 'sentBytes',
    inBits: true,
    floor: 100_000,
    text: bits,
  },
  {
    id: 'packets',
    title: 'Packets to viewers',
    about: 'sent by the SFU',
    live: (samples, namespace) => rate(samples, namespace, ({ sfu }) => sfu?.forwarded.packets ?? null),
    past: 'sentPackets',
    floor: 100,
    text: (value) => `${grouped(value)} packets/s`,
  },
  {
    id: 'relayed',
    title: 'Relayed by TURN',
    about: 'both directions',
    live: (samples, namespace) => rate(samples, namespace, ({ turn }) => turn?.relayed.bytes ?? null),
    past: 'relayedBytes',
    inBits: true,
    floor: 100_000,
    text: bits,
  },
];

/** The last minutes. */
export function plots(samples: readonly Sample[], namespace: string | null): Plot[] {
  return MEASURES.map(({ live, inBits = false, ...plot }) => {
    const points = live(samples, namespace);
    return { ...plot, points: inBits ? timesEight(points) : points };
  });
}

/** What the daemon remembers. Where it has no step the line has a gap. */
export function pastPlots(history: LoadHistory, namespace: string | null): Plot[] {
  const chosen = history.namespaces.filter((one) => namespace === null || one.namespace === namespace);
  const stepMs = history.stepSeconds * 1000;
  const times = history.at.map((at) => Date.parse(at));
  return MEASURES.map(({ past, inBits = false, ...plot }) => {
    const points = times.flatMap((atMs, at): Point[] => {
      const before = times[at - 1];
      const point = { atMs: atMs + stepMs / 2, value: sum(chosen.map((one) => one[past][at] ?? null)) };
      const gap = before !== undefined && atMs - before > stepMs;
      return gap ? [{ atMs: before + stepMs, value: null }, point] : [point];
    });
    return { ...plot, points: inBits ? timesEight(points) : points };
  });
}

/** Whether a live sample tells of a step, or of a namespace, that this does not have yet. */
export function isBehind({ at, stepSeconds, namespaces }: LoadHistory, { load }: Sample): boolean {
  const last = at.at(-1);
  if (last === undefined || Date.parse(load.at) - Date.parse(last) > 2 * stepSeconds * 1000) return true;
  const known = new Set(namespaces.map(({ namespace }) => namespace));
  return load.namespaces.some(({ namespace, sfu }) => sfu !== null && !known.has(namespace));
}

/** A plot in a sentence, for people who do not see it. @param now the live figure, if there is one. */
export function plotSentence({ title, points, text }: Plot, now: number | null): string {
  const known = points.flatMap(({ value }) => (value === null ? [] : [value]));
  if (known.length === 0) return `${title}: no number yet.`;
  const span = `between ${text(Math.min(...known))} and ${text(Math.max(...known))} in the time shown`;
  return `${title}: ${now === null ? 'no number now' : `${text(now)} now`}, ${span}.`;
}

/** The plots as rows, newest first: each step of the past, or one every ten seconds. */
export function tableRows(
  all: readonly Plot[],
  { live, nowMs }: { live: boolean; nowMs: number },
): { atMs: number; time: string; cells: string[] }[] {
  const rows = (all[0]?.points ?? []).map(({ atMs }, at) => ({
    atMs,
    time: live ? clock(atMs) : dayAndTime(atMs, nowMs),
    cells: all.map(({ points, text }) => {
      const value = points[at]?.value ?? null;
      return value === null ? '–' : text(value);
    }),
  }));
  let lastMs = Number.POSITIVE_INFINITY;
  return rows.reverse().filter(({ atMs, cells }) => {
    if (cells.every((cell) => cell === '–') || (live && lastMs - atMs < 10_000)) return false;
    lastMs = atMs;
    return true;
  });
}
