/** Which peers the TURN process relays to and hears, on real sockets: the address sweep, sizes, other relays. */
import { writeFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { attackPeers, peerSpellings } from '../../health/attack-peers.ts';
import { ATTRIBUTE } from '../../turn/codec/attribute-types.ts';
import { addressFamily } from '../../turn/codec/attributes.ts';
import { channelDataLength, channelOf, isChannelData } from '../../turn/codec/channel-data.ts';
import { readDataIndication } from '../../turn/core/client-session.ts';
import {
  credential,
  relayedPort,
  startTurn,
  TestPeer,
  TurnClient,
  type TurnProcess,
} from '../helpers/turn-client.ts';

// Every process start costs a second or more on a busy machine.
t.setTimeout(170_000);

const LISTENER = '127.0.33.1';
const RELAY = '127.0.33.2';
const PEER = '127.0.33.3';
/** Somebody listens here, and no namespace allows it. */
const FORBIDDEN = '127.0.33.9';
const CHANNEL = 0x4000;
const PORT = 20_000;
const block = (address: string) => ({ address, minPort: PORT, maxPort: PORT + 99 });

/** An allocation of both families. */
async function allocated(t: Test, turn: TurnProcess, transport: 'udp' | 'tcp' = 'udp') {
  const client = await TurnClient.open(t, { transport, ...turn, ...credential() });
  const outcome = await client.allocate([addressFamily(ATTRIBUTE.ADDITIONAL_ADDRESS_FAMILY, 6)]);
  t.equal(outcome.code, 'success');
  return { client, port: relayedPort(outcome) };
}

const drops = async (turn: TurnProcess, reason: string): Promise<number> =>
  (await turn.control.call('status', {})).drops[reason] ?? 0;

/** The drop of a packet on another socket than the one we talk on comes when it comes. */
async function untilDropped(turn: TurnProcess, reason: string, more: { than: number }): Promise<void> {
  for (let turns = 0; turns < 10_000; turns += 1) if ((await drops(turn, reason)) > more.than) return;
  throw new Error(`nothing more was dropped as ${reason}`);
}

t.test('peers', async (t) => {
  const turn = await startTurn(t, {
    address: LISTENER,
    config: {
      relay: { addresses: [RELAY, '::1'], minPort: 53_400, maxPort: 53_449 },
      peers: { scope: 'sfu', allow: [block(PEER), block('::1')] },
    },
  });
  const peer = await TestPeer.open(t, PEER, PORT);
  const forbidden = await TestPeer.open(t, FORBIDDEN, PORT);
  let leaked = 0;
  forbidden.socket.on('message', () => (leaked += 1));
  const addresses = attackPeers([LISTENER, RELAY, FORBIDDEN]);

  for (const scope of ['sfu', 'public'] as const) {
    await t.test(`${scope}: ${addresses.length} addresses are refused, every one`, async (t) => {
      const config = { ...turn.config, peers: { ...turn.config.peers, scope } };
      writeFileSync(turn.configFile, JSON.stringify(config));
      await turn.control.call('reload', {});
      const { client } = await allocated(t, turn);
      const refusedBefore = await drops(turn, 'peer-refused');
      const codes = { permit: new Map<unknown, number>(), bind: new Map<unknown, number>() };
      const count = (codes: Map<unknown, number>, code: unknown) =>
        codes.set(code, (codes.get(code) ?? 0) + 1);
      for (const address of addresses) {
        count(codes.permit, (await client.permit({ address, port: PORT })).code);
        count(codes.bind, (await client.bind(CHANNEL, { address, port: PORT })).code);
        client.send({ address, port: PORT }, Buffer.from('never'));
      }
      t.same([...codes.permit], [[403, 240]]);
      t.same([...codes.bind], [[403, 240]]);
      t.equal((await client.permit(peer)).code, 'success', 'the SFU is allowed, and all before was read');
      t.equal((await drops(turn, 'peer-refused')) - refusedBefore, 240);
      client.send(peer, Buffer.from('last'));
      t.equal((await peer.next()).bytes.toString(), 'last');
      t.equal(leaked, 0);
      t.equal((await client.bind(CHANNEL, { address: PEER, port: 22 })).code, 403, 'at its ports only');
      await client.refresh(0);
    });
  }

  await t.test('an allowed peer in another spelling is the peer', async (t) => {
    const { client, port } = await allocated(t, turn);
    for (const address of peerSpellings(PEER)) {
      t.equal((await client.permit({ address, port: PORT })).code, 'success', address);
      client.send({ address, port: PORT }, Buffer.from(address));
      const got = await peer.next();
      t.same([got.bytes.toString(), got.address, got.port], [address, RELAY, port]);
    }
    await client.refresh(0);
  });

  await t.test('sizes from nothing to the largest datagram, from both families', async (t) => {
    const peer6 = await TestPeer.open(t, '::1', PORT);
    const { client, port } = await allocated(t, turn, 'tcp');
    const { items } = await turn.control.call('sessions', {});
    const port6 = Number(/\[::1\]:(\d+)/.exec(items[0]?.relayed.join(' ') ?? '')?.[1]);
    for (const [from, to, sizes] of [
      [peer, { address: RELAY, port }, [0, 1, 65_507]],
      [peer6, { address: '::1', port: port6 }, [0, 1, 65_504]],
    ] as const) {
      t.equal((await client.permit(from)).code, 'success');
      for (const size of sizes) {
        from.send(Buffer.alloc(size, 7), to);
        t.equal(
          (await client.next(readDataIndication)).payload.length,
          size,
          `${size} bytes of ${to.address}`,
        );
      }
    }
    // What IPv6 can carry and an indication cannot.
    for (const size of [65_505, 65_527]) {
      const before = await drops(turn, 'too-long');
      peer6.send(Buffer.alloc(size), { address: '::1', port: port6 });
      await untilDropped(turn, 'too-long', { than: before });
    }
    t.equal((await client.bind(CHANNEL, peer6)).code, 'success');
    for (const size of [0, 1, 65_527]) {
      peer6.send(Buffer.alloc(size, 9), { address: '::1', port: port6 });
      const length = await client.next((frame) =>
        isChannelData(frame[0]!) && channelOf(frame) === CHANNEL ? channelDataLength(frame) : undefined,
      );
      t.equal(length, size);
    }
    await client.refresh(0);
  });

  await t.test('a datagram too large for a UDP client is dropped, the next one is not', async (t) => {
    const { client, port } = await allocated(t, turn);
    await client.permit(peer);
    for (const size of [65_507, 0, 65_507, 1]) peer.send(Buffer.alloc(size), { address: RELAY, port });
    for (const size of [0, 1]) t.equal((await client.next(readDataIndication)).payload.length, size);
    await client.refresh(0);
  });

  await t.test('another port or address than the permitted peer’s', async (t) => {
    const { client, port } = await allocated(t, turn);
    const relayed = { address: RELAY, port };
    const neighbour = await TestPeer.open(t, PEER, PORT + 1);
    const outside = await TestPeer.open(t, PEER, PORT + 100);
    await client.bind(CHANNEL, peer);
    for (const [from, reason] of [
      [outside, 'peer-refused'],
      [forbidden, 'no-permission'],
    ] as const) {
      const before = await drops(turn, reason);
      from.send(Buffer.from('not for you'), relayed);
      await untilDropped(turn, reason, { than: before });
    }
    neighbour.send(Buffer.from('neighbour'), relayed);
    const first = await client.next((frame) => frame);
    t.equal(readDataIndication(first)?.peer.port, PORT + 1, 'not the channel of another port, and the first');
    await client.refresh(0);
  });
  await turn.stop();
});

t.test('the relay of one namespace is no peer of another on the same shield', async (t) => {
  const start = (address: string, minPort: number) =>
    startTurn(t, {
      address,
      config: {
        relay: { addresses: [RELAY, '::1'], minPort, maxPort: minPort + 9 },
        peers: { scope: 'sfu', allow: [block(RELAY)] },
      },
    });
  const turns = [await start('127.0.33.11', 53_450), await start('127.0.33.12', 53_460)] as const;
  const [one, two] = [await allocated(t, turns[0]), await allocated(t, turns[1])];
  for (const [turn, { client }, other] of [
    [turns[0], one, two],
    [turns[1], two, one],
  ] as const) {
    const relayed = { address: RELAY, port: other.port };
    t.equal(
      (await client.permit(relayed)).code,
      'success',
      'a permission names no port: the shield has SFUs',
    );
    t.equal((await client.bind(CHANNEL, relayed)).code, 403);
    const before = await drops(turn, 'peer-refused');
    client.send(relayed, Buffer.from('from relay to relay'));
    await untilDropped(turn, 'peer-refused', { than: before });
  }
  for (const turn of turns) {
    t.equal((await turn.control.call('status', {})).relayed.toPeerPackets, 0);
    await turn.stop();
  }
});
