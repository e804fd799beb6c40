/** Who may call what: every route, every kind of caller. */
import t from 'tap';
import { apiBench, errorOf, HOST, route } from '../helpers/api-bench.ts';

/** Route and body -> status for: nobody, viewer, operator, owner, viewer key of a, owner key of a, owner key of b, unix socket. */
const MATRIX: [string, object | undefined, (number | string)[]][] = [
  ['GET /healthz', undefined, [200, 200, 200, 200, 200, 200, 200, 200]],
  ['GET /readyz', undefined, [200, 200, 200, 200, 200, 200, 200, 200]],
  ['GET /openapi.json', undefined, [200, 200, 200, 200, 200, 200, 200, 200]],
  ['GET /v1/ca.pem', undefined, [404, 404, 404, 404, 404, 404, 404, 404]],
  ['GET /v1/session', undefined, [401, 200, 200, 200, 401, 401, 401, 401]],
  ['GET /v1/audit?limit=5', undefined, [401, 403, 403, 200, 403, 403, 403, 200]],
  ['GET /v1/config', undefined, [401, 403, 403, 200, 403, 403, 403, 200]],
  ['POST /v1/config/check', { text: '' }, [401, 403, 403, 200, 403, 403, 403, 200]],
  ['POST /v1/config/reload', undefined, [401, 403, 403, 200, 403, 403, 403, 200]],
  ['GET /v1/certificates', undefined, [401, 403, 200, 200, 403, 403, 403, 200]],
  ['POST /v1/certificates/renew', {}, [401, 403, 403, 409, 403, 403, 403, 409]],
  ['GET /v1/audit/verify', undefined, [401, 403, 403, 200, 403, 403, 403, 200]],
  ['GET /v1/users', undefined, [401, 403, 403, 200, 403, 403, 403, 200]],
  ['POST /v1/users', { name: 'x', role: 'nobody' }, [401, 403, 403, 400, 403, 403, 403, 400]],
  ['DELETE /v1/users/nobody', undefined, [401, 403, 403, 404, 403, 403, 403, 404]],
  ['PATCH /v1/users/nobody', { disabled: true }, [401, 403, 403, 404, 403, 403, 403, 404]],
  ['GET /v1/sessions', undefined, [401, 403, 403, 200, 403, 403, 403, 200]],
  [`DELETE /v1/sessions/${'0'.repeat(24)}`, undefined, [401, 403, 403, 404, 403, 403, 403, 404]],
  ['GET /v1/audit?outcome=refused', undefined, [401, 403, 403, 200, 403, 403, 403, 200]],
  ['POST /v1/users/nobody/reset-password', undefined, [401, 403, 403, 403, 403, 403, 403, 404]],
  ['POST /v1/users/nobody/sign-in-code', undefined, [401, 403, 403, 403, 403, 403, 403, 404]],
  ['GET /v1/issuers', undefined, [401, 403, 403, 200, 403, 403, 403, 200]],
  ['POST /v1/issuers', { name: '' }, [401, 403, 403, 400, 403, 403, 403, 400]],
  ['POST /v1/issuers/test', { token: 'x' }, [401, 403, 403, 200, 403, 403, 403, 200]],
  ['DELETE /v1/issuers/none', undefined, [401, 403, 403, 404, 403, 403, 403, 404]],
  ['POST /v1/namespaces/a/tokens', { subject: '' }, [401, 403, 400, 400, 403, 400, 403, 400]],
  ['GET /.well-known/jwks.json', undefined, [200, 200, 200, 200, 200, 200, 200, 200]],
  ['GET /v1/namespaces', undefined, [401, 200, 200, 200, 200, 200, 200, 200]],
  ['POST /v1/namespaces', { name: 'a' }, [401, 403, 403, 409, 403, 403, 403, 409]],
  ['GET /v1/namespaces/a', undefined, [401, 200, 200, 200, 200, 200, 403, 200]],
  ['DELETE /v1/namespaces/none', undefined, [401, 403, 403, 404, 403, 403, 403, 404]],
  ['GET /v1/namespaces/a/quota', undefined, [401, 200, 200, 200, 200, 200, 403, 200]],
  ['PATCH /v1/namespaces/none/quota', { tasks: 64 }, [401, 403, 403, 404, 403, 403, 403, 404]],
  ['POST /v1/namespaces/a/webrtc/enable', { dryRun: true }, [401, 403, 403, 200, 403, 200, 403, 200]],
  ['POST /v1/namespaces/a/webrtc/disable', { dryRun: true }, [401, 403, 403, 200, 403, 200, 403, 200]],
  ['POST /v1/namespaces/none/webrtc/disable', undefined, [401, 403, 403, 404, 403, 403, 403, 404]],
  ['GET /v1/namespaces/a/webrtc/status', undefined, [401, 200, 200, 200, 200, 200, 403, 200]],
  ['GET /v1/namespaces/a/api-keys', undefined, [401, 403, 403, 200, 403, 200, 403, 200]],
  ['POST /v1/namespaces/a/api-keys', { name: '' }, [401, 403, 403, 400, 403, 400, 403, 400]],
  ['DELETE /v1/namespaces/a/api-keys/x', undefined, [401, 403, 403, 404, 403, 404, 403, 404]],
  ['GET /v1/operations', undefined, [401, 403, 200, 200, 403, 200, 200, 200]],
  ['GET /v1/operations/op-1', undefined, [401, 403, 200, 200, 403, 200, 404, 200]],
  ['POST /v1/webrtc/turn/credentials', { namespace: 'a' }, [401, 200, 200, 200, 200, 200, 403, 200]],
  ['GET /v1/namespaces/a/turn/status', undefined, [401, 403, 200, 200, 403, 200, 403, 200]],
  ['GET /v1/namespaces/b/turn/status', undefined, [401, 403, 409, 409, 403, 403, 409, 409]],
  ['GET /v1/namespaces/a/turn/sessions?limit=5', undefined, [401, 403, 200, 200, 403, 200, 403, 200]],
  ['GET /v1/namespaces/a/turn/refusals', undefined, [401, 403, 200, 200, 403, 200, 403, 200]],
  ['POST /v1/namespaces/a/turn/disconnect', { subject: 'x' }, [401, 403, 403, 200, 403, 200, 403, 200]],
  ['POST /v1/namespaces/a/turn/credentials', undefined, [401, 200, 200, 200, 200, 200, 403, 200]],
  ['POST /v1/namespaces/a/turn/credentials', { subject: 'x' }, [401, 403, 403, 200, 403, 200, 403, 200]],
  ['POST /v1/namespaces/a/turn/drain', { deadlineSeconds: 5 }, [401, 403, 403, 200, 403, 200, 403, 200]],
  ['POST /v1/namespaces/a/turn/rotate-secret', { now: 1 }, [401, 403, 403, 400, 403, 400, 403, 400]],
  ['GET /v1/namespaces/a/turn/revoked', undefined, [401, 403, 200, 200, 403, 200, 403, 200]],
  ['POST /v1/namespaces/a/turn/revoke', { subject: '' }, [401, 403, 403, 400, 403, 400, 403, 400]],
  ['POST /v1/namespaces/a/turn/unrevoke', { subject: '' }, [401, 403, 403, 400, 403, 400, 403, 400]],
  ['GET /v1/namespaces/a/turn/keys', undefined, [401, 403, 200, 200, 403, 200, 403, 200]],
  ['POST /v1/namespaces/a/turn/keys', { kind: 'x' }, [401, 403, 403, 400, 403, 400, 403, 400]],
  ['DELETE /v1/namespaces/a/turn/keys/pat/0badc0de', undefined, [401, 403, 403, 404, 403, 404, 403, 404]],
  ['GET /keyrings/turn/a.test.spki.der.hex', undefined, [200, 200, 200, 200, 200, 200, 200, 200]],
  ['POST /v1/webrtc/tickets', { namespace: 'a' }, [401, 201, 201, 201, 201, 201, 403, 201]],
  ['POST /v1/webrtc/tickets', { namespace: 'a', may: ['admin'] }, [401, 403, 201, 201, 403, 201, 403, 201]],
  ['POST /v1/webrtc/tickets', { namespace: 'a', may: ['publish'] }, [401, 403, 201, 201, 403, 201, 403, 201]],
  ['GET /v1/webrtc/rooms?namespace=a', undefined, [401, 403, 200, 200, 403, 200, 403, 200]],
  ['GET /v1/webrtc/rooms/none?namespace=a', undefined, [401, 403, 404, 404, 403, 404, 403, 404]],
  ['POST /v1/webrtc/rooms', { namespace: 'a', roomId: '' }, [401, 400, 400, 400, 400, 400, 400, 400]],
  ['POST /v1/webrtc/rooms', { namespace: 'a', roomId: 'lobby' }, [401, 403, 201, 409, 403, 409, 403, 409]],
  ['GET /v1/webrtc/rooms/none/viewers?namespace=a', undefined, [401, 403, 404, 404, 403, 404, 403, 404]],
  ['GET /api/devices/cam-1/explain', undefined, [401, 200, 200, 200, 200, 200, 404, 200]],
  ['POST /v1/webrtc/rooms/x/kick?namespace=a', {}, [401, 403, 400, 400, 403, 400, 403, 400]],
  ['POST /v1/webrtc/rooms/x/mute?namespace=a', {}, [401, 403, 400, 400, 403, 400, 403, 400]],
  ['DELETE /v1/webrtc/rooms?namespace=a&room_id=no', undefined, [401, 403, 403, 404, 403, 404, 403, 404]],
  ['DELETE /v1/webrtc/rooms/none?namespace=a', undefined, [401, 403, 403, 404, 403, 404, 403, 404]],
  ['GET /v1/webrtc/signal?namespace=a', undefined, [400, 400, 400, 400, 400, 400, 400, 400]],
  ['GET /v1/events', undefined, [401, 400, 400, 400, 400, 400, 400, 400]],
  ['GET /v1/events?turn=a', undefined, [401, 400, 400, 400, 400, 400, 400, 400]],
  ['GET /v1/events?load=1', undefined, [401, 400, 400, 400, 400, 400, 400, 400]],
  ['GET /metrics', undefined, [401, 403, 200, 200, 403, 200, 200, 200]],
  ['GET /v1/load?span=24h', undefined, [401, 403, 200, 200, 403, 200, 200, 200]],
  ['GET /v1/monitor', undefined, [401, 403, 200, 200, 403, 200, 200, 200]],
  ['GET /v1/inspect', undefined, [401, 403, 200, 200, 403, 403, 403, 200]],
  ['POST /v1/doctor', {}, [401, 403, 200, 200, 403, 403, 403, 200]],
  ['POST /v1/doctor', { attack: true }, [401, 403, 403, 200, 403, 403, 403, 200]],
  ['POST /v1/repair', {}, [401, 403, 200, 200, 403, 403, 403, 200]],
  ['GET /v1/ports', undefined, [401, 403, 200, 200, 403, 403, 403, 200]],
  ['GET /api/devices', undefined, [401, 200, 200, 200, 200, 200, 200, 200]],
  ['GET /api/devices?namespace=a', undefined, [401, 200, 200, 200, 200, 200, 403, 200]],
  ['POST /api/devices', { name: 'one', namespace: 'a' }, [401, 403, 409, 409, 403, 409, 403, 409]],
  ['GET /api/devices/cam-1', undefined, [401, 200, 200, 200, 200, 200, 404, 200]],
  ['PATCH /api/devices/cam-1', { name: 'one' }, [401, 403, 200, 200, 403, 200, 404, 200]],
  ['POST /api/devices/cam-1/rotate', undefined, [401, 403, 200, 200, 403, 200, 404, 200]],
  ['DELETE /api/devices/cam-9', undefined, [401, 404, 404, 404, 404, 404, 404, 404]],
  ['GET /api/devices/cam-1/webrtc', undefined, [401, 200, 200, 200, 200, 200, 404, 200]],
  ['POST /api/devices/tunnel', {}, [401, 401, 401, 401, 401, 401, 401, 401]],
  ['POST /api/devices/turn', {}, [401, 401, 401, 401, 401, 401, 401, 401]],
];

