/** What an operator sees of a running TURN process, and whom it may end. */
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import t from 'tap';
import { refusalSentence } from '../../contract/turn-refusal.ts';
import { credential, relayedPort, startTurn, TestPeer, TurnClient } from '../helpers/turn-client.ts';

const PEER = '127.0.36.13';

t.setTimeout(170_000);

t.test('operations', async (t) => {
  const turn = await startTurn(t, {
    address: '127.0.36.11',
    config: {
      relay: { addresses: ['127.0.36.12'], minPort: 53_600, maxPort: 53_649 },
      peers: { scope: 'sfu', allow: [{ address: PEER, minPort: 20_000, maxPort: 20_499 }] },
    },
  });
  const open = async (subject: string, transport: 'udp' | 'tcp' = 'udp') => {
    const client = await TurnClient.open(t, { transport, ...turn, ...credential({ subject }) });
    const outcome = await client.allocate();
    t.equal(outcome.code, 'success');
    return { client, port: relayedPort(outcome) };
  };

  await t.test('a session shows its subject, transport, relay, permissions and bytes', async (t) => {
    const peer = await TestPeer.open(t, PEER, 20_000);
    const { client, port } = await open('alice', 'tcp');
    t.equal((await client.permit({ address: PEER, port: 20_000 })).code, 'success');
    client.send({ address: PEER, port: 20_000 }, Buffer.from('hello'));
    await peer.next();
    const { items, total } = await turn.control.call('sessions', {});
    t.equal(total, 1);
    t.match(items, [
      {
        sessionId: /^[0-9a-f]{16}$/,
        subject: 'alice',
        transport: 'tcp',
        client: /^127\.[0-9.]+:[0-9]+$/,
        relayed: [`127.0.36.12:${String(port)}`],
        permissions: [PEER],
        channels: 0,
        toPeerPackets: 1,
        toPeerBytes: 5,
        toClientBytes: 0,
      },
    ]);
    t.match(await turn.control.call('disconnect', { subject: 'alice' }), { ended: 1 });
  });

  await t.test('one session, one subject or one username is ended, nobody else', async (t) => {
    for (const subject of ['bob', 'bob', 'carol', 'dave']) await open(subject);
    const { items } = await turn.control.call('sessions', {});
    const [bob] = items.filter(({ subject }) => subject === 'bob');
    const subjects = async () => (await turn.control.call('sessions', {})).items.map((one) => one.subject);
    t.same(await turn.control.call('disconnect', { sessionId: bob!.sessionId }), { ended: 1 });
    t.same(await subjects(), ['bob', 'carol', 'dave']);
    t.same(await turn.control.call('disconnect', { sessionId: bob!.sessionId }), { ended: 0 });
    t.same(await turn.control.call('disconnect', { subject: 'bob' }), { ended: 1 });
    t.same(await subjects(), ['carol', 'dave']);
    const { username } = items.find(({ subject }) => subject === 'carol')!;
    t.same(await turn.control.call('disconnect', { username }), { ended: 1 });
    t.same(await subjects(), ['dave']);
    t.equal((await turn.control.call('sessions', { limit: 1 })).items.length, 1);
    await t.rejects(turn.control.call('disconnect', {} as never), /exactly one of/);
    await turn.control.call('disconnect', { subject: 'dave' });
  });

  await t.test('a refused peer is told in words', async () => {
    const { client } = await open('erin');
    await client.permit({ address: '10.0.0.5', port: 22 });
    const { items } = await turn.control.call('refusals', {});
    t.match(items[0], { method: 'CreatePermission', code: 403, username: /:test:erin$/ });
    t.equal(refusalSentence(items[0]!), 'peer 10.0.0.5:22 is not an SFU of this namespace');
    await turn.control.call('disconnect', { subject: 'erin' });
  });

  await t.test('what the kernel drops at our sockets is counted', async (t) => {
    t.equal((await turn.control.call('status', {})).kernelDrops, 0);
    const socket = createSocket('udp4');
    t.teardown(() => {
      socket.close();
    });
    turn.child.kill('SIGSTOP');
    try {
      // A process that does not read: its receive buffer is full after a few megabytes at most.
      const payload = Buffer.alloc(60_000);
      for (let sent = 0; sent < 400; sent += 1) {
        await new Promise((resolve) => {
          socket.send(payload, turn.port, turn.address, resolve);
        });
      }
    } finally {
      turn.child.kill('SIGCONT');
    }
    const port = turn.port.toString(16).toUpperCase().padStart(4, '0');
    const { kernelDrops } = await turn.control.call('status', {});
    const row = readFileSync('/proc/net/udp', 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/ +/))
      .find(([, local]) => local === `0B24007F:${port}`);
    t.equal(kernelDrops, Number(row?.at(-1)));
    t.ok(kernelDrops > 0);
  });
});
