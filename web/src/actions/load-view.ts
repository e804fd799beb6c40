/** Load of the host and its services over time, in numbers of a plot and in words. Pure. */
import type { Namespace } from '../../../daemon/contract/api.ts';
import type { HostLoad, Load, NamespaceLoad } from '../../../daemon/contract/load.ts';
import type { StateName } from './tile-facts.ts';
import { bytes, dropText } from './turn-view.ts';
import { bitRate, counted, dayAndTime, duration } from './wording.ts';

/** `atMs`: when this browser got it. */
export type Sample = { atMs: number; load: Load };
/** `value` null: nobody told a number then. */
export type Point = { atMs: number; value: number | null };

/** What a plot shows: at most this much of the past. */
export const SPAN_MS = 10 * 60_000;
/** What is shown until there is more: a line in a corner says nothing. */
const SPANS_MS = [1, 2, 5, 10].map((minutes) => minutes * 60_000);

/** How much of the past a plot shows: as little as the samples need. */
export function shownSpanMs(samples: readonly Sample[], nowMs: number): number {
  const oldest = samples[0];
  const needed = oldest === undefined ? 0 : nowMs - oldest.atMs;
  return SPANS_MS.find((span) => span >= needed) ?? SPAN_MS;
}

/** Further apart, what lies between two samples is not known: the line has a gap. */
const GAP_MS = 10_000;
/** Without a new sample for so long, the numbers are old and said to be. */
export const OLD_MS = 6000;

/** Samples of the last ten minutes. What is too old goes, whoever adds. */
export function withSample(samples: readonly Sample[], sample: Sample): Sample[] {
  return [...samples.filter(({ atMs }) => atMs > sample.atMs - SPAN_MS && atMs < sample.atMs), sample];
}

type Numbers = (one: NamespaceLoad) => number | null;

/** Sum over the chosen namespace, or all of them; null where none has a number. */
export function gauge(samples: readonly Sample[], namespace: string | null, pick: Numbers): Point[] {
  return samples.map(({ atMs, load }) => ({
    atMs,
    value: sum(chosen(load, namespace).map(pick)),
  }));
}

/** Growth of a counter per second, summed up. A counter that went back belongs to another process: no number. */
export function rate(samples: readonly Sample[], namespace: string | null, pick: Numbers): Point[] {
  return samples.map((sample, at) => {
    const { atMs, load } = sample;
    const before = samples[at - 1];
    if (before === undefined || atMs - before.atMs > GAP_MS) return { atMs, value: null };
    const seconds = (Date.parse(load.at) - Date.parse(before.load.at)) / 1000;
    const old = new Map(before.load.namespaces.map((one) => [one.namespace, pick(one)]));
    const growths = chosen(load, namespace).map((one) => {
      const now = pick(one);
      const then = old.get(one.namespace) ?? null;
      return now === null || then === null || now < then || seconds <= 0 ? null : (now - then) / seconds;
    });
    return { atMs, value: sum(growths) };
  });
}

function chosen({ namespaces }: Load, namespace: string | null): NamespaceLoad[] {
  return namespace === null ? namespaces : namespaces.filter((one) => one.namespace === namespace);
}

export function sum(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((total, value) => total + value, 0);
}

export function newest(points: readonly Point[]): number | null {
  return points.at(-1)?.value ?? null;
}

/** The top of a plot that begins at 0: 1, 2 or 5 times a power of ten, never below `floor`. */
export function scaleTop(points: readonly Point[], floor: number): number {
  const most = points.reduce((top, { value }) => Math.max(top, value ?? 0), 0);
  if (most <= floor) return floor;
  const power = 10 ** Math.floor(Math.log10(most));
  return ([1, 2, 5, 10].find((step) => step * power >= most) ?? 10) * power;
}

// -- Services and drops ------------------------------------------------------------------------------

export type ServiceRow = {
  namespace: string;
  service: 'turn' | 'sfu';
  answers: boolean;
  cpu: Point[];
  memory: Point[];
};

/** Both services of each namespace that has one; CPU in percent of one processor. */
export function serviceRows(samples: readonly Sample[], namespace: string | null): ServiceRow[] {
  const last = samples.at(-1);
  if (last === undefined) return [];
  const seen = new Set(
    samples.flatMap(({ load }) =>
      load.namespaces.flatMap((one) => (one.turn === null && one.sfu === null ? [] : [one.namespace])),
    ),
  );
  return chosen(last.load, namespace)
    .filter((one) => seen.has(one.namespace))
    .flatMap((one) =>
      (['turn', 'sfu'] as const).map((service) => ({
        namespace: one.namespace,
        service,
        answers: one[service] !== null,
        cpu: rate(samples, one.namespace, (at) => at[service]?.process?.cpuSeconds ?? null).map(
          ({ atMs, value }) => ({ atMs, value: value === null ? null : value * 100 }),
        ),
        memory: gauge(samples, one.namespace, (at) => at[service]?.process?.rssBytes ?? null),
      })),
    );
}