const TOKENS = [
  ['a', 'viewer'],
  ['a', 'owner'],
  ['b', 'owner'],
] as const;

t.test('every route answers every caller as the table says', async (t) => {
  const bench = await apiBench(t);
  const { device } = bench.cameras.create({ name: 'one', namespace: 'a', owner: 'x' });
  bench.cameras.put({ ...device, lastSeenAt: '2026-01-01T00:00:00.000Z' });
  bench.namespaces.disableWebrtc('a');
  const network = [
    { host: HOST },
    await bench.as('viewer'),
    await bench.as('operator'),
    await bench.as('owner'),
    bench.key('a', 'viewer'),
    bench.key('a', 'owner'),
    bench.key('b', 'owner'),
  ];
  for (const [text, payload, wanted] of MATRIX) {
    const body = payload === undefined ? {} : { payload };
    const got: number[] = [];
    for (const headers of network) {
      got.push((await bench.network.inject(route(text, { ...body, headers }))).statusCode);
      bench.clock.advance(1000);
    }
    got.push((await bench.local.inject(route(text, body))).statusCode);
    // A token of a tenant's user may what an API key of the same namespace and role may.
    const byToken: number[] = [];
    for (const [namespace, role] of TOKENS) {
      const headers = await bench.token(namespace, role);
      byToken.push((await bench.network.inject(route(text, { ...body, headers }))).statusCode);
      bench.clock.advance(1000);
    }
    t.strictSame(got, wanted, text);
    t.strictSame(byToken, wanted.slice(4, 7), `${text} with a token`);
  }

  const tested = MATRIX.map(([text]) => text.replace(/[?].*/, ''));
  for (const { method, pattern } of routesOf(bench.network.printRoutes({ commonPrefix: false }))) {
    if (pattern === '/v1/session' && method !== 'GET') continue; // Open to anyone: session.test.ts.
    const matches = new RegExp(`^${method} ${pattern.replaceAll(/:[a-zA-Z]+/g, '[^/]+')}$`);
    t.ok(
      tested.some((text) => matches.test(text)),
      `${method} ${pattern} is in the table`,
    );
  }
});

