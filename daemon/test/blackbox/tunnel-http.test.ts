/** HTTP on the engine's port: lists, live events and published host names, each with its grant. */
import { request as httpsRequest } from 'node:https';
import type { IncomingMessage } from 'node:http';
import t from 'tap';
import { WebSocket, type ClientOptions } from 'ws';
import { FakeClock } from '../helpers/fake-clock.ts';
import { attachCamera, DEVICE, startEngine, until, type EngineBench } from '../helpers/tunnel-engine.ts';
import { RawClient } from '../helpers/tunnel-raw-client.ts';

type Ask = {
  path?: string;
  method?: string;
  token?: string;
  host?: string;
  headers?: Record<string, string>;
  body?: string;
  servername?: string;
};

function open(bench: EngineBench, ask: Ask): Promise<IncomingMessage> {
  const [host, port] = bench.engine.endpoint.split(':');
  return new Promise((resolve, reject) => {
    const outgoing = httpsRequest(
      {
        host,
        port,
        agent: false,
        ca: bench.certificate.caPem,
        servername: ask.servername ?? ask.host ?? '',
        path: ask.path ?? '/api/tunnels',
        method: ask.method ?? 'GET',
        headers: {
          ...(ask.host === undefined ? {} : { host: `${ask.host}:${port}` }),
          ...(ask.token === undefined ? {} : { authorization: `Bearer ${ask.token}` }),
          ...ask.headers,
        },
      },
      resolve,
    );
    outgoing.on('error', reject);
    outgoing.end(ask.body);
  });
}

async function ask(bench: EngineBench, what: Ask): Promise<{ status: number; json: never; headers: object }> {
  const incoming = await open(bench, what);
  const parts: Buffer[] = [];
  for await (const part of incoming) parts.push(part as Buffer);
  const text = Buffer.concat(parts).toString();
  return {
    status: incoming.statusCode ?? 0,
    json: JSON.parse(text === '' ? 'null' : text) as never,
    headers: incoming.headers,
  };
}

const status = async (bench: EngineBench, what: Ask): Promise<number> => (await ask(bench, what)).status;
const watchToken = (bench: EngineBench, labels: Record<string, string> = { app: 'camera' }): string =>
  bench.engine.mintWatchToken({ subject: 'u', labels, ttlSeconds: 120 }).token;
const VIEWER_PATH = { regex: '^/(?:ws|whep(?:/[^/?#]{1,256})?)$' };

t.test('lists what the token may see', async (t) => {
  const bench = await startEngine(t);
  const { tunnel, agent } = await attachCamera(t, bench);
  const token = watchToken(bench);
  const { json } = await ask(bench, { token });
  t.match(json, [
    {
      id: tunnel.id,
      client_id: agent.clientId,
      status: 'online',
      name: 'device-1',
      protocol: 'http',
      publish: true,
      labels: DEVICE.labels,
      host: `${tunnel.hostname}:${tunnel.port}`,
      hostname: 'device-1.t.ip4-127-0-14-1.internal',
    },
  ]);
  t.notOk('token_auth' in json[0], 'only the selected fields');
  t.match((await ask(bench, { token, path: `/api/tunnels/${tunnel.id}` })).json, { id: tunnel.id });
  const query = (params: object): string =>
    `/api/tunnels?params=${encodeURIComponent(JSON.stringify(params))}`;
  t.match(await ask(bench, { token, path: query({ filters: { labels: { device: 'd-1' } }, limit: 1 }) }), {
    json: [{ id: tunnel.id }],
  });
  t.same((await ask(bench, { token, path: query({ filters: { labels: { device: 'd-2' } } }) })).json, []);
  t.same((await ask(bench, { token: watchToken(bench, { app: 'other' }) })).json, []);
  t.same((await ask(bench, { token, path: '/api/clients' })).json, [], 'no grant shows clients by labels');

  t.equal(await status(bench, {}), 401);
  t.equal(await status(bench, { token: 'nonsense' }), 401);
  t.equal(await status(bench, { token: bench.engine.mintDeviceToken(DEVICE).token }), 403);
  t.equal(await status(bench, { path: `/api/tunnels?rstream.token=${token}` }), 401, 'not in the query');
  t.equal(await status(bench, { token, path: '/api/tunnels/other' }), 404);
  t.equal(await status(bench, { token, path: '/api/nothing' }), 404);
  t.equal(await status(bench, { token, path: '/' }), 404);
  t.equal(await status(bench, { token, method: 'POST' }), 405);
  for (const params of ['x', '[]', '{"limit":0}', '{"filters":{"AND":[]}}', '{"more":1}']) {
    t.equal(
      await status(bench, { token, path: `/api/tunnels?params=${encodeURIComponent(params)}` }),
      400,
      params,
    );
  }
});

