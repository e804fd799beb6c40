/**
 * coturn's client tools as an oracle: a table of rows against our TURN process, three times each, and against
 * coturn's own server. The client's exit code says little, so its totals are read; a row that fails on both
 * servers is the client's fault and reported as such.
 */
import t from 'tap';
import { DEFAULT_TURN_LIMITS } from '../../contract/turn-config.ts';
import { issueV1Credential } from '../../credentials/turn-v1.ts';
import { loadDtlsEngine } from '../../turn/server/dtls/openssl-engine.ts';
import { runTool, startEcho, startTurnserver, withTools, type Run, type Target } from '../helpers/coturn.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { testCertificate } from '../helpers/turn-certificate.ts';
import { freePort, startTurn, TEST_SECRET } from '../helpers/turn-client.ts';

t.setTimeout(280_000);

const OURS = '127.0.37.1';
const RELAY = '127.0.37.2';
const PEER = '127.0.37.3';
const COTURN = '127.0.37.4';
/** Another service of ours: TCP is relayed where the relay is public. */
const PUBLIC = '127.0.41.20';
const PUBLIC_RELAY = '127.0.41.21';
const DERIVED_KEY = 'ab'.repeat(32);
const MESSAGES = 10;
const CLIENTS = 2;
const REPEATS = 3;
/** The client mostly waits between its packets. */
const AT_ONCE = 24;
/** Where the addon cannot be built, DTLS is off, and a run under CI has to say so. */
const HAS_DTLS = process.env['CI'] === 'true' || 'engine' in loadDtlsEngine();

type Family = 'v4' | 'v6';
type Row = {
  name: string;
  flags: readonly string[];
  /** Family of the server's address. */
  control: Family;
  /** Family of the peer's; the control connection's unless named. */
  peer?: Family;
  transport?: 'tls' | 'dtls';
  /** Messages of the whole row. */
  messages?: number;
  /** Those that come back, where not all do. */
  back?: number;
  /** Against the public relay. */
  tcpRelay?: true;
};

const ALL = MESSAGES * CLIENTS;

/** The same flags on both families; `-x` asks for a relayed address of IPv6. */
function both(name: string, flags: readonly string[], more: Partial<Row> = {}): Row[] {
  return [
    { name: `${name}, v4`, flags, control: 'v4', ...more },
    { name: `${name}, v6`, flags: ['-x', ...flags], control: 'v6', ...more },
  ];
}

/**
 * RFC 6062. On a data connection the client reads at most `-l` bytes of an answer, 100 by itself; with a nonce
 * cookie and PASSWORD-ALGORITHMS a challenge is longer. With -P it counts half of the messages as lost.
 */
function overTcp(name: string, flags: readonly string[], more: Partial<Row> = {}): Row[] {
  return both(`TCP relay, ${name}`, [...flags, '-l', '200'], { tcpRelay: true, ...more });
}

const ROWS: readonly Row[] = [
  ...overTcp('tcp', ['-T']),
  ...overTcp('tls', ['-T', '-S'], { transport: 'tls' }),
  ...overTcp('passive', ['-P'], { back: ALL / 2 }),
  ...both('udp, channels', ['-c']),
  ...both('udp, send', ['-c', '-s']),
  ...both('udp, even ports and RTCP', []),
  ...both('udp, odd length', ['-c', '-l', '101']),
  ...both('tcp, channels', ['-t', '-c']),
  ...both('tcp, send', ['-t', '-c', '-s']),
  ...both('tcp, even ports and RTCP', ['-t']),
  ...both('tcp, odd length', ['-t', '-c', '-l', '101']),
  ...both('tls, channels', ['-t', '-S', '-c'], { transport: 'tls' }),
  ...both('tls, send', ['-t', '-S', '-c', '-s'], { transport: 'tls' }),
  ...both('dtls, channels', ['-S', '-c'], { transport: 'dtls' }),
  ...both('dtls, send', ['-S', '-c', '-s'], { transport: 'dtls' }),
  ...both('udp, client to client', ['-y'], { messages: 2 * ALL }),
  ...both('tcp, client to client', ['-t', '-y'], { messages: 2 * ALL }),
  { name: 'udp, v4 to v6', flags: ['-c', '-x'], control: 'v4', peer: 'v6' },
  { name: 'udp, v6 to v4', flags: ['-c', '-X'], control: 'v6', peer: 'v4' },
  { name: 'tcp, v4 to v6', flags: ['-t', '-c', '-x'], control: 'v4', peer: 'v6' },
  { name: 'tcp, v6 to v4', flags: ['-t', '-c', '-X'], control: 'v6', peer: 'v4' },
  { name: 'udp, dual allocation, peer v4', flags: ['-Z'], control: 'v4' },
  { name: 'udp, dual allocation, peer v6', flags: ['-Z'], control: 'v4', peer: 'v6' },
  { name: 'tcp, dual allocation', flags: ['-t', '-Z'], control: 'v4' },
  { name: 'udp, mobility', flags: ['-c', '-M'], control: 'v4' },
  { name: 'udp, DONT-FRAGMENT', flags: ['-c', '-g'], control: 'v4' },
  { name: 'udp, padding', flags: ['-c', '-D'], control: 'v4' },
  { name: 'udp, more requests', flags: ['-c', '-G'], control: 'v4' },
  { name: 'udp, random disconnect', flags: ['-c', '-B'], control: 'v4' },
];

