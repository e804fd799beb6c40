/** The gateway between a real WebSocket client and a fake SFU. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { WebSocket, WebSocketServer } from 'ws';
import { verifyRoomTicket } from '../../credentials/room-ticket.ts';
import { systemClock } from '../../kit/clock.ts';
import { apiBench, type ApiBench } from '../helpers/api-bench.ts';

const ADDRESS = '127.0.16.1';
const TICKET_KEY = 'k'.repeat(43);

type Session = { socket: WebSocket; url: string; authorization: string | undefined; frames: string[] };

async function setUp(t: Test) {
  const bench = await apiBench(t, { clock: systemClock });
  const sfu = new WebSocketServer({ host: ADDRESS, port: 0 });
  await once(sfu, 'listening');
  t.teardown(() => {
    for (const client of sfu.clients) client.terminate();
    sfu.close();
  });
  const { port } = sfu.address() as AddressInfo;
  bench.namespaces.targets.set('a', { address: ADDRESS, port, ticketKey: TICKET_KEY });
  const sessions: Session[] = [];
  sfu.on('connection', (socket, request) => {
    const frames: string[] = [];
    socket.on('message', (data: Buffer) => frames.push(data.toString()));
    sessions.push({ socket, url: request.url ?? '', authorization: request.headers.authorization, frames });
  });
  await bench.network.listen({ host: ADDRESS, port: 0 });
  const { port: apiPort } = bench.network.server.address() as AddressInfo;
  const origin = `http://${ADDRESS}:${apiPort}`;
  const open = (query: string, headers: Record<string, string> = {}) =>
    new WebSocket(`ws://${ADDRESS}:${apiPort}/v1/webrtc/signal?${query}`, {
      headers,
      perMessageDeflate: false,
    });
  return { bench, sfu, sessions, open, origin, port };
}

const ticketOf = (bench: ApiBench, namespace = 'a', role: 'viewer' | 'publisher' = 'viewer') =>
  bench.context.tickets.issue({ namespace, identity: 'eve', name: 'eve', role, rooms: null }).ticket;

async function refusedWith(socket: WebSocket): Promise<number> {
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode: number }];
  socket.on('error', () => undefined);
  socket.terminate();
  return response.statusCode;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

const nextFrame = async (socket: WebSocket): Promise<string> =>
  String((await once(socket, 'message'))[0] as Buffer);

t.test('carries frames both ways, verbatim, and tells the SFU who it is', async (t) => {
  const { bench, sessions, open } = await setUp(t);
  const client = open(`ticket=${ticketOf(bench)}`);
  await once(client, 'open');
  const odd = '{"type":"join",  "roomId":"camera:1", "ü":1}';
  client.send(odd);
  await until(() => sessions[0]?.frames.length === 1);
  const [session] = sessions;
  t.equal(session!.frames[0], odd);
  t.equal(session!.url, '/session');
  const claims = verifyRoomTicket(session!.authorization!.replace('Bearer ', ''), {
    key: TICKET_KEY,
    namespace: 'a',
    nowMs: Date.now(),
  });
  t.match(claims, { namespace: 'a', identity: 'eve', role: 'viewer', rooms: null });
  t.ok(claims!.expiresAtMs <= Date.now() + 60_000);
  session!.socket.send('{"type":"welcome"}');
  t.equal(await nextFrame(client), '{"type":"welcome"}');
  const big = 'x'.repeat(200_000);
  session!.socket.send(big);
  t.equal((await nextFrame(client)).length, big.length, 'offers of a large wall pass');
  client.close(1000, 'bye');
  const [code, reason] = (await once(session!.socket, 'close')) as [number, Buffer];
  t.strictSame([code, reason.toString()], [1000, 'bye']);
  await until(() => bench.context.gateway.sessions === 0);
});

t.test('passes the SFU\'s close on, and a broken SFU is "try again later"', async (t) => {
  const { bench, sessions, open } = await setUp(t);
  const one = open(`ticket=${ticketOf(bench)}`);
  await until(() => sessions.length === 1);
  sessions[0]!.socket.close(4001, 'kicked');
  t.match(await once(one, 'close'), [4001, Buffer.from('kicked')]);
  const two = open(`ticket=${ticketOf(bench)}`);
  await once(two, 'open');
  await until(() => sessions.length === 2);
  sessions[1]!.socket.terminate();
  t.equal((await once(two, 'close'))[0], 1013);
});

t.test('an SFU that is not there is one error frame and 1013', async (t) => {
  const { bench, open } = await setUp(t);
  bench.namespaces.targets.set('a', { address: ADDRESS, port: 1, ticketKey: TICKET_KEY });
  const client = open(`ticket=${ticketOf(bench)}`);
  const closed = once(client, 'close');
  t.match(JSON.parse(await nextFrame(client)), {
    type: 'error',
    data: { code: 'unavailable', message: 'The SFU of a does not answer.' },
  });
  t.equal((await closed)[0], 1013);
  const off = open(`ticket=${ticketOf(bench, 'b')}`);
  t.match(JSON.parse(await nextFrame(off)), { type: 'error', data: { code: 'webrtc_not_enabled' } });
  t.equal((await once(off, 'close'))[0], 1008);
});

t.test('a frame too long ends the session', async (t) => {
  const { bench, sessions, open } = await setUp(t);
  const client = open(`ticket=${ticketOf(bench)}`);
  await once(client, 'open');
  client.send('x'.repeat(64 * 1024 + 1));
  t.equal((await once(client, 'close'))[0], 1009);
  await until(() => sessions.every(({ socket }) => socket.readyState === socket.CLOSED));
  t.strictSame(
    sessions.flatMap(({ frames }) => frames),
    [],
  );
});

t.test(
  'who may come in: tickets once, viewer tokens, keys of the namespace, sessions of our pages',
  async (t) => {
    const { bench, sessions, open, origin } = await setUp(t);
    const used = ticketOf(bench);
    await once(open(`ticket=${used}`), 'open');
    t.equal(await refusedWith(open(`ticket=${used}`)), 401);
    t.equal(await refusedWith(open('')), 401);
    t.equal(await refusedWith(open('namespace=a')), 401);
    t.equal(await refusedWith(open('namespace=a', { authorization: 'Bearer dev_secret' })), 401);

    const rooms = ['camera:1'];
    const grant = { namespace: 'a', identity: 'eve', name: 'eve', role: 'viewer', rooms } as const;
    const { token } = bench.context.tickets.issueViewerToken(grant, 60);
    await once(open(`room=camera:1&token=${token}`), 'open');
    await once(open('', { authorization: `Bearer ${token}` }), 'open');
    t.equal(await refusedWith(open(`token=${token}x`)), 401);

    const key = bench.key('a', 'owner')['x-api-key']!;
    await once(open(`api_key=${key}`), 'open');
    await once(open('', { 'x-api-key': key }), 'open');
    t.equal(await refusedWith(open(`namespace=b&api_key=${key}`)), 403);
    t.equal(await refusedWith(open(`namespace=a&api_key=${bench.key('b', 'owner')['x-api-key']!}`)), 403);

    const { cookie } = (await bench.as('operator')) as { cookie: string };
    t.equal(await refusedWith(open('namespace=a', { cookie })), 403, 'no origin');
    t.equal(await refusedWith(open('namespace=a', { cookie, origin: 'http://evil.test' })), 403);
    t.equal(await refusedWith(open('', { cookie, origin })), 400, 'which namespace?');
    await once(open('namespace=a', { cookie, origin }), 'open');
    await until(() => sessions.length === 6);
    const claims = sessions.map(({ authorization }) => {
      const { identity, role, rooms } = verifyRoomTicket(authorization!.slice(7), {
        key: TICKET_KEY,
        namespace: 'a',
        nowMs: Date.now(),
      })!;
      return [identity.replace(/key:.*/, 'key'), role, rooms];
    });
    t.strictSame(claims, [
      ['eve', 'viewer', null],
      ['eve', 'viewer', rooms],
      ['eve', 'viewer', rooms],
      ['key', 'publisher', null],
      ['key', 'publisher', null],
      ['operator', 'publisher', null],
    ]);
  },
);

