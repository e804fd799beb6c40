/** Start, reload, drain and end of the TURN process, and the relay proof against it. */
import { existsSync, writeFileSync } from 'node:fs';
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { DRAINED_EXIT_CODE } from '../../contract/control.ts';
import { probeRelay } from '../../health/relay-probe.ts';
import { attributeOf, buildStun, parseStun } from '../../turn/codec/stun-message.ts';
import { ATTRIBUTE, METHOD } from '../../turn/codec/attribute-types.ts';
import { verifyIntegrity } from '../../turn/codec/message-integrity.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import {
  credential,
  freePort,
  spawnTurn,
  startTurn,
  TestPeer,
  TEST_SECRET,
  turnConfig,
  TurnClient,
  type TurnProcess,
} from '../helpers/turn-client.ts';

const PEER = '127.0.11.42';
const relay = { addresses: ['127.0.11.41'], minPort: 52400, maxPort: 52499 };

// Every process start costs a second or more on a busy machine.
t.setTimeout(170_000);

t.test('SIGTERM leaves nothing', async (t) => {
  const turn = await startTurn(t, { address: '127.0.11.40', config: { relay } });
  const client = await TurnClient.open(t, { transport: 'tcp', ...turn, ...credential() });
  t.equal((await client.allocate()).code, 'success');
  t.equal(await turn.stop('SIGTERM'), 0);
  t.notOk(existsSync(turn.config.controlSocket), 'the control socket is gone');
  await client.untilClosed();
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(turn.port, turn.address, resolve);
  });
  server.close();
});

t.test('an unclean end leaves nothing that hinders the next start', async (t) => {
  const first = await startTurn(t, { address: '127.0.11.40', config: { relay } });
  await first.stop('SIGKILL');
  t.ok(existsSync(first.config.controlSocket));
  const { output, exited, child } = spawnTurn(t, first.configFile);
  await new Promise<void>((resolve) => {
    child.stdout?.on('data', () => {
      if (output().stdout.includes('{"ready":true}')) resolve();
    });
    void exited.then(() => {
      resolve();
    });
  });
  t.match(output().stdout, '{"ready":true}');
  child.kill('SIGINT');
  t.equal(await exited, 0, 'SIGINT is a clean end too');
});

t.test('a start that fails says why in one sentence and leaves nothing', async (t) => {
  const dir = tempDir(t);
  const file = join(dir, 'turn.json');
  const address = '127.0.11.43';
  const port = await freePort(address);
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(port, address, resolve));
  const config = turnConfig({ relay, controlSocket: join(dir, 'c.sock') });
  const on = (transport: 'udp' | 'tcp' | 'dtls', where = address) => ({ transport, address: where, port });
  for (const [name, text, sentence] of [
    [
      'the second listener is taken',
      JSON.stringify({ ...config, listeners: [on('udp'), on('tcp')] }),
      new RegExp(
        `^Cannot listen on tcp ${address}:${port}: another program \\(node turn-lifecycle.test.ts, process ${process.pid}\\) uses this port; stop it, or give the namespace another TURN port\\.\\n$`,
      ),
    ],
    [
      'an address of another host',
      JSON.stringify({ ...config, listeners: [on('udp', '192.0.2.1')] }),
      /^Cannot listen on udp 192\.0\.2\.1:\d+: this host does not have the address; .+\n$/,
    ],
    [
      'DTLS without a certificate',
      JSON.stringify({ ...config, listeners: [on('dtls')] }),
      /a tls or dtls listener needs certFile and keyFile/,
    ],
    ['no JSON', '{', /^Cannot read the TURN configuration .+: it is not JSON\n$/],
    ['an unknown key', JSON.stringify({ ...config, colour: 1 }), /colour/],
    [
      'a control socket that cannot be',
      JSON.stringify({ ...config, listeners: [on('udp')], controlSocket: join(file, 'c.sock') }),
      /^Cannot open the control socket .+\/turn\.json\/c\.sock: .+\n$/,
    ],
  ] as const) {
    writeFileSync(file, text);
    const { output, exited } = spawnTurn(t, file);
    t.equal(await exited, 1, name);
    t.match(output().stderr, sentence, name);
    t.equal(output().stderr.trim().split('\n').length, 1, `${name}: one line`);
    t.notMatch(output().stdout, '{"ready":true}', name);
    t.match(output().stdout, /cannot start/, `${name}: in the log as well`);
    const udp = createSocket('udp4');
    await new Promise<void>((resolve, reject) => {
      udp.once('error', reject);
      udp.bind(port, address, resolve);
    });
    await new Promise<void>((resolve) => udp.close(resolve));
  }
  taken.close();
});

