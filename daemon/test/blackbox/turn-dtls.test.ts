/** TURN over DTLS 1.2 on real sockets: relaying, the end of a session, strangers, hostile datagrams. */
import { execFile, execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { METHOD } from '../../turn/codec/attribute-types.ts';
import { buildStun, parseStun } from '../../turn/codec/stun-message.ts';
import { openDtlsLink, type DtlsLink } from '../helpers/dtls-link.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { testCertificate } from '../helpers/turn-certificate.ts';
import {
  credential,
  startTurn,
  TestPeer,
  TurnClient,
  turnConfig,
  type TurnProcess,
} from '../helpers/turn-client.ts';

t.setTimeout(170_000);

const RELAY = '127.0.31.21';
const PEER = '127.0.31.22';

async function start(t: Test, address: string, limits = {}): Promise<TurnProcess> {
  const certificate = await testCertificate(t);
  return startTurn(t, {
    address,
    transports: ['dtls'],
    config: {
      certificate,
      relay: { addresses: [RELAY], minPort: 54_000, maxPort: 54_100 },
      peers: { scope: 'sfu', allow: [{ address: PEER, minPort: 1, maxPort: 65_535 }] },
      limits: { ...turnConfig().limits, ...limits },
    },
  });
}

const client = (t: Test, { address, port }: TurnProcess): Promise<TurnClient> =>
  TurnClient.open(t, { transport: 'dtls', address, port, ...credential() });

const drops = async (turn: TurnProcess): Promise<Record<string, number>> =>
  (await turn.control.call('status', {})).drops;

/** Waits until the counter has reached a number: datagrams have no order between sockets. */
async function untilDropped(turn: TurnProcess, reason: string, count: number): Promise<void> {
  const untilMs = Date.now() + 20_000;
  while (((await drops(turn))[reason] ?? 0) < count) {
    if (Date.now() > untilMs) throw new Error(`${reason} never reached ${String(count)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A session that answers Binding requests, to see whether it lives. */
async function bindingLink(
  t: Test,
  turn: TurnProcess,
): Promise<DtlsLink & { binding: () => Promise<boolean> }> {
  let onAnswer: ((ok: boolean) => void) | undefined;
  const link = await openDtlsLink({
    address: turn.address,
    port: turn.port,
    signal: AbortSignal.timeout(20_000),
    onFrame: (frame) => onAnswer?.(parseStun(frame)?.class === 'success'),
    onClosed: () => onAnswer?.(false),
  });
  t.teardown(() => {
    link.close();
  });
  return Object.assign(link, {
    binding: () =>
      new Promise<boolean>((resolve) => {
        onAnswer = resolve;
        const transactionId = Buffer.alloc(12, 5);
        link.send(buildStun({ class: 'request', method: METHOD.BINDING, transactionId }, []));
      }),
  });
}

const sclient = (turn: TurnProcess, args: string[]): Promise<string> =>
  new Promise((resolve) => {
    const target = turn.address.includes(':') ? `[${turn.address}]` : turn.address;
    const all = [
      '-k',
      '2',
      '20',
      'openssl',
      's_client',
      '-connect',
      `${target}:${String(turn.port)}`,
      ...args,
    ];
    const child = execFile('timeout', all, (_error, stdout, stderr) => {
      resolve(stdout + stderr);
    });
    child.stdin?.end('Q\n');
  });

for (const [family, address] of [
  ['IPv4', '127.0.31.20'],
  ['IPv6', '::1'],
] as const) {
  t.test('a certificate that DTLS cannot use leaves DTLS off and TLS on', async (t) => {
    const dir = tempDir(t);
    const certificate = { certFile: join(dir, 'cert.pem'), keyFile: join(dir, 'key.pem') };
    const { certFile, keyFile } = certificate;
    const args = ['req', '-x509', '-newkey', 'ed25519', '-nodes', '-days', '2', '-subj', '/CN=dtls.test'];
    execFileSync('openssl', [...args, '-keyout', keyFile, '-out', certFile], { stdio: 'ignore' });
    const turn = await startTurn(t, {
      address: '127.0.42.4',
      transports: ['tls', 'dtls'],
      config: { certificate, relay: { addresses: [RELAY], minPort: 54_000, maxPort: 54_100 } },
    });
    const status = await turn.control.call('status', {});
    t.match(
      status.listeners.map(({ transport, open }) => `${transport} ${String(open)}`),
      ['tls true', 'dtls false'],
    );
    t.match(status, { dtls: 'openssl-addon', dtlsProblem: /handshake.*give it an ECDSA or RSA key/ });
  });

  t.test(`${family}: relays both ways, and ends the allocation with the session`, async (t) => {
    const turn = await start(t, address);
    const peer = await TestPeer.open(t, PEER);
    const one = await client(t, turn);
    t.equal((await one.request(METHOD.BINDING)).code, 'success', 'Binding');
    t.equal((await one.allocate()).code, 'success');
    t.equal((await one.bind(0x4000, peer)).code, 'success');
    for (const length of [0, 1, 1200, 9000]) {
      const payload = Buffer.alloc(length, 0x40);
      const frame = Buffer.concat([Buffer.from([0x40, 0, length >> 8, length & 255]), payload]);
      one.raw(frame);
      const got = await peer.next();
      t.same(got.bytes, payload, `${String(length)} bytes to the peer`);
      peer.send(got.bytes, got);
      t.same(await one.next((bytes) => bytes), frame, `${String(length)} bytes back, without padding`);
    }
    const status = await turn.control.call('status', {});
    t.equal(status.dtls, 'openssl-addon');
    t.match(status.listeners, [{ transport: 'dtls', open: true }]);
    t.equal(status.connections, 1);
    one.close();
    const untilMs = Date.now() + 20_000;
    while ((await turn.control.call('status', {})).allocations > 0 && Date.now() < untilMs);
    const after = await turn.control.call('status', {});
    t.equal(after.allocations, 0, 'close_notify ends the allocation');
    t.equal(after.connections, 0);

    const shown = await sclient(turn, ['-dtls1_2']);
    t.match(shown, /DTLSv1\.2/);
    t.match(shown, /ECDHE-ECDSA-AES\d+-GCM/);
    t.match(
      await sclient(turn, ['-dtls1', '-cipher', 'ALL:@SECLEVEL=0']),
      /alert protocol version/,
      'DTLS 1.0',
    );
    t.match(await sclient(turn, ['-dtls1_2', '-cipher', 'AES128-SHA']), /alert handshake failure/, 'cipher');
    t.equal(await turn.stop(), 0);
  });
}

t.test('without the addon DTLS is off, says why, and everything else serves', async (t) => {
  const address = '127.0.44.20';
  const turn = await startTurn(t, {
    address,
    transports: ['udp', 'tls', 'dtls'],
    config: {
      certificate: await testCertificate(t),
      relay: { addresses: [RELAY], minPort: 54_000, maxPort: 54_100 },
      listeners: [
        { transport: 'udp', address, port: 3478 },
        { transport: 'tls', address, port: 5349 },
        { transport: 'dtls', address, port: 5349 },
      ],
    },
    nodeOptions: ['--no-addons'],
  });
  const status = await turn.control.call('status', {});
  t.match(status, { ready: true, dtls: 'none', dtlsProblem: /DTLS addon.*scripts\/build/ });
  t.same(
    status.listeners.map(({ transport, open }) => `${transport} ${String(open)}`),
    ['udp true', 'tls true', 'dtls false'],
  );
  const client = await TurnClient.open(t, { transport: 'udp', address, port: 3478, ...credential() });
  t.equal((await client.allocate()).code, 'success');
  const free = createSocket('udp4');
  t.teardown(() => free.close());
  await new Promise<void>((resolve, reject) => {
    free.once('error', reject);
    free.bind(5349, address, resolve);
  });
  t.pass('and it holds no port');
  t.equal(await turn.stop(), 0);
});

t.test('a stranger leaves nothing behind', async (t) => {
  const turn = await start(t, '127.0.31.23');
  const honest = await bindingLink(t, turn);
  const hello = honest.sent[0]!;
  const rssKb = (): number =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${String(turn.child.pid)}/status`, 'utf8'))?.[1]);
  const before = rssKb();
  let answers = 0;
  // Each socket is an address that never shows its cookie.
  for (let port = 0; port < 40; port += 1) {
    const socket = createSocket('udp4');
    socket.on('message', (bytes) => {
      answers += 1;
      if (bytes[13] !== 3) t.fail('something else than HelloVerifyRequest');
      if (bytes.length > hello.length) t.fail('a larger answer than the question');
    });
    await new Promise<void>((resolve) => socket.connect(turn.port, turn.address, resolve));
    for (let burst = 0; burst < 10; burst += 1) {
      for (let count = 0; count < 50; count += 1) socket.send(hello);
      await new Promise((resolve) => setImmediate(resolve));
      t.ok(await honest.binding(), 'an honest client is served');
    }
    socket.close();
  }
  t.ok(answers > 1000, `${String(answers)} cookies`);
  const status = await turn.control.call('status', {});
  t.equal(status.connections, 1, 'no state for 20,000 ClientHellos');
  t.ok(rssKb() - before < 20_000, `RSS grew by ${String(rssKb() - before)} KB`);
  t.equal(await turn.stop(), 0);
});

