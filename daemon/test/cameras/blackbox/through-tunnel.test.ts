/** The cameras' side against the real tunnel engine over TLS: provisioning, both protocols, kicks. */
import { randomBytes } from 'node:crypto';
import t from 'tap';
import { CameraService } from '../../../cameras/camera-service.ts';
import { cameraRoomId } from '../../../contract/names.ts';
import { loadOrCreateLocalCa } from '../../../system/local-ca.ts';
import { connectAgent, type Agent } from '../../../tunnels/agent/agent.ts';
import { EmbeddedEngine } from '../../../tunnels/embedded-engine/engine.ts';
import { FakeProducer } from '../../helpers/camera-producer.ts';
import { FakeDirectory, FakeSfu, MemoryDeviceStore } from '../../helpers/camera-world.ts';
import { silentLog } from '../../helpers/silent-log.ts';

const ADDRESS = '127.0.15.1';

async function start(t: Tap) {
  const certificate = await loadOrCreateLocalCa(t.testdir(), {
    names: ['engine.test'],
    addresses: [ADDRESS],
    nowMs: Date.now(),
  });
  const engine = new EmbeddedEngine({
    listen: { address: ADDRESS, port: 0 },
    certificate,
    tokenKey: randomBytes(32),
    log: silentLog,
  });
  await engine.start();
  const sfus = new FakeDirectory();
  const sfu = new FakeSfu();
  const service = new CameraService({
    store: new MemoryDeviceStore(),
    engine,
    sfus,
    namespaceExists: () => true,
    logger: silentLog,
  });
  await service.start();
  sfus.connect('demo', sfu);
  const { device } = service.create({ name: 'Door', namespace: 'demo', owner: 'ada' });
  /** What a camera does with its secret: provision, open the tunnel, serve. */
  const attach = async (
    producer: FakeProducer,
    given = service.provisionTunnel(device.id),
  ): Promise<Agent> => {
    const agent = await connectAgent({
      engine: given.engine,
      token: given.token,
      ca: certificate.caPem,
      agentName: 'test',
    });
    t.teardown(() => {
      agent.close();
      producer.destroy();
      return agent.closed;
    });
    agent.onStream((stream) => {
      producer.accept(stream);
    });
    const { name, labels } = given;
    const http = { publish: true, protocol: 'http', httpVersion: 'http/1.1', tokenAuth: true } as const;
    await agent.openTunnel({ name, labels, ...http });
    return agent;
  };
  t.teardown(async () => {
    await service.stop();
    await engine.stop();
  });
  return { engine, sfus, sfu, service, device, attach, room: cameraRoomId(device.id) };
}
type Tap = { teardown(fn: () => unknown): void; testdir(): string };

const asked = (producer: FakeProducer, line: string): number =>
  producer.asked.filter((one) => one === line).length;

t.test('a camera of the second generation, provisioned, watched, lost and back', async (t) => {
  const { sfus, sfu, service, device, attach, room } = await start(t);
  const producer = FakeProducer.whep();
  const agent = await attach(producer);
  t.equal(service.get(device.id).state, 'online');
  sfus.demand('demo', room, 1);
  await producer.until(() => producer.sessions.size === 1);
  await sfu.until(() => sfu.answers.size === 1);
  sfus.ingest('demo', room, 'flowing');

  const offline = Promise.withResolvers<undefined>();
  service.subscribe((change) => {
    if (change.type === 'device' && change.device.state === 'offline') offline.resolve(undefined);
  });
  agent.close();
  await offline.promise;
  sfus.ingest('demo', room, 'stalled');
  const reborn = FakeProducer.whep();
  await attach(reborn);
  await reborn.until(() => reborn.sessions.size === 1);
  await sfu.until(() => sfu.answers.size === 2);
  sfus.ingest('demo', room, 'flowing');
  t.equal(service.get(device.id).media.state, 'live');

  service.update(device.id, { capture: { mode: 'on-demand', lingerSeconds: 0 } });
  sfus.demand('demo', room, 0);
  await reborn.until(() => asked(reborn, 'DELETE /whep/s1') === 1);
  t.equal(sfu.ingests.size, 0);
});

t.test('a camera of the first generation, and its end by deletion', async (t) => {
  const { sfus, sfu, service, device, attach, room } = await start(t);
  const given = service.provisionTunnel(device.id);
  const producer = FakeProducer.ws();
  const agent = await attach(producer, given);
  sfus.demand('demo', room, 1);
  await producer.until(() => producer.openSockets === 1);
  await sfu.until(() => sfu.answers.size === 1 && sfu.candidates.length === 2);
  sfus.ingest('demo', room, 'flowing');
  t.match(service.get(device.id).media, { state: 'live', producer: 'ws' });

  service.delete(device.id);
  await producer.until(() => producer.openSockets === 0 && producer.open === 0);
  t.same(sfu.closedRooms, [room]);
  agent.close();
  await t.rejects(attach(FakeProducer.ws(), given), 'a token from before opens nothing any more');
});

t.test('a rotated secret brings the camera back with a new token only', async (t) => {
  const { service, device, attach } = await start(t);
  const before = service.provisionTunnel(device.id);
  (await attach(FakeProducer.whep(), before)).close();
  const { secret } = service.rotate(device.id);
  await t.rejects(attach(FakeProducer.whep(), before));
  const id = service.authenticate(secret)?.id ?? '';
  await attach(FakeProducer.whep(), service.provisionTunnel(id));
  t.equal(service.get(device.id).state, 'online');
});
