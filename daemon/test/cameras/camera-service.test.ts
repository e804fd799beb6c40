import t from 'tap';
import type { CameraChange } from '../../cameras/camera-service.ts';
import { cameraRoomId } from '../../contract/names.ts';
import { deviceSchema, deviceTunnelSchema, deviceTurnSchema } from '../../contract/api.ts';
import type { CameraService as CameraServiceContract } from '../../api/services.ts';
import { sha256Hex } from '../../kit/secret.ts';
import { FakeProducer } from '../helpers/camera-producer.ts';
import { startCameraWorld, type CameraWorld } from '../helpers/camera-world.ts';

const NEW = { name: 'Front door', namespace: 'demo', owner: 'ada' };

t.test('the API takes it as it is', async (t) => {
  const { service } = await startCameraWorld(t);
  const asContract: CameraServiceContract = service;
  t.same(asContract.list(), []);
});

t.test('a new camera', async (t) => {
  const { service, store } = await startCameraWorld(t);
  const { device, secret } = service.create(NEW);
  t.match(secret, /^dev_[A-Za-z0-9_-]{43}$/);
  t.same(deviceSchema.parse(device), device);
  t.match(device, {
    namespace: 'demo',
    name: 'Front door',
    owner: 'ada',
    secretPrefix: secret.slice(0, 12),
    tunnelName: `device-${device.id}`,
    online: false,
    state: 'offline',
    onlineSince: null,
    lastSeenAt: null,
    capture: { mode: 'on-demand', lingerSeconds: 10 },
    media: { state: 'idle', message: null, producer: null, watching: 0 },
  });
  t.match(device.id, /^[0-9a-f-]{36}$/);
  t.equal(store.records.get(device.id)?.secretHash, sha256Hex(secret));
  t.notMatch(JSON.stringify([store.list(), service.list()]), secret, 'the secret is kept nowhere');
});

t.test('secrets', async (t) => {
  const { service, engine } = await startCameraWorld(t);
  const { device, secret } = service.create(NEW);
  t.equal(service.authenticate(secret)?.id, device.id);
  for (const wrong of ['', 'dev_', `${secret}x`, secret.slice(0, -1), secret.replace('dev_', 'dev-')]) {
    t.equal(service.authenticate(wrong), undefined, JSON.stringify(wrong));
  }
  t.equal(service.authenticate(`dev_${'A'.repeat(43)}`), undefined);
  const rotated = service.rotate(device.id);
  t.equal(service.authenticate(secret), undefined, 'the old one stops at once');
  t.equal(service.authenticate(rotated.secret)?.id, device.id);
  t.equal(rotated.device.secretPrefix, rotated.secret.slice(0, 12));
  t.same(engine.kicked, [device.tunnelName], 'and so does the tunnel it opened');
  service.delete(device.id);
  t.equal(service.authenticate(rotated.secret), undefined);
});

t.test('names, caps and what does not exist', async (t) => {
  const { service } = await startCameraWorld(t, { maxDevicesPerNamespace: 2 });
  const { device } = service.create(NEW);
  t.throws(() => service.create(NEW), { code: 'device_exists' });
  const other = service.create({ ...NEW, name: 'Back door' });
  t.throws(() => service.create({ ...NEW, name: 'Third' }), { code: 'device_limit' });
  service.create({ ...NEW, namespace: 'other' });
  t.throws(() => service.create({ ...NEW, namespace: 'nowhere' }), { code: 'namespace_not_found' });
  t.throws(() => service.update(other.device.id, { name: 'Front door' }), { code: 'device_exists' });
  t.equal(
    service.update(device.id, { name: 'Front door' }).name,
    'Front door',
    'its own name is no conflict',
  );
  t.match(service.update(device.id, { name: 'Porch', capture: { mode: 'always' } }), {
    name: 'Porch',
    capture: { mode: 'always' },
  });
  for (const act of [
    () => service.get('x'),
    () => service.update('x', {}),
    () => service.rotate('x'),
    () => {
      service.delete('x');
    },
    () => service.provisionTunnel('x'),
    () => service.provisionTurn('x'),
  ]) {
    t.throws(act, { code: 'device_not_found' });
  }
  t.same(
    service.list('demo').map(({ name }) => name),
    ['Porch', 'Back door'],
  );
  t.equal(service.list().length, 3);
});

