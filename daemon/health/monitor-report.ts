/** The report of all namespaces: up or not by live probe, load over a moment, ports. */
import type { Namespace, WebrtcStatus } from '../contract/api.ts';
import type { SfuStatus, TurnStatus } from '../contract/control.ts';
import type { MonitorReport } from '../contract/diagnosis.ts';
import type { Clock } from '../kit/clock.ts';

/** Long enough for a rate of packets, short enough to wait for. */
const INTERVAL_MS = 1000;

type Probe = { turn: TurnStatus | null; sfu: SfuStatus | null } | null;

/** What the report asks of the namespaces. */
export interface ReportSource {
  list(): Namespace[];
  status(name: string): Promise<WebrtcStatus>;
  probe(name: string): Promise<Probe>;
}

/** @param wanted which namespaces the reader may see. Takes a second, and the time limit of two probes at most. */
export async function monitorReport(
  source: ReportSource,
  options: { clock: Clock; wanted: (namespace: string) => boolean },
): Promise<MonitorReport> {
  const { clock, wanted } = options;
  const names = source.list().flatMap(({ name }) => (wanted(name) ? [name] : []));
  // Each namespace has its own interval: a slow probe of one does not falsify the rate of another.
  const rows = await Promise.all(names.map((name) => reportOf(source, name, clock)));
  return {
    at: new Date(clock.nowMs()).toISOString(),
    intervalMs: INTERVAL_MS,
    namespaces: rows.filter((row) => row !== undefined),
  };
}

async function reportOf(
  source: ReportSource,
  name: string,
  clock: Clock,
): Promise<MonitorReport['namespaces'][number] | undefined> {
  const before = await settled(source.probe(name));
  const startedMs = performance.now();
  if (before !== undefined && before !== null) await wait(clock, INTERVAL_MS);
  const after = await settled(source.probe(name));
  const seconds = (performance.now() - startedMs) / 1000;
  const status = await settled(source.status(name));
  // Deleted meanwhile.
  if (status === undefined) return undefined;
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
    sfu_pps: perSecond(before?.sfu?.forwarded.packets, after?.sfu?.forwarded.packets, seconds),
    turn_pps: perSecond(relayedPackets(before?.turn), relayedPackets(after?.turn), seconds),
    ports: status.ports,
  };
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

function relayedPackets(turn: TurnStatus | null | undefined): number | undefined {
  return turn === null || turn === undefined
    ? undefined
    : turn.relayed.toPeerPackets + turn.relayed.toClientPackets;
}

function settled<Value>(promise: Promise<Value>): Promise<Value | undefined> {
  return promise.catch(() => undefined);
}

function wait(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(delayMs, resolve);
  });
}
