/** The embedded engine with our own agent over real TLS. */
import t from 'tap';
import { WebSocket } from 'ws';
import type { Duplex } from 'node:stream';
import { connectAgent } from '../../tunnels/agent/agent.ts';
import { attachCamera, DEVICE, requestOver, startEngine, until } from '../helpers/tunnel-engine.ts';
import { RawClient, tunnelRequest } from '../helpers/tunnel-raw-client.ts';

const closed = (stream: Duplex): Promise<void> =>
  new Promise((resolve) => {
    if (stream.closed) resolve();
    else stream.once('close', () => resolve());
  });

t.test('opens a tunnel, serves requests and upgrades through it', async (t) => {
  const bench = await startEngine(t);
  const { engine, events } = bench;
  t.same(events, [
    { type: 'state', reachable: false, tunnels: [] },
    { type: 'state', reachable: true, tunnels: [] },
  ]);
  const { agent, tunnel } = await attachCamera(t, bench);
  t.equal(`127.0.14.1:${tunnel.port}`, engine.endpoint);
  t.equal(tunnel.hostname, 'device-1.t.ip4-127-0-14-1.internal');
  const [listed] = engine.listTunnels();
  t.match(listed, { id: tunnel.id, clientId: agent.clientId, name: 'device-1', labels: DEVICE.labels });
  t.same(events.at(-1), { type: 'created', tunnel: listed });

  const answer = await requestOver(await engine.dial(tunnel.id), {
    path: '/healthz',
    method: 'POST',
    body: 'hello',
  });
  t.equal(answer.status, 200);
  t.match(JSON.parse(answer.text), { method: 'POST', url: '/healthz', body: 'hello' });

  const stream = await engine.dial(tunnel.id);
  const socket = new WebSocket('ws://camera/ws', { createConnection: () => stream as never });
  await new Promise((resolve) => socket.once('open', resolve));
  const echoed = new Promise<string>((resolve) => {
    socket.once('message', (data: Buffer) => {
      resolve(data.toString());
    });
  });
  socket.send('x'.repeat(200_000));
  t.equal((await echoed).length, 200_000);
  socket.terminate();

  const many = await Promise.all(
    Array.from({ length: 30 }, async (_, at) =>
      requestOver(await engine.dial(tunnel.id), { path: `/${at}` }),
    ),
  );
  t.same(
    many.map((one) => (JSON.parse(one.text) as { url: string }).url),
    Array.from({ length: 30 }, (_, at) => `/${at}`),
  );
});

t.test('refuses what the token does not say', async (t) => {
  const bench = await startEngine(t);
  const { engine, certificate } = bench;
  const connectWith = (token: string) =>
    connectAgent({ engine: engine.endpoint, token, ca: certificate.caPem, agentName: 'test' });
  await t.rejects(connectWith('nonsense'), { name: 'EngineRefusal', code: 1000 });
  await t.rejects(connectWith(''), { name: 'EngineRefusal', code: 1000 });
  const token = engine.mintDeviceToken(DEVICE).token;
  await t.rejects(connectWith(`${token.slice(0, -3)}abc`), { name: 'EngineRefusal', code: 1000 });
  const watcher = engine.mintWatchToken({ subject: 'u', labels: {}, ttlSeconds: 60 }).token;
  await t.rejects(connectWith(watcher), { name: 'EngineRefusal', code: 1000 });

  const agent = await connectWith(token);
  t.teardown(() => {
    agent.close();
  });
  const right = {
    name: DEVICE.tunnelName,
    labels: DEVICE.labels,
    publish: true,
    protocol: 'http' as const,
    httpVersion: 'http/1.1' as const,
    tokenAuth: true,
  };
  const wrong = [
    { name: 'device-2' },
    { labels: { app: 'camera' } },
    { labels: { ...DEVICE.labels, device: 'd-2' } },
    { labels: { ...DEVICE.labels, more: 'x' } },
    { publish: false },
    { tokenAuth: false },
  ];
  for (const change of wrong) {
    await t.rejects(agent.openTunnel({ ...right, ...change }), { code: 1000 }, JSON.stringify(change));
  }
  t.equal(engine.listTunnels().length, 0);
  t.ok((await agent.openTunnel(right)).id, 'the channel stays usable');
});

t.test('the newest connection of a device wins, another device does not', async (t) => {
  const bench = await startEngine(t);
  const { engine, events } = bench;
  const first = await attachCamera(t, bench);
  const old = await engine.dial(first.tunnel.id);
  const second = await attachCamera(t, bench);
  t.match(await first.agent.closed, /the engine closed/);
  await closed(old);
  t.same(
    engine.listTunnels().map((one) => one.id),
    [second.tunnel.id],
  );
  t.same(
    events.slice(2).map((event) => event.type),
    ['created', 'deleted', 'created'],
  );
  t.equal((await requestOver(await engine.dial(second.tunnel.id))).status, 200);
  await t.rejects(attachCamera(t, bench, { device: { deviceId: 'd-2' } }), { code: 2000 });
  t.equal(engine.listTunnels().length, 1);
});