withTools(t, 'turnutils_stunclient', ['turnutils_stunclient'], async (t) => {
  const port = await freePort(OURS, '::1');
  const turn = await startTurn(t, {
    address: OURS,
    config: { listeners: [OURS, '::1'].map((address) => ({ transport: 'udp', address, port })) },
  });
  for (const [address, reflexive] of [
    [OURS, /UDP reflexive addr: 127\.0\.0\.1:\d+/],
    ['::1', /UDP reflexive addr: \[?::1\]?:\d+/],
  ] as const) {
    const { code, output } = await runTool('turnutils_stunclient', ['-p', String(port), address]);
    t.equal(code, 0, address);
    t.match(output, reflexive);
  }
  t.equal(await turn.stop(), 0);
});

withTools(t, 'turnutils_uclient', ['turnutils_uclient', 'turnutils_peer', 'turnserver'], async (t) => {
  const dir = tempDir(t);
  const certificate = await testCertificate(t, 'turnkeep.test');
  const peerPort = await startEcho(t, [PEER, '::1']);
  const ours: Target = {
    v4: OURS,
    v6: '::1',
    port: await freePort(OURS, '::1'),
    tlsPort: await freePort(OURS, '::1'),
  };
  const relay = { addresses: [RELAY, '::1'], minPort: 52_600, maxPort: 53_399 };
  const turn = await startTurn(t, {
    address: OURS,
    config: {
      listeners: [OURS, '::1'].flatMap((address) => [
        { transport: 'udp', address, port: ours.port },
        { transport: 'tcp', address, port: ours.port },
        { transport: 'tls', address, port: ours.tlsPort },
        ...(HAS_DTLS ? [{ transport: 'dtls' as const, address, port: ours.tlsPort }] : []),
      ]),
      certificate,
      relay,
      rfc5766Channels: true,
      derived: {
        endpoint: 'demo-proj',
        keys: [
          { kind: 'pat', subject: '0a1b2c3d', key: DERIVED_KEY },
          { kind: 'app', subject: 'client-1', key: DERIVED_KEY },
        ],
      },
      // All rows are one user.
      limits: {
        ...DEFAULT_TURN_LIMITS,
        ...{ allocationsPerUser: 700, allocationsPerSubject: 700, connectionsPerAddress: 512 },
        ...{ permissionsPerUser: 5600, permissionsPerSubject: 5600 },
        ...{ channelsPerUser: 5600, channelsPerSubject: 5600 },
      },
      // The client also binds the next port, for RTCP; with -y two clients of a relay talk to each other.
      peers: {
        scope: 'sfu',
        allow: [
          ...[PEER, '::1'].map((address) => ({ address, minPort: peerPort, maxPort: peerPort + 1 })),
          ...relay.addresses.map((address) => ({ ...relay, address })),
        ].map(({ address, minPort, maxPort }) => ({ address, minPort, maxPort })),
      },
    },
  });
  const publicTarget: Target = {
    v4: PUBLIC,
    v6: '::1',
    port: await freePort(PUBLIC, '::1'),
    tlsPort: await freePort(PUBLIC, '::1'),
  };
  const publicBlock = { minPort: 54_300, maxPort: 54_399 };
  const publicTurn = await startTurn(t, {
    address: PUBLIC,
    config: {
      listeners: [PUBLIC, '::1'].flatMap((address) => [
        { transport: 'tcp', address, port: publicTarget.port },
        { transport: 'tls', address, port: publicTarget.tlsPort },
      ]),
      certificate,
      relay: { addresses: [PUBLIC_RELAY, '::1'], ...publicBlock },
      rfc5766Channels: true,
      limits: { ...turn.config.limits, dataConnectionsPerUser: 512, dataConnectionsPerSubject: 512 },
      // The two ends of a row are relayed addresses; with -P the client itself is the peer that connects.
      peers: {
        scope: 'public',
        allow: [PUBLIC_RELAY, '127.0.0.1', '::1'].map((address) => ({
          address,
          minPort: 1,
          maxPort: 65_535,
        })),
      },
    },
  });
  const theirs = await startTurnserver(t, {
    ...{ address: COTURN, secret: TEST_SECRET, realm: turn.config.realm, dir, ...certificate },
    ...{ minPort: 53_500, maxPort: 54_299 },
  });

  const uclient = (target: Target, row: Row, secret = TEST_SECRET): Promise<Run> =>
    runTool('turnutils_uclient', [
      ...[...row.flags, '-u', turn.config.namespace, '-W', secret],
      ...['-p', String(row.transport === undefined ? target.port : target.tlsPort)],
      ...['-e', (row.peer ?? row.control) === 'v4' ? PEER : '::1', '-r', String(peerPort)],
      ...['-n', String(MESSAGES), '-m', String(CLIENTS), target[row.control]],
    ]);

  const rows = ROWS.filter(({ transport }) => transport !== 'dtls' || HAS_DTLS);
  const runs = rows.flatMap((row) => [
    ...Array.from({ length: REPEATS }, () => ({ row, server: 'ours' as const, fault: '' })),
    { row, server: 'coturn' as const, fault: '' },
  ]);
  const queue = [...runs];
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let run = queue.shift(); run !== undefined; run = queue.shift()) {
        const here = run.row.tcpRelay === true ? publicTarget : ours;
        run.fault = faultOf(run.row, await uclient(run.server === 'ours' ? here : theirs, run.row));
      }
    }),
  );
  for (const row of rows) {
    const faults = (server: 'ours' | 'coturn'): string[] =>
      runs
        .filter((run) => run.row === row && run.server === server && run.fault !== '')
        .map((one) => one.fault);
    const [here, there] = [faults('ours'), faults('coturn')];
    if (here.length > 0 && there.length > 0) {
      t.pass(`${row.name}: fails on coturn too, so it is the client's fault`);
      t.comment(`${row.name}: ${here[0] ?? ''}; on coturn: ${there[0] ?? ''}`);
    } else {
      t.same(here, [], `${row.name}, ${REPEATS} times`);
      if (there.length > 0) t.comment(`${row.name} fails on coturn only: ${there[0] ?? ''}`);
    }
  }

  for (const [kind, subject] of [
    ['pat', '0a1b2c3d'],
    ['app', 'client-1'],
  ] as const) {
    await t.test(`a derived credential, ${kind}`, async (t) => {
      const key = Buffer.from(DERIVED_KEY, 'hex');
      const issued = issueV1Credential({ key, kind, endpoint: 'demo-proj', subject, nowMs: Date.now() });
      const withPassword = (password: string): Promise<Run> =>
        runTool('turnutils_uclient', [
          ...['-c', '-u', issued.username, '-w', password, '-p', String(ours.port)],
          ...['-e', PEER, '-r', String(peerPort), '-n', String(MESSAGES), '-m', String(CLIENTS), ours.v4],
        ]);
      t.equal(faultOf(ROWS[0]!, await withPassword(issued.password)), '');
      t.match((await withPassword('wrong')).output, /Cannot complete Allocation/);
    });
  }
  await t.test('a wrong secret is rejected', async (t) => {
    const { code, output } = await uclient(ours, ROWS[0]!, 'a secret of somebody else');
    t.not(code, 0);
    t.not(code, 124, 'and not by silence');
    t.match(output, /Cannot complete Allocation/);
  });
  // Some of its modes end without Refresh(0); over TCP the end of the connection is as good.
  for (const one of [turn, publicTurn]) {
    const { items } = await one.control.call('sessions', { limit: 1000 });
    t.same(
      items.filter(({ transport }) => transport === 'tcp' || transport === 'tls'),
      [],
      'no allocation outlives its connection',
    );
    t.equal(await one.stop(), 0);
  }
});

/** What a run lacks, in words; empty when all came back. */
function faultOf(row: Row, { code, output }: Run): string {
  const [, sent, received] = [...output.matchAll(/tot_send_msgs=(\d+), tot_recv_msgs=(\d+)/g)].at(-1) ?? [];
  const lost = /Total lost packets (\d+)/.exec(output)?.[1];
  const wanted = row.messages ?? ALL;
  const back = row.back ?? wanted;
  const complete = sent === String(wanted) && received === String(back) && lost === String(wanted - back);
  if (code === 0 && complete) return '';
  const totals = `sent ${sent ?? '-'}, received ${received ?? '-'} of ${wanted}, lost ${lost ?? '-'}`;
  return `exit code ${code}, ${totals}: ${output.slice(-300)}`;
}
