/** What the API writes into the audit, and that a key of one tenant gets nowhere in another, told each time. */
import t from 'tap';
import type { AuditEntry, AuditList } from '../../contract/audit.ts';
import { apiBench, HOST, ORIGIN, route, type ApiBench } from '../helpers/api-bench.ts';

const lines = (bench: ApiBench): AuditEntry[] => bench.audit.list({ limit: 1000 }).items.reverse();
const short = (bench: ApiBench): string[] =>
  lines(bench).map((one) =>
    [one.actor, one.action, one.namespace ?? '-', one.subject ?? '-', one.outcome].join(' '),
  );

/** Requests of a key of b, each on something of a. The routes of `/v1/events` and `/signal` are below. */
const ACROSS: [string, object?][] = [
  ['GET /v1/namespaces/a'],
  ['DELETE /v1/namespaces/a'],
  ['GET /v1/namespaces/a/quota'],
  ['PATCH /v1/namespaces/a/quota', { tasks: 64 }],
  ['POST /v1/namespaces/a/webrtc/enable', { dryRun: true }],
  ['POST /v1/namespaces/a/webrtc/disable'],
  ['GET /v1/namespaces/a/webrtc/status'],
  ['GET /v1/namespaces/a/api-keys'],
  ['POST /v1/namespaces/a/api-keys', { name: 'x', role: 'viewer' }],
  ['DELETE /v1/namespaces/a/api-keys/x'],
  ['POST /v1/namespaces/a/tokens', { subject: 'x' }],
  ['GET /v1/namespaces/a/turn/status'],
  ['GET /v1/namespaces/a/turn/sessions'],
  ['GET /v1/namespaces/a/turn/refusals'],
  ['POST /v1/namespaces/a/turn/disconnect', { subject: 'x' }],
  ['POST /v1/namespaces/a/turn/credentials', {}],
  ['POST /v1/namespaces/a/turn/drain', { deadlineSeconds: 5 }],
  ['POST /v1/namespaces/a/turn/rotate-secret', {}],
  ['GET /v1/namespaces/a/turn/revoked'],
  ['POST /v1/namespaces/a/turn/revoke', { subject: 'x' }],
  ['POST /v1/namespaces/a/turn/unrevoke', { subject: 'x' }],
  ['GET /v1/namespaces/a/turn/keys'],
  ['POST /v1/namespaces/a/turn/keys', { kind: 'pat' }],
  ['DELETE /v1/namespaces/a/turn/keys/pat/0badc0de'],
  ['GET /v1/operations/op-1'],
  ['POST /v1/webrtc/turn/credentials', { namespace: 'a' }],
  ['POST /v1/webrtc/tickets', { namespace: 'a' }],
  ['GET /v1/webrtc/rooms?namespace=a'],
  ['POST /v1/webrtc/rooms', { namespace: 'a', roomId: 'r' }],
  ['GET /v1/webrtc/rooms/r?namespace=a'],
  ['DELETE /v1/webrtc/rooms/r?namespace=a'],
  ['DELETE /v1/webrtc/rooms?namespace=a&room_id=r'],
  ['POST /v1/webrtc/rooms/r/kick?namespace=a', { identity: 'x' }],
  ['POST /v1/webrtc/rooms/r/mute?namespace=a', { trackId: 'x', muted: true }],
  ['GET /v1/webrtc/rooms/r/viewers?namespace=a'],
  ['GET /api/devices/cam-1/explain'],
  ['GET /api/devices?namespace=a'],
  ['POST /api/devices', { name: 'two', namespace: 'a' }],
  ['GET /api/devices/cam-1'],
  ['PATCH /api/devices/cam-1', { name: 'two' }],
  ['POST /api/devices/cam-1/rotate'],
  ['DELETE /api/devices/cam-1'],
  ['GET /api/devices/cam-1/webrtc'],
];