t.test('a receiver that does not read holds its sender, and is not buffered for', async (t) => {
  const { bench, sessions, open } = await setUp(t);
  const client = open(`ticket=${ticketOf(bench)}`);
  await once(client, 'open');
  await until(() => sessions.length === 1);
  client.pause();
  const { socket } = sessions[0]!;
  const frame = 'x'.repeat(60_000);
  // Far more than the gateway and the kernel's buffers take: what is left stays with the sender.
  for (let at = 0; at < 1000; at += 1) socket.send(frame);
  await until(() => socket.bufferedAmount > 0);
  let stable = 0;
  for (let last = -1; stable < 50; await new Promise((resolve) => setTimeout(resolve, 2))) {
    stable = socket.bufferedAmount === last ? stable + 1 : 0;
    last = socket.bufferedAmount;
  }
  t.ok(socket.bufferedAmount > 10_000_000, `${socket.bufferedAmount} bytes wait at the sender`);
  let frames = 0;
  client.on('message', () => {
    frames += 1;
  });
  client.resume();
  await until(() => frames === 1000);
  t.equal(frames, 1000, 'nothing was lost');
});

t.test('a stopping gateway tells browsers to come back', async (t) => {
  const { bench, open } = await setUp(t);
  const client = open(`ticket=${ticketOf(bench)}`);
  await once(client, 'open');
  const closed = once(client, 'close');
  bench.context.gateway.close();
  t.equal((await closed)[0], 1012);
  t.equal(await refusedWith(open(`ticket=${ticketOf(bench)}`)), 503);
});