export type DropRow = {
  service: 'turn' | 'sfu';
  reason: string;
  text: string;
  total: number;
  points: Point[];
};

/** What was dropped since the services started, what grows now first. */
export function dropRows(samples: readonly Sample[], namespace: string | null): DropRow[] {
  const last = samples.at(-1);
  if (last === undefined) return [];
  const now = chosen(last.load, namespace);
  return (['turn', 'sfu'] as const)
    .flatMap((service) => {
      const reasons = [...new Set(now.flatMap((one) => Object.keys(one[service]?.drops ?? {})))];
      return reasons.map((reason) => ({
        service,
        reason,
        text: dropText(reason),
        total: sum(now.map((one) => one[service]?.drops[reason] ?? null)) ?? 0,
        points: rate(samples, namespace, (one) => {
          const service_ = one[service];
          // A reason that was not there yet had no drop.
          return service_ === null ? null : (service_.drops[reason] ?? 0);
        }),
      }));
    })
    .filter(({ total }) => total > 0)
    .sort((a, b) => (newest(b.points) ?? 0) - (newest(a.points) ?? 0) || b.total - a.total);
}

export function cpuText(percentOfOne: number | null): string {
  if (percentOfOne === null) return '–';
  return `${percentOfOne < 10 ? percentOfOne.toFixed(1) : String(Math.round(percentOfOne))} %`;
}

// -- Words -------------------------------------------------------------------------------------------

/** The report of one namespace: is it up, who watches, what flows. */
export function namespaceReport(
  samples: readonly Sample[],
  { name, webrtc }: Pick<Namespace, 'name' | 'webrtc'>,
): { state: StateName; sentence: string } {
  if (webrtc === 'disabled') return { state: 'idle', sentence: 'WebRTC is off.' };
  if (webrtc === 'enabling' || webrtc === 'disabling') {
    return {
      state: 'connecting',
      sentence: `WebRTC is being ${webrtc === 'enabling' ? 'enabled' : 'disabled'}.`,
    };
  }
  const one = samples.at(-1)?.load.namespaces.find(({ namespace }) => namespace === name);
  if (one === undefined) return { state: 'unknown', sentence: 'No answer yet.' };
  const { turn, sfu } = one;
  if (turn === null && sfu === null) return { state: 'error', sentence: 'Neither TURN nor SFU answers.' };
  const parts = [
    sfu === null ? '' : `${counted(sfu.sessions, 'viewer')} in ${counted(sfu.rooms, 'room')}`,
    turn === null ? '' : `${counted(turn.allocations, 'relay')} open`,
    flow('to viewers', newest(timesEight(rate(samples, name, (at) => at.sfu?.forwarded.bytes ?? null)))),
  ].filter((part) => part !== '');
  const silent = turn === null ? 'TURN does not answer. ' : sfu === null ? 'The SFU does not answer. ' : '';
  const state = silent === '' ? (webrtc === 'degraded' ? 'degraded' : 'live') : 'error';
  return { state, sentence: `${silent}${parts.join(', ')}.` };
}

/** In bits per second, from bytes. */
export function timesEight(points: Point[]): Point[] {
  return points.map(({ atMs, value }) => ({ atMs, value: value === null ? null : value * 8 }));
}

export function bits(value: number): string {
  return bitRate(value, value < 10_000_000 ? 2 : 1);
}

function flow(where: string, bitsPerSecond: number | null): string {
  return bitsPerSecond === null || bitsPerSecond < 1000 ? '' : `${bits(bitsPerSecond)} ${where}`;
}

export type HostFact = { title: string; text: string; ratio: number | null };

export function hostFacts(host: HostLoad, nowMs: number): HostFact[] {
  const { memory, disk } = host;
  const usedMemory = memory.totalBytes - memory.availableBytes;
  return [
    {
      title: 'Processors',
      text: `load ${host.loadAverage.toFixed(2)} on ${counted(host.cpus, 'processor')}`,
      ratio: host.loadAverage / host.cpus,
    },
    {
      title: 'Memory',
      text: `${bytes(usedMemory)} of ${bytes(memory.totalBytes)} taken`,
      ratio: usedMemory / memory.totalBytes,
    },
    ...(disk === null
      ? []
      : [
          {
            title: 'Disk',
            text: `${bytes(disk.freeBytes)} of ${bytes(disk.totalBytes)} free`,
            ratio: 1 - disk.freeBytes / disk.totalBytes,
          },
        ]),
    { title: 'This host', text: `up ${duration(host.upSeconds * 1000)}`, ratio: null },
    {
      title: 'turnkeepd',
      text: `since ${dayAndTime(Date.parse(host.daemon.startedAt), nowMs)}, ${bytes(host.daemon.rssBytes)}`,
      ratio: null,
    },
  ];
}

type Pick<Whole, Key extends keyof Whole> = { [Name in Key]: Whole[Name] };