t.test('a key of b on each resource of a is refused and told', async (t) => {
  const bench = await apiBench(t);
  bench.cameras.create({ name: 'one', namespace: 'a', owner: 'x' });
  bench.namespaces.disableWebrtc('a');
  const before = JSON.stringify([bench.cameras.list('a'), bench.namespaces.list(), bench.apiKeys.list('a')]);
  const keys: Record<string, Record<string, string>> = {};
  for (const [role, kind] of [
    ['viewer', 'key'],
    ['owner', 'key'],
    ['owner', 'jwt'],
  ] as const) {
    for (const [text, payload] of ACROSS) {
      const known = lines(bench).length;
      const headers = kind === 'key' ? (keys[role] ??= bench.key('b', role)) : await bench.token('b', role);
      const answer = await bench.network.inject(route(text, { headers, ...(payload && { payload }) }));
      t.ok([403, 404].includes(answer.statusCode), `${role} ${text} gets ${String(answer.statusCode)}`);
      bench.clock.advance(30_000);
      const told = lines(bench).slice(known);
      if (/needs the role/.test(answer.body) && told[0]?.action !== 'tenant.cross') {
        // A role that may not do it anywhere is refused before anybody looks where.
        t.ok(role === 'viewer', text);
        continue;
      }
      t.match(
        told,
        [{ actor: new RegExp(`^${kind}:`), action: 'tenant.cross', namespace: 'a', outcome: 'refused' }],
        text,
      );
      t.match(told[0]?.detail, {
        of: 'b',
        route: text
          .replace(/[?].*/, '')
          .replace(
            /\/(a|r|x|cam-1|op-1)(?=\/|$)/g,
            (_all, name: string) => `/:${name === 'a' ? 'namespace' : name === 'r' ? 'roomId' : 'id'}`,
          )
          .replace('pat/0badc0de', ':kind/:subject'),
      });
    }
  }
  for (const path of ['/v1/events?turn=a', '/v1/webrtc/signal?namespace=a']) {
    const known = lines(bench).length;
    await t.rejects(bench.network.injectWS(path, { headers: bench.key('b', 'owner') }), /403/, path);
    t.match(
      lines(bench).slice(known),
      [{ action: 'tenant.cross', namespace: 'a', outcome: 'refused' }],
      path,
    );
  }
  const after = JSON.stringify([bench.cameras.list('a'), bench.namespaces.list(), bench.apiKeys.list('a')]);
  t.equal(after, before, 'nothing of a changed');

  const tried = ACROSS.map(([text]) => text.replace(/[?].*/, ''));
  for (const { method, pattern } of routesOf(bench.network.printRoutes({ commonPrefix: false }))) {
    if (!/:(?:namespace|id|roomId)/.test(pattern)) continue;
    const matches = new RegExp(`^${method} ${pattern.replaceAll(/:[a-zA-Z]+/g, '[^/]+')}$`);
    t.ok(
      tried.some((text) => matches.test(text)),
      `${method} ${pattern} is tried across`,
    );
  }
});

t.test('signing in and out, ok and refused', async (t) => {
  const bench = await apiBench(t);
  const headers = { host: HOST, origin: ORIGIN };
  const { password } = await bench.identity.resetPassword('admin');
  const signIn = (payload: object) => bench.network.inject(route('POST /v1/session', { headers, payload }));
  await signIn({ user: 'admin', password: 'hunter2-wrong' });
  await signIn({ user: 'my-secret-passphrase', password: 'hunter2-wrong' });
  const made = await signIn({ user: 'admin', password });
  const cookie = String(made.headers['set-cookie']).split(';')[0]!;
  await bench.network.inject(route('DELETE /v1/session', { headers: { ...headers, cookie } }));
  await signIn({ code: 'AAAAA-AAAAA-AAAAA-AAAAA' });
  await bench.network.inject(
    route('GET /v1/namespaces', { headers: { host: HOST, 'x-api-key': 'tk_wrong' } }),
  );
  t.strictSame(short(bench), [
    '- session.open - admin refused',
    '- session.open - - refused',
    'admin session.open - admin ok',
    'admin session.close - admin ok',
    '- session.open - - refused',
    '- api-key.wrong - - refused',
  ]);
  const text = JSON.stringify(lines(bench));
  for (const secret of [password, 'hunter2', 'my-secret', 'tk_wrong', 'AAAAA', cookie.split('=')[1]!]) {
    t.notOk(text.includes(secret), 'no secret is kept');
  }
  t.match(lines(bench)[0]?.detail, { way: 'password', address: '127.0.0.1', error: 'invalid_login' });
});

