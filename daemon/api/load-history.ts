/**
 * What flowed in the last hour, day and week: three rings of means, a few hundred steps each, in memory only. Pure: it is
 * given the load every minute or oftener, and asked for a span.
 */
import type { Load, LoadHistory as View, LoadSpan, NamespaceLoad } from '../contract/load.ts';

const MINUTE_MS = 60_000;
const SPANS: Record<LoadSpan, { stepMs: number; steps: number }> = {
  '1h': { stepMs: MINUTE_MS, steps: 60 },
  '24h': { stepMs: 5 * MINUTE_MS, steps: 288 },
  '7d': { stepMs: 30 * MINUTE_MS, steps: 336 },
};
/** Further apart, nobody knows when between two loads it flowed. */
const GAP_MS = 3 * MINUTE_MS;

/** `seconds`: how long the growth was measured for; 0 means never. */
type Flow = { growth: number; seconds: number };
type Step = { viewers: number | null; sentBytes: Flow; sentPackets: Flow; relayedBytes: Flow };
type Ring = Map<number, Map<string, Step>>;

export class LoadHistory {
  readonly #rings: Record<LoadSpan, Ring> = { '1h': new Map(), '24h': new Map(), '7d': new Map() };
  #before: Load | undefined;

  /** A clock that went back begins anew: what is later than now never was. */
  add(load: Load): void {
    const atMs = Date.parse(load.at);
    const before = this.#before;
    this.#before = load;
    const seconds = before === undefined ? 0 : (atMs - Date.parse(before.at)) / 1000;
    const old = new Map(
      seconds > 0 && seconds * 1000 <= GAP_MS ? before?.namespaces.map((one) => [one.namespace, one]) : [],
    );
    for (const [span, ring] of Object.entries(this.#rings) as [LoadSpan, Ring][]) {
      const { stepMs, steps } = SPANS[span];
      const slot = Math.floor(atMs / stepMs);
      for (const known of ring.keys()) if (known <= slot - steps || known > slot) ring.delete(known);
      const step = ring.get(slot) ?? new Map<string, Step>();
      ring.set(slot, step);
      for (const one of load.namespaces) {
        step.set(one.namespace, extended(step.get(one.namespace), one, old.get(one.namespace), seconds));
      }
    }
  }

  /** Oldest first, one value per step; null where nobody told a number. @param visible which namespaces are told of. */
  of(span: LoadSpan, visible: (namespace: string) => boolean): View {
    const { stepMs } = SPANS[span];
    const steps = [...this.#rings[span]].sort(([a], [b]) => a - b);
    const names = [...new Set(steps.flatMap(([, step]) => [...step.keys()]))].filter(visible).sort();
    const column = (name: string, pick: (step: Step) => number | null): (number | null)[] =>
      steps.map(([, step]) => {
        const one = step.get(name);
        return one === undefined ? null : pick(one);
      });
    return {
      span,
      stepSeconds: stepMs / 1000,
      at: steps.map(([slot]) => new Date(slot * stepMs).toISOString()),
      namespaces: names.map((namespace) => ({
        namespace,
        viewers: column(namespace, ({ viewers }) => viewers),
        sentBytes: column(namespace, ({ sentBytes }) => perSecond(sentBytes)),
        sentPackets: column(namespace, ({ sentPackets }) => perSecond(sentPackets)),
        relayedBytes: column(namespace, ({ relayedBytes }) => perSecond(relayedBytes)),
      })),
    };
  }
}

function extended(
  step: Step | undefined,
  now: NamespaceLoad,
  then: NamespaceLoad | undefined,
  seconds: number,
): Step {
  const grown = (flow: Flow | undefined, pick: (one: NamespaceLoad) => number | undefined): Flow => {
    const [to, from] = [pick(now), then && pick(then)];
    const sum = flow ?? { growth: 0, seconds: 0 };
    // A counter that went back belongs to another process.
    if (to === undefined || from === undefined || to < from) return sum;
    return { growth: sum.growth + to - from, seconds: sum.seconds + seconds };
  };
  return {
    viewers: most(step?.viewers ?? null, now.sfu?.sessions ?? null),
    sentBytes: grown(step?.sentBytes, ({ sfu }) => sfu?.forwarded.bytes),
    sentPackets: grown(step?.sentPackets, ({ sfu }) => sfu?.forwarded.packets),
    relayedBytes: grown(step?.relayedBytes, ({ turn }) => turn?.relayed.bytes),
  };
}

function most(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.max(a, b);
}

function perSecond({ growth, seconds }: Flow): number | null {
  return seconds === 0 ? null : Math.round((growth / seconds) * 10) / 10;
}