t.test('reload swaps secrets, peers and limits, and refuses what it cannot do', async (t) => {
  const peer = await TestPeer.open(t, PEER);
  const allow = [{ address: PEER, minPort: peer.port, maxPort: peer.port }];
  const turn = await startTurn(t, {
    address: '127.0.11.40',
    config: { relay, peers: { scope: 'sfu', allow } },
  });
  const write = (change: object): void => {
    writeFileSync(turn.configFile, JSON.stringify({ ...turn.config, ...change }));
  };
  const client = await TurnClient.open(t, { transport: 'udp', ...turn, ...credential() });
  await client.allocate();
  await client.permit(peer);
  client.send(peer, Buffer.from('before'));
  t.equal((await peer.next()).bytes.toString(), 'before');

  const secret = 'the next secret of the namespace';
  write({
    secrets: [
      { id: 'second', secret },
      { id: 'first', secret: TEST_SECRET },
    ],
  });
  await turn.control.call('reload', {});
  const allocateWith = async (change: { secret?: string }) => {
    const one = await TurnClient.open(t, { transport: 'udp', ...turn, ...credential(change) });
    const { code } = await one.allocate();
    if (code === 'success') await one.refresh(0);
    return code;
  };
  t.equal(await allocateWith({ secret }), 'success', 'the new one');
  t.equal(await allocateWith({}), 'success', 'and the old one');
  write({ secrets: [{ id: 'second', secret }], peers: { scope: 'sfu', allow: [] } });
  await turn.control.call('reload', {});
  t.equal(await allocateWith({}), 401, 'the old one is over');
  t.equal((await client.refresh(600)).code, 'success', 'but its allocation lives');
  t.equal((await client.permit(peer)).code, 403, 'under the new policy');

  write({ realm: 'another' });
  await t.rejects(turn.control.call('reload', {}), { code: 'conflict', message: /realm/ });
  writeFileSync(turn.configFile, '{');
  await t.rejects(turn.control.call('reload', {}), { code: 'invalid_request' });
  t.equal(await allocateWith({ secret }), 'success', 'it goes on with what it has');
  t.equal(await turn.stop(), 0);
});

t.test('drain ends the process when the last allocation is gone', async (t) => {
  const turn = await startTurn(t, { address: '127.0.11.40', config: { relay } });
  const client = await TurnClient.open(t, { transport: 'udp', ...turn, ...credential() });
  await client.allocate();
  await turn.control.call('drain', { deadlineMs: 600_000 });
  t.match(await turn.control.call('status', {}), { draining: true, ready: false });
  const late = await TurnClient.open(t, { transport: 'udp', ...turn, ...credential() });
  t.equal((await late.allocate()).code, 508);
  const exited = new Promise((resolve) => turn.child.once('close', resolve));
  await client.refresh(0);
  t.equal(await exited, DRAINED_EXIT_CODE);
});

t.test('drain of a service that nobody uses is answered before the process ends', async (t) => {
  const turn = await startTurn(t, { address: '127.0.11.40', config: { relay } });
  const exited = new Promise((resolve) => turn.child.once('close', resolve));
  await turn.control.call('drain', { deadlineMs: 600_000 });
  t.equal(await exited, DRAINED_EXIT_CODE);
});

t.test('drain ends the process at its deadline', async (t) => {
  const turn = await startTurn(t, { address: '127.0.11.40', config: { relay } });
  const client = await TurnClient.open(t, { transport: 'udp', ...turn, ...credential() });
  await client.allocate();
  const exited = new Promise((resolve) => turn.child.once('close', resolve));
  await turn.control.call('drain', { deadlineMs: 100 });
  t.equal(await exited, DRAINED_EXIT_CODE);
});

