/** The TURN process on real sockets: what is relayed, byte for byte, and what is not. */
import t, { type Test } from 'tap';
import { METHOD } from '../../turn/codec/attribute-types.ts';
import {
  buildChannelData,
  channelDataLength,
  channelOf,
  isChannelData,
} from '../../turn/codec/channel-data.ts';
import { readDataIndication } from '../../turn/core/client-session.ts';
import { formatIp } from '../../kit/ip-address.ts';
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

const RELAY = '127.0.11.21';
const PEER = '127.0.11.22';
const CHANNEL = 0x4000;

/** A payload of a ChannelData frame on our channel, without padding. */
const channelPayload = (frame: Buffer): Buffer | undefined =>
  isChannelData(frame[0]!) && channelOf(frame) === CHANNEL
    ? frame.subarray(4, 4 + channelDataLength(frame))
    : undefined;

/** Lengths round the framing's edges, and first bytes that look like STUN and ChannelData. */
const PAYLOADS = [
  Buffer.alloc(0),
  ...[1, 2, 3, 4, 5, 101, 1200].map((length) => Buffer.alloc(length, 0x61)),
  ...[0x00, 0x16, 0x40, 0x5a, 0x7f, 0x80, 0xff].map((first) => Buffer.from([first, 0, 0, 9, 1])),
  Buffer.from([0x40]),
  Buffer.from([0x7f, 0xff]),
  Buffer.from([0x40, 0x00, 0xff]),
];

async function ready(t: Test, turn: TurnProcess, transport: 'udp' | 'tcp') {
  const client = await TurnClient.open(t, { transport, ...turn, ...credential() });
  const outcome = await client.allocate();
  t.equal(outcome.code, 'success');
  return { client, relayed: { address: RELAY, port: relayedPort(outcome) } };
}

/** The drop of a packet on another socket than the one we talk on comes when it comes. */
async function untilDropped(turn: TurnProcess, reason: string): Promise<void> {
  for (;;) {
    const { drops } = await turn.control.call('status', {});
    if ((drops[reason] ?? 0) > 0) return;
  }
}

t.test('relays in both directions', async (t) => {
  const turn = await startTurn(t, { address: '127.0.11.20' });
  const peer = await TestPeer.open(t, PEER);

  for (const transport of ['udp', 'tcp'] as const) {
    await t.test(`${transport}: Send and Data`, async (t) => {
      const { client, relayed } = await ready(t, turn, transport);
      t.equal((await client.permit(peer)).code, 'success');
      for (const payload of PAYLOADS) {
        client.send(peer, payload);
        const got = await peer.next();
        t.same([got.address, got.port], [relayed.address, relayed.port]);
        t.same(got.bytes, payload, `${payload.length} bytes to the peer`);
        peer.send(payload, relayed);
        const back = await client.next(readDataIndication);
        t.same([formatIp(back.peer.address), back.peer.port], [PEER, peer.port]);
        t.same(back.payload, payload, `${payload.length} bytes to the client`);
      }
      client.close();
    });

    await t.test(`${transport}: ChannelData`, async (t) => {
      const { client, relayed } = await ready(t, turn, transport);
      t.equal((await client.bind(CHANNEL, peer)).code, 'success');
      for (const payload of PAYLOADS) {
        client.raw(buildChannelData(CHANNEL, payload, { padded: transport === 'tcp' }));
        t.same((await peer.next()).bytes, payload, `${payload.length} bytes to the peer, without padding`);
        peer.send(payload, relayed);
        const frame = await client.next((frame) => (channelPayload(frame) === undefined ? undefined : frame));
        t.same(channelPayload(frame), payload, `${payload.length} bytes to the client`);
        const padding = frame.subarray(4 + payload.length);
        t.ok(
          padding.every((byte) => byte === 0),
          'padding is zero',
        );
        t.equal(padding.length, transport === 'tcp' ? (4 - (payload.length % 4)) % 4 : 0);
      }
      client.close();
    });
  }

  await t.test('tcp: frames chopped and glued at every byte', async (t) => {
    const { client } = await ready(t, turn, 'tcp');
    await client.bind(CHANNEL, peer);
    const payloads = PAYLOADS.filter((payload) => payload.length < 200);
    const stream = Buffer.concat(payloads.map((one) => buildChannelData(CHANNEL, one, { padded: true })));
    for (let at = 0; at < stream.length; at += 1) client.raw(stream.subarray(at, at + 1));
    for (const payload of payloads) t.same((await peer.next()).bytes, payload);
    client.raw(stream);
    for (const payload of payloads) t.same((await peer.next()).bytes, payload);
    client.close();
  });

  await t.test('a peer without permission, or on another port, is not heard', async (t) => {
    const narrow = await startTurn(t, {
      address: '127.0.11.23',
      config: {
        relay: { addresses: [RELAY], minPort: 52200, maxPort: 52299 },
        peers: { scope: 'sfu', allow: [{ address: PEER, minPort: peer.port, maxPort: peer.port }] },
      },
    });
    const { client, relayed } = await ready(t, narrow, 'udp');
    const stranger = await TestPeer.open(t, '127.0.11.24');
    const otherPort = await TestPeer.open(t, PEER);
    peer.send(Buffer.from('too early'), relayed);
    await untilDropped(narrow, 'no-permission');
    await client.permit(peer);
    stranger.send(Buffer.from('from a stranger'), relayed);
    otherPort.send(Buffer.from('from another port'), relayed);
    client.send(otherPort, Buffer.from('to another port'));
    client.send(stranger, Buffer.from('to a stranger'));
    client.send(peer, Buffer.from('one'));
    t.equal((await peer.next()).bytes.toString(), 'one');
    peer.send(Buffer.from('two'), relayed);
    t.equal((await client.next(readDataIndication)).payload.toString(), 'two', 'the first that arrives');
    const { drops } = await narrow.control.call('status', {});
    t.match(drops, { 'no-permission': 2, 'peer-refused': 3 });
    await narrow.stop();
  });

  await t.test('counters and allocations over the control socket', async (t) => {
    const { client, relayed } = await ready(t, turn, 'udp');
    await client.bind(CHANNEL, peer);
    const before = await turn.control.call('status', {});
    t.equal(before.datagrams, process.env['TURNKEEP_DATAGRAMS'] ?? 'mmsg-addon');
    client.raw(buildChannelData(CHANNEL, Buffer.alloc(100), { padded: false }));
    await peer.next();
    peer.send(Buffer.alloc(50), relayed);
    await client.next(channelPayload);
    const after = await turn.control.call('status', {});
    t.equal(after.relayed.toPeerPackets - before.relayed.toPeerPackets, 1);
    t.equal(after.relayed.toPeerBytes - before.relayed.toPeerBytes, 100);
    t.equal(after.relayed.toClientBytes - before.relayed.toClientBytes, 50);
    const { items, total } = await turn.control.call('sessions', {});
    t.equal(total, items.length);
    t.match(
      items.find((item) => item.relayed[0] === `${RELAY}:${relayed.port}`),
      { transport: 'udp', permissions: [PEER], channels: 1, toPeerBytes: 100, toClientBytes: 50 },
    );
    client.close();
  });

  await t.test('STUN Binding on both transports', async (t) => {
    for (const transport of ['udp', 'tcp'] as const) {
      const client = await TurnClient.open(t, { transport, ...turn, ...credential() });
      t.equal((await client.once(client.session.request(METHOD.BINDING, []))).code, 'success');
      client.close();
    }
  });
  await turn.stop();
});
