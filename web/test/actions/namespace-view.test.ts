/** Namespaces, operations and TURN figures in words. */
import t from 'tap';
import type { Operation } from '../../../daemon/contract/api.ts';
import type { TurnSession } from '../../../daemon/contract/turn-operations.ts';
import { turnLimitsSchema } from '../../../daemon/contract/turn-limits.ts';
import { applyLiveEvent, type LiveData } from '../../src/actions/live-state.ts';
import {
  enableCommand,
  failedOperation,
  failureTitle,
  progress,
  runningOperation,
  stepTime,
} from '../../src/actions/namespace-view.ts';
import { namespacePath, parseRoute } from '../../src/actions/route.ts';
import {
  bytes,
  certificateText,
  drops,
  lifeText,
  limitText,
  listenerText,
  permissionText,
  sessionsOfSubject,
  sortedLimits,
  sortedSessions,
} from '../../src/actions/turn-view.ts';
import { dayAndTime } from '../../src/actions/wording.ts';

t.test('the routes of namespaces, both ways', (t) => {
  t.same(parseRoute('/namespaces', ''), { page: 'namespaces' });
  t.same(parseRoute(namespacePath('nordwerk'), ''), { page: 'namespace', name: 'nordwerk' });
  t.match(parseRoute('/namespaces/a/b', ''), { page: 'not-found' });
  t.end();
});

t.test('an operation says its step, and in failing whether anything stayed', (t) => {
  const running = operation('running', ['done', 'running', 'pending']);
  t.same(progress(running), { done: 1, of: 3, title: 'Step 2 of 3: start service 2' });
  t.equal(progress(operation('running', ['undone', 'failed', 'pending'])).title, 'Undoing what was done');
  t.equal(progress(operation('running', ['pending'])).title, 'Beginning');
  const failed = operation('failed', ['undone', 'failed', 'pending']);
  t.equal(failureTitle(failed), 'WebRTC could not be enabled for a, and everything was undone.');
  t.equal(
    failureTitle({ ...failed, kind: 'disable-webrtc' }),
    'WebRTC could not be disabled for a.',
    'a disable undoes nothing',
  );
  t.equal(
    failureTitle({ ...failed, kind: 'rotate-turn-secret' }),
    'The TURN secret of a could not be rotated, and everything was undone.',
  );
  t.equal(failureTitle(operation('failed', ['done', 'failed'])), 'WebRTC could not be enabled for a.');
  t.same([stepTime(null), stepTime(4), stepTime(340)], ['', '4 ms', '0.3 s']);
  t.end();
});

t.test('the newest operation counts, and only while it runs or has failed', (t) => {
  const old = { ...operation('failed', []), id: 'old', startedAt: '2026-01-01T00:00:00.000Z' };
  const newer = { ...operation('succeeded', []), id: 'new', startedAt: '2026-01-02T00:00:00.000Z' };
  const data = snapshot([old, newer]);
  t.equal(failedOperation(data, 'a'), null, 'a later success ends the story');
  t.equal(failedOperation(snapshot([old]), 'a')?.id, 'old');
  const namespace = { name: 'a', createdAt: '', webrtc: 'enabling' as const, operationId: 'new' };
  t.equal(runningOperation(data, namespace)?.id, 'new');
  t.equal(runningOperation(data, { ...namespace, operationId: 'unseen' }), null);
  t.end();
});

t.test('the picture of the TURN service comes with its time, and outlives a resync', (t) => {
  const turn = { namespace: 'a' } as never;
  const first = applyLiveEvent(snapshot([]), { type: 'turn', seq: 2, data: turn }, 77);
  t.match(first, { kind: 'applied', data: { seq: 2, turn: { live: { namespace: 'a' }, atMs: 77 } } });
  const again = first.kind === 'applied' ? applyLiveEvent(first.data, snapshotEvent([]), 99) : first;
  t.match(again, { data: { seq: 1, turn: { atMs: 77 } } }, 'old numbers stay until newer ones come');
  t.end();
});

t.test('bytes, ages and permissions in words', (t) => {
  t.same([0, 999, 1000, 3_449_999, 999_960, 12e9].map(bytes), [
    '0 B',
    '999 B',
    '1.0 kB',
    '3.4 MB',
    '1.0 MB',
    '12.0 GB',
  ]);
  const at = session('x', 'alice', 1000);
  t.same(lifeText({ ...at, expiresAtMs: 601_000 }, 61_000), {
    age: '1 min',
    ends: 'ends in 9 min unless refreshed',
  });
  t.equal(lifeText({ ...at, expiresAtMs: 5 }, 61_000).ends, 'ends now');
  t.equal(permissionText([]).short, 'none');
  t.same(permissionText(['a', 'b', 'c', 'd']), { short: 'a, b and 2 more', all: 'a, b, c, d' });
  t.end();
});

