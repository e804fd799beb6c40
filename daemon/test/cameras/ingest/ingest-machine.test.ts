import fc from 'fast-check';
import t from 'tap';
import type { CapturePolicy } from '../../../contract/api.ts';
import type { IngestState } from '../../../contract/control.ts';
import { sentenceOf } from '../../../cameras/ingest/fault.ts';
import {
  CONNECT_LIMIT_MS,
  FIRST_RTP_LIMIT_MS,
  IngestMachine,
  OPENING_LIMIT_MS,
  SFU_AWAY_LIMIT_MS,
  STALL_LIMIT_MS,
} from '../../../cameras/ingest/ingest-machine.ts';
import { PROVEN_FLOW_MS, REDIAL_DISTANCE_MS } from '../../../cameras/ingest/redial-schedule.ts';
import type {
  FoundIngest,
  IngestAction,
  IngestEvent,
  IngestPhase,
} from '../../../cameras/ingest/ingest-types.ts';

const ON_DEMAND: CapturePolicy = { mode: 'on-demand', lingerSeconds: 10 };
const ALWAYS: CapturePolicy = { mode: 'always' };
const online = (tunnelId: string): IngestEvent => ({ type: 'tunnel', tunnel: { state: 'online', tunnelId } });
const OFFLINE: IngestEvent = { type: 'tunnel', tunnel: { state: 'offline' } };
const UNKNOWN: IngestEvent = { type: 'tunnel', tunnel: { state: 'unknown' } };
const ready = (subscribers: number, found: FoundIngest | null = null): IngestEvent => ({
  type: 'sfu-ready',
  subscribers,
  found,
});
const demand = (subscribers: number): IngestEvent => ({ type: 'demand', subscribers });
const RELAYS: IngestEvent = { type: 'relays-restarted' };
const checked = (tunnelId: string, known: boolean): IngestEvent => ({
  type: 'session-checked',
  attempt: 1,
  tunnelId,
  known,
});
const whepNote = {
  deviceId: 'd1',
  producer: 'whep' as const,
  location: '/whep/abc',
  etag: '"e1"',
  tunnelId: 'old',
};

/** A machine with its own time. `at` is what `run` says happened in the last call. */
class Bench {
  nowMs = 1_000_000;
  readonly machine: IngestMachine;
  actions: IngestAction[] = [];

  constructor(capture: CapturePolicy = ON_DEMAND) {
    this.machine = new IngestMachine({ capture, ingestIdPrefix: 'run1', random: () => 0, nowMs: this.nowMs });
  }

  send(...events: IngestEvent[]): string[] {
    const kinds: string[] = [];
    for (const event of events) {
      this.actions = this.machine.handle(event, this.nowMs);
      kinds.push(...this.actions.map(word));
    }
    return kinds;
  }

  /** Time passes in one step; the timer is honoured at its own times. */
  pass(byMs: number): string[] {
    const untilMs = this.nowMs + byMs;
    const kinds: string[] = [];
    for (let next = this.machine.nextTickMs(); next !== undefined && next <= untilMs;) {
      this.nowMs = Math.max(this.nowMs, next);
      kinds.push(...this.send({ type: 'tick' }));
      const following = this.machine.nextTickMs();
      if (following !== undefined && following <= this.nowMs && following === next) {
        throw new Error(`the tick of ${this.machine.phase.name} makes no progress`);
      }
      next = following;
    }
    this.nowMs = untilMs;
    return kinds;
  }

  get phase(): IngestPhase['name'] {
    return this.machine.phase.name;
  }

  get media(): string {
    return this.machine.media.state;
  }

  get attempt(): number {
    const { phase } = this.machine;
    if (phase.name === 'opening') return phase.attempt;
    return 'session' in phase ? phase.session.attempt : -1;
  }

  opened(): string[] {
    return this.send({ type: 'ingest-opened', attempt: this.attempt });
  }

  answered(producer: 'whep' | 'ws' = 'whep'): string[] {
    return this.send({ type: 'answered', attempt: this.attempt, producer });
  }

  ingest(state: IngestState): string[] {
    return this.send({ type: 'ingest', ingestId: this.machine.ingestId ?? 'none', state });
  }
}

function word(action: IngestAction): string {
  switch (action.type) {
    case 'open':
      return `open ${String(action.attempt)} ${action.tunnelId}`;
    case 'adopt':
    case 'close-session':
      return `${action.type} ${String(action.attempt)}`;
    case 'check-session':
      return `check-session ${String(action.attempt)} ${action.tunnelId}`;
    case 'close-ingest':
      return `close-ingest ${action.ingestId}`;
    case 'source-state':
      return action.lost ? 'lost' : 'back';
  }
}

type Reached = 'idle' | 'waiting' | 'opening' | 'connecting' | 'starting' | 'live' | 'stalled' | 'removed';

