/**
 * Fuzzes two TURN processes of its own, one as a namespace has it and a public relay with TCP relaying: mutated
 * traffic, signed and not, on every listener and from a peer, and on DTLS both records and what is in them, while
 * honest sessions must keep relaying. A batch after which they do not is written to `corpus/turn/`, whose files are
 * sent first in every run.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { DEFAULT_TURN_LIMITS } from '../../daemon/contract/turn-limits.ts';
import { openDtlsLink } from '../../daemon/test/helpers/dtls-link.ts';
import { testCertificate } from '../../daemon/test/helpers/turn-certificate.ts';
import {
  credential,
  endpoint,
  freePort,
  relayedPort,
  startTurn,
  TestPeer,
  TurnClient,
  type TurnProcess,
} from '../../daemon/test/helpers/turn-client.ts';
import { METHOD } from '../../daemon/turn/codec/attribute-types.ts';
import { channelNumber, lifetime, requestedTransport } from '../../daemon/turn/codec/attributes.ts';
import { buildChannelData } from '../../daemon/turn/codec/channel-data.ts';
import { buildStun } from '../../daemon/turn/codec/stun-message.ts';
import { mutate, seeded } from './mutate.ts';
import { datagrams, sendBy, stream, type Path } from './paths.ts';
import { openTcpRelay } from './tcp-relay.ts';

const ADDRESS = '127.0.37.40';
const RELAY = '127.0.37.41';
const PEER = '127.0.37.42';
const PUBLIC = { address: '127.0.37.43', relay: '127.0.37.44', peer: '127.0.37.45', minPort: 56_300 };
/** What a bucket drops, fuzzes nothing. */
const LIMITS = {
  ...DEFAULT_TURN_LIMITS,
  ...{ strangerRequestsPerSecond: 1e6, unauthorizedAnswersPerSecond: 1e6, handshakeSeconds: 2 },
};
const CORPUS = join(import.meta.dirname, 'corpus/turn');
const BATCH = 64;
const MAX_RSS_GROWTH = 64 * 1024 * 1024;
/** A heap that may not grow shows a leak; with Node's own limit, garbage of closed connections would hide it. */
const SMALL_HEAP = '--max-old-space-size=48';
const CHANNEL = 0x4000;

export type FuzzResult = {
  seed: number;
  inputs: number;
  batches: number;
  rssGrowthMb: number;
  sockets: number;
  /** Inputs by path. Without the addon there are none of DTLS. */
  paths: Record<string, number>;
};

/** @throws when the service ends, stops relaying, grows or keeps sockets; the message names the seed. */
export async function fuzzTurn(options: { seed: number; seconds: number }): Promise<FuzzResult> {
  const { seed, seconds } = options;
  const random = seeded(seed);
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)]!;
  const cleanups: (() => unknown)[] = [];
  const scope = { teardown: (fn: () => unknown) => cleanups.push(fn) };
  try {
    const { turn, tlsPort, dtls } = await startService(scope);
    const peer = await TestPeer.open(scope, PEER);
    const open = (transport: 'udp' | 'tcp' | 'dtls', subject: string): Promise<TurnClient> => {
      const port = transport === 'dtls' ? tlsPort : turn.port;
      return TurnClient.open(scope, { ...turn, port, transport, ...credential({ subject }) });
    };
    const honest = [await open('udp', 'honest'), await open('tcp', 'honest')];
    if (dtls) honest.push(await open('dtls', 'honest'));
    for (const client of honest) {
      assert.equal((await client.allocate()).code, 'success');
      assert.equal((await client.bind(CHANNEL, peer)).code, 'success');
    }
    const tcpRelay = await openTcpRelay(scope, { ...PUBLIC, limits: LIMITS });
    const relays = async (): Promise<void> => {
      for (const [at, client] of honest.entries()) {
        const payload = randomBytes(16);
        client.raw(buildChannelData(CHANNEL, payload, { padded: at === 1 }));
        for (;;) if ((await peer.next(10_000)).bytes.equals(payload)) break;
      }
      await tcpRelay.relays();
    };
    const services = [turn, tcpRelay.turn];
    const target = await open('udp', 'target');
    const relayed = { address: RELAY, port: relayedPort(await target.allocate()) };
    await target.permit(peer);
    const unsigned = (): Buffer[] => messagesOf(target, peer, false);
    const paths: Path[] = [
      { name: 'udp', valid: unsigned, send: (inputs) => datagrams(inputs, turn, PEER) },
      { name: 'tcp', valid: unsigned, send: (inputs) => stream(connect(turn.port, ADDRESS), inputs) },
      {
        name: 'tls',
        valid: unsigned,
        send: (inputs) =>
          stream(connectTls({ host: ADDRESS, port: tlsPort, rejectUnauthorized: false }), inputs),
      },
      { name: 'signed', valid: () => messagesOf(target, peer, true), send: sendBy(target) },
      { name: 'peer', valid: unsigned, send: (inputs) => datagrams(inputs, relayed, PEER) },
      ...tcpRelay.paths,
    ];
    if (dtls) {
      const inside = await open('dtls', 'target');
      assert.equal((await inside.allocate()).code, 'success');
      paths.push(
        { name: 'dtls', valid: () => messagesOf(inside, peer, true), send: sendBy(inside) },
        await dtlsRecords(scope, { address: ADDRESS, port: tlsPort }),
      );
    }
    const kept = readdirSync(CORPUS)
      .filter((file) => file.endsWith('.hex'))
      .map((file) => linesOf(readFileSync(join(CORPUS, file), 'utf8')));
    for (const inputs of kept) for (const { send } of paths) await send(inputs);
    await relays();

    const pids = services.map(({ child }) => child.pid!);
    const before = pids.map(rssOf);
    const sockets = (): number => pids.map(socketsOf).reduce((sum, count) => sum + count);
    tcpRelay.release();
    const socketsBefore = sockets();
    const result: FuzzResult = { seed, inputs: 0, batches: 0, rssGrowthMb: 0, sockets: 0, paths: {} };
    const untilMs = Date.now() + seconds * 1000;
    while (Date.now() < untilMs) {
      const path = pick(paths);
      const valid = await path.valid();
      const inputs = Array.from({ length: BATCH }, () => mutate(pick(valid), random));
      inputs.push(...(path.garbled?.(random) ?? []));
      try {
        await path.send(inputs);
        await relays();
        for (const { child } of services) assert.equal(child.exitCode, null, 'the service ended');
      } catch (cause) {
        const file = join(CORPUS, `${path.name}-${seed}-${result.batches}.hex`);
        writeFileSync(file, `${inputs.map((bytes) => bytes.toString('hex')).join('\n')}\n`);
        throw new Error(`seed ${seed}, batch ${result.batches} on ${path.name}: kept in ${file}`, { cause });
      }
      result.inputs += inputs.length;
      result.batches += 1;
      result.paths[path.name] = (result.paths[path.name] ?? 0) + inputs.length;
    }
    tcpRelay.release();
    const growth = Math.max(...pids.map((pid, at) => rssOf(pid) - before[at]!));
    result.rssGrowthMb = Math.round(growth / 1024 / 1024);
    result.sockets = await settled(() => sockets() - socketsBefore);
    assert.ok(growth < MAX_RSS_GROWTH, `seed ${seed}: RSS grew by ${result.rssGrowthMb} MB`);
    assert.ok(result.sockets <= 0, `seed ${seed}: ${result.sockets} sockets more than before`);
    for (const { stop } of services) assert.equal(await stop(), 0, `seed ${seed}: the service ends cleanly`);
    return result;
  } finally {
    for (const clean of cleanups.reverse()) await clean();
  }
}

