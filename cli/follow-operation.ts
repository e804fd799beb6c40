/** Follows an operation to its end: one line for each finished step, with its duration. */
import { operationSchema, type Operation } from '../daemon/contract/api.ts';
import { UnreachableError } from './api-client.ts';
import type { CliContext } from './cli-context.ts';
import { OperationFailed, printable } from './output.ts';

const ASK_EVERY_MS = 200;
/** A daemon that restarts resumes its operations: give it time. */
const UNREACHABLE_LIMIT_MS = 15_000;

const MARKS = { pending: ' ', running: ' ', done: '✓', failed: '✗', undone: '↩' } as const;

/** @returns the finished operation. Throws OperationFailed, after saying why, when it failed. */
export async function followOperation({ client, output }: CliContext, id: string): Promise<Operation> {
  const told = new Map<string, string>();
  let lostAtMs: number | undefined;
  for (;;) {
    let operation: Operation;
    try {
      operation = await client.get(`/v1/operations/${encodeURIComponent(id)}`, operationSchema);
      lostAtMs = undefined;
    } catch (error) {
      if (!(error instanceof UnreachableError)) throw error;
      lostAtMs ??= performance.now();
      if (performance.now() - lostAtMs > UNREACHABLE_LIMIT_MS) throw error;
      await pause();
      continue;
    }
    for (const step of operation.steps) {
      if (step.state === 'pending' || step.state === 'running' || told.get(step.id) === step.state) continue;
      told.set(step.id, step.state);
      output.note(`  ${MARKS[step.state]} ${stepLine(step)}`);
    }
    if (operation.state === 'running') {
      await pause();
      continue;
    }
    if (operation.state === 'succeeded') return operation;
    const why = operation.error?.message ?? 'The operation failed.';
    output.show(operation, () => `${printable(why)} ${afterFailure(operation)}`.trimEnd());
    throw new OperationFailed(why);
  }
}

/** Where it was left. A roll back that stopped half way has said itself what to do. */
function afterFailure({ kind, namespace, steps }: Operation): string {
  if (kind === 'disable-webrtc') {
    return `It stays switched off; once that is mended, finish it: turnkeep namespace disable webrtc --namespace ${namespace}`;
  }
  return steps.some(({ state }) => state === 'done') ? '' : 'Everything it had done was undone.';
}

function stepLine({ label, durationMs, note }: Operation['steps'][number]): string {
  const time = durationMs === null ? '' : `  ${duration(durationMs)}`;
  return `${label}${time}${note === null ? '' : `  (${printable(note)})`}`;
}

/** `840 ms`, `12.4 s` */
export function duration(ms: number): string {
  return ms < 1000 ? `${String(Math.round(ms))} ms` : `${(ms / 1000).toFixed(1)} s`;
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
}
