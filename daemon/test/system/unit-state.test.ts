import t from 'tap';
import { sliceOf, unitOf } from '../../system/systemd/unit-names.ts';
import { parseUnitStates } from '../../system/systemd/unit-state.ts';

const block = (more: Record<string, string>): string =>
  Object.entries({
    Id: 'turnkeep-turn@demo.service',
    LoadState: 'loaded',
    ActiveState: 'active',
    SubState: 'running',
    Result: 'success',
    MainPID: '42',
    ExecMainCode: '0',
    ExecMainStatus: '0',
    NRestarts: '0',
    ActiveEnterTimestamp: '@1795276800',
    ...more,
  })
    .map(([name, value]) => `${name}=${value}`)
    .join('\n');

t.test('names escape what systemd would read as a hierarchy', (t) => {
  t.equal(unitOf({ kind: 'sfu', namespace: 'cam-one' }), 'turnkeep-sfu@cam\\x2done.service');
  t.equal(sliceOf('cam-one'), 'turnkeep-cam\\x2done.slice');
  t.end();
});

t.test('states and ends of units', (t) => {
  const [running, other] = parseUnitStates(`${block({})}\n\n${block({ Id: 'x.service' })}\n`);
  t.strictSame(running, {
    id: 'turnkeep-turn@demo.service',
    file: 'loaded',
    state: 'ready',
    pid: 42,
    sinceMs: 1_795_276_800_000,
    restarts: 0,
    end: null,
  });
  t.equal(other?.id, 'x.service');
  const dead = { MainPID: '0', ActiveEnterTimestamp: '' };
  for (const [fields, expected] of [
    [{ ActiveState: 'activating', SubState: 'start' }, { state: 'starting' }],
    [{ ActiveState: 'deactivating', SubState: 'stop-sigterm' }, { state: 'stopping' }],
    [
      { ActiveState: 'inactive', SubState: 'dead', ...dead },
      { state: 'stopped', pid: null, sinceMs: null },
    ],
    [
      {
        ActiveState: 'activating',
        SubState: 'auto-restart',
        Result: 'exit-code',
        ExecMainCode: '1',
        ExecMainStatus: '3',
      },
      { state: 'waiting', end: 'ended with exit code 3' },
    ],
    [
      { ActiveState: 'failed', Result: 'signal', ExecMainCode: '2', ExecMainStatus: '9', NRestarts: '6' },
      { state: 'failed', end: 'was ended by SIGKILL', restarts: 5 },
    ],
    [{ ActiveState: 'failed', Result: 'watchdog' }, { end: /hung/ }],
    [{ ActiveState: 'failed', Result: 'oom-kill' }, { end: /used up its memory/ }],
    [
      { LoadState: 'not-found', ActiveState: 'inactive' },
      { file: 'missing', state: 'stopped' },
    ],
    [
      { LoadState: 'masked', ActiveState: 'active' },
      { file: 'masked', state: 'ready', pid: 42 },
    ],
  ] as const) {
    t.match(parseUnitStates(block(fields))[0], expected);
  }
  t.strictSame(parseUnitStates('garbage\n=\n\n'), []);
  t.end();
});
