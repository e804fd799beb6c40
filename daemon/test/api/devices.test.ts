import t from 'tap';
import { apiBench, errorOf, route, type ApiBench } from '../helpers/api-bench.ts';

const post = (bench: ApiBench, url: string, payload: object = {}) =>
  bench.local.inject(route(`POST ${url}`, { payload }));

t.test("creates, lists, changes, rotates and deletes a camera, in the seed's shapes", async (t) => {
  const bench = await apiBench(t);
  const made = await post(bench, '/api/devices', { name: ' Dock ', namespace: 'a' });
  t.equal(made.statusCode, 201);
  t.match(made.json(), {
    device: { name: 'Dock', owner: 'local' },
    secret: /^dev_/,
    apiUrl: /^http/,
    caPem: 'CA',
  });
  const { device, secret } = made.json<{ device: { id: string }; secret: string }>();
  t.equal(errorOf(await post(bench, '/api/devices', { name: 'Dock', namespace: 'a' })), 'device_exists');
  const listed = await bench.local.inject(route('GET /api/devices'));
  t.strictSame(listed.json<{ devices: object[] }>().devices, [device]);
  t.notMatch(listed.body, secret);

  const capture = { mode: 'always' };
  const changed = await bench.local.inject(
    route(`PATCH /api/devices/${device.id}`, { payload: { capture } }),
  );
  t.match(changed.json(), { device: { name: 'Dock', capture } });
  t.equal(
    (await bench.local.inject(route(`PATCH /api/devices/${device.id}`, { payload: {} }))).statusCode,
    400,
  );

  const rotated = await post(bench, `/api/devices/${device.id}/rotate`);
  t.not(rotated.json<{ secret: string }>().secret, secret);
  const gone = await bench.local.inject(route(`DELETE /api/devices/${device.id}`));
  t.strictSame([gone.statusCode, gone.json()], [200, { ok: true }]);
  t.equal((await bench.local.inject(route(`DELETE /api/devices/${device.id}`))).statusCode, 404);
});

t.test('a namespace is not deleted under its cameras', async (t) => {
  const bench = await apiBench(t);
  const remove = (name: string) => bench.local.inject(route(`DELETE /v1/namespaces/${name}`));
  const first = bench.cameras.create({ name: 'one', namespace: 'a', owner: 'x' }).device;
  const second = bench.cameras.create({ name: 'two', namespace: 'a', owner: 'x' }).device;
  const refused = await remove('a');
  t.equal(refused.statusCode, 409);
  t.strictSame(refused.json(), {
    error: 'namespace_in_use',
    message: 'The namespace "a" still has 2 cameras: remove them first, then delete the namespace.',
    details: { cameras: 2 },
  });
  bench.cameras.delete(first.id);
  t.match((await remove('a')).json(), {
    message: 'The namespace "a" still has 1 camera: remove it first, then delete the namespace.',
  });
  t.equal((await remove('b')).statusCode, 204, 'cameras of others do not count');
  bench.cameras.delete(second.id);
  t.equal((await remove('a')).statusCode, 204);
  t.equal(errorOf(await remove('a')), 'namespace_not_found');
});

t.test("the namespace of a new camera: named, the key's own, or the only one", async (t) => {
  const bench = await apiBench(t);
  t.match((await post(bench, '/api/devices', { name: 'x' })).json(), {
    error: 'invalid_request',
    message: 'namespace: name the namespace the camera belongs to: a, b.',
  });
  t.equal(
    errorOf(await post(bench, '/api/devices', { name: 'x', namespace: 'none' })),
    'namespace_not_found',
  );
  const headers = bench.key('b', 'operator');
  const byKey = await bench.network.inject(route('POST /api/devices', { headers, payload: { name: 'x' } }));
  t.match(byKey.json(), { device: { namespace: 'b', owner: /^key:/ } });
  bench.namespaces.delete('b');
  t.match((await post(bench, '/api/devices', { name: 'x' })).json(), { device: { namespace: 'a' } });
});

t.test('a camera provisions itself with its secret, byte for byte as in the seed', async (t) => {
  const bench = await apiBench(t);
  const { device, secret } = bench.cameras.create({ name: 'x', namespace: 'a', owner: 'x' });
  const call = (name: string, token = secret) =>
    bench.network.inject({
      method: 'POST',
      url: `/api/devices/${name}`,
      headers: {
        accept: 'application/json',
        'content-type': 'application/json',
        authorization: `Bearer ${token}`,
        'user-agent': 'rstream-webrtc-video-producer/guide-2',
      },
      payload: '{"agent":"rstream-webrtc-video-producer/guide-2"}',
    });
  t.strictSame(Object.keys((await call('tunnel')).json<object>()), [
    'device',
    'engine',
    'token',
    'name',
    'labels',
    'expires',
  ]);
  t.strictSame(Object.keys((await call('turn')).json<object>()), ['username', 'credential', 'urls', 'ttl']);
  t.equal((await call('tunnel')).json<{ device: string }>().device, device.id);
  const wrong = await call('turn', 'dev_no');
  t.equal(wrong.statusCode, 401);
  t.match(wrong.json(), { error: 'unauthorized' });
  const bare = await bench.network.inject(route('POST /api/devices/tunnel'));
  t.equal(bare.statusCode, 401, 'no header, no body');
  bench.cameras.delete(device.id);
  t.equal((await call('tunnel')).statusCode, 401);
});