t.test('what changes something or shows a secret, and no secret', async (t) => {
  const bench = await apiBench(t);
  const owner = await bench.as('owner');
  const secrets: string[] = [];
  const call = async (text: string, payload?: object): Promise<Record<string, unknown>> => {
    const answer = await bench.network.inject(route(text, { headers: owner, ...(payload && { payload }) }));
    const body = answer.body === '' ? {} : answer.json<Record<string, unknown>>();
    for (const name of ['password', 'key', 'secret', 'ticket', 'code']) {
      const value = body[name];
      if (typeof value === 'string' && value.length > 12) secrets.push(value);
    }
    return body;
  };
  await call('POST /v1/users', { name: 'guard', role: 'viewer' });
  const { apiKey } = await call('POST /v1/namespaces/a/api-keys', { name: 'shop', role: 'viewer' });
  const { device } = await call('POST /api/devices', { name: 'Dock', namespace: 'a' });
  const id = (device as { id: string }).id;
  await call(`POST /api/devices/${id}/rotate`);
  await call('POST /v1/webrtc/tickets', { namespace: 'a' });
  await call('POST /v1/webrtc/turn/credentials', { namespace: 'a' });
  await call('POST /v1/namespaces/a/turn/revoke', { subject: 'guard' });
  await call(`DELETE /api/devices/${id}`);
  await call(`DELETE /v1/namespaces/a/api-keys/${(apiKey as { id: string }).id}`);
  await call('PATCH /v1/users/guard', { role: 'operator', disabled: true });
  await call('DELETE /v1/users/guard');
  await call('DELETE /v1/users/owner-of-nothing');
  await call('POST /v1/namespaces/a/webrtc/disable');
  await bench.local.inject(route('POST /v1/users/admin/sign-in-code'));
  t.strictSame(
    short(bench).map((text) => text.replace(/[0-9a-f-]{36}/, 'ID')),
    [
      'owner user.create - guard ok',
      'owner api-key.create a ID ok',
      `owner camera.create a ${id} ok`,
      `owner camera.rotate a ${id} ok`,
      'owner view.ticket a - ok',
      'owner turn.credentials a owner ok',
      'owner turn.revoke a guard ok',
      `owner camera.delete a ${id} ok`,
      'owner api-key.delete a ID ok',
      'owner user.change - guard ok',
      'owner user.delete - guard ok',
      'owner user.delete - owner-of-nothing refused',
      'owner webrtc.disable a - ok',
      'local user.sign-in-code - admin ok',
    ],
  );
  const text = JSON.stringify(lines(bench));
  t.equal(secrets.length, 5);
  for (const secret of secrets) t.notOk(text.includes(secret), 'no secret is kept');

  const listed = await bench.local.inject(route('GET /v1/audit?limit=2&actor=owner'));
  t.match(listed.json<AuditList>(), { items: [{ seq: 13 }, { seq: 12 }], next: 12 });
  const refused = await bench.local.inject(route('GET /v1/audit?outcome=refused'));
  t.match(refused.json<AuditList>(), { items: [{ action: 'user.delete', outcome: 'refused' }], next: null });
  t.equal(refused.json<AuditList>().items.length, 1);
  t.match((await bench.local.inject(route('GET /v1/audit/verify'))).json(), { intact: true, lines: 14 });
});

t.test('what cannot be written down is not answered', async (t) => {
  const bench = await apiBench(t);
  bench.audit.record = () => {
    throw new Error('the disk is full');
  };
  const answer = await bench.local.inject(route('POST /v1/users/admin/sign-in-code'));
  t.equal(answer.statusCode, 503);
  t.match(answer.json(), { error: 'unavailable', message: /^The audit cannot be written/ });
});
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

t.test('a user is disabled, let in again and changed; a session is ended, each told and felt', async (t) => {
  const bench = await apiBench(t);
  const owner = await bench.as('owner');
  const viewer = await bench.as('viewer');
  const asViewer = async (): Promise<number> =>
    (await bench.network.inject(route('GET /v1/namespaces', { headers: viewer }))).statusCode;
  const change = (payload: object) =>
    bench.network.inject(route('PATCH /v1/users/viewer', { headers: owner, payload }));
  t.equal(await asViewer(), 200);
  t.match((await change({ disabled: true })).json(), { name: 'viewer', disabled: true });
  t.equal(await asViewer(), 401, 'signed out');
  t.same(bench.namespaces.departed, [['viewer', undefined]], 'its TURN sessions end');
  t.match((await change({ disabled: false })).json(), { disabled: false });
  const again = await bench.as('viewer');
  const sessions = await bench.network.inject(route('GET /v1/sessions', { headers: owner }));
  const { items } = sessions.json<{ items: { id: string; user: string; current: boolean }[] }>();
  t.same(items.map(({ user, current }) => `${user} ${String(current)}`).sort(), [
    'owner true',
    'viewer false',
  ]);
  const theirs = items.find(({ user }) => user === 'viewer')!;
  const ended = await bench.network.inject(route(`DELETE /v1/sessions/${theirs.id}`, { headers: owner }));
  t.equal(ended.statusCode, 204);
  t.equal((await bench.network.inject(route('GET /v1/namespaces', { headers: again }))).statusCode, 401);
  t.strictSame(short(bench), [
    'owner user.change - viewer ok',
    'owner user.change - viewer ok',
    'owner session.end - viewer ok',
  ]);
  t.equal((await change({})).statusCode, 400, 'changes nothing');
});
