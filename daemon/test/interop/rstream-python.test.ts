/** The embedded engine with the official, unmodified rstream Python SDK as producer. Both ends are asserted. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { WebSocket } from 'ws';
import { tempDir } from '../helpers/temp-dir.ts';
import { DEVICE, requestOver, startEngine, until, type EngineBench } from '../helpers/tunnel-engine.ts';
import { PythonProducer, pythonSdk } from '../helpers/tunnel-python-sdk.ts';

t.setTimeout(280_000);
const sdk = await pythonSdk();
if ('missing' in sdk) {
  if (process.env['CI'] === 'true') t.fail(sdk.missing);
  else t.pass('the rstream Python SDK', { skip: sdk.missing });
} else {
  const { python } = sdk;

  type Setup = { bench: EngineBench; producer: PythonProducer; attach: (change?: object) => void };
  async function setUp(test: { teardown: (fn: () => unknown) => void }): Promise<Setup> {
    const bench = await startEngine(test);
    const caFile = join(tempDir(test), 'ca.pem');
    writeFileSync(caFile, bench.certificate.caPem);
    const producer = new PythonProducer(python);
    test.teardown(() => producer.stop());
    const attach = (change: object = {}): void => {
      producer.command({
        engine: bench.engine.endpoint,
        token: bench.engine.mintDeviceToken(DEVICE).token,
        ca_file: caFile,
        name: DEVICE.tunnelName,
        labels: DEVICE.labels,
        ...change,
      });
    };
    return { bench, producer, attach };
  }

  t.test('serves requests and a WebSocket through the tunnel', async (t) => {
    const { bench, producer, attach } = await setUp(t);
    const { engine } = bench;
    for (const zero_rtt of [true, false]) {
      attach({ zero_rtt });
      const open = await producer.next();
      const [tunnel] = engine.listTunnels();
      t.match(open, {
        event: 'open',
        id: tunnel?.id,
        address: `https://device-1.t.ip4-127-0-14-1.internal:${tunnel!.port}`,
      });
      t.match(tunnel, { name: 'device-1', labels: DEVICE.labels });
      const stream = await engine.dial(tunnel!.id);
      t.match(await requestOver(stream, { path: '/healthz' }), { status: 200, text: 'ok' });
      const offer = await requestOver(await engine.dial(tunnel!.id), {
        path: '/whep',
        method: 'POST',
        body: 'v=0',
      });
      t.match(offer, { status: 201, text: 'answer to v=0' });

      const upgraded = await engine.dial(tunnel!.id);
      const socket = new WebSocket('ws://camera/ws', { createConnection: () => upgraded as never });
      await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
      const echoed = new Promise<string>((resolve) => {
        socket.once('message', (data: Buffer) => {
          resolve(data.toString());
        });
      });
      socket.send('x'.repeat(5000));
      t.equal((await echoed).length, 5000);
      socket.terminate();

      producer.command({ close: true });
      t.match(await producer.next(), { event: 'closed' });
      t.same(engine.listTunnels(), []);
      t.match(bench.events.at(-1), { type: 'deleted', reason: 'closed by the camera' });
    }
  });

  t.test('serves 64 streams that are asked for at once', async (t) => {
    const { bench, producer, attach } = await setUp(t);
    attach();
    const { id } = (await producer.next()) as unknown as { id: string };
    const answers = await Promise.all(
      Array.from({ length: 64 }, async () => requestOver(await bench.engine.dial(id), { path: '/healthz' })),
    );
    t.ok(answers.every((answer) => answer.text === 'ok'));
    t.equal(bench.engine.listTunnels().length, 1, 'the control channel lives');
  });

  t.test('is told why it is refused', async (t) => {
    const { producer, attach, bench } = await setUp(t);
    attach({ token: 'nonsense' });
    t.match(await producer.next(), { event: 'refused', code: 1000 });
    attach({ name: 'device-2' });
    t.match(await producer.next(), { event: 'refused', code: 1000, message: /does not allow this tunnel/ });
    attach({ labels: { app: 'other' } });
    t.match(await producer.next(), { event: 'refused', code: 1000 });
    t.equal(bench.engine.listTunnels().length, 0);
    attach();
    t.match(await producer.next(), { event: 'open' });
  });

  t.test('a kick ends its tunnel and its streams; a new token brings it back', async (t) => {
    const { bench, producer, attach } = await setUp(t);
    const { engine } = bench;
    const token = engine.mintDeviceToken(DEVICE).token;
    attach({ token });
    const { id } = (await producer.next()) as unknown as { id: string };
    const stream = await engine.dial(id);
    const closed = new Promise((resolve) => stream.once('close', resolve));
    engine.kick('device-1', 'revoked');
    t.match(await producer.next(), { event: 'ended', reason: '' });
    await closed;
    attach({ token });
    t.match(await producer.next(), { event: 'refused', code: 1000, message: /revoked/ });
    attach();
    t.match(await producer.next(), { event: 'open' });
  });

  t.test('a second producer of the same device replaces the first', async (t) => {
    const { bench, producer, attach } = await setUp(t);
    attach();
    await producer.next();
    const second = new PythonProducer(python);
    t.teardown(() => second.stop());
    const caFile = join(tempDir(t), 'ca.pem');
    writeFileSync(caFile, bench.certificate.caPem);
    second.command({
      engine: bench.engine.endpoint,
      token: bench.engine.mintDeviceToken(DEVICE).token,
      ca_file: caFile,
      name: DEVICE.tunnelName,
      labels: DEVICE.labels,
    });
    const open = (await second.next()) as unknown as { event: string; id: string };
    t.equal(open.event, 'open');
    t.match(await producer.next(), { event: 'ended' });
    t.match(await requestOver(await bench.engine.dial(open.id), { path: '/healthz' }), { text: 'ok' });
  });

  t.test('one that hangs is noticed by the heartbeats it agreed on', async (t) => {
    const { bench, producer, attach } = await setUp(t);
    attach({ heartbeat_interval: 1 });
    await producer.next();
    producer.process.kill('SIGSTOP');
    await until(() => bench.engine.listTunnels().length === 0, 'the tunnel is given up');
    t.match(bench.events.at(-1), { type: 'deleted', reason: 'the camera went silent' });
    producer.process.kill('SIGCONT');
    t.match(await producer.next(), { event: 'ended' });
    attach();
    t.match(await producer.next(), { event: 'open' });
  });

  t.test('keeps its control channel over many heartbeats', async (t) => {
    const { bench, producer, attach } = await setUp(t);
    attach({ heartbeat_interval: 1 });
    const { id } = (await producer.next()) as unknown as { id: string };
    // Longer than the timeout of three intervals: only acknowledged heartbeats keep both ends content.
    await new Promise((resolve) => setTimeout(resolve, 4500));
    t.match(await requestOver(await bench.engine.dial(id), { path: '/healthz' }), { text: 'ok' });
  });

  t.test('comes back after a restart of the engine on the same port', async (t) => {
    const { bench, producer, attach } = await setUp(t);
    attach();
    t.match(await producer.next(), { event: 'open' });
    await bench.engine.stop();
    t.match(await producer.next(), { event: 'ended' });
    const port = Number(bench.engine.endpoint.split(':')[1]);
    const next = await startEngine(t, { port, certificate: bench.certificate, tokenKey: bench.tokenKey });
    attach();
    const { id } = (await producer.next()) as unknown as { id: string };
    t.match(await requestOver(await next.engine.dial(id), { path: '/healthz' }), { text: 'ok' });
  });
}