t.test('datagrams of every kind do not end a session or the service', async (t) => {
  const turn = await start(t, '127.0.31.24');
  const link = await bindingLink(t, turn);
  t.ok(await link.binding());
  const [hello] = link.sent;
  const record = link.sent.at(-1)!;

  link.sendRaw(record); // Replayed.
  await untilDropped(turn, 'dtls-record', 1);
  t.ok(await link.binding(), 'a replayed record is dropped');

  for (let count = 0; count < 5; count += 1) link.sendRaw(hello!);
  link.sendRaw(Buffer.from([21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40])); // A fatal alert in the clear.
  link.sendRaw(Buffer.from([21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 1, 0])); // close_notify in the clear.
  t.ok(await link.binding(), 'a ClientHello or an alert in its name changes nothing');

  let seed = 31;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (seed >> 8) % below;
  };
  const stranger = createSocket('udp4');
  await new Promise<void>((resolve) => stranger.connect(turn.port, turn.address, resolve));
  for (let round = 0; round < 3000; round += 1) {
    const source = link.sent[random(link.sent.length)]!;
    let bytes = Buffer.from(source);
    for (let change = random(4); change >= 0; change -= 1) bytes[random(bytes.length)] = random(256);
    if (random(2) === 0) bytes = bytes.subarray(0, random(bytes.length + 1));
    if (random(8) === 0) bytes = Buffer.concat([bytes, source]);
    link.sendRaw(bytes);
    stranger.send(bytes);
    if (round % 100 === 0) t.ok(await link.binding(), `alive after ${String(round)}`);
  }
  stranger.close();
  t.ok(await link.binding());
  t.equal(turn.child.exitCode, null);
  t.equal(await turn.stop(), 0);
});

t.test('a client that starts again from its address takes the place of its old session', async (t) => {
  const turn = await start(t, '127.0.31.25');
  const link = await bindingLink(t, turn);
  t.ok(await link.binding());
  await link.restart();
  t.ok(await link.binding(), 'the new session serves');
  t.equal((await turn.control.call('status', {})).connections, 1, 'the old one is gone');
  t.equal(await turn.stop(), 0);
});

t.test('sessions of one address are bounded', async (t) => {
  const turn = await start(t, '127.0.31.26', { connectionsPerAddress: 3 });
  const links = [await bindingLink(t, turn), await bindingLink(t, turn), await bindingLink(t, turn)];
  const refused = openDtlsLink({
    address: turn.address,
    port: turn.port,
    signal: AbortSignal.timeout(2000),
    onFrame: () => undefined,
    onClosed: () => undefined,
  });
  await t.rejects(refused, /no DTLS handshake/);
  t.ok(((await drops(turn))['connection-limit'] ?? 0) > 0);
  for (const link of links) t.ok(await link.binding());
  t.equal(await turn.stop(), 0);
});