t.test('sessions stand newest first; those that name nobody belong to nobody else', (t) => {
  const list = [
    session('1', 'alice', 1),
    session('2', null, 3),
    session('3', 'alice', 2),
    session('4', null, 4),
  ];
  t.same(
    sortedSessions(list).map(({ sessionId }) => sessionId),
    ['4', '2', '3', '1'],
  );
  t.equal(sessionsOfSubject(list, list[0]!), 2);
  t.equal(sessionsOfSubject(list, list[1]!), 1);
  t.end();
});

t.test('drops: most first, those of the kernel among them, an unknown reason by its name', (t) => {
  t.same(
    drops({ drops: { 'not-turn': 2, 'new-reason': 5, 'too-long': 0 }, kernelDrops: 3 }).map(
      ({ text }) => text,
    ),
    ['new reason', 'by the kernel, before the service read it: a full receive buffer', 'not a TURN packet'],
  );
  t.end();
});

t.test('every limit of the configuration has words; what refuses stands first', (t) => {
  t.equal(limitText('allocationsPerUser'), 'Allocations for each credential');
  t.equal(limitText('bytesPerSecondOfNode'), "Bytes per second of this host's share");
  t.equal(limitText('halfOpenConnections'), 'Half open connections');
  for (const name of Object.keys(turnLimitsSchema.parse({}))) t.match(limitText(name), /^[A-Z][a-z' ]+$/);
  const limits = [
    { name: 'a', limit: 10, used: 1, refused: 0 },
    { name: 'b', limit: 10, used: 9, refused: 0 },
    { name: 'c', limit: 10, refused: 1 },
  ];
  t.same(
    sortedLimits(limits).map(({ name }) => name),
    ['c', 'b', 'a'],
  );
  t.end();
});

t.test('listeners once each, certificates by what is left', (t) => {
  const listener = (transport: string, open = true) => ({ transport, address: '::', port: 1, open });
  t.same(listenerText([listener('udp'), listener('udp'), listener('tls', false)]), {
    open: 'udp 1',
    closed: 'tls 1',
  });
  const day = 86_400_000;
  const left = (days: number, problem = '') =>
    certificateText({ notAfterMs: days * day + 5, fingerprint: '', problem }, 0);
  t.match(left(90), { state: 'live', label: '90 days left' });
  t.match(left(1), { state: 'degraded', label: '1 day left' });
  t.match(left(90, 'no key'), { state: 'degraded' });
  t.match(left(-1), { state: 'error', label: 'Ended' });
  const now = new Date(2026, 7, 12, 12).getTime();
  t.equal(dayAndTime(now + 400 * day, now), '16 Sep 2027', 'a day to come is not today');
  t.end();
});

t.test('the command line says the same', (t) => {
  t.equal(
    enableCommand('a', { turnPort: 3490 }),
    'turnkeep namespace enable webrtc \\\n  --namespace a \\\n  --turn-port 3490',
  );
  t.match(enableCommand('a', { relay: 'public' }), /--relay public$/);
  t.end();
});

function operation(state: Operation['state'], steps: Operation['steps'][number]['state'][]): Operation {
  return {
    id: 'op',
    kind: 'enable-webrtc',
    namespace: 'a',
    state,
    startedAt: '2026-01-01T00:00:00.000Z',
    endedAt: null,
    steps: steps.map((one, at) => ({
      id: String(at),
      label: `Start service ${String(at + 1)}`,
      state: one,
      durationMs: null,
      note: null,
    })),
    error: null,
  };
}

function snapshotEvent(operations: Operation[]) {
  return {
    type: 'snapshot' as const,
    seq: 1,
    serverTime: '',
    user: { name: 'mara', role: 'owner' as const },
    namespaces: [],
    devices: [],
    operations,
  };
}

function snapshot(operations: Operation[]): LiveData {
  const applied = applyLiveEvent(null, snapshotEvent(operations), 0);
  if (applied.kind !== 'applied') throw new Error('a snapshot always applies');
  return applied.data;
}

function session(sessionId: string, subject: string | null, createdAtMs: number): TurnSession {
  return {
    sessionId,
    username: `9:${subject ?? ''}`,
    subject,
    transport: 'udp',
    client: '192.0.2.1:5000',
    relayed: [],
    createdAtMs,
    expiresAtMs: 0,
    permissions: [],
    channels: 0,
    toPeerBytes: 0,
    toClientBytes: 0,
    toPeerPackets: 0,
    toClientPackets: 0,
    relayTransport: 'udp',
    dataConnections: [],
  };
}