t.test('it survives the end of whoever reads its output', async (t) => {
  const turn = await startTurn(t, { address: '127.0.11.40', config: { relay } });
  turn.child.stdout?.destroy();
  turn.child.stderr?.destroy();
  turn.control.close();
  for (let count = 0; count < 5; count += 1) {
    const client = await TurnClient.open(t, { transport: 'tcp', ...turn, ...credential() });
    t.equal((await client.allocate()).code, 'success');
    client.close();
  }
  t.equal(turn.child.exitCode, null);
  turn.child.kill('SIGTERM');
  await new Promise((resolve) => turn.child.once('exit', resolve));
  t.equal(turn.child.exitCode, 0);
});

t.test('the relay proof', async (t) => {
  const password = 'the password of the probe';
  const sfu = await TestPeer.open(t, PEER);
  sfu.socket.on('message', (bytes, from) => {
    const request = parseStun(bytes);
    const key = Buffer.from(password);
    const name = request && attributeOf(request, ATTRIBUTE.USERNAME)?.toString();
    if (request?.integrityAt === undefined || !/^probe:[0-9a-f]+$/.test(name ?? '')) return;
    if (!verifyIntegrity(bytes, request.integrityAt, key)) return;
    const header = {
      class: 'success',
      method: METHOD.BINDING,
      transactionId: request.transactionId,
    } as const;
    sfu.send(buildStun(header, [], { key, fingerprint: true }), from);
  });
  const allow = [{ address: PEER, minPort: sfu.port, maxPort: sfu.port }];
  const turn: TurnProcess = await startTurn(t, {
    address: '127.0.11.40',
    config: { relay, peers: { scope: 'sfu', allow } },
  });
  const peer = { address: PEER, port: sfu.port };
  const base = {
    address: turn.address,
    port: turn.port,
    ...credential({ subject: 'probe' }),
    peer,
    probePassword: password,
  };

  for (const transport of ['udp', 'tcp'] as const) {
    const good = await probeRelay({
      ...base,
      transport,
      forbiddenPeer: { address: PEER, port: 22 },
      timeoutMs: 20_000,
    });
    t.equal(good.sentence, null, transport);
    t.same(
      good.steps.map(({ name }) => name),
      ['connect', 'allocate', 'permission', 'forbidden-peer', 'binding', 'release'],
    );
    t.equal(good.relayed?.address, '127.0.11.41');

    const open = await probeRelay({ ...base, transport, forbiddenPeer: peer, timeoutMs: 20_000 });
    t.match(open, { ok: false, sentence: /must refuse the peer .* with 403, but answered success/ });
    const wrong = await probeRelay({ ...base, transport, password: 'no', timeoutMs: 20_000 });
    t.match(wrong, { ok: false, sentence: /401: it does not accept the credential/ });
    const silent = await probeRelay({ ...base, transport, probePassword: 'another', timeoutMs: 1000 });
    t.match(silent, { ok: false, sentence: /did not answer through the relay/ });
    t.match(silent.steps.at(-1), { name: 'release', ok: true }, 'it gives its allocation back even so');
    const outside = await probeRelay({
      ...base,
      transport,
      peer: { address: PEER, port: 9 },
      timeoutMs: 1000,
    });
    t.match(outside.steps.at(-2), { name: 'binding', ok: false });
    const nowhere = await probeRelay({ ...base, transport, address: '127.0.11.49', timeoutMs: 2000 });
    t.match(nowhere, { ok: false, sentence: new RegExp(`${transport} 127\\.0\\.11\\.49:${turn.port}`) });
    const noAddress = await probeRelay({ ...base, transport, peer: { address: 'camera', port: 9 } });
    t.match(noAddress, { ok: false, sentence: /"camera" is not an IP address/ });
  }
  t.equal((await turn.control.call('status', {})).allocations, 0);
  await turn.stop();
});
