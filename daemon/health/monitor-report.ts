/** The report of all namespaces: up or not by live probe, load over a moment, ports. */
import type { Namespace, WebrtcStatus } from '../contract/api.ts';
import type { SfuStatus, TurnStatus } from '../contract/control.ts';
import type { MonitorReport } from '../contract/diagnosis.ts';
import type { Clock } from '../kit/clock.ts';

/** Long enough for a rate of packets, short enough to wait for. */
const INTERVAL_MS = 1000;
/** For each of the two counts of a rate. */
const COUNT_LIMIT_MS = 450;
/** For the state of a namespace: everything else of the report runs beside it. */
const STATUS_LIMIT_MS = 1900;
/** For the answers in it, so that who is silent is named in time. */
const PROBE_LIMIT_MS = 1500;

type Row = MonitorReport['namespaces'][number];

/** What the report asks of the namespaces. Probes give null for a service that does not answer or is not there. */
export interface ReportSource {
  list(): Namespace[];
  status(name: string, limitMs: number): Promise<WebrtcStatus>;
  probeTurn(name: string, limitMs: number): Promise<TurnStatus | null>;
  probeSfu(name: string, limitMs: number): Promise<SfuStatus | null>;
}

/** @param wanted which namespaces the reader may see. Takes less than two seconds, whoever does not answer. */
export async function monitorReport(
  source: ReportSource,
  options: { clock: Clock; wanted: (namespace: string) => boolean },
): Promise<MonitorReport> {
  const { clock, wanted } = options;
  const rows = await Promise.all(
    source
      .list()
      .flatMap((namespace) => (wanted(namespace.name) ? [reportOf(source, namespace, clock)] : [])),
  );
  return {
    at: new Date(clock.nowMs()).toISOString(),
    intervalMs: INTERVAL_MS,
    namespaces: rows.filter((row) => row !== undefined),
  };
}

async function reportOf(
  source: ReportSource,
  { name, webrtc }: Namespace,
  clock: Clock,
): Promise<Row | undefined> {
  const limited = <Value>(answer: Promise<Value>, limitMs: number, late: Value): Promise<Value> =>
    within(clock, answer, limitMs, late);
  const [status, turnPps, sfuPps] = await Promise.all([
    limited<WebrtcStatus | 'late' | undefined>(
      settled(source.status(name, PROBE_LIMIT_MS)),
      STATUS_LIMIT_MS,
      'late',
    ),
    rateOf(clock, async () => {
      const turn = await limited(source.probeTurn(name, COUNT_LIMIT_MS), COUNT_LIMIT_MS, null);
      return turn === null ? undefined : turn.relayed.toPeerPackets + turn.relayed.toClientPackets;
    }),
    rateOf(clock, async () => {
      const sfu = await limited(source.probeSfu(name, COUNT_LIMIT_MS), COUNT_LIMIT_MS, null);
      return sfu?.forwarded.packets;
    }),
  ]);
  // Deleted meanwhile.
  if (status === undefined) return undefined;
  if (status === 'late') return notKnown(name, webrtc);
  const up = (view: WebrtcStatus['turn']): boolean | null => (view === null ? null : view.up === 'up');
  return {
    namespace: name,
    state: status.state,
    sfu_up: up(status.sfu),
    turn_up: up(status.turn),
    sentences: [status.turn, status.sfu].flatMap((view) => (view === null ? [] : [view.sentence])),
    sessions: status.sessions,
    rooms: status.rooms,
    allocations: status.allocations,
    sfu_pps: sfuPps,
    turn_pps: turnPps,
    ports: status.ports,
  };
}

function notKnown(namespace: string, state: Row['state']): Row {
  const seconds = String(STATUS_LIMIT_MS / 1000);
  return {
    namespace,
    state,
    sfu_up: false,
    turn_up: false,
    sentences: [
      `How "${namespace}" is could not be found out in ${seconds} s: the host is overloaded, or systemd does not answer.`,
    ],
    sessions: null,
    rooms: null,
    allocations: null,
    sfu_pps: null,
    turn_pps: null,
    ports: null,
  };
}

/**
 * Packets per second of one service: its own two counts and the time between them, which nobody else's silence
 * makes longer. A service that did not answer at first is not asked again.
 */
async function rateOf(clock: Clock, count: () => Promise<number | undefined>): Promise<number | null> {
  const before = await settled(count());
  if (before === undefined) return null;
  const startedMs = performance.now();
  await wait(clock, INTERVAL_MS);
  const after = await settled(count());
  return perSecond(before, after, (performance.now() - startedMs) / 1000);
}

/** Null when one of the two is not known, or the service is another process now. */
export function perSecond(
  before: number | undefined,
  after: number | undefined,
  seconds: number,
): number | null {
  if (before === undefined || after === undefined || after < before || seconds <= 0) return null;
  return Math.round((after - before) / seconds);
}

function settled<Value>(promise: Promise<Value>): Promise<Value | undefined> {
  return promise.catch(() => undefined);
}

/** What `answer` brings, or `late` after `limitMs`. Rejects as `answer` does. */
function within<Value>(clock: Clock, answer: Promise<Value>, limitMs: number, late: Value): Promise<Value> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(limitMs, () => {
      resolve(late);
    });
    answer.then(resolve, reject).finally(cancel);
  });
}

function wait(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(delayMs, resolve);
  });
}