t.test('tells live events over SSE and WebSocket until the token ends', async (t) => {
  const clock = new FakeClock();
  const bench = await startEngine(t, { clock });
  const token = watchToken(bench);
  const sse = await open(bench, { path: `/api/sse?rstream.token=${token}` });
  t.equal(sse.headers['content-type'], 'text/event-stream');
  let text = '';
  let sseClosed = false;
  sse.on('data', (chunk: Buffer) => (text += chunk.toString()));
  sse.on('error', () => undefined);
  sse.on('close', () => (sseClosed = true));
  const socket = new WebSocket(`wss://${bench.engine.endpoint}/api/websocket?rstream.token=${token}`, {
    ca: bench.certificate.caPem,
  });
  const frames: { type: string; object: { name?: string; tunnels?: unknown[] } }[] = [];
  let socketClosed = false;
  socket.on('message', (data: Buffer) => frames.push(JSON.parse(data.toString()) as never));
  socket.on('close', () => (socketClosed = true));
  await until(() => frames.length === 1 && text.includes('state.initial'), 'initial state');
  t.match(frames[0], { type: 'state.initial', object: { tunnels: [], clients: [] } });

  const { agent } = await attachCamera(t, bench);
  await until(() => frames.length === 2, 'created');
  t.match(frames[1], { type: 'tunnel.created', object: { name: 'device-1', status: 'online' } });
  await attachCamera(t, bench, {
    device: { deviceId: 'd-2', tunnelName: 'device-2', labels: { app: 'other', device: 'd-2' } },
  });
  agent.close();
  await until(() => frames.length === 3, 'deleted');
  t.match(frames[2], { type: 'tunnel.deleted', object: { name: 'device-1', status: 'offline' } });
  await until(() => text.includes('tunnel.deleted'), 'deleted over SSE');
  const events = text.split('\n\n').filter((part) => part.startsWith('data: '));
  t.same(
    events.map((event) => (JSON.parse(event.slice(6)) as { type: string }).type),
    ['state.initial', 'tunnel.created', 'tunnel.deleted'],
  );
  for (let second = 0; second < 125; second += 5) {
    clock.advance(5000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await until(() => sseClosed && socketClosed, 'the watchers end with their token');

  const refused = new WebSocket(`wss://${bench.engine.endpoint}/api/websocket`, {
    ca: bench.certificate.caPem,
  });
  const code = await new Promise<number>((resolve) => {
    refused.on('unexpected-response', (_request, response) => {
      resolve(response.statusCode ?? 0);
    });
  });
  t.equal(code, 401);
  refused.on('error', () => undefined);
  refused.terminate();
});

t.test('passes a published host on, within the grant and without the token', async (t) => {
  const bench = await startEngine(t);
  const { tunnel } = await attachCamera(t, bench);
  const host = tunnel.hostname;
  const { token } = bench.engine.mintConnectToken({
    subject: 'viewer',
    tunnelId: tunnel.id,
    path: VIEWER_PATH,
    ttlSeconds: 120,
  });
  const passed = await ask(bench, {
    host,
    token,
    path: '/whep?quality=high&rstream.token=x',
    method: 'POST',
    body: 'v=0',
    headers: { 'x-forwarded-for': '1.2.3.4', 'if-match': '*' },
  });
  t.equal(passed.status, 200);
  t.match(passed.json, {
    method: 'POST',
    url: '/whep?quality=high',
    body: 'v=0',
    headers: { host: `${host}:${tunnel.port}`, 'if-match': '*', 'x-forwarded-proto': 'https' },
  });
  const seen = (passed.json as { headers: Record<string, string> }).headers;
  t.notOk('authorization' in seen);
  t.match(seen['x-forwarded-for'], /^127\./);
  t.equal(await status(bench, { host, path: `/whep/abc?rstream.token=${token}`, method: 'DELETE' }), 200);

  t.equal(await status(bench, { host, path: '/whep' }), 401);
  t.equal(await status(bench, { host, path: '/other', token }), 403);
  t.equal(await status(bench, { host, path: '/whep', token: watchToken(bench) }), 403);
  t.equal(await status(bench, { host: 'device-9.t.ip4-127-0-14-1.internal', path: '/whep', token }), 404);
  t.equal(
    await status(bench, { host, servername: 'device-9.t.ip4-127-0-14-1.internal', path: '/whep', token }),
    421,
  );
  for (const path of ['//whep', '/a/../whep', '/./whep', '/%77hep', '/whep%2f']) {
    t.equal(await status(bench, { host, path, token }), 400, path);
  }
  const anyPath = bench.engine.mintConnectToken({
    subject: 'viewer',
    tunnelId: tunnel.id,
    path: { regex: '' },
    ttlSeconds: 120,
  }).token;
  for (const path of ['/api/turn', '/api/status', '/API/TURN', '/api/turn/']) {
    t.equal(await status(bench, { host, path, token: anyPath }), 404, `${path} is never published`);
  }
});

t.test('passes a WebSocket on to a published host', async (t) => {
  const bench = await startEngine(t);
  const { tunnel } = await attachCamera(t, bench);
  const { token } = bench.engine.mintConnectToken({
    subject: 'viewer',
    tunnelId: tunnel.id,
    path: VIEWER_PATH,
    ttlSeconds: 120,
  });
  const openSocket = (path: string): WebSocket =>
    new WebSocket(`wss://${bench.engine.endpoint}${path}`, {
      ca: bench.certificate.caPem,
      headers: { host: `${tunnel.hostname}:${tunnel.port}` },
      servername: tunnel.hostname,
    } as ClientOptions);
  const socket = openSocket(`/ws?rstream.token=${token}`);
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  const echoed = new Promise<string>((resolve) => {
    socket.once('message', (data: Buffer) => {
      resolve(data.toString());
    });
  });
  socket.send('x'.repeat(100_000));
  t.equal((await echoed).length, 100_000);
  const ended = new Promise((resolve) => socket.once('close', resolve));
  bench.engine.kick('device-1', 'revoked');
  await ended;

  const refused = openSocket('/ws');
  refused.on('error', () => undefined);
  const code = await new Promise<number>((resolve) => {
    refused.on('unexpected-response', (_request, response) => {
      resolve(response.statusCode ?? 0);
    });
  });
  t.equal(code, 404, 'the tunnel is gone');
  refused.terminate();
});

t.test('a camera that does not take the stream is a 502; clients without ALPN are served', async (t) => {
  const bench = await startEngine(t);
  const { agent, tunnel } = await attachCamera(t, bench);
  agent.onStream((stream) => stream.destroy());
  const { token } = bench.engine.mintConnectToken({
    subject: 'viewer',
    tunnelId: tunnel.id,
    path: '/whep',
    ttlSeconds: 120,
  });
  t.equal(await status(bench, { host: tunnel.hostname, path: '/whep', token }), 502);

  const plain = await RawClient.connect(bench.engine.endpoint, bench.certificate.caPem, {
    ALPNProtocols: [],
  });
  plain.socket.removeAllListeners('data');
  let text = '';
  plain.socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
  plain.socket.write(`GET /api/tunnels HTTP/1.1\r\nHost: ${bench.engine.endpoint}\r\n\r\n`);
  await plain.untilClosed();
  t.match(text, /^HTTP\/1\.1 401 .*a token is required/s);
});
