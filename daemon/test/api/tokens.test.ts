/** Tokens of tenants' users: of the own issuer and of one on the network, and every reason to refuse one. */
import { createHmac } from 'node:crypto';
import t, { type Test } from 'tap';
import type { TokenVerdict } from '../../contract/issuers.ts';
import type { IssuerKeys } from '../../identity/system.ts';
import { callerOfClaims, tokenIdentity } from '../../identity/token-claims.ts';
import { systemClock } from '../../kit/clock.ts';
import { RemoteIssuerKeys } from '../../system/oidc/remote-issuer-keys.ts';
import { apiBench, errorOf, HOST, route, type ApiBench } from '../helpers/api-bench.ts';
import { OidcIssuer, type Behaviour } from '../helpers/oidc-issuer.ts';

const ADDRESS = '127.0.67.21';
/** Looks again at once: what bounds the looks has a test of its own. */
const eager = (): IssuerKeys => new RemoteIssuerKeys({ clock: systemClock, askAgainMs: 0 });

async function world(t: Test, options: { issuerKeys?: IssuerKeys } = {}) {
  const issuer = await OidcIssuer.start(t, ADDRESS);
  const bench = await apiBench(t, { clock: systemClock, issuerKeys: options.issuerKeys ?? eager() });
  const row = {
    ...{ name: 'corp', issuer: issuer.url, audience: 'turnkeep-test', namespaces: ['a', 'b'] },
    ...{ namespaceClaim: 'tenant', roleClaim: 'groups', roles: { watchers: 'viewer', admins: 'owner' } },
  };
  const ask = (token: string, text = 'GET /v1/namespaces/a') =>
    bench.network.inject(route(text, { headers: { host: HOST, authorization: `Bearer ${token}` } }));
  const add = (change: object = {}) =>
    bench.local.inject(route('POST /v1/issuers', { payload: { ...row, ...change } }));
  return {
    issuer,
    bench,
    ask,
    add,
    sign: (...args: Parameters<typeof signAt> extends [unknown, ...infer Rest] ? Rest : never) =>
      signAt(issuer, ...args),
  };
}
const signAt = (
  issuer: OidcIssuer,
  claims: Record<string, unknown> = {},
  header: Record<string, unknown> = {},
) => issuer.sign(Date.now(), claims, header);
const seconds = (): number => Math.floor(Date.now() / 1000);
const told = (bench: ApiBench): string[] =>
  bench.audit
    .list({ limit: 1000 })
    .items.reverse()
    .map(({ actor, action, outcome }) => `${actor} ${action} ${outcome}`);

t.test('a token of an added issuer may what its row says', async (t) => {
  const { bench, ask, add, sign } = await world(t);
  t.equal((await ask(await sign())).statusCode, 401, 'nobody knows the issuer yet');
  const added = await add();
  t.equal(added.statusCode, 201, added.body);
  t.match(added.json(), {
    problem: null,
    issuer: { name: 'corp', kind: 'oidc', algorithms: ['RS256', 'ES256'] },
  });
  t.equal((await add()).statusCode, 409);
  t.equal((await ask(await sign())).statusCode, 200);
  t.equal((await ask(await sign(), 'GET /v1/namespaces/b')).statusCode, 403, 'another tenant');
  t.equal((await ask(await sign({ tenant: 'b' }), 'GET /v1/namespaces/b')).statusCode, 200);
  t.equal((await ask(await sign(), 'GET /v1/namespaces/a/api-keys')).statusCode, 403, 'a viewer');
  t.equal(
    (await ask(await sign({ groups: ['x', 'admins', 'watchers'] }), 'GET /v1/namespaces/a/api-keys'))
      .statusCode,
    200,
  );
  const headers = { host: HOST, authorization: `Bearer ${await sign({ sub: 'auth0|alice' })}` };
  const credentials = await bench.network.inject(
    route('POST /v1/webrtc/turn/credentials', { headers, payload: {} }),
  );
  t.equal(credentials.statusCode, 200, 'its namespace is the one it is for');
  const ticket = await bench.network.inject(
    route('POST /v1/webrtc/tickets', { headers, payload: { namespace: 'a' } }),
  );
  t.equal(ticket.statusCode, 201);
  const local = await bench.local.inject(route('GET /v1/users', { headers }));
  t.equal(local.statusCode, 403, 'the unix socket does not make more of it');
  t.ok(told(bench).includes(`${tokenIdentity('corp', 'auth0|alice')} view.ticket ok`));
  t.ok(told(bench).some((line) => /^jwt:corp\.alice tenant\.cross refused/.test(line)));

  t.equal((await bench.local.inject(route('DELETE /v1/issuers/corp'))).statusCode, 204);
  t.equal((await ask(await sign())).statusCode, 401, 'at once');
  t.equal((await bench.local.inject(route('DELETE /v1/issuers/own'))).statusCode, 403);
});

