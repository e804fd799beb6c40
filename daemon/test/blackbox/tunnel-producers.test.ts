/** What real producers do that ours does not, and what hostile ones may try. */
import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import t from 'tap';
import { loadOrCreateLocalCa } from '../../system/local-ca.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import {
  DEVICE,
  ENGINE_ADDRESS,
  requestOver,
  startEngine,
  until,
  type EngineBench,
} from '../helpers/tunnel-engine.ts';
import { cameraServer } from '../helpers/tunnel-engine.ts';
import { RawClient, tunnelRequest } from '../helpers/tunnel-raw-client.ts';

type Liveness = { heartbeatIntervalMs?: number };

async function openControl(bench: EngineBench, liveness?: Liveness): Promise<RawClient> {
  const client = await RawClient.connect(bench.engine.endpoint, bench.certificate.caPem);
  const token = bench.engine.mintDeviceToken(DEVICE).token;
  client.send({
    type: 'OpenControlChannelReq',
    body: { clientDetails: { token }, ...(liveness && { liveness }) },
  });
  return client;
}

async function openTunnel(bench: EngineBench): Promise<{ client: RawClient; tunnelId: string }> {
  const client = await openControl(bench);
  client.send(tunnelRequest(DEVICE));
  const { tunnelProperties } = await client.next('OpenTunnelRsp');
  return { client, tunnelId: tunnelProperties!.id! };
}

async function present(
  bench: EngineBench,
  streamId: string,
  secret: string,
  zeroRtt?: boolean,
): Promise<RawClient> {
  const client = await RawClient.connect(bench.engine.endpoint, bench.certificate.caPem);
  client.send({ type: 'ProxyReq', body: { clientDetails: { token: secret }, streamId, zeroRtt } });
  return client;
}

t.test('an old Go producer: no liveness, first heartbeat after 5 s, "ok" before it dials', async (t) => {
  const clock = new FakeClock();
  const bench = await startEngine(t, { clock });
  const { client, tunnelId } = await openTunnel(bench);
  t.teardown(() => client.socket.destroy());
  t.same((await client.next('OpenControlChannelRsp')).ok?.liveness, undefined);
  for (let beat = 0; beat < 6; beat += 1) {
    clock.advance(5000);
    client.send({ type: 'Heartbeat', body: {} }, { type: 'CloseTunnelReq', body: { tunnelId: 'x' } });
    await client.next('CloseTunnelRsp');
  }
  t.equal(client.count('Heartbeat'), 0, 'a producer without liveness dies on any heartbeat');
  t.equal(bench.engine.listTunnels().length, 1);

  const dialed = bench.engine.dial(tunnelId);
  const { streamId = '', secret = '' } = await client.next('ProxyConnReq');
  client.send({ type: 'ProxyConnRsp', body: { streamId } });
  client.send({ type: 'CloseTunnelReq', body: { tunnelId: 'x' } });
  await client.next('CloseTunnelRsp');
  const proxied = await present(bench, streamId, secret);
  proxied.socket.removeAllListeners('data');
  cameraServer().emit('connection', proxied.socket);
  t.equal((await requestOver(await dialed)).status, 200);

  clock.advance(14_999);
  t.equal(bench.engine.listTunnels().length, 1);
  clock.advance(1);
  t.equal(bench.engine.listTunnels().length, 0, 'silence is noticed although nothing was agreed');
  await client.untilClosed();
});

t.test('liveness is granted as asked and every sequence is acknowledged once', async (t) => {
  const clock = new FakeClock();
  const bench = await startEngine(t, { clock });
  const client = await openControl(bench, { heartbeatIntervalMs: 1000 });
  const { ok } = await client.next('OpenControlChannelRsp');
  t.same(ok?.liveness, { heartbeatIntervalMs: 1000, heartbeatTimeoutMs: 3000 });
  for (const sequence of [1n, 2n, 2n, 1n, 7n]) client.send({ type: 'Heartbeat', body: { sequence } });
  client.send({ type: 'CloseTunnelReq', body: { tunnelId: 'x' } });
  await client.next('CloseTunnelRsp');
  t.same(
    client.received.map((message) => message.body),
    [{ acknowledgement: 1n }, { acknowledgement: 2n }, { acknowledgement: 7n }],
  );
  clock.advance(2999);
  client.send({ type: 'ServerMessage', body: { message: 'any frame counts' } }, tunnelRequest(DEVICE));
  await client.next('OpenTunnelRsp');
  clock.advance(2999);
  t.equal(client.closed, false);
  clock.advance(1);
  await client.untilClosed();
  t.match(bench.events.at(-1), { type: 'deleted', reason: 'the camera went silent' });

  for (const [heartbeatIntervalMs, timeoutMs] of [
    [300_000, 900_000],
    [1000, 3000],
  ]) {
    const other = await openControl(bench, { heartbeatIntervalMs: heartbeatIntervalMs! });
    t.equal((await other.next('OpenControlChannelRsp')).ok?.liveness?.heartbeatTimeoutMs, timeoutMs);
    other.socket.destroy();
  }
  for (const heartbeatIntervalMs of [0, 999, 300_001]) {
    const other = await openControl(bench, { heartbeatIntervalMs });
    t.equal((await other.next('OpenControlChannelRsp')).error?.code, 2000, String(heartbeatIntervalMs));
    await other.untilClosed();
  }
});