function reach(phase: Reached, producer: 'whep' | 'ws' = 'whep'): Bench {
  const bench = new Bench();
  bench.send(ready(0), online('t1'));
  if (phase === 'idle') return bench;
  if (phase === 'removed') {
    bench.send({ type: 'remove' });
    return bench;
  }
  bench.send(demand(1));
  if (phase === 'opening') return bench;
  if (phase === 'waiting') {
    bench.send({ type: 'failed', attempt: 1, fault: 'camera-refused', retryAfterMs: null });
    return bench;
  }
  bench.opened();
  bench.answered(producer);
  if (phase === 'connecting') return bench;
  bench.ingest('connected');
  if (phase === 'starting') return bench;
  bench.ingest('flowing');
  if (phase === 'live') return bench;
  bench.ingest('stalled');
  return bench;
}

t.test('every state can be reached', (t) => {
  const all: Reached[] = [
    'idle',
    'waiting',
    'opening',
    'connecting',
    'starting',
    'live',
    'stalled',
    'removed',
  ];
  for (const phase of all) t.equal(reach(phase).phase, phase);
  t.end();
});

t.test('state and event', (t) => {
  const INGEST = (state: IngestState): IngestEvent => ({ type: 'ingest', ingestId: 'run1-1', state });
  /** [state, event, next state, actions]. Events that change nothing anywhere stand below. */
  const table: [Reached, string, IngestEvent, Reached, string[]][] = [
    ['idle', 'demand', demand(1), 'opening', ['open 1 t1', 'back']],
    ['idle', 'always', { type: 'capture', capture: ALWAYS }, 'opening', ['open 1 t1']],
    ['idle', 'tunnel gone', OFFLINE, 'idle', []],
    ['idle', 'tunnel replaced', online('t2'), 'idle', []],
    ['idle', 'sfu lost', { type: 'sfu-lost' }, 'idle', []],
    ['idle', 'removed', { type: 'remove' }, 'removed', []],
    ['idle', 'relays restarted', RELAYS, 'idle', []],

    ['waiting', 'demand ends', demand(0), 'idle', ['back']],
    ['waiting', 'more demand', demand(2), 'waiting', []],
    ['waiting', 'tunnel gone', OFFLINE, 'waiting', ['lost']],
    ['waiting', 'engine gone', UNKNOWN, 'waiting', ['lost']],
    ['waiting', 'sfu lost', { type: 'sfu-lost' }, 'waiting', []],
    ['waiting', 'relays restarted', RELAYS, 'waiting', []],
    ['waiting', 'sfu back, restarted', ready(1), 'waiting', ['close-ingest none?', 'lost']],
    ['waiting', 'removed', { type: 'remove' }, 'removed', []],

    ['opening', 'demand ends', demand(0), 'opening', []],
    ['opening', 'tunnel gone', OFFLINE, 'waiting', ['close-session 1', 'lost']],
    ['opening', 'engine gone', UNKNOWN, 'opening', []],
    ['opening', 'same tunnel', online('t1'), 'opening', []],
    ['opening', 'tunnel replaced', online('t2'), 'waiting', ['close-session 1', 'lost']],
    ['opening', 'sfu lost', { type: 'sfu-lost' }, 'waiting', ['close-session 1']],
    ['opening', 'relays restarted', RELAYS, 'waiting', ['close-session 1', 'lost']],
    ['opening', 'sfu again', ready(1), 'waiting', ['close-session 1', 'lost']],
    ['opening', 'answered', { type: 'answered', attempt: 1, producer: 'ws' }, 'connecting', []],
    ['opening', 'late answer', { type: 'answered', attempt: 7, producer: 'ws' }, 'opening', []],
    [
      'opening',
      'failed',
      { type: 'failed', attempt: 1, fault: 'camera-busy', retryAfterMs: 2000 },
      'waiting',
      ['close-session 1', 'lost'],
    ],
    [
      'opening',
      'late failure',
      { type: 'failed', attempt: 0, fault: 'camera-busy', retryAfterMs: null },
      'opening',
      [],
    ],
    ['opening', 'foreign ingest', INGEST('flowing'), 'opening', []],
    ['opening', 'removed', { type: 'remove' }, 'removed', ['close-session 1']],

    ['connecting', 'demand ends', demand(0), 'connecting', []],
    ['connecting', 'tunnel gone', OFFLINE, 'connecting', []],
    ['connecting', 'tunnel replaced', online('t2'), 'waiting', ['close-session 1', 'lost']],
    ['connecting', 'offered', INGEST('offered'), 'connecting', []],
    ['connecting', 'connected', INGEST('connected'), 'starting', []],
    ['connecting', 'flowing', INGEST('flowing'), 'live', []],
    ['connecting', 'stalled', INGEST('stalled'), 'connecting', []],
    ['connecting', 'relays restarted', RELAYS, 'waiting', ['close-session 1', 'lost']],
    ['connecting', 'closed', INGEST('closed'), 'waiting', ['close-session 1', 'lost']],
    [
      'connecting',
      'session closed',
      { type: 'session-closed', attempt: 1 },
      'waiting',
      ['close-session 1', 'lost'],
    ],
    ['connecting', 'old session closed', { type: 'session-closed', attempt: 0 }, 'connecting', []],
    ['connecting', 'sfu lost', { type: 'sfu-lost' }, 'connecting', []],
    ['connecting', 'sfu restarted', ready(1), 'waiting', ['close-session 1', 'lost']],
    [
      'connecting',
      'sfu back',
      ready(1, { ingestId: 'run1-1', state: 'flowing', note: null }),
      'live',
      ['back'],
    ],
    ['connecting', 'removed', { type: 'remove' }, 'removed', ['close-session 1', 'close-ingest run1-1']],

    ['starting', 'flowing', INGEST('flowing'), 'live', []],
    ['starting', 'stalled', INGEST('stalled'), 'starting', []],
    ['starting', 'connected again', INGEST('connected'), 'starting', []],
    ['starting', 'closed', INGEST('closed'), 'waiting', ['close-session 1', 'lost']],
    ['starting', 'tunnel gone', OFFLINE, 'starting', []],
    ['starting', 'relays restarted', RELAYS, 'waiting', ['close-session 1', 'lost']],
    ['starting', 'tunnel replaced', online('t2'), 'waiting', ['close-session 1', 'lost']],
    [
      'starting',
      'session closed',
      { type: 'session-closed', attempt: 1 },
      'waiting',
      ['close-session 1', 'lost'],
    ],
    ['starting', 'removed', { type: 'remove' }, 'removed', ['close-session 1', 'close-ingest run1-1']],

    ['live', 'demand ends', demand(0), 'live', []],
    ['live', 'tunnel gone', OFFLINE, 'live', []],
    ['live', 'engine gone', UNKNOWN, 'live', []],
    ['live', 'tunnel replaced', online('t2'), 'live', ['check-session 1 t2']],
    ['live', 'same tunnel', online('t1'), 'live', []],
    ['live', 'unasked check', checked('t2', false), 'live', []],
    ['live', 'relays restarted', RELAYS, 'waiting', ['close-session 1', 'lost']],
    ['live', 'flowing again', INGEST('flowing'), 'live', []],
    ['live', 'connected again', INGEST('connected'), 'live', []],
    ['live', 'stalled', INGEST('stalled'), 'stalled', ['lost']],
    ['live', 'closed', INGEST('closed'), 'waiting', ['close-session 1', 'lost']],
    [
      'live',
      'session closed',
      { type: 'session-closed', attempt: 1 },
      'waiting',
      ['close-session 1', 'lost'],
    ],
    ['live', 'sfu lost', { type: 'sfu-lost' }, 'live', []],
    ['live', 'sfu restarted', ready(1), 'waiting', ['close-session 1', 'lost']],
    ['live', 'sfu back', ready(1, { ingestId: 'run1-1', state: 'flowing', note: null }), 'live', ['back']],
    ['live', 'linger 0', { type: 'capture', capture: { mode: 'on-demand', lingerSeconds: 0 } }, 'live', []],
    ['live', 'removed', { type: 'remove' }, 'removed', ['close-session 1', 'close-ingest run1-1']],

    ['stalled', 'flowing', INGEST('flowing'), 'live', ['back']],
    ['stalled', 'tunnel gone', OFFLINE, 'stalled', []],
    ['stalled', 'tunnel replaced', online('t2'), 'waiting', ['close-session 1', 'lost']],
    ['stalled', 'same tunnel', online('t1'), 'stalled', []],
    ['stalled', 'relays restarted', RELAYS, 'waiting', ['close-session 1', 'lost']],
    ['stalled', 'closed', INGEST('closed'), 'waiting', ['close-session 1', 'lost']],
    [
      'stalled',
      'session closed',
      { type: 'session-closed', attempt: 1 },
      'waiting',
      ['close-session 1', 'lost'],
    ],
    ['stalled', 'removed', { type: 'remove' }, 'removed', ['close-session 1', 'close-ingest run1-1']],

    ['removed', 'demand', demand(1), 'removed', []],
    ['removed', 'tunnel', online('t2'), 'removed', []],
    ['removed', 'sfu', ready(3), 'removed', []],
    ['removed', 'relays', RELAYS, 'removed', []],
    ['removed', 'check', checked('t1', false), 'removed', []],
    ['removed', 'answer', { type: 'answered', attempt: 1, producer: 'ws' }, 'removed', []],
  ];
  for (const [from, name, event, to, actions] of table) {
    const bench = reach(from);
    // A ready SFU without the old ingest leaves nothing to close there.
    const expected = actions.filter((action) => !action.endsWith('?'));
    const got = bench.send(event);
    t.equal(bench.phase, to, `${from} + ${name}`);
    t.same(got, expected, `${from} + ${name}: actions`);
  }
  t.end();
});