t.test('every reason to refuse one', async (t) => {
  const { issuer, ask, add, sign, bench } = await world(t);
  await add();
  const now = seconds();
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = {
    iss: issuer.url,
    aud: 'turnkeep-test',
    sub: 'alice',
    iat: now,
    exp: now + 600,
    tenant: 'a',
    groups: ['admins'],
  };
  const unsigned = `${part({ alg: 'none' })}.${part(claims)}.`;
  const publicPem = JSON.stringify(issuer.key.jwk);
  const head = `${part({ alg: 'HS256', kid: issuer.key.kid })}.${part(claims)}`;
  const confused = `${head}.${createHmac('sha256', publicPem).update(head).digest('base64url')}`;
  const good = await sign();
  const [header = '', , signature = ''] = good.split('.');
  const forged = `${header}.${part({ ...claims })}.${signature}`;
  const cases: [string, string, RegExp][] = [
    ['of a stranger', await sign({ iss: 'https://elsewhere.test' }), /issuer \(iss\) is not known/],
    ['for somebody else', await sign({ aud: 'other' }), /audience \(aud\) is not turnkeep-test/],
    ['for nobody', await sign({ aud: undefined }), /no claim aud/],
    ['expired', await sign({ exp: now - 60 }), /has expired/],
    ['without an end', await sign({ exp: undefined }), /no claim exp/],
    ['not valid yet', await sign({ nbf: now + 120 }), /not valid yet/],
    ['without a subject', await sign({ sub: undefined }), /no claim sub/],
    ['without a beginning', await sign({ iat: undefined }), /no claim iat/],
    ['with an unknown key', await sign({}, { kid: 'key-x' }), /key \(kid\) is not among/],
    ['alg none', unsigned, /algorithm none is not one of RS256, ES256/],
    ['HS256 with the public key', confused, /algorithm HS256 is not one of/],
    ['changed', forged, /signature is wrong/],
    ['of another tenant only', await sign({ tenant: 'c' }), /no namespace that its issuer may speak for/],
    ['of two tenants', await sign({ tenant: ['a', 'b'] }), /several namespaces/],
    ['without a role', await sign({ groups: ['others'] }), /groups stands for no role/],
    ['no JSON', 'eyJ.eyJ.x', /no signed token/],
    ['oversized', await sign({ more: 'x'.repeat(9000) }), /longer than 8192/],
    [
      'critical',
      await sign({}, { crit: ['exp'], exp: 1 }).catch(
        () => `${part({ alg: 'ES256', crit: ['x'], x: 1 })}.${part(claims)}.AAAA`,
      ),
      /not accepted/,
    ],
  ];
  for (const [what, token, reason] of cases) {
    const answer = await ask(token);
    t.equal(answer.statusCode, 401, what);
    t.equal(errorOf(answer), 'unauthorized', what);
    t.match(answer.json<{ message: string }>().message, reason, what);
    t.notOk(answer.body.includes(token), 'the token is not sent back');
  }
  t.equal((await ask(await sign({ exp: now - 10 }))).statusCode, 200, 'within the skew of 30 s');
  t.equal((await ask(good)).statusCode, 200);
  t.ok(told(bench).includes('- token.wrong refused'));
});

t.test(
  'keys rotate; an issuer that misbehaves costs its own tokens only, and is left alone for a while',
  async (t) => {
    const { issuer, ask, add, sign } = await world(t, {
      issuerKeys: new RemoteIssuerKeys({ clock: systemClock, askAgainMs: 600_000 }),
    });
    await add();
    t.equal(issuer.asked, 1);
    for (let round = 0; round < 5; round += 1) t.equal((await ask(await sign())).statusCode, 200);
    t.equal(issuer.asked, 1, 'remembered');
    const old = await sign();
    await issuer.rotate();
    t.equal((await ask(await sign())).statusCode, 401, 'looked just now');
    for (let round = 0; round < 5; round += 1) await ask(await sign({}, { kid: `no-${String(round)}` }));
    t.equal(issuer.asked, 1, 'nobody makes it ask');
    t.equal((await ask(old)).statusCode, 200);

    const eagerly = await world(t);
    await eagerly.add();
    await eagerly.issuer.rotate({ forget: true });
    t.equal((await eagerly.ask(await eagerly.sign())).statusCode, 200, 'a new key is looked up');
  },
);

