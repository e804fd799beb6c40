/** Tunnel tokens: what is signed, what is refused, and what their grants allow. */
import { createHmac, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import { SignJWT, jwtVerify } from 'jose';
import {
  filtersSchema,
  grantsSchema,
  listedFields,
  matches,
  mayConnect,
  mayCreate,
  mayCreateAny,
  mayList,
  type GrantedTunnel,
  type Grants,
} from '../../tunnels/grants.ts';
import { Revocations } from '../../tunnels/embedded-engine/revocations.ts';
import { deviceGrants, TunnelTokens, viewerGrants, watchGrants } from '../../tunnels/tokens.ts';

const key = randomBytes(32);
const tokens = new TunnelTokens(key);
const nowMs = 1_700_000_000_000;
const grants = deviceGrants('device-1', { app: 'camera', device: '1' });
const mint = (): string => tokens.mint({ subject: 'd-1', grants, ttlSeconds: 300 }, nowMs).token;
const wanted: GrantedTunnel = {
  name: 'device-1',
  type: 'bytestream',
  publish: true,
  protocol: 'http',
  http_version: 'http/1.1',
  token_auth: true,
  labels: { app: 'camera', device: '1' },
};
const online: GrantedTunnel = { ...wanted, id: 'tun-1', status: 'online', hostname: 'a.t.b', client_id: 'c' };

t.test('mints a JWT any library reads, in the shape of rstream', async (t) => {
  const { token, expiresAtMs } = tokens.mint({ subject: 'd-1', grants, ttlSeconds: 300 }, nowMs);
  t.equal(expiresAtMs, nowMs + 300_000);
  const { payload, protectedHeader } = await jwtVerify(token, key, { currentDate: new Date(nowMs) });
  t.same(protectedHeader, { alg: 'HS256', typ: 'JWT' });
  t.match(payload, {
    sub: 'd-1',
    iat: 1_700_000_000,
    exp: 1_700_000_300,
    type: 'app',
    permissions: null,
    resources: {
      tunnels: {
        scopes: {
          tunnels: {
            create: {
              filters: {
                name: { exact: 'device-1' },
                protocol: 'http',
                publish: true,
                token_auth: true,
                labels: { app: 'camera', device: '1' },
              },
            },
          },
        },
      },
    },
  });
  const check = tokens.check(token, nowMs);
  t.equal(check.ok && check.claims.sub, 'd-1');
});

t.test('refuses what it did not sign, in time that is over, or for another algorithm', async (t) => {
  const token = mint();
  const reason = (text: string, atMs = nowMs): string => {
    const check = tokens.check(text, atMs);
    return check.ok ? 'ok' : check.reason;
  };
  t.equal(reason(token), 'ok');
  t.equal(reason(token, nowMs + 299_999), 'ok');
  t.equal(reason(token, nowMs + 300_000), 'token has expired');
  t.equal(reason(token, nowMs - 30_000), 'ok', 'a clock that stepped back a little');
  t.equal(reason(token, nowMs - 31_000), 'token is from the future');
  t.equal(reason('x'.repeat(20_000)), 'token is too long');
  const other = new TunnelTokens(randomBytes(32)).mint({ subject: 'd', grants, ttlSeconds: 9 }, nowMs);
  t.equal(reason(other.token), 'not a token of this engine');
  const [header, payload, signature] = token.split('.');
  const none = Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url');
  for (const text of [
    '',
    '.',
    '..',
    `${none}.${payload}.`,
    `${header}.${payload}`,
    `${token}.`,
    `${header}.${payload}x.${signature}`,
  ]) {
    t.equal(reason(text), 'not a token of this engine', text);
  }
  const elsewhere = await new SignJWT({ iss: 'other' })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .sign(key);
  t.equal(reason(elsewhere), 'token claims are not valid', 'the key alone is not enough');
  const body = `${header}.${Buffer.from('not json').toString('base64url')}`;
  const signed = createHmac('sha256', key).update(body).digest('base64url');
  t.equal(reason(`${body}.${signed}`), 'token claims are not valid');
  t.throws(() => tokens.mint({ subject: 'd', grants, ttlSeconds: 0 }, nowMs), RangeError);
  t.throws(() => tokens.mint({ subject: 'd', grants, ttlSeconds: 3601 }, nowMs), RangeError);
  t.throws(() => new TunnelTokens(Buffer.alloc(31)), RangeError);
});

t.test('any changed byte of a token is refused', (t) => {
  const token = mint();
  fc.assert(
    fc.property(
      fc.nat(token.length - 1),
      fc.constantFrom('A', 'Z', 'a', 'z', '0', '9', '-', '_', '.'),
      (at, letter) => {
        const changed = token.slice(0, at) + letter + token.slice(at + 1);
        // The last character of base64url holds unused bits: another spelling of the same signature.
        if (changed === token || at === token.length - 1) return true;
        return !tokens.check(changed, nowMs).ok;
      },
    ),
  );
  t.pass('all refused');
  t.end();
});

t.test('a device token allows its tunnel and nothing else', (t) => {
  t.equal(mayCreate(grants, wanted), true);
  const others: Partial<GrantedTunnel>[] = [
    { name: 'device-2' },
    { publish: false },
    { token_auth: false },
    { protocol: 'tls' },
    { labels: {} },
    { labels: { app: 'camera', device: '2' } },
    { labels: { app: 'camera', device: '1', user: 'somebody' } },
  ];
  for (const other of others)
    t.equal(mayCreate(grants, { ...wanted, ...other }), false, JSON.stringify(other));
  t.equal(mayConnect(grants, online, '/ws'), false);
  t.equal(mayList(grants), false);
  t.equal(listedFields(grants, online), undefined);
  t.equal(mayCreateAny(grants), true);
  t.end();
});

t.test('a viewer token allows its paths of its tunnel', (t) => {
  const path = { regex: '^/(?:ws|whep(?:/[^/?#]{1,256})?)$' };
  const viewer = viewerGrants('tun-1', path);
  for (const allowed of ['/ws', '/whep', '/whep/abc'])
    t.equal(mayConnect(viewer, online, allowed), true, allowed);
  for (const refused of ['/', '/ws/', '/wsx', '/api/turn', '/whep/a/b', '/whep/', '/WS', '/ws\n']) {
    t.equal(mayConnect(viewer, online, refused), false, JSON.stringify(refused));
  }
  t.equal(mayConnect(viewer, { ...online, id: 'tun-2' }, '/ws'), false);
  t.equal(mayConnect(viewer, wanted, '/ws'), false, 'a tunnel that is not online');
  t.equal(mayCreateAny(viewer), false);
  t.end();
});

t.test('a watch token lists what its labels say, cut to its fields', (t) => {
  const watcher = watchGrants({ app: 'camera' });
  const fields = listedFields(watcher, online);
  t.ok(fields instanceof Set && fields.has('hostname') && !fields.has('token_auth'));
  t.equal(listedFields(watcher, { ...online, labels: { app: 'other' } }), undefined);
  t.equal(mayConnect(watcher, online, '/ws'), false);
  t.end();
});

t.test('AND and OR of grants and of filters', (t) => {
  const leaf = (list: unknown): unknown => ({ scopes: { tunnels: { list } } });
  const parse = (value: unknown): Grants => grantsSchema.parse(value);
  const a = leaf({ filters: { name: 'device-1' }, select: { id: true, name: true } });
  const b = leaf({ select: { id: true, status: true } });
  const no = leaf({ filters: { name: 'x' } });
  t.same(listedFields(parse({ AND: [a, b] }), online), new Set(['id']));
  t.same(listedFields(parse({ AND: [a, leaf(true)] }), online), new Set(['id', 'name']));
  t.equal(listedFields(parse({ AND: [a, no] }), online), undefined);
  t.same(listedFields(parse({ OR: [no, b, a] }), online), new Set(['id', 'status']));
  t.equal(listedFields(parse({ AND: [leaf(true), leaf({})] }), online), 'all');
  const filters = (value: unknown): boolean => matches(filtersSchema.parse(value), online);
  t.equal(
    filters({ OR: [{ name: 'x' }, { AND: [{ name: { oneof: ['y', 'device-1'] } }, { publish: true }] }] }),
    true,
  );
  t.equal(filters({ AND: [{ name: 'device-1' }, { labels: { app: { regex: '^cam' } } }] }), true);
  t.equal(filters({ labels: { app: { regex: '^amera' } } }), false);
  t.equal(filters({ labels: { constructor: { regex: '' } } }), false, 'no label of the prototype');
  t.equal(filters({}), true);
  t.end();
});

t.test('refuses grants it does not understand', (t) => {
  const bad: unknown[] = [
    {},
    { scopes: {} },
    { scopes: { tunnels: {} } },
    { scopes: { tunnels: { create: { filters: { id: 'assigned by the engine' } } } } },
    { scopes: { tunnels: { create: { filters: { unknown: true } } } } },
    { scopes: { tunnels: { connect: { params: { path: { regex: '(' } } } } } },
    { scopes: { tunnels: { connect: { params: { path: { regex: 'a', exact: 'a' } } } } } },
    { scopes: { tunnels: { list: true } }, extra: 1 },
    { AND: [] },
    { AND: [{ scopes: { tunnels: { list: true } } }], OR: [] },
  ];
  for (const one of bad) t.equal(grantsSchema.safeParse(one).success, false, JSON.stringify(one));
  let deep: unknown = { scopes: { tunnels: { list: true } } };
  for (let depth = 0; depth < 7; depth += 1) deep = { OR: [deep] };
  t.equal(grantsSchema.safeParse(deep).success, false, 'nested too deep');
  t.end();
});

t.test('tokens and revocations are ordered even within a millisecond', (t) => {
  const revocations = new Revocations();
  const issuedAt = (token: string): number => {
    const check = tokens.check(token, nowMs);
    return check.ok ? check.claims.metadata.issuedAt : 0;
  };
  const before = issuedAt(mint());
  revocations.revoke('device-1', tokens.stamp(nowMs), nowMs);
  const after = issuedAt(mint());
  t.equal(revocations.isRevoked('device-1', before), true);
  t.equal(revocations.isRevoked('device-1', after), false);
  t.equal(revocations.isRevoked('device-2', before), false);
  t.end();
});

t.test('forgets revocations when no token can be that old, and never fails open when full', (t) => {
  const revocations = new Revocations();
  revocations.revoke('a', 10, 0);
  revocations.revoke('b', 20, 3_600_000);
  t.equal(revocations.isRevoked('a', 5), false, 'every such token has expired');
  t.equal(revocations.isRevoked('b', 19), true);
  const full = new Revocations();
  for (let count = 1; count <= 10_001; count += 1) full.revoke(`n${count}`, count, 0);
  t.equal(full.isRevoked('n1', 0), true, 'pushed out, still refused');
  t.equal(full.isRevoked('somebody', 0), true, 'and so is everything as old');
  t.equal(full.isRevoked('somebody', 2), false);
  t.end();
});