t.test('events that mean nothing in a state change nothing', (t) => {
  const all: Reached[] = [
    'idle',
    'waiting',
    'opening',
    'connecting',
    'starting',
    'live',
    'stalled',
    'removed',
  ];
  const noise: IngestEvent[] = [
    { type: 'tick' },
    { type: 'ingest-opened', attempt: 99 },
    { type: 'answered', attempt: 99, producer: 'ws' },
    { type: 'failed', attempt: 99, fault: 'camera-busy', retryAfterMs: null },
    { type: 'session-closed', attempt: 99 },
    { type: 'ingest', ingestId: 'other', state: 'closed' },
    { type: 'session-checked', attempt: 99, tunnelId: 't1', known: false },
    { type: 'ingest', ingestId: 'other', state: 'flowing' },
  ];
  for (const phase of all) {
    for (const event of noise) {
      const bench = reach(phase);
      t.same(bench.send(event), [], `${phase} + ${event.type}`);
      t.equal(bench.phase, phase);
    }
  }
  t.end();
});

t.test('a viewer comes, watches and leaves', (t) => {
  const bench = new Bench();
  t.same(bench.send(ready(0), online('t1')), []);
  t.equal(bench.media, 'idle');
  t.same(bench.send(demand(1)), ['open 1 t1', 'back'], 'the room may have had a lost source before');
  t.equal(bench.media, 'connecting');
  bench.opened();
  bench.answered();
  t.equal(bench.machine.media.producer, 'whep');
  bench.ingest('connected');
  bench.pass(500);
  bench.ingest('flowing');
  t.match(bench.machine.media, { state: 'live', message: null, watching: 1, sinceMs: bench.nowMs });
  bench.send(demand(0));
  t.same(bench.pass(9999), [], 'lingers for ten seconds');
  t.equal(bench.media, 'live');
  t.same(bench.pass(1), ['close-session 1', 'close-ingest run1-1']);
  t.equal(bench.media, 'idle');
  t.equal(bench.machine.nextTickMs(), undefined);
  t.end();
});