t.test('asks for eight streams at most and keeps the others waiting', async (t) => {
  const bench = await startEngine(t);
  const { client, tunnelId } = await openTunnel(bench);
  t.teardown(() => client.socket.destroy());
  const dials = Array.from({ length: 64 }, () => bench.engine.dial(tunnelId));
  for (const dial of dials) dial.catch(() => undefined);
  await t.rejects(bench.engine.dial(tunnelId), /too many streams/);
  const flush = async (): Promise<void> => {
    client.send({ type: 'CloseTunnelReq', body: { tunnelId: 'x' } });
    await client.next('CloseTunnelRsp');
  };
  await flush();
  t.equal(client.count('ProxyConnReq'), 8);
  const refused = await client.next('ProxyConnReq');
  client.send({
    type: 'ProxyConnRsp',
    body: { streamId: refused.streamId, error: { code: 6000, message: 'no' } },
  });
  await t.rejects(dials[0]!, /camera refused/);
  await flush();
  t.equal(client.count('ProxyConnReq'), 8, 'the next one moved up');
  const { streamId = '', secret = '' } = await client.next('ProxyConnReq');
  t.notSame(streamId, '');
  const proxied = await present(bench, streamId, secret);
  t.teardown(() => proxied.socket.destroy());
  await dials[1];
  await flush();
  t.equal(client.count('ProxyConnReq'), 8);
});

t.test(
  'a caller that gives up leaves the place at the camera taken until the stream had its time',
  async (t) => {
    const clock = new FakeClock();
    const bench = await startEngine(t, { clock });
    const { client, tunnelId } = await openTunnel(bench);
    t.teardown(() => client.socket.destroy());
    const dials = Array.from({ length: 9 }, () => bench.engine.dial(tunnelId, { timeoutMs: 1000 }));
    const outcomes = Promise.allSettled(dials);
    clock.advance(1000);
    t.ok((await outcomes).every((one) => one.status === 'rejected'));
    const late = bench.engine.dial(tunnelId);
    client.send({ type: 'CloseTunnelReq', body: { tunnelId: 'x' } });
    await client.next('CloseTunnelRsp');
    t.equal(client.count('ProxyConnReq'), 8);
    const first = await client.next('ProxyConnReq');
    const abandoned = await present(bench, first.streamId!, first.secret!);
    await abandoned.untilClosed();
    await until(() => client.count('ProxyConnReq') === 8, 'the waiting dial is asked for');
    const request = client.received.findLast((message) => message.type === 'ProxyConnReq')!.body;
    const { streamId, secret } = request as { streamId: string; secret: string };
    const proxied = await present(bench, streamId, secret);
    t.teardown(() => proxied.socket.destroy());
    t.ok(await late);
  },
);

t.test('a secret opens its stream once, and a guess does not use it up', async (t) => {
  const bench = await startEngine(t);
  const { client, tunnelId } = await openTunnel(bench);
  t.teardown(() => client.socket.destroy());
  const dialed = bench.engine.dial(tunnelId);
  const { streamId = '', secret = '' } = await client.next('ProxyConnReq');
  await (await present(bench, streamId, 'guess')).untilClosed();
  const told = await present(bench, streamId, 'guess', false);
  t.equal((await told.next('ProxyRsp')).error?.code, 4000);
  await told.untilClosed();
  const proxied = await present(bench, streamId, secret);
  t.teardown(() => proxied.socket.destroy());
  await dialed;
  await (await present(bench, streamId, secret)).untilClosed();
  await (await present(bench, 'unknown', secret)).untilClosed();
  t.equal(proxied.closed, false);
});

