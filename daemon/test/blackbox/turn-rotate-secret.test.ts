/**
 * `turnkeep turn rotate-secret` on a running appliance: sessions go on, credentials of before open new ones until
 * the older secret ends, and a daemon that is killed in the middle leaves a namespace that works.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { run } from '../../../cli/program.ts';
import type { Operation } from '../../contract/api.ts';
import type { TurnCredentials } from '../../contract/ice.ts';
import { systemClock, type Clock } from '../../kit/clock.ts';
import { buildChannelData, channelOf, isChannelData } from '../../turn/codec/channel-data.ts';
import { Appliance } from '../helpers/appliance.ts';
import { temporaryDirectory } from '../helpers/namespace-directory.ts';
import { ended, realNode } from '../helpers/namespace-real.ts';
import { relayedPort, TestPeer, TurnClient } from '../helpers/turn-client.ts';

t.jobs = 1;
t.setTimeout(170_000);

const CHANNEL = 0x4000;
const DAY_MS = 86_400_000;

type Credentials = Pick<TurnCredentials, 'username' | 'password' | 'uris'>;

/** Where the `udp` URI points to. */
function serverOf({ uris }: Credentials): { address: string; port: number } {
  const [, address = '', port = ''] = /^turn:([^:]+):(\d+)\?transport=udp$/.exec(uris[0] ?? '') ?? [];
  return { address, port: Number(port) };
}

async function codeOf(t: Test, credentials: Credentials): Promise<unknown> {
  const client = await TurnClient.open(t, { transport: 'udp', ...serverOf(credentials), ...credentials });
  const { code } = await client.allocate();
  if (code === 'success') await client.refresh(0);
  client.close();
  return code;
}

/** An allocation with a channel to a peer inside the SFU's media block. */
async function openSession(t: Test, credentials: Credentials, peer: TestPeer) {
  const client = await TurnClient.open(t, { transport: 'udp', ...serverOf(credentials), ...credentials });
  const allocated = await client.allocate();
  t.equal(allocated.code, 'success');
  const relayed = { address: peer.address, port: relayedPort(allocated) };
  t.equal((await client.bind(CHANNEL, peer)).code, 'success');
  return async (when: string): Promise<void> => {
    client.raw(buildChannelData(CHANNEL, Buffer.from(`to ${when}`), { padded: false }));
    t.equal((await peer.next()).bytes.toString(), `to ${when}`);
    peer.send(Buffer.from(`from ${when}`), relayed);
    const back = await client.next((frame) =>
      isChannelData(frame[0]!) && channelOf(frame) === CHANNEL ? frame.subarray(4) : undefined,
    );
    t.equal(back.toString(), `from ${when}`);
    t.equal((await client.refresh(600)).code, 'success', `Refresh ${when}`);
  };
}

t.test('an older secret ends a day later, whoever is in stays in', async (t) => {
  const address = '127.0.43.1';
  const dataDir = temporaryDirectory(t);
  let aheadMs = 0;
  const clock: Clock = { ...systemClock, nowMs: () => systemClock.nowMs() + aheadMs };
  const start = async () => {
    const node = await realNode({ dataDir, address, stopServicesOnExit: false, change: { clock } });
    await node.namespaces.start();
    return node;
  };
  const first = await start();
  t.teardown(async () => {
    for (const kind of ['sfu', 'turn'] as const) await first.services.stop({ kind, namespace: 'demo' });
  });
  first.namespaces.create('demo');
  const started = first.namespaces.enableWebrtc('demo');
  const enabled = await ended(first.namespaces, 'operationId' in started ? started.operationId : '');
  t.match(enabled, { state: 'succeeded' });
  const before = await first.namespaces.status('demo');
  const peer = await TestPeer.open(t, address, before.ports!.sfuMedia.maxPort);
  // By the TURN service's own clock it lives longer than the test turns time on.
  const old = first.namespaces.turnCredentials('demo', { subject: 'u', ttlSeconds: 86_400 });
  const works = await openSession(t, old, peer);
  await works('before');

  const rotated = first.namespaces.turnAccess.rotateSecret('demo', { now: false });
  t.match(await ended(first.namespaces, rotated.operationId), { state: 'succeeded' });
  await works('after the rotation');
  const fresh = first.namespaces.turnCredentials('demo', { subject: 'u' });
  t.equal(await codeOf(t, fresh), 'success', 'the new secret');
  t.equal(await codeOf(t, old), 'success', 'a credential of before');

  await first.close();
  const second = await start();
  t.teardown(() => second.close());
  t.match(await second.namespaces.status('demo'), {
    turn: { pid: before.turn!.pid, up: 'up' },
    sfu: { pid: before.sfu!.pid, up: 'up' },
  });
  await works('after a restart of the daemon');
  t.equal(await codeOf(t, old), 'success', 'still');
  aheadMs = DAY_MS + 1000;
  await second.namespaces.turnAccess.sweep();
  t.equal(await codeOf(t, old), 401, 'the older secret has ended');
  t.equal(await codeOf(t, fresh), 'success');
  await works('after the end of the older secret');
  t.match(await second.namespaces.status('demo'), { turn: { pid: before.turn!.pid }, allocations: 1 });
});