t.test('a viewer who returns within the linger finds the same session', (t) => {
  const bench = reach('live');
  bench.send(demand(0));
  bench.pass(9000);
  bench.send(demand(1));
  t.same(bench.pass(60_000), []);
  t.equal(bench.phase, 'live');
  t.end();
});

t.test('a linger of zero closes at once', (t) => {
  const bench = reach('live');
  bench.send({ type: 'capture', capture: { mode: 'on-demand', lingerSeconds: 0 } });
  t.same(bench.send(demand(0)), ['close-session 1', 'close-ingest run1-1']);
  t.end();
});

t.test('"always" dials without a viewer and keeps on', (t) => {
  const bench = new Bench(ALWAYS);
  t.same(bench.send(ready(0), online('t1')), ['open 1 t1']);
  bench.opened();
  bench.answered();
  bench.ingest('flowing');
  t.same(bench.pass(3_600_000), []);
  t.equal(bench.media, 'live');
  t.same(bench.send({ type: 'capture', capture: ON_DEMAND }), ['close-session 1', 'close-ingest run1-1']);
  t.end();
});

t.test('an offline camera is told to its viewers and dialled when it comes', (t) => {
  const bench = new Bench();
  bench.send(ready(0), OFFLINE);
  t.same(bench.send(demand(1)), ['lost']);
  t.match(bench.actions[0], { message: 'The camera is offline; waiting for it to come online.' });
  t.equal(bench.media, 'reconnecting');
  t.equal(bench.machine.nextTickMs(), undefined, 'waits without a timer');
  t.same(bench.send(online('t1')), ['open 1 t1', 'lost']);
  t.match(bench.actions[1], { message: sentenceOf('returning') });
  bench.opened();
  bench.answered();
  t.same(bench.ingest('flowing'), ['back']);
  t.end();
});

t.test('each first viewer of a room is told anew', (t) => {
  const bench = new Bench(ALWAYS);
  bench.send(ready(0), OFFLINE);
  t.same(bench.send(demand(1)), ['lost']);
  t.same(bench.send(demand(0)), []);
  t.same(bench.send(demand(1)), ['lost'], 'the room was another one');
  t.same(bench.send(demand(2)), [], 'the room remembers');
  t.end();
});

t.test('a tunnel blip disturbs nothing while RTP flows', (t) => {
  const bench = reach('live');
  t.same(bench.send(OFFLINE), []);
  bench.pass(5000);
  t.same(bench.send(online('t2')), ['check-session 1 t2'], 'has the camera forgotten it?');
  t.same(bench.send(checked('t2', true)), [], 'it has not');
  t.same(bench.pass(60_000), []);
  t.equal(bench.media, 'live');
  t.same(bench.ingest('stalled'), ['lost'], 'the session is of this tunnel now: a stall gets its time');
  t.equal(bench.phase, 'stalled');
  t.end();
});

t.test('a check without an answer disturbs nothing', (t) => {
  const bench = reach('live');
  bench.send(online('t2'));
  t.same(bench.pass(60_000), []);
  t.equal(bench.media, 'live');
  t.end();
});