t.test('answers ProxyRsp exactly when zero_rtt is present and false', async (t) => {
  const bench = await startEngine(t);
  const { client, tunnelId } = await openTunnel(bench);
  t.teardown(() => client.socket.destroy());
  for (const zeroRtt of [undefined, true, false]) {
    const dialed = bench.engine.dial(tunnelId);
    const { streamId = '', secret = '' } = await client.next('ProxyConnReq');
    const proxied = await present(bench, streamId, secret, zeroRtt);
    const stream = await dialed;
    stream.write('\0\0\0\x02\x7a\0'); // Raw bytes; a heartbeat frame is easy to recognise.
    await proxied.next('Heartbeat');
    t.equal(proxied.count('ProxyRsp'), zeroRtt === false ? 1 : 0, String(zeroRtt));
    proxied.socket.destroy();
  }
});

t.test('raw bytes in the same flight as ProxyReq are not lost', async (t) => {
  const bench = await startEngine(t);
  const { client, tunnelId } = await openTunnel(bench);
  t.teardown(() => client.socket.destroy());
  const dialed = bench.engine.dial(tunnelId);
  const { streamId = '', secret = '' } = await client.next('ProxyConnReq');
  const proxied = await RawClient.connect(bench.engine.endpoint, bench.certificate.caPem);
  proxied.send(
    { type: 'ProxyReq', body: { clientDetails: { token: secret }, streamId } },
    { type: 'ServerMessage', body: { message: 'early' } },
  );
  const stream = await dialed;
  const chunk = await new Promise<Buffer>((resolve) => stream.once('data', resolve));
  t.match(chunk.toString(), /early/);
  proxied.socket.destroy();
});

t.test('a frame too long, an unreadable frame and a flood end the control channel', async (t) => {
  const bench = await startEngine(t);
  for (const bytes of ['00010000', '00000002ffff', '000000017b']) {
    const { client } = await openTunnel(bench);
    client.socket.write(Buffer.from(bytes, 'hex'));
    await client.untilClosed();
    t.equal(bench.engine.listTunnels().length, 0, bytes);
  }
  const { client } = await openTunnel(bench);
  const beat = { type: 'Heartbeat' as const, body: {} };
  client.send(...Array.from({ length: 2000 }, () => beat));
  await client.untilClosed();
  const silent = await openControl(bench);
  await silent.next('OpenControlChannelRsp');
  silent.socket.write(Buffer.from('00000000000000039a0100', 'hex'));
  silent.send(tunnelRequest(DEVICE));
  t.ok((await silent.next('OpenTunnelRsp')).tunnelProperties?.id, 'empty and unknown frames are ignored');
  silent.send({ type: 'OpenControlChannelReq', body: {} });
  await silent.untilClosed();
});

t.test('refuses features that it would have to pretend', async (t) => {
  const bench = await startEngine(t);
  const client = await openControl(bench);
  t.teardown(() => client.socket.destroy());
  const base = tunnelRequest(DEVICE);
  if (base.type !== 'OpenTunnelReq') throw new Error('not a request');
  const properties = base.body.tunnelProperties!;
  const cases: [object, number][] = [
    [{ name: undefined }, 2000],
    [{ name: ' ' }, 2000],
    [{ name: 'x'.repeat(300) }, 2000],
    [{ labels: Object.fromEntries(Array.from({ length: 33 }, (_, at) => [`k${at}`, ''])) }, 2000],
    [{ type: 'datagram' }, 5000],
    [{ protocol: 'tls' }, 5000],
    [{ protocol: undefined }, 5000],
    [{ httpVersion: 'h2' }, 5000],
    [{ trustedIps: ['10.0.0.0/8'] }, 5000],
    [{ geoIp: ['CH'] }, 5000],
    [{ rstreamAuth: true }, 5000],
    [{ challengeMode: true }, 5000],
    [{ mtlsAuth: true }, 5000],
    [{ upstreamTls: true }, 5000],
  ];
  for (const [change, code] of cases) {
    client.send({
      type: 'OpenTunnelReq',
      body: { requestId: 'q', tunnelProperties: { ...properties, ...change } },
    });
    const answer = await client.next('OpenTunnelRsp');
    t.match(answer, { requestId: 'q', error: { code } }, JSON.stringify(change));
  }
});

