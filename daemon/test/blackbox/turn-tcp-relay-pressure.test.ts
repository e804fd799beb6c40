/** Data connections under slow readers, rates, and the end of their allocation. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import t from 'tap';
import { DEFAULT_TURN_LIMITS } from '../../contract/turn-config.ts';
import { startTcpRelay, TcpAllocation, TcpPeer, type TcpRelayService } from '../helpers/turn-tcp-relay.ts';

t.setTimeout(150_000);

const OURS = '127.0.41.5';
const RELAY = '127.0.41.6';
const PEER = '127.0.41.7';
const MEGABYTE = 1024 * 1024;
const where = { addresses: [OURS], relays: [RELAY], peers: [PEER] };

const rssMegabytes = (turn: TcpRelayService): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${String(turn.child.pid)}/status`, 'utf8'))?.[1]) / 1024;

type Moved = 'toPeerBytes' | 'toClientBytes';

async function moved(turn: TcpRelayService, name: Moved): Promise<number> {
  const [session] = (await turn.control.call('sessions', {})).items;
  return session?.[name] ?? 0;
}

/** Sends to somebody who does not read, and then does. @returns what had passed when nothing moved any more. */
async function flood(
  turn: TcpRelayService,
  { from, to, name, megabytes }: { from: Socket; to: Socket; name: Moved; megabytes: number },
): Promise<{ stalledAt: number; sentAll: boolean; intact: boolean }> {
  const chunk = randomBytes(MEGABYTE);
  const sent = createHash('sha256');
  const got = createHash('sha256');
  to.pause();
  to.removeAllListeners('data'); // The helper would keep all of it.
  const before = await moved(turn, name);
  let sentAll = false;
  const sending = (async () => {
    for (let count = 0; count < megabytes; count += 1) {
      sent.update(chunk);
      if (!from.write(chunk)) await once(from, 'drain');
    }
    sentAll = true;
  })();
  // Nothing moved for a while: that is what a stall is.
  let stalledAt = -1;
  for (
    let now = await moved(turn, name);
    now === before || now !== stalledAt;
    now = await moved(turn, name)
  ) {
    stalledAt = now;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  const early = sentAll;
  let left = megabytes * MEGABYTE;
  const arrived = new Promise<void>((resolve) => {
    to.on('data', (bytes: Buffer) => {
      got.update(bytes);
      left -= bytes.length;
      if (left <= 0) resolve();
    });
  });
  to.resume();
  await Promise.all([sending, arrived]);
  return { stalledAt: stalledAt - before, sentAll: early, intact: sent.digest('hex') === got.digest('hex') };
}

t.test('a slow reader stops the other end, and nothing is lost', async (t) => {
  const turn = await startTcpRelay(t, { ...where, minPort: 54_100 });
  for (const transport of ['tcp', 'tls'] as const) {
    const peer = await TcpPeer.open(t, PEER);
    const allocation = await TcpAllocation.make(t, turn.door(transport));
    const link = await allocation.through(t, peer);
    const there = await peer.accepted();
    const rss = rssMegabytes(turn);
    for (const [name, from, to] of [
      ['toPeerBytes', link.socket, there.socket],
      ['toClientBytes', there.socket, link.socket],
    ] as const) {
      const { stalledAt, sentAll, intact } = await flood(turn, { from, to, name, megabytes: 48 });
      t.notOk(sentAll, `${transport} ${name}: the sender had to wait`);
      t.ok(stalledAt < 24 * MEGABYTE, `what passed fits the kernel's buffers: ${String(stalledAt)} bytes`);
      t.ok(intact, 'and then all of it came');
      t.ok(rssMegabytes(turn) < rss + 80, `RSS ${String(rss)} to ${String(rssMegabytes(turn))} MB`);
    }
    await allocation.client.refresh(0);
  }
  t.equal(await turn.stop(), 0);
});

t.test('a rate slows a stream down and drops none of it', async (t) => {
  const limits = { ...DEFAULT_TURN_LIMITS, bytesPerSecondPerUser: 600_000 };
  const turn = await startTcpRelay(t, { ...where, minPort: 54_100, config: { limits } });
  const peer = await TcpPeer.open(t, PEER);
  const allocation = await TcpAllocation.make(t, turn.door('tcp'));
  const link = await allocation.through(t, peer);
  const there = await peer.accepted();
  const bytes = randomBytes(900_000);
  link.socket.end(bytes);
  t.ok(Buffer.from(await there.rest(), 'latin1').equals(bytes), 'all of it');
  const { drops, limits: used } = await turn.control.call('status', {});
  t.ok(Number(used.find(({ name }) => name === 'bytesPerSecondPerUser')?.refused) > 0, 'it had to wait');
  t.equal(drops['over-bandwidth'], undefined);
  t.equal(await turn.stop(), 0);
});

t.test('the end of an allocation is the end of its data connections', async (t) => {
  const turn = await startTcpRelay(t, { ...where, minPort: 54_100 });
  const ends: Record<string, (allocation: TcpAllocation) => unknown> = {
    'Refresh(0)': ({ client }) => client.refresh(0),
    'the control connection closes': ({ client }) => {
      client.close();
    },
    disconnect: ({ user: { username } }) => turn.control.call('disconnect', { username }),
    'TCP is no longer relayed': () => {
      const peers = { ...turn.config.peers, scope: 'sfu' };
      writeFileSync(turn.configFile, JSON.stringify({ ...turn.config, peers }));
      return turn.control.call('reload', {});
    },
  };
  for (const [name, end] of Object.entries(ends)) {
    const peer = await TcpPeer.open(t, PEER);
    const waiting = await TcpPeer.open(t, PEER);
    const allocation = await TcpAllocation.make(t, turn.door('tls'));
    const link = await allocation.through(t, peer);
    const there = await peer.accepted();
    t.ok('id' in (await allocation.connect(waiting)));
    const pending = await waiting.accepted();
    await end(allocation);
    t.same(await Promise.all([link.rest(), there.rest(), pending.rest()]), ['', '', ''], name);
  }
  const status = await turn.control.call('status', {});
  t.equal(status.allocations, 0);
  t.equal(status.limits.find(({ name }) => name === 'dataConnections')?.used, 0);
  t.equal(await turn.stop(), 0);
});

t.test('who goes takes the other end along', async (t) => {
  const turn = await startTcpRelay(t, { ...where, minPort: 54_100 });
  const allocation = await TcpAllocation.make(t, turn.door('tcp'));
  for (const who of ['client', 'peer'] as const) {
    const peer = await TcpPeer.open(t, PEER);
    const link = await allocation.through(t, peer);
    const there = await peer.accepted();
    const [gone, left] = who === 'client' ? [link, there] : [there, link];
    gone.socket.resetAndDestroy();
    t.equal(await left.rest(), '', `${who} resets`);
  }
  // A drain lets what runs go on until its deadline.
  const peer = await TcpPeer.open(t, PEER);
  const link = await allocation.through(t, peer);
  const there = await peer.accepted();
  await turn.control.call('drain', { deadlineMs: 0 });
  t.same(await Promise.all([link.rest(), there.rest()]), ['', '']);
});