async function startService(scope: {
  teardown: (fn: () => unknown) => unknown;
}): Promise<{ turn: TurnProcess; tlsPort: number; dtls: boolean }> {
  const test = { teardown: (fn: () => unknown) => void scope.teardown(fn) };
  const certificate = await testCertificate(test);
  const port = await freePort(ADDRESS);
  const tlsPort = await freePort(ADDRESS);
  const outerOptions = process.env['NODE_OPTIONS'];
  process.env['NODE_OPTIONS'] = SMALL_HEAP;
  test.teardown(() => {
    if (outerOptions === undefined) delete process.env['NODE_OPTIONS'];
    else process.env['NODE_OPTIONS'] = outerOptions;
  });
  const turn = await startTurn(test, {
    address: ADDRESS,
    config: {
      listeners: [
        { transport: 'udp', address: ADDRESS, port },
        { transport: 'tcp', address: ADDRESS, port },
        { transport: 'tls', address: ADDRESS, port: tlsPort },
        { transport: 'dtls', address: ADDRESS, port: tlsPort },
      ],
      limits: LIMITS,
      certificate,
      relay: { addresses: [RELAY], minPort: 56_100, maxPort: 56_299 },
      peers: { scope: 'sfu', allow: [{ address: PEER, minPort: 1, maxPort: 65_535 }] },
    },
  });
  const { dtls } = await turn.control.call('status', {});
  return { turn: { ...turn, port }, tlsPort, dtls: dtls !== undefined && dtls !== 'none' };
}

/** Records of a whole DTLS handshake and of a session: in its name, and from a stranger. */
async function dtlsRecords(
  scope: { teardown: (fn: () => unknown) => unknown },
  to: { address: string; port: number },
): Promise<Path> {
  const link = await openDtlsLink({
    ...to,
    signal: AbortSignal.timeout(20_000),
    onFrame: () => undefined,
    onClosed: () => undefined,
  });
  scope.teardown(() => {
    link.close();
  });
  link.send(buildStun({ class: 'request', method: METHOD.BINDING, transactionId: randomBytes(12) }, []));
  const records = [...link.sent];
  return {
    name: 'dtls-records',
    valid: () => records,
    send: async (inputs) => {
      for (const bytes of inputs) link.sendRaw(bytes);
      await datagrams(inputs, to, PEER);
    },
  };
}

/** Valid traffic to mutate; `signed` by the client whose allocation the mutations may hit. */
function messagesOf(client: TurnClient, peer: TestPeer, signed: boolean): Buffer[] {
  const plain = { class: 'request', method: METHOD.BINDING, transactionId: randomBytes(12) } as const;
  const { session } = client;
  const about = endpoint(peer);
  return [
    buildStun(plain, [], { fingerprint: true }),
    buildStun({ ...plain, method: METHOD.ALLOCATE }, [requestedTransport(17)]),
    buildChannelData(0x4001, randomBytes(40), { padded: true }),
    session.send(about, randomBytes(40)),
    ...(signed
      ? [
          session.request(METHOD.REFRESH, [lifetime(600)]).bytes,
          session.peerRequest(METHOD.CREATE_PERMISSION, about).bytes,
          session.peerRequest(METHOD.CHANNEL_BIND, about, [channelNumber(0x4001)]).bytes,
        ]
      : []),
  ];
}

function linesOf(text: string): Buffer[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => Buffer.from(line, 'hex'));
}

function rssOf(pid: number): number {
  const [, kilobytes] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) * 1024;
}

function socketsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** Closed connections leave a moment later. */
async function settled(count: () => number): Promise<number> {
  for (let attempt = 0; attempt < 100 && count() > 0; attempt += 1) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return count();
}