t.test('the tunnel is answered before the first stream is asked for', async (t) => {
  const bench = await startEngine(t);
  const unwatch = bench.engine.watch((event) => {
    if (event.type === 'created') bench.engine.dial(event.tunnel.id).catch(() => undefined);
  });
  const client = await openControl(bench);
  t.teardown(() => client.socket.destroy());
  client.send(tunnelRequest(DEVICE));
  await until(() => client.count('ProxyConnReq') === 1, 'asked');
  t.same(
    client.received.map((message) => message.type),
    ['OpenControlChannelRsp', 'OpenTunnelRsp', 'ProxyConnReq'],
  );
  unwatch();
});

t.test('a device that opens many control channels loses its oldest', async (t) => {
  const bench = await startEngine(t);
  const clients: RawClient[] = [];
  for (let count = 0; count < 5; count += 1) {
    const client = await openControl(bench);
    await client.next('OpenControlChannelRsp');
    clients.push(client);
  }
  await clients[0]!.untilClosed();
  t.equal(bench.engine.counts['clients'], 4);
  t.equal(clients.filter((client) => client.closed).length, 1);
  for (const client of clients) client.socket.destroy();
});

t.test('decides or closes every connection within five seconds', async (t) => {
  const clock = new FakeClock();
  const bench = await startEngine(t, { clock });
  const silent = await RawClient.connect(bench.engine.endpoint, bench.certificate.caPem);
  const half = await RawClient.connect(bench.engine.endpoint, bench.certificate.caPem);
  half.socket.write(Buffer.from('0000', 'hex'));
  const wrong = await RawClient.connect(bench.engine.endpoint, bench.certificate.caPem);
  wrong.send({ type: 'Heartbeat', body: {} });
  await wrong.untilClosed();
  const text = await RawClient.connect(bench.engine.endpoint, bench.certificate.caPem);
  text.socket.write('GET / HTTP/1.1\r\n\r\n');
  await text.untilClosed();
  t.equal(silent.closed, false);
  clock.advance(5000);
  await silent.untilClosed();
  await half.untilClosed();
  t.match(bench.engine.counts, { 'no-first-frame': 2, 'not-a-frame': 1 });
});

t.test('speaks TLS 1.3 only, needs no ALPN and refuses a foreign one', async (t) => {
  const bench = await startEngine(t);
  const { endpoint } = bench.engine;
  const { caPem } = bench.certificate;
  await t.rejects(RawClient.connect(endpoint, caPem, { maxVersion: 'TLSv1.2' }));
  await t.rejects(RawClient.connect(endpoint, caPem, { ALPNProtocols: ['h2'] }));
  const socket = await RawClient.connect(endpoint, caPem, { ALPNProtocols: [] });
  socket.send({ type: 'OpenControlChannelReq', body: {} });
  t.equal((await socket.next('OpenControlChannelRsp')).error?.code, 1000);
  await socket.untilClosed();
});

t.test('counts undecided connections back when they end, however they end', async (t) => {
  const bench = await startEngine(t);
  const [host, port] = bench.engine.endpoint.split(':');
  // Far more than one address may have undecided at a time: it works only when each is counted back.
  for (let round = 0; round < 12; round += 1) {
    await Promise.all(
      Array.from({ length: 30 }, async (_, at) => {
        const socket =
          at % 2 === 0
            ? connectTcp({ host: host!, port: Number(port) })
            : connectTls({
                host,
                port: Number(port),
                ca: bench.certificate.caPem,
                ALPNProtocols: ['rstrm/1'],
              });
        socket.on('error', () => undefined);
        await new Promise((resolve) => socket.once(at % 2 === 0 ? 'connect' : 'secureConnect', resolve));
        socket.destroy();
      }),
    );
  }
  const { client } = await openTunnel(bench);
  client.socket.destroy();
  t.equal(bench.engine.counts['too-many-undecided'], undefined);
});

t.test('changes its certificate without a restart', async (t) => {
  const bench = await startEngine(t);
  const { client } = await openTunnel(bench);
  t.teardown(() => client.socket.destroy());
  const other = await loadOrCreateLocalCa(tempDir(t), {
    names: [],
    addresses: [ENGINE_ADDRESS],
    nowMs: Date.now(),
  });
  bench.engine.setCertificate(other);
  t.equal(bench.engine.caPem, other.caPem);
  await t.rejects(RawClient.connect(bench.engine.endpoint, bench.certificate.caPem));
  (await RawClient.connect(bench.engine.endpoint, other.caPem)).socket.destroy();
  t.throws(() => {
    bench.engine.setCertificate({ ...other, keyPem: bench.certificate.keyPem });
  });
  t.equal(bench.engine.caPem, other.caPem);
  t.equal(client.closed, false, 'open connections stay');
});