t.test('a camera that has forgotten its session is dialled again at once', (t) => {
  const bench = reach('live');
  bench.pass(20_000);
  bench.send(OFFLINE, online('t2'));
  t.same(bench.send(checked('t2', false)), ['close-session 1', 'open 2 t2', 'lost']);
  t.equal(bench.machine.media.message, sentenceOf('returning'));

  const late = reach('live');
  late.pass(20_000);
  t.same(late.send(online('t2'), online('t3')), ['check-session 1 t2', 'check-session 1 t3']);
  t.same(late.send(checked('t2', true)), [], 'the answer of a tunnel that was replaced says nothing');
  t.same(late.send(checked('t2', false)), []);
  t.equal(late.phase, 'live');

  const socket = reach('live', 'ws');
  t.same(socket.send(online('t2')), [], 'a WebSocket tells its end itself');
  t.end();
});

t.test('restarted relays end every session at once, and the room stays', (t) => {
  const bench = reach('live');
  bench.pass(20_000);
  t.same(bench.send(RELAYS), ['close-session 1', 'open 2 t1', 'lost']);
  t.equal(bench.machine.ingestId, 'run1-1', 'the old ingest carries the track until it is replaced');
  t.equal(bench.machine.media.message, sentenceOf('relays-restarted'));
  bench.opened();
  bench.answered();
  t.same(bench.ingest('flowing'), ['back']);

  const flapping = reach('live');
  flapping.pass(20_000);
  let dials = 0;
  for (let n = 0; n < 100; n += 1) {
    dials += flapping.send(RELAYS).filter((action) => action.startsWith('open')).length;
    dials += flapping.pass(10).filter((action) => action.startsWith('open')).length;
  }
  t.ok(dials <= 1 + 1000 / REDIAL_DISTANCE_MS, `${dials} dials in a second`);
  t.end();
});

t.test('restarted relays cut a backoff short, but not a wait the camera asked for', (t) => {
  const failed = (fault: 'no-connection' | 'camera-busy', retryAfterMs: number | null): Bench => {
    const bench = reach('opening');
    bench.pass(1000);
    bench.send({ type: 'failed', attempt: 1, fault, retryAfterMs });
    return bench;
  };
  t.match(failed('no-connection', null).send(RELAYS).join(), 'open 2 t1');
  t.notMatch(failed('camera-busy', 30_000).send(RELAYS).join(), 'open');
  t.end();
});

t.test('a camera that restarted is dialled again at once, whichever sign comes first', (t) => {
  const stallFirst = reach('live');
  stallFirst.pass(20_000);
  stallFirst.send(OFFLINE);
  stallFirst.pass(3000);
  stallFirst.ingest('stalled');
  t.equal(stallFirst.media, 'no-picture');
  t.same(stallFirst.send(online('t2')), ['close-session 1', 'open 2 t2', 'lost']);
  t.equal(stallFirst.machine.ingestId, 'run1-1', 'the old ingest carries the track until it is replaced');
  stallFirst.opened();
  t.equal(stallFirst.machine.ingestId, 'run1-2');

  const tunnelFirst = reach('live');
  tunnelFirst.pass(20_000);
  tunnelFirst.send(online('t2'));
  t.same(tunnelFirst.ingest('stalled'), ['close-session 1', 'open 2 t2', 'lost']);

  const socketFirst = reach('live', 'ws');
  socketFirst.pass(20_000);
  socketFirst.send(online('t2'));
  t.same(socketFirst.send({ type: 'session-closed', attempt: 1 }), ['close-session 1', 'open 2 t2', 'lost']);
  t.end();
});

t.test('a flapping tunnel does not become a storm of dials', (t) => {
  const bench = reach('opening');
  let dials = 0;
  for (let n = 2; n < 102; n += 1) {
    dials += bench.send(online(`t${n}`)).filter((action) => action.startsWith('open')).length;
    dials += bench.pass(10).filter((action) => action.startsWith('open')).length;
  }
  t.ok(dials <= 1000 / REDIAL_DISTANCE_MS, `${dials} dials in a second`);
  t.end();
});

t.test('failures back off up to ten seconds, and a proven flow forgets them', (t) => {
  const bench = new Bench();
  bench.send(ready(0), online('t1'), demand(1));
  const waits: number[] = [];
  for (let n = 0; n < 6; n += 1) {
    bench.send({ type: 'failed', attempt: bench.attempt, fault: 'camera-refused', retryAfterMs: null });
    waits.push((bench.machine.nextTickMs() ?? 0) - bench.nowMs);
    bench.pass(waits.at(-1) ?? 0);
    t.equal(bench.phase, 'opening');
  }
  t.same(waits, [500, 1000, 2000, 4000, 5000, 5000], 'half of the full wait, as the jitter is 0');
  bench.opened();
  bench.answered();
  bench.ingest('flowing');
  bench.pass(PROVEN_FLOW_MS);
  bench.ingest('closed');
  t.equal((bench.machine.nextTickMs() ?? 0) - bench.nowMs, 500);
  t.end();
});