t.test('provisioning is what producers in the field read', async (t) => {
  const { service, engine, sfus, clock } = await startCameraWorld(t);
  const { device } = service.create(NEW);
  const tunnel = service.provisionTunnel(device.id);
  t.equal(
    JSON.stringify(tunnel),
    JSON.stringify({
      device: device.id,
      engine: '127.0.0.1:8443',
      token: 'token-1',
      name: `device-${device.id}`,
      labels: { app: 'webrtc-video-platform', device: device.id, user: 'ada' },
      expires: new Date(clock.nowMs() + 300_000).toISOString(),
    }),
  );
  t.same(deviceTunnelSchema.parse(tunnel), tunnel);
  t.match(engine.minted, [
    { deviceId: device.id, tunnelName: device.tunnelName, ttlSeconds: 300, labels: tunnel.labels },
  ]);

  const turn = service.provisionTurn(device.id);
  t.equal(
    JSON.stringify(turn),
    JSON.stringify({ username: 'u', credential: 'p', urls: ['turn:127.0.0.1:3478?transport=udp'], ttl: 600 }),
  );
  t.same(deviceTurnSchema.parse(turn), turn);
  t.ok(turn.ttl > 300, 'or the producer asks for every viewer');
  t.match(sfus.asked, [{ namespace: 'demo', subject: device.id }]);
  const elsewhere = service.create({ ...NEW, namespace: 'other' });
  t.throws(() => service.provisionTurn(elsewhere.device.id), { code: 'credential_not_configured' });
});

t.test('a camera that asks without end is slowed down, alone', async (t) => {
  const { service, clock } = await startCameraWorld(t);
  const { device } = service.create(NEW);
  const other = service.create({ ...NEW, name: 'Other' }).device;
  for (let n = 0; n < 20; n += 1) service.provisionTurn(device.id);
  t.throws(() => service.provisionTurn(device.id), { code: 'rate_limited', retryAfterSeconds: 3 });
  service.provisionTurn(other.id);
  service.provisionTunnel(device.id);
  clock.advance(3000);
  service.provisionTurn(device.id);
  // A producer's fixed retry of 5 s is always served.
  for (let n = 0; n < 100; n += 1) {
    clock.advance(5000);
    service.provisionTunnel(device.id);
  }
});

t.test('online, offline and unknown come from the engine', async (t) => {
  const world = await startCameraWorld(t);
  const { service, engine, store, clock } = world;
  const { device } = service.create(NEW);
  const changes: CameraChange[] = [];
  service.subscribe((change) => changes.push(change));
  const producer = FakeProducer.whep();
  const onlineAtMs = clock.nowMs();
  engine.attach(device.tunnelName, producer);
  t.match(service.get(device.id), {
    online: true,
    state: 'online',
    onlineSince: new Date(onlineAtMs).toISOString(),
  });
  clock.advance(60_000);
  engine.setReachable(false);
  t.match(service.get(device.id), { online: false, state: 'unknown', onlineSince: null });
  engine.setReachable(true);
  t.match(service.get(device.id), { state: 'online', onlineSince: new Date(onlineAtMs).toISOString() });
  clock.advance(60_000);
  engine.detach(device.tunnelName);
  t.match(service.get(device.id), {
    online: false,
    state: 'offline',
    onlineSince: null,
    lastSeenAt: new Date(clock.nowMs()).toISOString(),
  });
  t.same(
    changes.map((change) => (change.type === 'device' ? change.device.state : change.type)),
    ['online', 'unknown', 'online', 'offline'],
  );
  clock.advance(1000);
  t.match(store.records.get(device.id), { onlineSinceMs: null, lastSeenAtMs: onlineAtMs + 120_000 });
});

t.test('of two tunnels of one name the newest counts', async (t) => {
  const { service, engine } = await startCameraWorld(t);
  const { device } = service.create(NEW);
  engine.attach(device.tunnelName, FakeProducer.whep());
  engine.attach(device.tunnelName, FakeProducer.whep());
  engine.attach('device-of-nobody', FakeProducer.whep());
  t.equal(service.get(device.id).state, 'online');
  engine.detach(device.tunnelName);
  t.equal(service.get(device.id).state, 'offline');
});

t.test('a thousand cameras that come back are written in groups', async (t) => {
  const { service, engine, store, clock } = await startCameraWorld(t, { maxDevicesPerNamespace: 1000 });
  const names = Array.from(
    { length: 1000 },
    (_, n) => service.create({ ...NEW, name: `c${n}` }).device.tunnelName,
  );
  const before = store.writes;
  const producer = FakeProducer.whep();
  for (const name of names) engine.attach(name, producer);
  t.equal(store.writes, before);
  clock.advance(250);
  t.equal(store.writes, before + 1);
  t.ok(store.list().every((record) => record.onlineSinceMs !== null));
});

