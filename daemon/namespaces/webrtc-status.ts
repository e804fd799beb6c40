/** What is told of a namespace's WebRTC: its state in one word and the probed status. Pure. */
import type { Namespace, Operation, WebrtcStatus } from '../contract/api.ts';
import type { SfuStatus, TurnStatus } from '../contract/control.ts';
import type { OperationKind, OperationRecord, ServiceKind, ServiceReport, WebrtcRecord } from './system.ts';

/** `running`: the kind of the operation under way. `broken`: its secrets did not open. */
export function webrtcState(input: {
  config: WebrtcRecord | undefined;
  running: OperationKind | undefined;
  broken: boolean;
  turn: ServiceReport;
  sfu: ServiceReport;
}): Namespace['webrtc'] {
  if (input.running === 'enable-webrtc') return 'enabling';
  if (input.running === 'disable-webrtc') return 'disabling';
  if (input.config === undefined) return 'disabled';
  const up = input.turn.state === 'ready' && input.sfu.state === 'ready';
  return input.config.state === 'enabled' && !input.broken && up ? 'enabled' : 'degraded';
}

type ServiceView = NonNullable<WebrtcStatus['turn']>;

const TITLES: Record<ServiceKind, string> = { turn: 'TURN', sfu: 'SFU' };

/** `answer` null: the probe got none in time. */
export function serviceView(
  kind: ServiceKind,
  report: ServiceReport,
  answer: TurnStatus | SfuStatus | null,
): ServiceView {
  const view = (up: ServiceView['up'], sentence: string): ServiceView => ({
    up,
    sentence,
    pid: report.pid,
    since: report.sinceMs === null ? null : new Date(report.sinceMs).toISOString(),
    restarts: report.restarts,
  });
  const title = `The ${TITLES[kind]} service`;
  if (report.state === 'stopped' || report.state === 'failed' || report.state === 'waiting') {
    return view('down', report.failure ?? `${title} does not run.`);
  }
  if (answer === null) return view('unknown', `${title} runs, but did not answer in time.`);
  if (answer.draining) return view('down', `${title} ends: it takes nobody new.`);
  if (!answer.ready) return view('down', `${title} runs, but is not ready.`);
  if ('listeners' in answer) {
    // DTLS is served where it can be had: without it clients have the other transports.
    const closed = answer.listeners.filter(({ open, transport }) => !open && transport !== 'dtls');
    const names = closed.map((one) => `${one.transport} ${one.address} port ${String(one.port)}`);
    if (closed.length > 0) return view('down', `${title} does not listen on ${names.join(', ')}.`);
    const dtls = answer.dtlsProblem === undefined ? '' : ` TURN over DTLS is off: ${answer.dtlsProblem}.`;
    const problem = answer.certificate?.problem ?? '';
    const certificate = problem === '' ? '' : ` Its certificate: ${problem}`;
    return view('up', `${title} answers; ${String(answer.allocations)} allocations.${dtls}${certificate}`);
  }
  const slow = answer.slowViewers?.length ?? 0;
  const viewers = slow === 0 ? '' : `, ${String(slow)} of them a slow viewer that is spared pictures`;
  return view('up', `${title} answers; ${String(answer.sessions)} sessions${viewers}.`);
}

export function operationView(record: OperationRecord): Operation {
  return {
    id: record.id,
    kind: record.kind,
    namespace: record.namespace,
    state: record.state,
    startedAt: new Date(record.startedAtMs).toISOString(),
    endedAt: record.endedAtMs === null ? null : new Date(record.endedAtMs).toISOString(),
    steps: record.steps.map((step) => ({ ...step })),
    error: record.error,
  };
}