t.test('a cookie counts only from our own pages', async (t) => {
  const bench = await apiBench(t);
  const owner = await bench.as('owner');
  const create = (headers: Record<string, string>) =>
    bench.network.inject(route('POST /v1/namespaces', { headers, payload: { name: 'new' } }));
  for (const origin of ['http://evil.test', 'null', 'https://box.test:8080', 'http://box.test']) {
    const answer = await create({ ...owner, origin });
    t.equal(answer.statusCode, 403, origin);
    t.equal(errorOf(answer), 'origin_forbidden');
  }
  const bare = { host: owner['host']!, cookie: owner['cookie']! };
  t.equal((await create(bare)).statusCode, 403, 'no origin');
  t.equal((await bench.network.inject(route('GET /v1/namespaces', { headers: bare }))).statusCode, 200);
  t.equal((await create(owner)).statusCode, 201);
});

t.test('the configured public address is our own origin too', async (t) => {
  const bench = await apiBench(t, { change: { publicUrl: 'https://video.test' } });
  const headers = { ...(await bench.as('owner')), origin: 'https://video.test' };
  const answer = await bench.network.inject(
    route('POST /v1/namespaces', { headers, payload: { name: 'new' } }),
  );
  t.equal(answer.statusCode, 201);
});

t.test('lists show an API key its own namespace only', async (t) => {
  const bench = await apiBench(t);
  bench.cameras.create({ name: 'one', namespace: 'a', owner: 'x' });
  bench.cameras.create({ name: 'two', namespace: 'b', owner: 'x' });
  bench.namespaces.disableWebrtc('a');
  bench.namespaces.disableWebrtc('b');
  const headers = bench.key('a', 'owner');
  const get = async (url: string, list: string, field: string) => {
    const answer = await bench.network.inject(route(`GET ${url}`, { headers }));
    return answer.json<Record<string, Record<string, string>[]>>()[list]?.map((one) => one[field]);
  };
  t.strictSame(await get('/v1/namespaces', 'items', 'name'), ['a']);
  t.strictSame(await get('/api/devices', 'devices', 'name'), ['one']);
  t.strictSame(await get('/v1/operations', 'items', 'id'), ['op-1']);
  for (const authorization of [`ApiKey ${headers['x-api-key']}`, `Bearer ${headers['x-api-key']}`]) {
    const answer = await bench.network.inject(route('GET /v1/namespaces/a', { headers: { authorization } }));
    t.equal(answer.statusCode, 200, authorization.slice(0, 6));
  }
  const wrong = await bench.network.inject(
    route('GET /v1/namespaces/a', { headers: { 'x-api-key': 'tk_no' } }),
  );
  t.equal(wrong.statusCode, 401);
});

