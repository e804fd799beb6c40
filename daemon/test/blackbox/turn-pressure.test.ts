/** The TURN process under strangers that flood it and clients that do not read. */
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { randomBytes } from 'node:crypto';
import t from 'tap';
import { METHOD } from '../../turn/codec/attribute-types.ts';
import { channelNumber, requestedTransport } from '../../turn/codec/attributes.ts';
import { buildChannelData } from '../../turn/codec/channel-data.ts';
import { StreamFramer } from '../../turn/codec/stream-framer.ts';
import { ClientSession, type ClientRequest } from '../../turn/core/client-session.ts';
import {
  credential,
  endpoint,
  startTurn,
  TestPeer,
  TurnClient,
  type TurnProcess,
} from '../helpers/turn-client.ts';

t.setTimeout(170_000);

const PEER = '127.0.11.62';
const megabytes = (turn: TurnProcess): number => {
  const match = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${turn.child.pid}/status`, 'utf8'));
  return Number(match?.[1]) / 1024;
};
const descriptors = (turn: TurnProcess): number => readdirSync(`/proc/${turn.child.pid}/fd`).length;

t.test('a flood of unauthenticated Allocates leaves no trace', async (t) => {
  const turn = await startTurn(t, {
    address: '127.0.11.60',
    config: { relay: { addresses: ['127.0.11.61'], minPort: 53_300, maxPort: 53_399 } },
  });
  const sources = await Promise.all(
    Array.from({ length: 100 }, (_, at) => TestPeer.open(t, `127.0.12.${at + 1}`)),
  );
  const session = new ClientSession({ username: 'x', password: 'x', randomBytes });
  const flood = async (rounds: number): Promise<void> => {
    for (let round = 0; round < rounds; round += 1) {
      for (const source of sources) {
        source.send(session.request(METHOD.ALLOCATE, [requestedTransport(17)]).bytes, turn);
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await flood(100); // The heap grows to its working size once.
  const before = { megabytes: megabytes(turn), descriptors: descriptors(turn) };
  await flood(500);
  const client = await TurnClient.open(t, { transport: 'udp', ...turn, ...credential() });
  t.equal((await client.allocate()).code, 'success', 'an honest client is served');
  await client.refresh(0);
  const status = await turn.control.call('status', {});
  t.equal(status.allocations, 0);
  t.ok(Number(status.refusals['Allocate 401']) > 10_000, `${status.refusals['Allocate 401']} answered`);
  t.equal(descriptors(turn), before.descriptors, 'no descriptor more');
  t.ok(megabytes(turn) < before.megabytes + 40, `RSS ${before.megabytes} to ${megabytes(turn)} MB`);
  await turn.stop();
});

t.test('a TCP client that does not read loses data, not the server its memory', async (t) => {
  const peer = await TestPeer.open(t, PEER);
  const turn = await startTurn(t, {
    address: '127.0.11.60',
    transports: ['tcp'],
    config: {
      relay: { addresses: ['127.0.11.61'], minPort: 53_300, maxPort: 53_399 },
      peers: { scope: 'sfu', allow: [{ address: PEER, minPort: peer.port, maxPort: peer.port }] },
    },
  });
  const socket = connect(turn.port, turn.address);
  t.teardown(() => socket.destroy());
  const session = new ClientSession({ ...credential(), randomBytes });
  const framer = new StreamFramer({ maxFrameBytes: 65_600 });
  let onFrame: (frame: Buffer) => void = () => undefined;
  socket.on('data', (chunk: Buffer) => {
    framer.push(chunk, (frame) => {
      onFrame(frame);
    });
  });
  const ask = (build: () => ClientRequest): Promise<string> =>
    new Promise((resolve) => {
      const request = build();
      onFrame = (frame) => {
        const answer = session.read(frame, request);
        if (answer !== undefined) resolve(answer.type);
      };
      socket.write(request.bytes);
    });
  const allocate = () => session.request(METHOD.ALLOCATE, [requestedTransport(17)]);
  t.equal(await ask(allocate), 'again');
  t.equal(await ask(allocate), 'success');
  const bind = () => session.peerRequest(METHOD.CHANNEL_BIND, endpoint(peer), [channelNumber(0x4000)]);
  t.equal(await ask(bind), 'success');

  const [item] = (await turn.control.call('sessions', {})).items;
  const port = Number(item!.relayed[0]!.split(':').at(-1));
  const before = megabytes(turn);
  socket.pause();
  const payload = Buffer.alloc(8192, 1);
  let slow = 0;
  for (let round = 0; round < 400 && slow < 1000; round += 1) {
    for (let count = 0; count < 50; count += 1) peer.send(payload, { address: '127.0.11.61', port });
    slow = (await turn.control.call('status', {})).drops['slow-client'] ?? 0;
  }
  t.ok(slow > 0, `${slow} packets dropped for slowness`);
  const other = await TurnClient.open(t, { transport: 'tcp', ...turn, ...credential({ subject: 'other' }) });
  t.equal((await other.allocate()).code, 'success', 'others are served meanwhile');
  t.equal((await other.bind(0x4001, peer)).code, 'success');
  other.raw(buildChannelData(0x4001, Buffer.from('to the peer'), { padded: true }));
  const heard = await peer.next();
  t.equal(heard.bytes.toString(), 'to the peer');
  peer.send(Buffer.from('and back'), heard);
  await other.next((frame) => (frame.includes('and back') ? true : undefined));
  t.ok(megabytes(turn) < before + 60, `RSS ${before} to ${megabytes(turn)} MB`);
  socket.resume();
  t.equal(await ask(() => session.request(METHOD.REFRESH, [])), 'success', 'the session lives on');
  await turn.stop();
});