t.test('a storm of cameras costs viewers nothing, and the other way round', async (t) => {
  const bench = await apiBench(t);
  const secrets = Array.from({ length: 110 }, (_, at) =>
    bench.cameras.create({ name: `c${at}`, namespace: 'a', owner: 'x' }),
  );
  const provision = (secret: string) =>
    bench.network.inject(
      route('POST /api/devices/tunnel', { headers: { authorization: `Bearer ${secret}` } }),
    );
  const codes = new Map<number, number>();
  for (const { secret } of secrets)
    for (let at = 0; at < 20; at += 1) {
      const { statusCode } = await provision(secret);
      codes.set(statusCode, (codes.get(statusCode) ?? 0) + 1);
    }
  t.strictSame(
    [...codes],
    [
      [200, 2000],
      [429, 200],
    ],
    'all cameras together',
  );
  const viewer = await bench.as('viewer');
  const ticket = () =>
    bench.network.inject(route('POST /v1/webrtc/tickets', { headers: viewer, payload: { namespace: 'a' } }));
  t.equal((await ticket()).statusCode, 201, 'a viewer is served meanwhile');
  for (let at = 0; at < 110; at += 1) await ticket();
  const refused = await ticket();
  t.equal(refused.statusCode, 429);
  t.ok(Number(refused.headers['retry-after']) >= 1);

  bench.clock.advance(60_000);
  const [one, two] = secrets;
  for (let at = 0; at < 20; at += 1) await provision(one!.secret);
  const tooOften = await provision(one!.secret);
  t.equal(tooOften.statusCode, 429);
  t.equal(tooOften.headers['retry-after'], '1');
  t.equal((await provision(two!.secret)).statusCode, 200, 'the neighbour is served');
});

t.test('guessing device secrets is slowed down for the guesser only', async (t) => {
  const bench = await apiBench(t);
  const { secret } = bench.cameras.create({ name: 'x', namespace: 'a', owner: 'x' });
  const call = (token: string) =>
    bench.network.inject(route('POST /api/devices/turn', { headers: { authorization: `Bearer ${token}` } }));
  const codes = [];
  for (let at = 0; at < 31; at += 1) codes.push((await call(`dev_${at}`)).statusCode);
  t.strictSame(codes.slice(-2), [401, 429]);
  t.equal((await call(secret)).statusCode, 200);
});

t.test("watching one camera: the seed's error table, then credentials for that camera only", async (t) => {
  const bench = await apiBench(t);
  const { device } = bench.cameras.create({ name: 'x', namespace: 'a', owner: 'x' });
  const headers = await bench.as('viewer');
  const get = (id = device.id, asked: Record<string, string> = headers) =>
    bench.network.inject(route(`GET /api/devices/${id}/webrtc`, { headers: asked }));
  const refusal = async (answer: ReturnType<typeof get>) => [
    (await answer).statusCode,
    errorOf(await answer),
  ];

  t.strictSame(await refusal(get(device.id, {})), [401, 'unauthorized']);
  t.strictSame(await refusal(get('none')), [404, 'device_not_found']);
  t.strictSame(await refusal(get(device.id, bench.key('b', 'owner'))), [404, 'device_not_found']);
  t.strictSame(await refusal(get()), [409, 'device_not_provisioned']);
  bench.cameras.put({ ...device, lastSeenAt: '2026-01-01T00:00:00.000Z' });
  const target = bench.namespaces.targets.get('a')!;
  bench.namespaces.targets.delete('a');
  t.strictSame(await refusal(get()), [503, 'credential_not_configured']);
  bench.namespaces.targets.set('a', target);
  const turnCredentials = bench.namespaces.turnCredentials.bind(bench.namespaces);
  bench.namespaces.turnCredentials = () => {
    throw new Error('boom');
  };
  t.strictSame(await refusal(get()), [502, 'signaling_error']);
  bench.namespaces.turnCredentials = turnCredentials;

  const answer = await get();
  t.equal(answer.statusCode, 200);
  t.equal(answer.headers['cache-control'], 'no-store');
  t.equal(answer.headers['cross-origin-resource-policy'], 'same-origin');
  const body = answer.json<{ credentials: { sessionToken: string; expiration: string } }>();
  t.strictSame(Object.keys(body), ['channel_arn', 'region', 'endpoints', 'ice_servers', 'credentials']);
  t.match(body, {
    ice_servers: [{ uris: [/^turn:/], username: '1800000900:a:viewer', credential: 'p' }],
  });
  t.equal(Date.parse(body.credentials.expiration) - bench.clock.nowMs(), 900_000);
  t.strictSame(bench.context.tickets.verifyViewerToken(body.credentials.sessionToken), {
    namespace: 'a',
    identity: 'viewer',
    name: 'viewer',
    role: 'viewer',
    rooms: [`camera:${device.id}`],
  });
});