t.test('a flow that is too short proves nothing', (t) => {
  const bench = reach('live');
  bench.pass(PROVEN_FLOW_MS - 1);
  bench.ingest('closed');
  bench.pass(500);
  bench.opened();
  bench.answered();
  bench.ingest('flowing');
  bench.ingest('closed');
  t.equal((bench.machine.nextTickMs() ?? 0) - bench.nowMs, 1000);
  t.end();
});

t.test('a camera that asks for time gets it, whoever comes and goes', (t) => {
  const bench = reach('opening');
  bench.send({ type: 'failed', attempt: 1, fault: 'camera-busy', retryAfterMs: 30_000 });
  t.match(bench.machine.media.message, /as many viewers as it can/);
  bench.send(demand(0));
  t.equal(bench.phase, 'idle');
  bench.pass(1000);
  t.notMatch(bench.send(demand(1)).join(), 'open');
  t.notMatch(bench.pass(28_999).join(), 'open');
  t.match(bench.pass(1).join(), 'open 2 t1');
  t.end();
});

t.test('each step has its time limit', (t) => {
  const limits: [Reached, number, string][] = [
    ['opening', OPENING_LIMIT_MS, sentenceOf('camera-timeout')],
    ['connecting', CONNECT_LIMIT_MS, sentenceOf('no-connection')],
    ['starting', FIRST_RTP_LIMIT_MS, sentenceOf('no-picture')],
    ['stalled', STALL_LIMIT_MS, sentenceOf('no-picture')],
  ];
  for (const [phase, limitMs, sentence] of limits) {
    const bench = reach(phase);
    t.notMatch(bench.pass(limitMs - 1).join(), 'close-session', `${phase} waits`);
    t.match(bench.pass(1).join(), 'close-session 1', `${phase} ends`);
    t.equal(bench.machine.media.message, sentence);
  }
  t.end();
});

t.test('a stall that ends by itself is no reason to dial', (t) => {
  const bench = reach('stalled');
  t.equal(bench.media, 'no-picture');
  bench.pass(STALL_LIMIT_MS - 1);
  t.same(bench.ingest('flowing'), ['back']);
  t.same(bench.pass(60_000), []);
  t.end();
});

t.test('after a restart of the daemon a flowing WHEP ingest is adopted', (t) => {
  const bench = new Bench();
  t.same(bench.send(ready(2, { ingestId: 'former-3', state: 'flowing', note: whepNote })), [
    'adopt 1',
    'back',
  ]);
  t.match(bench.actions[0], { note: { location: '/whep/abc', etag: '"e1"' } });
  t.match(bench.machine.media, { state: 'live', producer: 'whep', watching: 2 });
  t.same(bench.send(online('t9')), ['check-session 1 t9'], 'it came back with another tunnel');
  t.same(bench.pass(600_000), [], 'its media never stopped');
  bench.send(demand(0));
  t.same(bench.pass(10_000), ['close-session 1', 'close-ingest former-3']);
  t.end();
});

t.test('an adopted session is checked when the camera has another tunnel by then', (t) => {
  const bench = new Bench();
  bench.send(online('t9'));
  t.same(bench.send(ready(1, { ingestId: 'former-3', state: 'flowing', note: whepNote })), [
    'adopt 1',
    'check-session 1 t9',
    'back',
  ]);
  t.match(bench.send(checked('t9', false)).join(), 'close-session 1,open 2 t9');
  t.end();
});

t.test('an adopted ingest that nobody watches lingers once', (t) => {
  const bench = new Bench();
  bench.send(ready(0, { ingestId: 'former-3', state: 'flowing', note: whepNote }));
  t.same(bench.pass(9999), []);
  t.same(bench.pass(1), ['close-session 1', 'close-ingest former-3']);
  t.end();
});

t.test('after a restart of the daemon a WebSocket ingest is dialled again in the same room', (t) => {
  const bench = new Bench();
  const note = { deviceId: 'd1', producer: 'ws' as const, tunnelId: 'old' };
  bench.send(ready(1, { ingestId: 'former-3', state: 'stalled', note }));
  t.equal(bench.machine.ingestId, 'former-3', 'kept until it is replaced');
  t.same(bench.send(online('t1')), ['open 1 t1', 'lost']);
  t.end();
});

t.test('an adopted session whose camera restarted meanwhile is dialled again', (t) => {
  const bench = new Bench();
  bench.send(online('t9'));
  t.same(bench.send(ready(1, { ingestId: 'former-3', state: 'stalled', note: whepNote })), [
    'adopt 1',
    'close-session 1',
    'open 2 t9',
    'lost',
  ]);
  t.end();
});

t.test('an ingest of this run without a session is not adopted', (t) => {
  const bench = reach('live');
  bench.ingest('stalled');
  bench.pass(STALL_LIMIT_MS);
  t.equal(bench.phase, 'waiting');
  bench.send({ type: 'sfu-lost' });
  const actions = bench.send(ready(1, { ingestId: 'run1-1', state: 'stalled', note: whepNote }));
  t.notMatch(actions.join(), 'adopt');
  t.end();
});

