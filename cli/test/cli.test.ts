/** The command line against the real API on a unix socket, with fakes behind it. */
import { mkdtempSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import t, { type Test } from 'tap';
import { apiBench } from '../../daemon/test/helpers/api-bench.ts';
import { findSocket } from '../api-client.ts';
import { run } from '../program.ts';

const socketIn = (): string => join(mkdtempSync(join(tmpdir(), 'tk-cli-')), 'daemon.sock');

async function setUp(t: Test) {
  const bench = await apiBench(t);
  const socket = socketIn();
  await bench.local.listen({ path: socket });
  return { bench, cli: runner(socket), socket };
}

function runner(socket: string) {
  return async (...argv: string[]) => {
    let out = '';
    let err = '';
    const streams = {
      out: (text: string) => {
        out += text;
      },
      err: (text: string) => {
        err += text;
      },
    };
    const code = await run(argv, streams, { TURNKEEP_SOCKET: socket });
    return { code, out, err };
  };
}

void t.test('namespaces: create, list, delete, and conflict is exit code 4', async (t) => {
  const { cli } = await setUp(t);
  t.match(await cli('namespace', 'create', 'shop'), {
    code: 0,
    out: /Namespace shop created\. Next: .*enable webrtc/,
  });
  t.match(await cli('namespace', 'create', 'shop'), { code: 4, out: '', err: /already/ });
  t.match(await cli('namespace', 'create', 'Shop'), { code: 2, err: /^name: a namespace name has/ });
  const { out } = await cli('namespace', 'list');
  t.match(out, /^NAME +WEBRTC +CREATED\na +disabled .*\nb +disabled .*\nshop +disabled /);
  t.match(await cli('namespace', 'delete', 'shop'), { code: 0, out: 'Namespace shop deleted.\n' });
  t.match(await cli('namespace', 'delete', 'shop'), { code: 1, err: /There is no namespace shop/ });
});

void t.test('enable follows the operation to its end', async (t) => {
  const { bench, cli } = await setUp(t);
  const running = cli('namespace', 'enable', 'webrtc', '--namespace', 'a', '--turn-port', '3490');
  while (bench.namespaces.running.size === 0) await new Promise((resolve) => setImmediate(resolve));
  const step = { id: 'ports', label: 'Claim the ports', note: 'TURN 3490' };
  bench.namespaces.progress('op-1', {
    state: 'succeeded',
    steps: [{ ...step, state: 'done', durationMs: 1234 }],
  });
  t.match(await running, {
    code: 0,
    out: 'Enabling WebRTC for a\n  ✓ Claim the ports  1.2 s  (TURN 3490)\nWebRTC is enabled for a.\n',
  });
});

void t.test('a failed operation says why and exits 1', async (t) => {
  const { bench, cli } = await setUp(t);
  const running = cli('namespace', 'disable', 'webrtc', '-n', 'a');
  while (bench.namespaces.running.size === 0) await new Promise((resolve) => setImmediate(resolve));
  bench.namespaces.progress('op-1', {
    state: 'failed',
    steps: [{ id: 'stop-sfu', label: 'Stop the SFU service', state: 'failed', durationMs: 5, note: null }],
    error: { code: 'operation_failed', message: 'It does not end.' },
  });
  t.match(await running, {
    code: 1,
    out: /✗ Stop the SFU service {2}5 ms\nIt does not end\. .*finish it: turnkeep namespace disable webrtc --namespace a\n$/,
  });
});

for (const [left, said] of [
  ['undone', 'Port 3478 is taken. Everything it had done was undone.\n'],
  ['done', 'Port 3478 is taken.\n'],
] as const) {
  void t.test(`an enable that failed with its first step ${left}`, async (t) => {
    const { bench, cli } = await setUp(t);
    const running = cli('namespace', 'enable', 'webrtc', '-n', 'a');
    while (bench.namespaces.running.size === 0) await new Promise((resolve) => setImmediate(resolve));
    bench.namespaces.progress('op-1', {
      state: 'failed',
      steps: [{ id: 'ports', label: 'Claim the ports', state: left, durationMs: 5, note: null }],
      error: { code: 'port_taken', message: 'Port 3478 is taken.' },
    });
    const { code, out } = await running;
    t.strictSame([code, out.endsWith(`\n${said}`)], [1, true], out);
  });
}

void t.test('--dry-run prints the plan, --no-wait returns at once', async (t) => {
  const { bench, cli } = await setUp(t);
  t.match(await cli('namespace', 'enable', 'webrtc', '-n', 'a', '--dry-run'), {
    code: 0,
    out: ' 1. Claim the ports  (TURN port 3478.)\n',
  });
  t.match(await cli('namespace', 'disable', 'webrtc', '-n', 'a', '--dry-run'), {
    code: 0,
    out: ' 1. Stop the SFU service\n',
  });
  t.equal(bench.namespaces.running.size, 0);
  const enable = ['namespace', 'enable', 'webrtc', '-n', 'a', '--no-wait'];
  t.match(await cli(...enable, '--relay', 'anywhere'), { code: 2, err: /sfu, public/ });
  t.match(await cli(...enable, '--relay', 'public'), { code: 0, out: /op-1/ });
  t.match(bench.namespaces.enableAsked, { relay: 'public' });
  t.match(await cli('namespace', 'webrtc-status', '-n', 'a'), { code: 0, out: /TURN +not there/ });
  const before = await bench.namespaces.status('a');
  const withWorkers = {
    ...before,
    workers: [
      { index: 0, pid: 71, rooms: 2, subscriptions: 5, restarts: 0 },
      { index: 1, pid: null, rooms: 0, subscriptions: 0, restarts: 3 },
    ],
  };
  bench.namespaces.status = () => Promise.resolve(withWorkers);
  const { out } = await cli('namespace', 'webrtc-status', '-n', 'a');
  t.match(out, /SFU workers +0: rooms 2, subscriptions 5, restarts 0 +\(pid 71\)/);
  t.match(out, /1: rooms 0, subscriptions 0, restarts 3 +\(being started again\)/);
});

void t.test('cameras: add prints the secret once; list, rotate and remove by name or id', async (t) => {
  const { bench, cli } = await setUp(t);
  const added = await cli('camera', 'add', 'Loading dock', '-n', 'a', '--linger', '60');
  t.match(added, { code: 0, out: /DEVICE_SECRET=dev_/ });
  t.strictSame(bench.cameras.get('cam-1').capture, { mode: 'on-demand', lingerSeconds: 60 });
  const { out } = await cli('camera', 'list', '--namespace', 'a');
  t.match(out, /NAME.*\nLoading dock +a +offline +idle +0 +never +cam-1/);
  t.notMatch(out, 'dev_cam');
  t.match(await cli('camera', 'rotate', 'cam-1'), { code: 0, out: /New secret of Loading dock/ });
  await cli('camera', 'add', 'Loading dock', '-n', 'b');
  t.match(await cli('camera', 'remove', 'Loading dock'), { code: 4, err: /a cam-1, b cam-2/ });
  t.match(await cli('camera', 'remove', 'Loading dock', '-n', 'b'), { code: 0 });
  t.match(await cli('camera', 'remove', 'nothing'), { code: 1, err: /There is no camera nothing/ });
  t.match(await cli('camera', 'add', 'x', '-n', 'a', '--always', '--linger', '1'), {
    code: 2,
    err: /exclude/,
  });
});

void t.test('rooms: create, list, show, close', async (t) => {
  const { bench, cli } = await setUp(t);
  t.match(await cli('room', 'list', '-n', 'a'), { code: 0, out: 'No room is open.\n' });
  t.match(await cli('room', 'create', 'lobby', '-n', 'a', '--keep'), { out: 'Room lobby is open.\n' });
  t.match(bench.namespaces.rooms.open.get('lobby'), { settings: { emptyTimeoutSeconds: null } });
  t.match(await cli('room', 'create', 'lobby', '-n', 'a'), { code: 4, err: /already/ });
  t.match(await cli('room', 'create', '-n', 'a', '--keep', '--empty-timeout', '9'), { code: 2 });
  t.match(await cli('room', 'create', '-n', 'a', '--empty-timeout', '1'), {
    code: 2,
    err: /--empty-timeout.*from 5 to 86400/,
  });
  const track = {
    ...{ trackId: 't_1', roomId: 'lobby', participantId: 'p_1', identity: 'ada', kind: 'video' as const },
    ...{ source: 'camera' as const, mimeType: 'video/VP8', fmtp: '', muted: false, watchers: 2 },
    bitsPerSecond: 2_600_000,
    problem: 'The camera sends B-frames.',
    encodings: ['lo', 'hi'].map((rid) => ({
      ...{ rid, bitsPerSecond: 1_300_000, framesPerSecond: 29.97, width: 640, height: 360 },
      ...{ keyFrameIntervalMs: null, packetsLost: 0, packetsRecovered: 0, lastPacketAtMs: 1 },
    })),
  };
  bench.namespaces.rooms.open.get('lobby')!.participants.push({
    ...{ participantId: 'p_1', identity: 'ada', name: 'Ada', kind: 'session', may: [], joinedAtMs: 1 },
    ...{ connected: true, tracks: [track], subscriptions: 3 },
  });
  t.match(await cli('room', 'list', '-n', 'a'), { out: /lobby +1 +1 +1 +2\.60 Mbit\/s +3 / });
  const { out } = await cli('room', 'show', 'lobby', '-n', 'a');
  t.match(out, /p_1 +ada +session +yes +1 +3\n/);
  t.match(out, /t_1: The camera sends B-frames\./);
  t.match(out, /t_1 +ada +camera +video\/VP8 +lo +640x360 +30 fps +1\.30 Mbit\/s +2 +on/);
  t.match(await cli('room', 'why', 'lobby', '-n', 'a'), { out: /Nobody watches/ });
  bench.namespaces.rooms.viewing = [
    {
      ...{ participantId: 'p_1', identity: 'ada', figures: {} },
      sent: {
        t_1: {
          ...{ packets: 900, bytes: 1_000_000, nacksReceived: 12, retransmitted: 11, nacksUnanswerable: 1 },
          ...{ plisReceived: 1, framesSpared: 0, layerSwitches: 0, rid: null, height: 360 },
          ...{ roundTripMs: 48.4, fractionLost: 0.0125 },
        },
      },
      timelines: [
        {
          ...{ trackId: 't_1', kind: 'video', missing: 'allocation', sentence: 'It has no relay.' },
          steps: [
            { id: 'credential', done: true, atMs: 1000 },
            { id: 'allocation', done: false, atMs: null },
          ],
        },
      ],
    },
  ];
  t.equal(
    (await cli('room', 'why', 'lobby', '-n', 'a')).out,
    [
      'ada (p_1), track t_1',
      '  ✓ credential  +0 ms',
      '  · relay',
      '  900 packets sent, 12 asked for again (NACK), 11 sent again, 1 key frames asked for (PLI), 1.3 % lost, round trip 48 ms',
      '  It has no relay.\n',
    ].join('\n'),
  );
  const kicked = await cli('room', 'kick', 'lobby', 'p_1', '-n', 'a', '--for', '60', '--reason', 'Quiet.');
  t.match(kicked, { code: 0, out: '1 participant sent away.\n' });
  t.match(await cli('room', 'kick', 'lobby', 'p_1', '-n', 'a', '--for', 'ever'), { code: 2 });
  t.match(await cli('room', 'mute', 'lobby', 'p_1', '-n', 'a', '--audio'), { out: '1 track is muted.\n' });
  t.match(await cli('room', 'unmute', 'lobby', 'p_1', '-n', 'a'), {
    out: '1 track is not muted any more.\n',
  });
  t.strictSame(bench.namespaces.rooms.asked, [
    { participantId: 'p_1', reason: 'Quiet.', forSeconds: 60 },
    { participantId: 'p_1', kind: 'audio', muted: true },
    { participantId: 'p_1', muted: false },
  ]);
  t.match(await cli('room', 'close', 'lobby', '-n', 'a'), { code: 0, out: 'Room lobby is closed.\n' });
  t.match(await cli('room', 'show', 'lobby', '-n', 'a'), { code: 1, err: /no room "lobby"/ });
});

void t.test('names from elsewhere cannot drive the terminal', async (t) => {
  const { bench, cli } = await setUp(t);
  const { device } = bench.cameras.create({ name: 'x', namespace: 'a', owner: 'x' });
  bench.cameras.put({ ...device, name: 'evil\u001b[2J\nname' });
  const { out } = await cli('camera', 'list');
  t.match(out, 'evil?[2J?name');
  t.notMatch(out, '\u001b');
});

void t.test('API keys: the key once, the list without it, delete', async (t) => {
  const { bench, cli } = await setUp(t);
  t.match(await cli('key', 'list', '-n', 'a'), { out: /There is no API key of a yet\. Make one: / });
  const { out } = await cli('key', 'create', 'shop', '-n', 'a', '--role', 'operator');
  const [, id = '', key = ''] = /^API key (\S+) \(operator of a\) created\. .*: (\S+)\n$/.exec(out) ?? [];
  t.match(bench.apiKeys.authenticate(key), { id, role: 'operator' });
  const list = await cli('key', 'list', '-n', 'a');
  t.match(list.out, new RegExp(`\nshop +operator +${key.slice(0, 4)}.* ${id}\n`));
  t.notMatch(list.out, key);
  t.match(await cli('key', 'delete', id, '-n', 'b'), { code: 1, err: /b has no API key/ });
  t.match(await cli('key', 'delete', id, '-n', 'a'), { code: 0, out: `API key ${id} of a deleted.\n` });
  t.equal(bench.apiKeys.authenticate(key), undefined);
});

void t.test('users: codes, passwords, create, delete', async (t) => {
  const { bench, cli } = await setUp(t);
  const { out } = await cli('user', 'sign-in-code');
  t.ok(bench.identity.signInWithCode(out.split('\n')[0] ?? '', 'x').token, 'the first line is the code');
  t.match(await cli('user', 'reset-password', 'admin'), { code: 0, out: /shown this once: [0-9A-Z-]{29}\n/ });
  t.match(await cli('user', 'create', 'guard', '--role', 'viewer'), { code: 0 });
  t.match(await cli('user', 'create', 'guard'), { code: 4 });
  t.match(await cli('user', 'create', 'x', '--role', 'king'), { code: 2, err: /Allowed choices/ });
  t.match((await cli('user', 'list')).out, /admin +owner +enabled.*\nguard +viewer +enabled/);
  t.match(await cli('user', 'delete', 'guard'), { code: 0 });
  t.match(await cli('user', 'reset-password', 'guard'), { code: 1, err: /no user guard/ });
});

void t.test("--json is the API's answer unchanged", async (t) => {
  const { bench, cli } = await setUp(t);
  bench.cameras.create({ name: 'x', namespace: 'a', owner: 'x' });
  for (const [argv, url] of [
    [['camera', 'list', '--json'], '/api/devices'],
    [['--json', 'namespace', 'list'], '/v1/namespaces'],
    [['namespace', 'webrtc-status', '-n', 'a', '--json'], '/v1/namespaces/a/webrtc/status'],
  ] as const) {
    const { code, out } = await cli(...argv);
    t.equal(code, 0);
    t.strictSame(JSON.parse(out), (await bench.local.inject(url)).json(), url);
  }
});

void t.test('status: ready or not', async (t) => {
  const { bench, cli } = await setUp(t);
  t.match(await cli('status'), { code: 0, out: /The daemon is ready\.\n\nNAMESPACE/ });
  bench.context.problems = () => ['The database does not open.'];
  t.match(await cli('status'), { code: 1, out: /not ready:\n {2}The database does not open\./ });
});

void t.test('no daemon is exit code 3 with a remedy; wrong usage is 2; help is 0', async (t) => {
  const cli = runner('/nonexistent/daemon.sock');
  t.match(await cli('status'), {
    code: 3,
    out: '',
    err: /cannot be reached at \/nonexistent.*turnkeepd\.ts/,
  });
  const here = socketIn();
  t.match(await cli('status', '--socket', here), { code: 3, err: new RegExp(here) });
  t.match(await cli('namespace', 'enable', 'webrtc'), { code: 2, err: /--namespace/ });
  t.match(await cli('namespace', 'enable', 'tunnel', '-n', 'a'), { code: 2, err: /webrtc/ });
  t.match(await cli('namespace', 'enable', 'webrtc', '-n', 'a', '--turn-port', '0'), {
    code: 2,
    err: /1 to 65535/,
  });
  t.match(await cli('nonsense'), { code: 2 });
  t.match(await cli('camera'), { code: 2 });
  t.match(await cli('--help'), { code: 0, out: /First steps:[^]*Exit codes/ });
  t.match(await cli('namespace', 'enable', '--help'), { code: 0, out: /Examples:[^]*--dry-run/ });
});

void t.test('the socket of an installed server, whether its daemon runs or not', (t) => {
  const among = (...there: string[]) => findSocket(undefined, {}, (path) => there.includes(path));
  const [system, development] = ['/run/turnkeep/turnkeepd.sock', resolve('var/run/turnkeepd.sock')];
  t.equal(among(system, development, '/etc/turnkeep'), system);
  t.equal(among('/etc/turnkeep'), system, 'its folder is gone, or closed to this user');
  t.equal(among('/etc/turnkeep', development), development);
  t.equal(among(), development);
  t.end();
});

void t.test('a daemon that answers nonsense is reported, not believed', async (t) => {
  const server = createServer((_request, response) => response.end('{"items":[{"name":1}]}'));
  const socket = socketIn();
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  t.teardown(() => server.close());
  t.match(await runner(socket)('namespace', 'list'), { code: 1, err: /not understood/ });
});

void t.test('turn: status, sessions, disconnect, credentials and drain', async (t) => {
  const { bench, cli } = await setUp(t);
  const session = (sessionId: string, subject: string) => ({
    sessionId,
    username: `1800000000:a:${subject}`,
    subject,
    transport: 'udp',
    client: '192.0.2.7:1000',
    relayed: ['10.0.0.1:50000'],
    createdAtMs: Date.now(),
    expiresAtMs: Date.now(),
    permissions: ['10.0.0.9'],
    channels: 0,
    relayTransport: 'udp' as const,
    dataConnections: [],
    toPeerBytes: 5,
    toClientBytes: 7,
    toPeerPackets: 1,
    toClientPackets: 1,
  });
  const { turn } = bench.namespaces;
  t.match(await cli('turn', 'sessions', '-n', 'a'), { code: 0, out: 'There is no session.\n' });
  turn.open.set('a', [session('s1', 'alice'), session('s2', 'bob'), session('s3', 'bob')]);
  turn.refused = [
    {
      atMs: 0,
      method: 'CreatePermission',
      code: 403,
      client: '192.0.2.7:1000',
      username: 'a\u001b[2J',
      reason: 'peer-not-allowed',
      sentence: 'peer 10.0.0.5:22 is not an SFU of this namespace',
    },
  ];
  const { out } = await cli('turn', 'status', '--namespace', 'a');
  t.match(
    out,
    /^TURN +The TURN service answers\.\nListeners +udp 127\.0\.0\.1 port 3478\nUDP +packets go one by one.*\nAllocations +3\n/,
  );
  t.match(out, /Drops +no-permission: 2\n +kernel: 3\nRefusals +Allocate 401: 1\n/);
  t.match(out, / a\?\[2J: peer 10\.0\.0\.5:22 is not an SFU of this namespace\n$/);
  t.match(JSON.parse((await cli('turn', 'status', '-n', 'a', '--json')).out), { kernelDrops: 3 });
  t.match(await cli('turn', 'sessions', '-n', 'a', '--limit', '1'), {
    out: /^SESSION .*\ns1 +alice +udp +192\.0\.2\.7:1000 +10\.0\.0\.1:50000 .* 5 B +7 B +10\.0\.0\.9\n2 more/,
  });
  const overTcp = { peer: '192.0.2.9:80', state: 'bound', openedBy: 'client' } as const;
  turn.open.get('a')![2] = { ...session('s3', 'bob'), relayTransport: 'tcp', dataConnections: [overTcp] };
  t.match((await cli('turn', 'sessions', '-n', 'a')).out, /\ns3 .*10\.0\.0\.1:50000 \(tcp, 1\) /);
  t.match(await cli('turn', 'disconnect', '-n', 'a', '--subject', 'bob'), { out: '2 sessions ended.\n' });
  t.match(await cli('turn', 'disconnect', '-n', 'a', '--session', 's1'), { out: '1 session ended.\n' });
  t.match(await cli('turn', 'disconnect', '-n', 'a'), { code: 2, err: /exactly one of/ });
  const both = ['--subject', 'x', '--session', 's1'];
  t.match(await cli('turn', 'disconnect', '-n', 'a', ...both), { code: 2, err: /exactly one of/ });
  t.match(await cli('turn', 'credentials', '-n', 'a', '--subject', 'alice'), {
    out: /^Username +[0-9]+:a:alice\nPassword +p\nValid for +600 s\nURIs +turn:/,
  });
  t.match(await cli('turn', 'drain', '-n', 'a', '--deadline', 'x'), {
    code: 2,
    err: /whole number from 0 to 86400/,
  });
  t.match(await cli('turn', 'drain', '-n', 'a'), { code: 0, out: /takes no new sessions/ });
  t.same(turn.drained, ['a']);
  t.match(await cli('turn', 'status', '-n', 'b'), { code: 4, err: /WebRTC is not enabled for b/ });
});

void t.test('monitor report and ports: a table, or the JSON of the API', async (t) => {
  const { cli } = await setUp(t);
  t.match(await cli('monitor', 'report'), {
    code: 0,
    out: /^NAMESPACE +WEBRTC +SFU +TURN .*\na +disabled +- +- /,
  });
  const { out } = await cli('monitor', 'report', '--json');
  t.match(JSON.parse(out), { intervalMs: 1000, namespaces: [{ namespace: 'a', sfu_up: null, ports: null }] });
  const ports = await cli('ports');
  t.match(ports.out, /TURN relay block +49152-65535 +800 +20 +20\n/);
  t.match(ports.out, /No namespace has ports\. 20 more namespaces fit\./);
  t.match(JSON.parse((await cli('ports', '--json')).out), { freePlaces: 20, namespaces: [] });
});

void t.test('inspect: the findings with their remedies, exit 1 when one fails', async (t) => {
  const { bench, cli } = await setUp(t);
  const well = await cli('inspect');
  t.match(well, { code: 0, out: '\nNothing fails.\n' });
  const finding = {
    check: 'clock',
    subject: 'host',
    severity: 'failure' as const,
    sentence: 'It is behind.',
  };
  bench.context.diagnosis = {
    ...bench.context.diagnosis,
    inspect: () =>
      Promise.resolve({
        at: '2026-01-01T00:00:00.000Z',
        durationMs: 5,
        ok: false,
        findings: [{ ...finding, remedy: 'Set it.' }],
      }),
  };
  t.match(await cli('inspect'), {
    code: 1,
    out: 'FAIL  clock: It is behind.\n      Set it.\n\n1 check fails.\n',
  });
  t.match(JSON.parse((await cli('inspect', '--json')).out), { ok: false, findings: [finding] });
});

void t.test('repair: what was mended, exit 1 when something was not', async (t) => {
  const { bench, cli } = await setUp(t);
  t.match(await cli('repair'), { code: 0, out: 'Everything is as it has to be.\n' });
  const mended = { what: 'dns' as const, subject: 'turn.a.test', found: 'turn.a.test has no address.' };
  bench.namespaces.repairs = [{ ...mended, problem: '' }];
  t.match(await cli('repair'), { code: 0, out: 'mended  dns: turn.a.test has no address.\n' });
  bench.namespaces.repairs = [{ ...mended, problem: 'The DNS server is away.' }];
  t.match(await cli('repair'), {
    code: 1,
    out: 'FAIL    dns: turn.a.test has no address.\n        The DNS server is away.\n',
  });
});

void t.test('doctor: a row for each transport, the sweep, exit 1 when something fails', async (t) => {
  const { bench, cli } = await setUp(t);
  t.match(await cli('doctor'), { code: 0, out: 'No namespace has WebRTC enabled.\n' });
  t.match(await cli('doctor', '--probes', '0'), { code: 2, err: /whole number from 1 to 100/ });
  const way = { namespace: 'a', host: '192.0.2.7', address: '192.0.2.7', port: 3478, steps: [] };
  const asked: object[] = [];
  bench.context.diagnosis = {
    ...bench.context.diagnosis,
    doctor: (request) => {
      asked.push(request);
      const rttMs = { min: 1, average: 2, max: 3 };
      return Promise.resolve({
        at: '2026-01-01T00:00:00.000Z',
        ok: false,
        transports: [
          { ...way, transport: 'udp', ok: true, sentence: null, remedy: null, sent: 7, lost: 1, rttMs },
          {
            ...way,
            transport: 'tcp',
            ok: false,
            sentence: 'Nothing answers.',
            remedy: 'Open it.',
            sent: 0,
            lost: 0,
            rttMs: null,
          },
        ],
        attacks: [{ namespace: 'a', ok: false, tried: 2, refused: 1, open: ['x'], sentence: 'It is open.' }],
        host: [],
      });
    },
  };
  const { code, out } = await cli('doctor', '-n', 'a', '--probes', '7', '--attack');
  t.equal(code, 1);
  t.match(out, /a +udp +192\.0\.2\.7 port 3478 +ok +1\.0 \/ 2\.0 \/ 3\.0 +1 of 7\n/);
  t.match(out, /FAIL +a tcp: Nothing answers\.\n {6}Open it\.\nFAIL +a: It is open\.\n {6}x\n/);
  t.strictSame(asked, [{ namespace: 'a', probes: 7, attack: true }]);
});
