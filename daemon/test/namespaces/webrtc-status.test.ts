import t from 'tap';
import type { SfuStatus, TurnStatus } from '../../contract/control.ts';
import { NO_TURN_ACCESS } from '../../contract/turn-access.ts';
import { serviceView, webrtcState } from '../../namespaces/webrtc-status.ts';
import type { ServiceReport, ServiceState, WebrtcDesire, WebrtcRecord } from '../../namespaces/system.ts';

const report = (state: ServiceState, failure: string | null = null): ServiceReport => ({
  state,
  pid: 7,
  sinceMs: 0,
  restarts: 2,
  failure,
});
const listener = { transport: 'udp', address: '10.0.0.1', port: 3478, open: true };
const turn = (change: Partial<TurnStatus> = {}): TurnStatus => ({
  ready: true,
  draining: false,
  listeners: [listener],
  allocations: 4,
  connections: 0,
  relayed: { toPeerPackets: 0, toPeerBytes: 0, toClientPackets: 0, toClientBytes: 0 },
  drops: {},
  refusals: {},
  kernelDrops: 0,
  limits: [],
  ...change,
});
const sfu: SfuStatus = {
  ready: true,
  draining: false,
  sessions: 3,
  rooms: 1,
  publishers: 1,
  subscriptions: 2,
  forwarded: { packets: 0, bytes: 0 },
  drops: {},
};

t.test('a service is up only when it says so itself', (t) => {
  const cases: [ServiceReport, TurnStatus | null, string, RegExp][] = [
    [report('ready'), turn(), 'up', /answers; 4 allocations/],
    [report('ready'), null, 'unknown', /did not answer in time/],
    [report('starting'), null, 'unknown', /did not answer/],
    [report('stopped'), null, 'down', /does not run/],
    [report('failed', 'It died: EADDRINUSE.'), null, 'down', /EADDRINUSE/],
    [report('waiting', 'It died.'), turn(), 'down', /It died/],
    [report('ready'), turn({ draining: true }), 'down', /takes nobody new/],
    [report('ready'), turn({ ready: false }), 'down', /not ready/],
    [
      report('ready'),
      turn({ listeners: [listener, { ...listener, open: false }] }),
      'down',
      /udp 10\.0\.0\.1 port 3478/,
    ],
    [
      report('ready'),
      turn({
        listeners: [listener, { ...listener, transport: 'dtls', open: false }],
        dtls: 'none',
        dtlsProblem: 'the DTLS addon is not built; run scripts/build-native',
      }),
      'up',
      /4 allocations\. TURN over DTLS is off: .*run scripts\/build-native\.$/,
    ],
  ];
  for (const [state, answer, up, sentence] of cases) {
    t.match(
      serviceView('turn', state, answer),
      { up, sentence, pid: 7, restarts: 2 },
      `${state.state} ${up}`,
    );
  }
  t.match(serviceView('sfu', report('ready'), sfu), { up: 'up', sentence: /3 sessions/ });
  const slow = { identity: 'ada', sinceMs: 1, bitsPerSecond: 300_000, queueMs: 500 };
  const behind = serviceView('sfu', report('ready'), { ...sfu, slowViewers: [slow] });
  t.match(behind, { up: 'up', sentence: /3 sessions, 1 of them a slow viewer/ });
  t.match(serviceView('sfu', { ...report('ready'), sinceMs: null }, sfu), { since: null });
  t.end();
});

t.test('the state of a namespace in one word', (t) => {
  const config = (state: WebrtcDesire): WebrtcRecord => ({
    namespace: 'demo',
    state,
    sealedTurnSecret: 'a',
    turnAccess: NO_TURN_ACCESS,
    sealedTicketKey: 'b',
    ttlSeconds: 600,
    relayScope: 'sfu',
    domain: null,
    createdAtMs: 0,
  });
  const ready = report('ready');
  const base = { config: config('enabled'), running: undefined, broken: false, turn: ready, sfu: ready };
  t.equal(webrtcState(base), 'enabled');
  t.equal(webrtcState({ ...base, sfu: report('waiting') }), 'degraded');
  t.equal(webrtcState({ ...base, running: 'rotate-turn-secret' }), 'enabled');
  t.equal(webrtcState({ ...base, broken: true }), 'degraded');
  t.equal(webrtcState({ ...base, config: undefined }), 'disabled');
  t.equal(webrtcState({ ...base, config: undefined, running: 'enable-webrtc' }), 'enabling');
  t.equal(webrtcState({ ...base, running: 'disable-webrtc' }), 'disabling');
  t.equal(webrtcState({ ...base, config: config('disabling') }), 'degraded');
  t.end();
});