t.test('a restarted SFU gets everything again as soon as viewers are back', (t) => {
  const bench = reach('live');
  bench.pass(60_000);
  t.same(bench.send({ type: 'sfu-lost' }), []);
  t.equal(bench.media, 'reconnecting');
  t.match(bench.machine.media.message, /media service/);
  bench.pass(2000);
  t.same(bench.send(ready(0)), ['close-session 1'], 'the viewers have not resumed yet');
  t.match(bench.send(demand(1)), ['open 2 t1']);
  t.end();
});

t.test('an SFU that stays away is given up', (t) => {
  const bench = reach('live');
  bench.send({ type: 'sfu-lost' });
  t.match(bench.pass(SFU_AWAY_LIMIT_MS).join(), 'close-session 1');
  t.match(bench.machine.media, { state: 'idle', watching: 0, message: null });
  t.equal(bench.machine.nextTickMs(), undefined);
  t.end();
});

t.test('what the SFU says before the answer is reported is not lost', (t) => {
  const early = reach('opening');
  early.opened();
  early.ingest('flowing');
  early.answered();
  t.equal(early.phase, 'live');

  const closed = reach('opening');
  closed.opened();
  t.match(closed.ingest('closed').join(), 'close-session 1');
  t.equal(closed.phase, 'waiting');
  t.end();
});

t.test('the old ingest may end while the new one opens', (t) => {
  const bench = reach('live');
  bench.send({ type: 'session-closed', attempt: 1 });
  bench.pass(500);
  t.equal(bench.phase, 'opening');
  bench.ingest('closed');
  t.equal(bench.phase, 'opening');
  t.equal(bench.machine.ingestId, undefined);
  t.end();
});

t.test('media changes identity only when it changes', (t) => {
  const bench = reach('live');
  const before = bench.machine.media;
  bench.send({ type: 'tick' }, OFFLINE, online('t2'));
  t.equal(bench.machine.media, before);
  bench.send(demand(2));
  t.equal(bench.machine.media.watching, 2);
  t.equal(bench.machine.media.sinceMs, before.sinceMs);
  t.end();
});

// -- Property -------------------------------------------------------------------------------------------

/** Camera and SFU as the machine's actions change them; answers what a real shell would report. */
class World {
  readonly bench: Bench;
  /** Attempts that hold a dial or a session. */
  readonly sessions = new Set<number>();
  /** The room's ingest at the SFU. */
  ingestId: string | undefined;
  pendingIngest: string | undefined;
  told = '';

  constructor(capture: CapturePolicy) {
    this.bench = new Bench(capture);
  }

  do(event: IngestEvent): void {
    this.bench.send();
    for (const action of this.bench.machine.handle(event, this.bench.nowMs)) this.#act(action);
  }

  pass(byMs: number): void {
    const untilMs = this.bench.nowMs + byMs;
    for (let steps = 0; ; steps += 1) {
      if (steps > 1000) throw new Error('the timer spins');
      const next = this.bench.machine.nextTickMs();
      if (next === undefined || next > untilMs) break;
      this.bench.nowMs = Math.max(this.bench.nowMs, next);
      this.do({ type: 'tick' });
    }
    this.bench.nowMs = untilMs;
  }

  #act(action: IngestAction): void {
    switch (action.type) {
      case 'open':
        if (this.sessions.size > 0) throw new Error('a second session was opened');
        this.sessions.add(action.attempt);
        this.pendingIngest = action.ingestId;
        return;
      case 'adopt':
        if (this.sessions.size > 0) throw new Error('a second session was adopted');
        this.sessions.add(action.attempt);
        return;
      case 'check-session':
        if (!this.sessions.has(action.attempt)) throw new Error('checked a session that is not open');
        return;
      case 'close-session':
        if (!this.sessions.delete(action.attempt)) throw new Error('closed a session that is not open');
        this.pendingIngest = undefined;
        return;
      case 'close-ingest':
        if (this.ingestId === action.ingestId) this.ingestId = undefined;
        return;
      case 'source-state':
        this.told = action.message;
    }
  }
}

type Step = { name: string; number: number };

