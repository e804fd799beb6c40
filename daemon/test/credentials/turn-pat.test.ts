/** Published vectors of PAT-derived credentials, and the grammar of derived usernames. */
import t from 'tap';
import { issuePatCredential, patDigest, patTurnKey } from '../../credentials/turn-pat.ts';
import { formatV1Username, parseV1Username, v1Password } from '../../credentials/turn-v1.ts';

function tokenOf(payload: object): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'HS256', typ: 'JWT' })}.${part(payload)}.AAAA`;
}

const TOKEN = tokenOf({ type: 'pat', token_endpoint: '0badc0de', iat: 1_700_000_000, exp: 1_800_000_000 });
const NOW_MS = 1_700_000_000_000;

const VECTORS = [
  {
    name: 'P1',
    token: TOKEN,
    realm: 'lab.example.test',
    endpoint: 'demo-proj',
    now: 1_700_000_000,
    ttl: 600,
    username: 'v1:1700000600:pat:demo-proj:0badc0de',
    key: 'da7dfcb8e66d406a257c99599bb843520b46156777e7e7d770c57c49efc89e15',
    password: '2SjoBrIx10KePLwN1QmZ0bvYvXzP2uBdka+/735jzNw=',
    granted: 600,
  },
  {
    name: 'P2 (older spelling, ends with the token)',
    token: tokenOf({ type: 'pat', tokendpoint: 'deadbeef', iat: 1_700_000_000, exp: 1_700_000_300 }),
    realm: 'lab.example.test',
    endpoint: 'demo-proj',
    now: 1_700_000_000,
    ttl: 600,
    username: 'v1:1700000300:pat:demo-proj:deadbeef',
    key: 'b2fb79afe3216a6c7ee31ce18b20596168f7638fc6ad3ae30a576b766db4a7f1',
    password: '5vLI2xQMyBbD+y/LTRzbiRzpP1xeiK8ipqOO9jOQr3k=',
    granted: 300,
  },
  {
    name: 'P3 (realm in capitals, endpoint given)',
    token: tokenOf({ type: 'pat', iat: 1_700_000_000, exp: 1_800_000_000 }),
    realm: 'EU.Lab.Example.Test',
    endpoint: 'p2',
    tokenEndpoint: '12345678',
    now: 1_750_000_000,
    ttl: 1,
    username: 'v1:1750000001:pat:p2:12345678',
    key: '3cfda289d8503a3fb957a8923869e8cb22f307077be913842e0382ff99fb4442',
    password: 'aEMbGsI0octObCR2uyflZVbRE9+VVdba3AXIXBzZFT4=',
    granted: 1,
  },
];

for (const vector of VECTORS) {
  t.test(vector.name, (t) => {
    const { token, realm, endpoint, tokenEndpoint, now, ttl, username, key, password, granted } = vector;
    t.same(
      issuePatCredential({ token, realm, endpoint, tokenEndpoint, ttlSeconds: ttl, nowMs: now * 1000 + 999 }),
      { username, password, expiresAtSeconds: now + granted, ttlSeconds: granted },
    );
    const verifierKey = patTurnKey(patDigest(token), realm);
    t.equal(verifierKey.toString('hex'), key);
    t.equal(v1Password(verifierKey, username), password, 'the verifier needs the digest only');
    t.end();
  });
}

t.test('the digest of P1', (t) => {
  t.equal(
    patDigest(TOKEN).toString('hex'),
    '6d7c03bd9987f3b79094f889b7fb97089a6fd6462670c20f6f6e0086f0f3f9c5',
  );
  t.throws(() => patTurnKey(Buffer.alloc(31), 'r'), RangeError);
  t.throws(() => patTurnKey(Buffer.alloc(32), ' '), RangeError);
  t.end();
});

t.test('TTLs', (t) => {
  const issue = (ttlSeconds?: number) =>
    issuePatCredential({ token: TOKEN, realm: 'r', endpoint: 'p', ttlSeconds, nowMs: NOW_MS });
  t.equal(issue().ttlSeconds, 600, 'ten minutes unless told');
  t.equal(issue(3600).ttlSeconds, 3600);
  for (const ttlSeconds of [0, -1, 1.5, 3601, NaN, Infinity]) {
    t.throws(() => issue(ttlSeconds), {
      message: 'TURN TTL must be an integer between 1 and 3600 seconds.',
    });
  }
  t.end();
});

t.test('tokens that give no credential', (t) => {
  const base = { type: 'pat', token_endpoint: '0badc0de', exp: 1_800_000_000 };
  for (const [name, token, sentence] of [
    ['no token', '', /no personal access token/],
    ['two parts', 'a.b', /no personal access token/],
    ['no JSON', 'a.b.c', /no personal access token/],
    ['too long', `${TOKEN}${'A'.repeat(9000)}`, /no personal access token/],
    ['another type', tokenOf({ ...base, type: 'app' }), /no personal access token/],
    ['no expiry', tokenOf({ ...base, exp: undefined }), /no personal access token/],
    ['endpoint of another shape', tokenOf({ ...base, token_endpoint: 'x:y' }), /no personal access token/],
    ['expired', tokenOf({ ...base, exp: 1_700_000_000 }), /has expired/],
    ['no endpoint', tokenOf({ type: 'pat', exp: 1_800_000_000 }), /does not name/],
  ] as const) {
    t.throws(
      () => issuePatCredential({ token, realm: 'r', endpoint: 'p', nowMs: NOW_MS }),
      { name: 'RangeError', message: sentence },
      name,
    );
  }
  t.throws(
    () =>
      issuePatCredential({
        token: TOKEN,
        realm: 'r',
        endpoint: 'p',
        tokenEndpoint: 'deadbeef',
        nowMs: NOW_MS,
      }),
    { message: 'The token belongs to another token endpoint.' },
  );
  t.end();
});

t.test('the grammar of derived usernames', (t) => {
  for (const username of ['v1:1700000600:pat:demo-proj:0badc0de', 'v1:1700000600:app:p:client-1.a_b']) {
    const parsed = parseV1Username(username)!;
    t.equal(formatV1Username(parsed), username);
  }
  t.same(parseV1Username('v1:1700000600:app:p2:client-1'), {
    expiresAtSeconds: 1_700_000_600,
    kind: 'app',
    endpoint: 'p2',
    subject: 'client-1',
  });
  for (const username of [
    '',
    'constructor',
    'v1',
    'v2:1700000600:app:p:c',
    'V1:1700000600:app:p:c',
    'v1::app:p:c',
    'v1:0700000600:app:p:c',
    'v1:1e9:app:p:c',
    'v1:1700000600:rest:p:c',
    'v1:1700000600:app::c',
    'v1:1700000600:app:P:c',
    'v1:1700000600:app:-p:c',
    'v1:1700000600:app:p:',
    'v1:1700000600:app:p:c:d',
    'v1:1700000600:app:p:c\n',
    ' v1:1700000600:app:p:c',
    'v1:1700000600:pat:p:client-1',
    'v1:1700000600:pat:p:0BADC0DE',
    `v1:1700000600:app:${'p'.repeat(64)}:c`,
  ]) {
    t.equal(parseV1Username(username), undefined, JSON.stringify(username));
  }
  t.end();
});