t.test('a kick ends tunnel, streams and older tokens at once', async (t) => {
  const bench = await startEngine(t);
  const { engine, events } = bench;
  const token = engine.mintDeviceToken(DEVICE).token;
  const { agent, tunnel } = await attachCamera(t, bench, { token });
  const stream = await engine.dial(tunnel.id);
  engine.kick('device-1', 'revoked');
  t.match(events.at(-1), { type: 'deleted', reason: 'revoked' });
  await t.rejects(engine.dial(tunnel.id), { name: 'Error', operation: 'tunnel.dial' });
  t.match(await agent.closed, /the engine closed/);
  await closed(stream);
  await t.rejects(attachCamera(t, bench, { token }), { code: 1000 }, 'the old token');
  const again = await attachCamera(t, bench);
  t.equal((await requestOver(await engine.dial(again.tunnel.id))).status, 200, 'a new one');
  engine.kick('nobody', 'no such tunnel');
});

t.test('streams outlive a lost control channel, but not a kick after it', async (t) => {
  const bench = await startEngine(t);
  const { engine } = bench;
  const raw = await RawClient.connect(engine.endpoint, bench.certificate.caPem);
  raw.send({
    type: 'OpenControlChannelReq',
    body: { clientDetails: { token: engine.mintDeviceToken(DEVICE).token } },
  });
  await raw.next('OpenControlChannelRsp');
  raw.send(tunnelRequest(DEVICE));
  const { tunnelProperties } = await raw.next('OpenTunnelRsp');
  const dialed = engine.dial(tunnelProperties!.id!);
  const { streamId, secret } = await raw.next('ProxyConnReq');
  const proxied = await RawClient.connect(engine.endpoint, bench.certificate.caPem);
  proxied.send({ type: 'ProxyReq', body: { clientDetails: { token: secret }, streamId, zeroRtt: true } });
  const stream = await dialed;
  raw.socket.destroy();
  await until(() => engine.listTunnels().length === 0, 'tunnel gone');
  proxied.socket.write('still here');
  const chunk = await new Promise<Buffer>((resolve) => stream.once('data', resolve));
  t.equal(chunk.toString(), 'still here');
  engine.kick('device-1', 'revoked');
  await proxied.untilClosed();
  t.ok(stream.destroyed);
});

t.test(
  'waits for a stream no longer than it was told, and not at all for a tunnel that is gone',
  async (t) => {
    const bench = await startEngine(t);
    const { engine } = bench;
    const raw = await RawClient.connect(engine.endpoint, bench.certificate.caPem);
    t.teardown(() => raw.socket.destroy());
    raw.send({
      type: 'OpenControlChannelReq',
      body: { clientDetails: { token: engine.mintDeviceToken(DEVICE).token } },
    });
    raw.send(tunnelRequest(DEVICE));
    const id = (await raw.next('OpenTunnelRsp')).tunnelProperties!.id!;
    await t.rejects(engine.dial(id, { timeoutMs: 50 }), /in time/);
    const pending = engine.dial(id);
    pending.catch(() => undefined);
    raw.send(
      { type: 'CloseTunnelReq', body: { tunnelId: id } },
      { type: 'CloseTunnelReq', body: { tunnelId: id } },
    );
    await t.rejects(pending, /tunnel was closed/);
    await raw.next('CloseTunnelRsp');
    await raw.next('CloseTunnelRsp');
    raw.send({ type: 'CloseControlChannelReq', body: {} });
    await raw.next('CloseControlChannelRsp');
    await raw.untilClosed();
  },
);

t.test('stops in protocol and starts again on the same port with the same tokens', async (t) => {
  const bench = await startEngine(t);
  const port = Number(bench.engine.endpoint.split(':')[1]);
  const { agent, tunnel } = await attachCamera(t, bench);
  const token = bench.engine.mintDeviceToken(DEVICE).token;
  const stream = await bench.engine.dial(tunnel.id);
  await bench.engine.stop();
  t.match(await agent.closed, /the engine closed/);
  await closed(stream);
  t.same(bench.events.slice(-2), [
    {
      type: 'deleted',
      tunnel: (bench.events[2] as { tunnel: object }).tunnel,
      reason: 'the engine is shutting down',
    },
    { type: 'state', reachable: false, tunnels: [] },
  ]);
  const next = await startEngine(t, { port, certificate: bench.certificate, tokenKey: bench.tokenKey });
  const again = await attachCamera(t, next, { token });
  t.equal((await requestOver(await next.engine.dial(again.tunnel.id))).status, 200);
});

t.test('a taken port is one clear error', async (t) => {
  const bench = await startEngine(t);
  const port = Number(bench.engine.endpoint.split(':')[1]);
  await t.rejects(
    startEngine(t, { port, certificate: bench.certificate }),
    /cannot listen on 127\.0\.14\.1:\d+/,
  );
});