t.test('the command line, the SFU, and a daemon that is killed in the middle', async (t) => {
  const appliance = await Appliance.start(t, '127.0.43.3');
  t.match(await appliance.enableNamespace('demo'), { state: 'succeeded' });
  const before = await appliance.status('demo');
  const credentials = (): Promise<TurnCredentials> =>
    appliance.api.post('/v1/namespaces/demo/turn/credentials', {});
  const peer = await TestPeer.open(t, '127.0.43.3', before.ports!.sfuMedia.maxPort);
  const old = await credentials();
  const works = await openSession(t, old, peer);

  const { ticket } = await appliance.api.post<{ ticket: string }>('/v1/webrtc/tickets', {
    namespace: 'demo',
  });
  const socket = new WebSocket(
    `${appliance.url.replace('http', 'ws')}/v1/webrtc/signal?namespace=demo&ticket=${ticket}`,
    { origin: appliance.url },
  );
  t.teardown(() => {
    socket.terminate();
  });
  const told: Credentials[] = [];
  socket.on('message', (data: Buffer) => {
    const frame = JSON.parse(data.toString('utf8')) as { type: string; data?: Credentials } & Credentials;
    if (/-credentials$/.test(frame.type)) told.push(frame.data ?? frame);
  });
  await appliance.until('the viewer has credentials', () => Promise.resolve(told.length === 1));

  const out: string[] = [];
  const streams = { out: (text: string) => out.push(text), err: (text: string) => out.push(text) };
  const cli = (...args: string[]): Promise<number> =>
    run(['--socket', join(appliance.dir, 'run/turnkeepd.sock'), 'turn', ...args], streams, {});
  t.equal(await cli('rotate-secret', '--namespace', 'demo'), 0, out.join(''));
  t.match(out.join(''), /Issue credentials with the new secret[^]*The TURN secret of demo is rotated/);
  await works('after the command');
  t.equal(await codeOf(t, old), 'success', 'a credential of before');
  t.equal(await codeOf(t, await credentials()), 'success');
  await appliance.until('the viewer is told new ones', () => Promise.resolve(told.length === 2));
  t.equal(await codeOf(t, told[1]!), 'success');

  t.equal(await cli('rotate-secret', '--namespace', 'demo', '--now'), 0, out.join(''));
  t.equal(await codeOf(t, old), 401, 'refused at once');
  t.equal(await codeOf(t, told[1]!), 401, 'and so is what the viewer had');
  await works('with --now');
  await appliance.until('the viewer is told again', () => Promise.resolve(told.length === 3));
  t.equal(await codeOf(t, told[2]!), 'success');

  for (const steps of [0, 1, 2, 3]) {
    const good = await credentials();
    const { operationId } = await appliance.api.post<{ operationId: string }>(
      '/v1/namespaces/demo/turn/rotate-secret',
      {},
    );
    for (;;) {
      const operation = await appliance.api.get<Operation>(`/v1/operations/${operationId}`);
      const done = operation.steps.filter(({ state }) => state === 'done').length;
      if (done >= steps || operation.state !== 'running') break;
    }
    process.kill(appliance.daemon.pid!, 'SIGKILL');
    await works(`without a daemon, ${steps}`);
    const operation = await appliance.operation(operationId);
    t.equal(operation.state, 'succeeded', `killed after ${steps} steps or more`);
    t.equal(await codeOf(t, good), 'success', 'a credential of before');
    t.equal(await codeOf(t, await credentials()), 'success', 'a new one');
    await works(`after the kill, ${steps}`);
  }
  const after = await appliance.status('demo');
  t.equal(after.turn!.pid, before.turn!.pid, 'the same TURN process all along');
  t.equal(after.sfu!.pid, before.sfu!.pid, 'the same SFU process');

  const configs = ['turn', 'sfu'].map((kind) =>
    readFileSync(join(appliance.dir, `services/${kind}-demo.json`), 'utf8'),
  );
  const secrets = configs.flatMap((text) =>
    [...text.matchAll(/"secret": "([^"]+)"/g)].map(([, found]) => found!),
  );
  t.ok(secrets.length >= 5, `${secrets.length} secrets`);
  const log = readFileSync(join(appliance.dir, 'daemon.log'), 'utf8');
  t.match(log, /TURN secret rotation asked for/);
  for (const secret of secrets) {
    t.notOk(log.includes(secret) || out.join('').includes(secret), 'no secret in the log or the answers');
  }
});