t.test('never two sessions, and everything that was opened is closed', (t) => {
  const stepArbitrary = fc.record({
    name: fc.constantFrom(
      'demand',
      'tunnel-online',
      'tunnel-offline',
      'tunnel-unknown',
      'sfu-lost',
      'relays-restarted',
      'checked',
      'sfu-restarted',
      'sfu-back',
      'opened',
      'answered',
      'failed',
      'session-closed',
      'state',
      'pass',
      'pass-long',
      'capture',
    ),
    number: fc.nat(1000),
  });
  const states: IngestState[] = ['offered', 'connected', 'flowing', 'stalled', 'closed'];
  const step = (world: World, { name, number }: Step): void => {
    const { bench } = world;
    const attempt = bench.attempt;
    const state = states[number % states.length] ?? 'offered';
    switch (name) {
      case 'demand':
        world.do(demand(number % 3));
        return;
      case 'tunnel-online':
        world.do(online(`t${number % 4}`));
        return;
      case 'tunnel-offline':
        world.do(OFFLINE);
        return;
      case 'tunnel-unknown':
        world.do(UNKNOWN);
        return;
      case 'sfu-lost':
        world.do({ type: 'sfu-lost' });
        return;
      case 'relays-restarted':
        world.do(RELAYS);
        return;
      case 'checked':
        world.do({
          type: 'session-checked',
          attempt,
          tunnelId: `t${number % 4}`,
          known: number % 8 > 3,
        });
        return;
      case 'sfu-restarted':
        world.ingestId = undefined;
        world.do({ type: 'sfu-lost' });
        world.do(ready(number % 2));
        return;
      case 'sfu-back': {
        const { ingestId } = world;
        const found =
          ingestId === undefined ? null : { ingestId, state, note: number % 2 === 0 ? whepNote : null };
        if (state === 'closed') world.ingestId = undefined;
        world.do(ready(number % 3, found));
        return;
      }
      case 'opened':
        if (world.pendingIngest !== undefined && bench.phase === 'opening') {
          world.ingestId = world.pendingIngest;
          world.do({ type: 'ingest-opened', attempt });
        }
        return;
      case 'answered':
        if (world.ingestId === world.pendingIngest) {
          world.do({ type: 'answered', attempt, producer: number % 2 === 0 ? 'whep' : 'ws' });
        }
        return;
      case 'failed':
        world.do({ type: 'failed', attempt, fault: 'camera-refused', retryAfterMs: null });
        return;
      case 'session-closed':
        world.do({ type: 'session-closed', attempt });
        return;
      case 'state':
        if (world.ingestId === undefined) return;
        world.do({ type: 'ingest', ingestId: world.ingestId, state });
        if (state === 'closed') world.ingestId = undefined;
        return;
      case 'pass':
        world.pass(number * 10);
        return;
      case 'pass-long':
        world.pass(number * 100);
        return;
      case 'capture':
        world.do({ type: 'capture', capture: number % 5 === 0 ? ALWAYS : ON_DEMAND });
    }
  };
  const agrees = (world: World): void => {
    const { bench, sessions } = world;
    const open = bench.phase === 'opening' || 'session' in bench.machine.phase;
    if (open !== (sessions.size === 1)) throw new Error(`${bench.phase} with ${sessions.size} sessions`);
    if (open && !sessions.has(bench.attempt)) throw new Error('the session is another one');
    const { media } = bench.machine;
    if ((media.state === 'idle' || media.state === 'live') !== (media.message === null)) {
      // "connecting" is the one state that may be without words.
      if (media.state !== 'connecting') throw new Error(`${media.state} says ${String(media.message)}`);
    }
  };
  fc.assert(
    fc.property(fc.boolean(), fc.array(stepArbitrary, { maxLength: 60 }), (always, steps) => {
      const world = new World(always ? ALWAYS : ON_DEMAND);
      for (const one of steps) {
        step(world, one);
        agrees(world);
      }
      // Nobody watches any more, and the SFU is there: all must be let go within the linger.
      world.do({ type: 'capture', capture: ON_DEMAND });
      world.do(
        ready(
          0,
          world.ingestId === undefined ? null : { ingestId: world.ingestId, state: 'flowing', note: null },
        ),
      );
      world.do(demand(0));
      world.pass(10_000);
      agrees(world);
      if (world.sessions.size > 0 || world.ingestId !== undefined) throw new Error('something stayed open');
      if (world.bench.machine.nextTickMs() !== undefined) throw new Error('a timer stayed');
      // And whatever came before, a picture that flows ends every complaint.
      world.do(online('good'));
      world.do(demand(1));
      world.pass(1000);
      world.ingestId = world.pendingIngest;
      world.do({ type: 'ingest-opened', attempt: world.bench.attempt });
      world.do({ type: 'answered', attempt: world.bench.attempt, producer: 'whep' });
      world.do({ type: 'ingest', ingestId: world.ingestId ?? 'none', state: 'flowing' });
      if (world.bench.media !== 'live') throw new Error(`${world.bench.media} at the end`);
      if (world.told !== '') throw new Error('the room still thinks its source is lost');
    }),
    { numRuns: 2000 },
  );
  fc.assert(
    fc.property(fc.array(stepArbitrary, { maxLength: 60 }), (steps) => {
      const world = new World(ON_DEMAND);
      for (const one of steps) step(world, one);
      world.do({ type: 'remove' });
      if (world.sessions.size > 0) throw new Error('a session outlived the camera');
      if (world.bench.machine.nextTickMs() !== undefined) throw new Error('a timer outlived the camera');
    }),
    { numRuns: 500 },
  );
  t.end();
});