t.test('listeners', async (t) => {
  const { service } = await startCameraWorld(t);
  const seen: string[] = [];
  const stop = service.subscribe(() => {
    throw new Error('a listener of its own');
  });
  service.subscribe((change) => seen.push(change.type === 'device' ? change.device.name : change.type));
  const { device } = service.create(NEW);
  service.update(device.id, { name: 'Porch' });
  service.rotate(device.id);
  service.delete(device.id);
  t.same([...new Set(seen)], ['Front door', 'Porch', 'device-removed']);
  stop();
});

// -- Media -----------------------------------------------------------------------------------------------

type Scene = CameraWorld & { id: string; room: string; tunnelName: string; producer: FakeProducer };

async function scene(t: Tap, producer = FakeProducer.whep()): Promise<Scene> {
  const world = await startCameraWorld(t);
  t.teardown(() => {
    producer.destroy();
    return Promise.resolve();
  });
  await world.sfu.until(() => world.sfu.calls.length >= 2);
  const { device } = world.service.create(NEW);
  world.engine.attach(device.tunnelName, producer);
  return Object.assign(world, {
    id: device.id,
    room: cameraRoomId(device.id),
    tunnelName: device.tunnelName,
    producer,
  });
}
type Tap = { teardown(fn: () => Promise<void>): void };

const stateOf = ({ service, id }: Scene): string => service.get(id).media.state;

/** Watches until a picture flows. */
async function watched(t: Tap, producer = FakeProducer.whep()): Promise<Scene> {
  const one = await scene(t, producer);
  one.sfus.demand('demo', one.room, 1);
  await live(one);
  return one;
}

async function live(one: Scene): Promise<void> {
  const answers = one.sfu.answers.size;
  await one.sfu.until(() => one.sfu.answers.size > answers || one.sfu.ingests.size > 0);
  const current = (): string => [...one.sfu.ingests.keys()].at(-1) ?? '';
  await one.sfu.until(() => one.sfu.answers.has(current()));
  await settle();
  one.sfus.ingest('demo', one.room, 'connected');
  one.sfus.ingest('demo', one.room, 'flowing');
}