t.test('an issuer whose keys cannot be had', async (t) => {
  const cases: [Behaviour, RegExp][] = [
    ['hang', /does not answer within 5 s/],
    ['huge', /larger than 64 KiB/],
    ['redirect', /cannot be fetched/],
    ['broken', /answers with 500/],
    ['text', /names no address of keys/],
  ];
  await Promise.all(
    cases.map(async ([behaviour, reason]) => {
      const { issuer, ask, add, sign, bench } = await world(t);
      issuer.behaviour = behaviour;
      const added = await add();
      t.equal(added.statusCode, 201, 'it is added, and the answer says what is wrong');
      t.match(added.json<{ problem: string }>().problem, reason, behaviour);
      const answer = await ask(await sign());
      t.equal(answer.statusCode, 503, behaviour);
      t.match(answer.json<{ message: string }>().message, /keys of the issuer "corp" cannot be had/);
      const own = await bench.network.inject(
        route('GET /v1/namespaces/a', { headers: await bench.token('a', 'viewer') }),
      );
      t.equal(own.statusCode, 200, 'others go on');
    }),
  );
  const { issuer, add } = await world(t);
  issuer.claimedIssuer = 'https://elsewhere.test';
  t.match((await add()).json<{ problem: string }>().problem, /is of another issuer/);
});

t.test('tokens of the own issuer', async (t) => {
  const bench = await apiBench(t);
  const make = async (headers: Record<string, string>, payload: object, namespace = 'a') =>
    bench.network.inject(route(`POST /v1/namespaces/${namespace}/tokens`, { headers, payload }));
  const made = await make(bench.key('a', 'operator'), { subject: 'alice', ttlSeconds: 120 });
  t.equal(made.statusCode, 201, made.body);
  t.equal(made.headers['cache-control'], 'no-store');
  const { token, identity } = made.json<{ token: string; identity: string }>();
  t.equal(identity, 'jwt:own.alice');
  const headers = { host: HOST, authorization: `Bearer ${token}` };
  const get = async (path: string) =>
    (await bench.network.inject(route(`GET ${path}`, { headers }))).statusCode;
  t.equal(await get('/v1/namespaces/a'), 200);
  t.equal(await get('/v1/namespaces/b'), 403);
  t.match((await make(bench.key('a', 'operator'), { subject: 'x', role: 'owner' })).json(), {
    message: /do more than its issuer/,
  });
  t.equal(
    (await make(await bench.token('a', 'owner'), { subject: 'x' })).statusCode,
    403,
    'no tokens by tokens',
  );
  const judged = await bench.local.inject(route('POST /v1/issuers/test', { payload: { token } }));
  t.match(judged.json<TokenVerdict>(), {
    accepted: true,
    issuer: 'own',
    identity,
    namespace: 'a',
    role: 'viewer',
  });
  const { keys } = (
    await bench.network.inject(route('GET /.well-known/jwks.json', { headers: { host: HOST } }))
  ).json<{
    keys: Record<string, string>[];
  }>();
  t.match(keys, [{ kty: 'OKP', crv: 'Ed25519', use: 'sig' }]);
  t.notOk('d' in keys[0]!, 'the public half alone');

  const socket = await bench.network.injectWS(`/v1/webrtc/signal?token=${token}`, {
    headers: { host: HOST },
  });
  socket.terminate();
  bench.clock.advance(121_000);
  t.equal(await get('/v1/namespaces/a'), 401, 'it ended');
  await t.rejects(
    bench.network.injectWS(`/v1/webrtc/signal?token=${token}`, { headers: { host: HOST } }),
    /401/,
  );
});

t.test('claims', (t) => {
  const row = {
    namespaces: ['a'],
    namespaceClaim: null,
    roleClaim: 'realm_access.roles',
    roles: { boss: 'owner' },
    defaultRole: 'viewer',
  } as const;
  t.same(callerOfClaims({ realm_access: { roles: ['boss'] } }, row), { namespace: 'a', role: 'owner' });
  t.same(callerOfClaims({ 'realm_access.roles': 'boss' }, row), { namespace: 'a', role: 'owner' });
  t.same(callerOfClaims({ realm_access: 7 }, row), { namespace: 'a', role: 'viewer' });
  t.same(callerOfClaims({ realm_access: { roles: ['constructor', '__proto__'] } }, row), {
    namespace: 'a',
    role: 'viewer',
  });
  t.equal(tokenIdentity('own', 'alice'), 'jwt:own.alice');
  t.match(tokenIdentity('own', 'a b'), /^jwt:own\.-[0-9a-f]{31}$/);
  t.not(tokenIdentity('own', 'a b'), tokenIdentity('own', 'a_b'));
  t.end();
});