t.test('deleting a namespace ends its API keys', async (t) => {
  const bench = await apiBench(t);
  const headers = bench.key('b', 'owner');
  t.equal((await bench.local.inject(route('DELETE /v1/namespaces/b'))).statusCode, 204);
  await bench.local.inject(route('POST /v1/namespaces', { payload: { name: 'b' } }));
  t.equal((await bench.network.inject(route('GET /v1/namespaces/b', { headers }))).statusCode, 401);
});

t.test('answers that carry a credential are not cached and not shared', async (t) => {
  const bench = await apiBench(t);
  const { device } = bench.cameras.create({ name: 'one', namespace: 'a', owner: 'x' });
  bench.cameras.put({ ...device, online: true });
  for (const [text, payload] of [
    ['POST /v1/webrtc/turn/credentials', { namespace: 'a' }],
    ['POST /v1/namespaces/a/turn/credentials', undefined],
    ['GET /v1/namespaces/a/turn/sessions', undefined],
    ['POST /v1/webrtc/tickets', { namespace: 'a' }],
    ['GET /api/devices/cam-1/webrtc', undefined],
    ['POST /api/devices', { name: 'new', namespace: 'a' }],
    ['POST /api/devices/cam-1/rotate', undefined],
    ['POST /v1/namespaces/a/api-keys', { name: 'k', role: 'viewer' }],
    ['POST /v1/users/admin/reset-password', undefined],
    ['POST /v1/users/admin/sign-in-code', undefined],
  ] as const) {
    const answer = await bench.local.inject(route(text, payload === undefined ? {} : { payload }));
    t.ok(answer.statusCode < 300, text);
    t.equal(answer.headers['cache-control'], 'no-store', text);
    t.equal(answer.headers['cross-origin-resource-policy'], 'same-origin', text);
  }
  const secret = bench.cameras.secrets.get('cam-1')!;
  for (const call of ['tunnel', 'turn']) {
    const headers = { authorization: `Bearer ${secret}` };
    const answer = await bench.network.inject(route(`POST /api/devices/${call}`, { headers, payload: {} }));
    t.equal(answer.headers['cache-control'], 'no-store', call);
  }
});

/** Reads Fastify's route tree: four columns of indentation a level. */
function routesOf(tree: string): { method: string; pattern: string }[] {
  const parents: string[] = [];
  return tree.split('\n').flatMap((line) => {
    const match = /^(.*?)[├└]── (\S+) \((.+)\)$/.exec(line);
    if (match === null) return [];
    const level = match[1]!.length / 4;
    const pattern = (parents[level - 1] ?? '') + match[2]!;
    parents[level] = pattern;
    const methods = match[3]!.split(', ').filter((method) => method !== 'HEAD');
    return methods.map((method) => ({ method, pattern }));
  });
}
