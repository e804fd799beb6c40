/** What `systemctl show` says of a unit, and what that means for a service. Pure. */
import type { ServiceState } from '../../namespaces/system.ts';

/** The properties to ask for. */
export const UNIT_PROPERTIES = [
  'Id',
  'LoadState',
  'ActiveState',
  'SubState',
  'Result',
  'MainPID',
  'ExecMainCode',
  'ExecMainStatus',
  'NRestarts',
  'ActiveEnterTimestamp',
] as const;

export type UnitState = {
  id: string;
  /** `masked`: it may still run, but not start. `missing`: there is no such unit file, or systemd cannot read it. */
  file: 'loaded' | 'masked' | 'missing';
  state: ServiceState;
  /** The running process; null without one. */
  pid: number | null;
  sinceMs: number | null;
  restarts: number;
  /** Why it is not running, as a clause: `ended with exit code 3`; null when nothing went wrong. */
  end: string | null;
};

/** SIGABRT is what the watchdog sends; the numbers are Linux's on every architecture Node runs on. */
const SIGNALS: Record<string, string> = { '6': 'SIGABRT', '9': 'SIGKILL', '11': 'SIGSEGV', '15': 'SIGTERM' };
/** CLD_KILLED and CLD_DUMPED of waitid(2). */
const BY_SIGNAL = ['2', '3'];

/** Reads the answer: one block of `Name=value` lines for each unit, separated by an empty line. */
export function parseUnitStates(text: string): UnitState[] {
  return text
    .split(/\n\n+/)
    .map(parseProperties)
    .filter((unit) => unit.has('Id'))
    .map(unitState);
}

/** Reads one block of `Name=value` lines. */
export function parseProperties(block: string): ReadonlyMap<string, string> {
  return new Map(block.split('\n').flatMap((line) => pairOf(line)));
}

function pairOf(line: string): [string, string][] {
  const at = line.indexOf('=');
  return at < 1 ? [] : [[line.slice(0, at), line.slice(at + 1)]];
}

function unitState(unit: ReadonlyMap<string, string>): UnitState {
  const of = (name: (typeof UNIT_PROPERTIES)[number]): string => unit.get(name) ?? '';
  const pid = Number(of('MainPID'));
  const result = of('Result');
  // With Restart=always a unit fails by its start limit; the restart that was refused is counted, too.
  const refused = of('ActiveState') === 'failed' ? 1 : 0;
  return {
    id: of('Id'),
    file: unitFile(of('LoadState')),
    state: serviceState(of('ActiveState'), of('SubState')),
    pid: pid > 0 ? pid : null,
    sinceMs: timestampMs(of('ActiveEnterTimestamp')),
    restarts: Math.max(0, Number(of('NRestarts')) - refused) || 0,
    end:
      result === 'success' || result === '' ? null : endOf(result, of('ExecMainCode'), of('ExecMainStatus')),
  };
}

function unitFile(loadState: string): UnitState['file'] {
  return loadState === 'loaded' || loadState === 'masked' ? loadState : 'missing';
}

function serviceState(active: string, sub: string): ServiceState {
  if (sub === 'auto-restart') return 'waiting';
  switch (active) {
    case 'active':
    case 'reloading':
      return 'ready';
    case 'activating':
      return 'starting';
    case 'deactivating':
      return 'stopping';
    case 'failed':
      return 'failed';
    default:
      return 'stopped';
  }
}

function endOf(result: string, code: string, status: string): string {
  if (result === 'watchdog') return 'hung: it no longer answered the watchdog and was ended';
  if (result === 'timeout') return 'was not ready, or did not end, in time';
  if (result === 'oom-kill') return 'was ended by the kernel because its namespace used up its memory';
  if (result === 'resources')
    return 'got no process: its namespace has used up its tasks, or the unit is wrong';
  if (BY_SIGNAL.includes(code)) return `was ended by ${SIGNALS[status] ?? `signal ${status}`}`;
  return `ended with exit code ${status}`;
}

/** `--timestamp=unix` prints `@seconds`. */
function timestampMs(text: string): number | null {
  const seconds = Number(text.replace(/^@/, ''));
  return text.startsWith('@') && seconds > 0 ? seconds * 1000 : null;
}