/** Lets everything run that needs no more time: a handful of turns of the event loop. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

t.test('watching a camera of the second generation', async (t) => {
  const one = await scene(t);
  const { service, sfu, sfus, producer, clock, room, id } = one;
  t.equal(producer.dials, 0, 'nobody watches, nothing is dialled');
  sfus.demand('demo', room, 2);
  t.match(service.get(id).media, { state: 'connecting', watching: 2 });
  await live(one);
  t.match(service.get(id).media, { state: 'live', producer: 'whep', message: null, watching: 2 });
  t.same(producer.asked, ['HEAD /whep', 'POST /whep']);
  const [ingest] = [...sfu.ingests.values()];
  t.match(JSON.parse(ingest?.note ?? ''), {
    deviceId: id,
    producer: 'whep',
    location: '/whep/s1',
    etag: '"e1"',
    tunnelId: 'tun-1',
  });
  sfus.demand('demo', room, 0);
  clock.advance(9999);
  t.equal(stateOf(one), 'live');
  clock.advance(1);
  t.equal(stateOf(one), 'idle');
  await producer.until(() => producer.sessions.size === 0);
  t.equal(sfu.ingests.size, 0);
  t.same(producer.asked.at(-1), 'DELETE /whep/s1');

  sfus.demand('demo', room, 1);
  await live(one);
  t.notOk(producer.asked.slice(3).includes('HEAD /whep'), 'the generation is remembered');
  t.ok(producer.asked.every((line) => / \/whep(\/|$)/.test(line)));
});

t.test('watching a camera of the first generation', async (t) => {
  const one = await watched(t, FakeProducer.ws());
  const { producer, service, id, sfu, sfus, room, clock } = one;
  t.match(service.get(id).media, { state: 'live', producer: 'ws' });
  t.same(producer.asked, ['HEAD /whep']);
  t.equal(producer.openSockets, 1);
  await sfu.until(() => sfu.candidates.length === 2);
  const order = sfu.calls.map(({ method }) => method).filter((method) => /answer|candidate/.test(method));
  t.same(order, ['ingest.answer', 'ingest.candidate', 'ingest.candidate'], 'candidates follow the answer');
  sfus.demand('demo', room, 0);
  clock.advance(10_000);
  await producer.until(() => producer.openSockets === 0);
  t.equal(sfu.ingests.size, 0);
});

t.test('a tunnel blip does not touch a WHEP session', async (t) => {
  const one = await watched(t);
  const { engine, producer, clock, tunnelName, sfu, room } = one;
  engine.detach(tunnelName);
  clock.advance(5000);
  engine.attach(tunnelName, producer);
  await producer.until(() => producer.asked.length === 3 && producer.open === 0);
  await settle();
  clock.advance(60_000);
  await settle();
  t.equal(stateOf(one), 'live');
  t.same(producer.asked, ['HEAD /whep', 'POST /whep', 'OPTIONS /whep/s1'], 'it was asked, and knows');
  t.equal(producer.sessions.size, 1);
  t.equal(sfu.lost.has(room), false);
});

t.test(
  'a camera that came back with a new tunnel and no session is dialled before its picture is missed',
  async (t) => {
    const one = await watched(t);
    const { engine, producer, clock, tunnelName, sfu } = one;
    clock.advance(20_000);
    engine.detach(tunnelName);
    producer.destroy();
    const reborn = FakeProducer.whep();
    clock.advance(1000);
    engine.attach(tunnelName, reborn);
    await reborn.until(() => reborn.asked.includes('POST /whep'));
    t.same(reborn.asked, ['OPTIONS /whep/s1', 'HEAD /whep', 'POST /whep'], 'no DELETE of what is gone');
    await live(one);
    t.equal(stateOf(one), 'live');
    t.equal(sfu.ingests.size, 1);
    t.notOk(sfu.calls.some(({ method }) => method === 'ingest.close' || method === 'rooms.close'));
    reborn.destroy();
  },
);

t.test('checks of sessions wait in the same line as dials, and end with their session', async (t) => {
  const one = await watched(t);
  const { engine, producer, clock, tunnelName, sfus, room } = one;
  producer.onRequest = ({ method }) => (method === 'OPTIONS' ? undefined : { status: 200 });
  engine.detach(tunnelName);
  engine.attach(tunnelName, producer);
  await producer.until(() => producer.asked.includes('OPTIONS /whep/s1'));
  sfus.demand('demo', room, 0);
  clock.advance(10_000);
  await producer.until(() => producer.asked.includes('DELETE /whep/s1'));
  await settle();
  t.equal(stateOf(one), 'idle');
});

t.test('when the relays were restarted, every session is ended and dialled again in its room', async (t) => {
  const one = await watched(t);
  const { producer, clock, sfu, sfus, room, service, id } = one;
  clock.advance(20_000);
  sfus.relaysRestarted('other');
  await settle();
  t.equal(stateOf(one), 'live', 'the relays of another namespace are not its own');
  sfus.relaysRestarted('demo');
  t.match(service.get(id).media, { state: 'reconnecting', message: /relay/ });
  t.match(sfu.lost.get(room), /relay/);
  await producer.until(() => producer.asked.filter((line) => line === 'POST /whep').length === 2);
  t.same(producer.asked.slice(2), ['DELETE /whep/s1', 'POST /whep']);
  await live(one);
  t.equal(stateOf(one), 'live');
  t.equal(sfu.lost.has(room), false);
  t.equal(producer.sessions.size, 1);
  t.notOk(sfu.calls.some(({ method }) => method === 'ingest.close' || method === 'rooms.close'));
});

t.test('a camera that restarts is dialled again in the same room', async (t) => {
  const one = await watched(t);
  const { engine, producer, clock, tunnelName, sfu, sfus, room, service, id } = one;
  clock.advance(20_000);
  engine.detach(tunnelName);
  producer.destroy();
  clock.advance(3000);
  sfus.ingest('demo', room, 'stalled');
  t.match(service.get(id).media, { state: 'no-picture' });
  t.equal(sfu.lost.get(room), 'The camera is connected but sends no picture.');
  const [oldIngest] = sfu.ingests.keys();
  const reborn = FakeProducer.whep();
  engine.attach(tunnelName, reborn);
  await reborn.until(() => reborn.asked.includes('POST /whep'));
  await live(one);
  t.equal(stateOf(one), 'live');
  t.equal(sfu.lost.has(room), false);
  t.equal(sfu.ingests.size, 1);
  t.not([...sfu.ingests.keys()][0], oldIngest);
  t.notOk(
    sfu.calls.some(({ method }) => method === 'ingest.close'),
    'the room never lost its track',
  );
  t.notOk(sfu.calls.some(({ method }) => method === 'rooms.close'));
  reborn.destroy();
});

t.test('a first-generation camera whose socket closes is dialled again', async (t) => {
  const one = await watched(t, FakeProducer.ws());
  const { producer, clock, sfu, service, id } = one;
  clock.advance(20_000);
  producer.sockets[0]?.terminate();
  await producer.until(() => producer.open === 0);
  await settle();
  t.match(service.get(id).media, { state: 'reconnecting', message: /ended the session/ });
  clock.advance(500);
  await producer.until(() => producer.sockets.length === 2);
  await sfu.until(() => sfu.answers.size === 2);
  await live(one);
  t.equal(stateOf(one), 'live');
  t.same(producer.asked, ['HEAD /whep'], 'no second probe on the same tunnel');
});

t.test('cameras that cannot be opened are tried again, and people are told why', async (t) => {
  const one = await scene(t);
  const { producer, sfus, room, service, id, clock, sfu } = one;
  const real = producer.onRequest;
  producer.onRequest = (exchange, response) =>
    exchange.method === 'POST' ? { status: 503, headers: { 'retry-after': '5' } } : real(exchange, response);
  sfus.demand('demo', room, 1);
  await sfu.until(() => sfu.lost.has(room));
  t.match(service.get(id).media, { state: 'reconnecting', message: /as many viewers as it can/ });
  clock.advance(4999);
  await settle();
  t.equal(producer.asked.filter((line) => line === 'POST /whep').length, 1);
  producer.onRequest = real;
  clock.advance(1);
  await producer.until(() => producer.sessions.size === 1);
  await live(one);
  t.equal(stateOf(one), 'live');
});

t.test('an SFU that refuses leaves no session at the camera', async (t) => {
  for (const refuse of ['ingest.open', 'ingest.answer']) {
    const one = await scene(t);
    one.sfu.refuse = refuse;
    one.sfus.demand('demo', one.room, 1);
    await one.sfu.until(() => one.sfu.lost.has(one.room));
    t.match(one.service.get(one.id).media.message, /media service refused/);
    await one.producer.until(() => one.producer.sessions.size === 0 && one.producer.open === 0);
    t.equal(one.producer.sessions.size, 0, refuse);
  }
});

t.test('a viewer who leaves while the camera answers leaves nothing behind', async (t) => {
  const one = await scene(t);
  const { producer, sfus, room, service, id, sfu } = one;
  service.update(id, { capture: { mode: 'on-demand', lingerSeconds: 0 } });
  const gate = Promise.withResolvers<undefined>();
  const real = producer.onRequest;
  producer.onRequest = async (exchange, response) => {
    if (exchange.method === 'POST') await gate.promise;
    return real(exchange, response);
  };
  sfus.demand('demo', room, 1);
  await producer.until(() => producer.asked.includes('POST /whep'));
  sfus.demand('demo', room, 0);
  t.equal(stateOf(one), 'idle');
  gate.resolve(undefined);
  await producer.until(() => producer.asked.some((line) => line.startsWith('DELETE')));
  await settle();
  t.equal(producer.sessions.size, 0);
  t.equal(sfu.ingests.size, 0);
});

t.test('the next session waits until the former one is ended', async (t) => {
  const one = await watched(t, FakeProducer.ws());
  const { producer, sfus, room, clock } = one;
  let most = 0;
  const count = (): void => {
    most = Math.max(most, producer.openSockets);
  };
  const ready = producer.onSocket;
  producer.onSocket = (socket) => {
    count();
    ready(socket);
  };
  for (let n = 2; n < 5; n += 1) {
    sfus.ingest('demo', room, 'closed');
    // The backoff has passed before the socket is closed; the wait for it is longer.
    clock.advance(2000);
    await producer.until(() => producer.sockets.length === n);
    await live(one);
  }
  t.equal(most, 1);
});

t.test('deleting a camera ends everything of it', async (t) => {
  const one = await watched(t);
  const { service, id, sfu, engine, tunnelName, room } = one;
  const changes: CameraChange[] = [];
  service.subscribe((change) => changes.push(change));
  service.delete(id);
  t.same(engine.kicked, [tunnelName]);
  t.equal(sfu.ingests.size, 0);
  t.same(sfu.closedRooms, [room]);
  t.same(changes, [{ type: 'device-removed', id }]);
  t.throws(() => service.get(id), { code: 'device_not_found' });
});

t.test('a restarted SFU gets everything again', async (t) => {
  const one = await watched(t);
  const { sfus, clock, producer, service, id, room } = one;
  clock.advance(20_000);
  sfus.disconnect('demo');
  t.match(service.get(id).media, { state: 'reconnecting', message: /media service/ });
  const fresh = Object.assign(one, { sfu: new (one.sfu.constructor as new () => typeof one.sfu)() }).sfu;
  fresh.subscribers.set(room, 1);
  fresh.listsFail = 2;
  sfus.connect('demo', fresh);
  for (let n = 0; n < 3; n += 1) {
    await settle();
    clock.advance(5000);
  }
  await producer.until(() => producer.asked.filter((line) => line === 'POST /whep').length === 2);
  await live(one);
  t.equal(stateOf(one), 'live');
  t.equal(producer.sessions.size, 1, 'the session with the old SFU was ended');
});

t.test('after a restart of the daemon a flowing WHEP session is adopted', async (t) => {
  const one = await watched(t);
  const { producer, sfu, sfus, room, clock } = one;
  const asked = [...producer.asked];
  await one.restart();
  t.equal(producer.sessions.size, 1, 'stopping lets it flow');
  t.equal(sfu.ingests.size, 1);
  await settle();
  t.equal(stateOf(one), 'live');
  t.same(producer.asked, asked, 'nothing was asked of the camera');
  sfus.demand('demo', room, 0);
  clock.advance(10_000);
  await producer.until(() => producer.sessions.size === 0);
  t.same(producer.asked.at(-1), 'DELETE /whep/s1', 'by what the note says');
  t.equal(sfu.ingests.size, 0);
});

t.test('after a restart of the daemon a WebSocket session is opened anew', async (t) => {
  const one = await watched(t, FakeProducer.ws());
  const { producer, sfu } = one;
  await one.restart();
  await producer.until(() => producer.sockets.length === 2);
  await sfu.until(() => sfu.answers.size === 2);
  await producer.until(() => producer.openSockets === 1);
  t.equal(sfu.ingests.size, 1, 'replaced, not added');
});

t.test('ingests of cameras that are no more are cleared away', async (t) => {
  const one = await watched(t);
  const { service, sfus, sfu, id } = one;
  sfus.disconnect('demo');
  service.delete(id);
  t.equal(sfu.ingests.size, 1, 'the SFU could not be told');
  const foreign = { roomId: 'meeting', state: 'flowing' as const, note: '', openedAtMs: 1, video: null };
  sfu.ingests.set('foreign', { ingestId: 'foreign', ...foreign });
  sfus.connect('demo', sfu);
  await settle();
  t.same([...sfu.ingests.keys()], ['foreign']);
});

t.test('what an SFU of another namespace says about a camera is ignored', async (t) => {
  const one = await scene(t);
  const { sfus, room, producer } = one;
  sfus.connect('other', new (one.sfu.constructor as new () => typeof one.sfu)());
  await settle();
  sfus.demand('other', room, 5);
  await settle();
  t.equal(stateOf(one), 'idle');
  t.equal(producer.dials, 0);
});

t.test('many cameras are dialled a few at a time', async (t) => {
  const world = await startCameraWorld(t, { connected: false });
  const { service, engine, sfus, sfu } = world;
  const producer = FakeProducer.whep();
  t.teardown(() => {
    producer.destroy();
    return Promise.resolve();
  });
  const real = producer.onRequest;
  const held: (() => void)[] = [];
  producer.onRequest = async (exchange, response) => {
    if (exchange.method === 'POST') await new Promise<void>((resolve) => held.push(resolve));
    return real(exchange, response);
  };
  for (let n = 0; n < 100; n += 1) {
    const { device } = service.create({ ...NEW, name: `c${n}`, capture: { mode: 'always' } });
    engine.attach(device.tunnelName, producer);
  }
  sfus.connect('demo', sfu);
  await producer.until(() => held.length === 32);
  await settle();
  t.equal(held.length, 32);
  let answered = 0;
  while (answered < 100) {
    await producer.until(() => held.length > 0);
    held.shift()?.();
    answered += 1;
  }
  await sfu.until(() => sfu.answers.size === 100);
  t.pass('and all of them in the end');
});

t.test('stopping ends timers and sockets', async (t) => {
  const one = await watched(t, FakeProducer.ws());
  await one.service.stop();
  await one.producer.until(() => one.producer.open === 0);
  await one.service.stop();
  t.equal(one.sfu.ingests.size, 1, 'the room keeps its track for the next run');
});
