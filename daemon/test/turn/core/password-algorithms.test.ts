/** RFC 8489 section 9.2.4 at the server: SHA-256 where the client asks for it, and no way to talk it down. */
import t from 'tap';
import { ATTRIBUTE, METHOD } from '../../../turn/codec/attribute-types.ts';
import { lifetime, requestedTransport, text } from '../../../turn/codec/attributes.ts';
import { longTermKey, verifyIntegrity, type IntegrityHash } from '../../../turn/codec/message-integrity.ts';
import {
  NONCE_COOKIE,
  passwordAlgorithm,
  passwordAlgorithms,
} from '../../../turn/codec/password-algorithms.ts';
import {
  attributeOf,
  buildStun,
  parseStun,
  type StunAttribute,
  type StunMessage,
} from '../../../turn/codec/stun-message.ts';
import { ClientSession } from '../../../turn/core/client-session.ts';
import { Bench, errorOf, user, type Client } from './harness.ts';

const udp = requestedTransport(17);
const REALM = 'one.test';

/** A client of RFC 8489. */
function modern(bench: Bench, port: number, credential = user()): Client {
  let counter = port;
  const randomBytes = (count: number): Buffer => Buffer.alloc(count, (counter += 1));
  return {
    ...bench.client(port),
    session: new ClientSession({ ...credential, randomBytes, hash: 'sha256' }),
  };
}

function challengeOf(bench: Bench, client: Client): StunMessage {
  return bench.once(client, client.session.request(METHOD.ALLOCATE, [udp])).message!;
}

/** One Allocate put together by hand. */
function allocate(
  bench: Bench,
  client: Client,
  options: {
    nonce: string;
    algorithm?: 'md5' | 'sha256';
    hash?: IntegrityHash;
    echo?: StunAttribute[];
    username?: string;
  },
): StunMessage {
  const { nonce, algorithm = 'md5', hash = 'sha1', echo = [] } = options;
  const { username, password } = user();
  const name = options.username ?? username;
  const bytes = buildStun(
    { class: 'request', method: METHOD.ALLOCATE, transactionId: Buffer.alloc(12, 9) },
    [
      udp,
      text(ATTRIBUTE.USERNAME, name),
      text(ATTRIBUTE.REALM, REALM),
      text(ATTRIBUTE.NONCE, nonce),
      ...echo,
    ],
    { key: longTermKey(name, REALM, password, algorithm), hash },
  );
  const actions = bench.openRelays(bench.feed(client, bytes));
  const answer = actions.find((action) => action.type === 'answer')!;
  return parseStun(answer.bytes)!;
}

t.test('a 401 offers algorithms, and its nonce says so', (t) => {
  const bench = new Bench();
  const message = challengeOf(bench, bench.client(1));
  t.same(attributeOf(message, ATTRIBUTE.PASSWORD_ALGORITHMS), passwordAlgorithms().value);
  t.ok(attributeOf(message, ATTRIBUTE.NONCE)!.toString().startsWith(NONCE_COOKIE));
  t.ok(attributeOf(message, ATTRIBUTE.NONCE)!.length <= 128, 'section 14.10');
  t.end();
});

t.test('a client of RFC 8489 allocates, refreshes and ends with SHA-256', (t) => {
  const bench = new Bench();
  const client = modern(bench, 1);
  const { code, message } = bench.allocate(client);
  t.equal(code, 'success');
  t.equal(message!.integrityAt, undefined, 'section 9.2.4: SHA-256 only');
  const { username, password } = user();
  const key = longTermKey(username, REALM, password, 'sha256');
  t.ok(verifyIntegrity(message!.bytes, message!.integritySha256At!, key, 'sha256'));
  t.equal(bench.permit(client).code, 'success');
  t.equal(bench.bind(client, 0x4000).code, 'success');
  const refused = bench.once(client, client.session.request(METHOD.CHANNEL_BIND, []));
  t.equal(refused.code, 400);
  t.ok(verifyIntegrity(refused.message!.bytes, refused.message!.integritySha256At!, key, 'sha256'));
  t.equal(bench.request(client, METHOD.REFRESH, [lifetime(0)]).code, 'success');
  t.equal(bench.relays.size, 0);
  t.end();
});

t.test('its retransmitted Allocate gets the same bytes, a stale nonce a new offer', (t) => {
  const bench = new Bench();
  const client = modern(bench, 1);
  challengeOf(bench, client);
  const request = client.session.request(METHOD.ALLOCATE, [udp]);
  const [answer] = bench.openRelays(bench.feed(client, request.bytes));
  t.same(bench.feed(client, request.bytes), [answer]);
  bench.nowMs += 599_000;
  bench.once(client, client.session.request(METHOD.REFRESH, [lifetime(3600)]));
  bench.nowMs += 2000;
  const stale = bench.once(client, client.session.request(METHOD.REFRESH, []));
  t.equal(errorOf(stale.message!), 438);
  t.ok(attributeOf(stale.message!, ATTRIBUTE.PASSWORD_ALGORITHMS));
  t.equal(bench.once(client, client.session.request(METHOD.REFRESH, [])).code, 'success');
  t.end();
});

t.test('which requests are accepted', (t) => {
  const offer = passwordAlgorithms();
  const sha256 = passwordAlgorithm('sha256');
  const md5 = passwordAlgorithm('md5');
  const cut = { type: ATTRIBUTE.PASSWORD_ALGORITHMS, value: md5.value };
  const sha1 = { type: ATTRIBUTE.MESSAGE_INTEGRITY, value: Buffer.alloc(20) };
  for (const [name, options, code] of [
    ['plain MESSAGE-INTEGRITY and MD5, as every browser', {}, undefined],
    ['MESSAGE-INTEGRITY-SHA256 over MD5, no negotiation', { hash: 'sha256' }, undefined],
    ['SHA-256', { hash: 'sha256', algorithm: 'sha256', echo: [offer, sha256] }, undefined],
    [
      'both kinds of integrity: the stronger counts',
      { hash: 'sha256', algorithm: 'sha256', echo: [offer, sha256, sha1] },
      undefined,
    ],
    ['MD5 by choice', { hash: 'sha256', algorithm: 'md5', echo: [offer, md5] }, undefined],
    ['a list cut on the way', { hash: 'sha256', algorithm: 'md5', echo: [cut, md5] }, 400],
    ['a choice without the list', { hash: 'sha256', algorithm: 'sha256', echo: [sha256] }, 400],
    ['the list without a choice', { hash: 'sha256', algorithm: 'md5', echo: [offer] }, 400],
    ['negotiated, but signed with SHA-1', { hash: 'sha1', algorithm: 'sha256', echo: [offer, sha256] }, 400],
    ['the key of the other algorithm', { hash: 'sha256', algorithm: 'md5', echo: [offer, sha256] }, 401],
    ['SHA-256 unasked', { hash: 'sha256', algorithm: 'sha256' }, 401],
    ['an unknown user', { hash: 'sha256', algorithm: 'sha256', echo: [offer, sha256], username: 'x' }, 401],
  ] as const) {
    const bench = new Bench();
    const client = bench.client(1);
    const nonce = attributeOf(challengeOf(bench, client), ATTRIBUTE.NONCE)!.toString();
    const echo = 'echo' in options ? [...options.echo] : [];
    const message = allocate(bench, client, { ...options, echo, nonce });
    t.equal(errorOf(message), code, name);
    t.equal(message.class, code === undefined ? 'success' : 'error', name);
    if (code === undefined) {
      const negotiated = echo.length > 0;
      t.equal(message.integritySha256At !== undefined, negotiated, `${name}: SHA-256 when negotiated`);
      t.equal(message.integrityAt !== undefined, !negotiated, `${name}: MESSAGE-INTEGRITY otherwise`);
    } else {
      t.equal(message.integrityAt ?? message.integritySha256At, undefined, `${name}: no hint`);
      t.equal(bench.core.sizes.allocations, 0);
    }
  }
  t.end();
});

t.test('a nonce without its cookie is not ours', (t) => {
  const bench = new Bench();
  const client = bench.client(1);
  const nonce = attributeOf(challengeOf(bench, client), ATTRIBUTE.NONCE)!.toString();
  for (const changed of [nonce.slice(NONCE_COOKIE.length), nonce.replace('gAAA', 'AAAA')]) {
    t.equal(errorOf(allocate(bench, client, { nonce: changed })), 438);
  }
  t.end();
});

t.test('an allocation made with SHA-256 cannot be refreshed with MD5', (t) => {
  const bench = new Bench();
  const client = modern(bench, 1);
  t.equal(bench.allocate(client).code, 'success');
  const weak: Client = { ...bench.client(1), session: bench.client(1).session };
  bench.once(weak, weak.session.request(METHOD.REFRESH, []));
  t.equal(bench.once(weak, weak.session.request(METHOD.REFRESH, [lifetime(0)])).code, 401);
  t.equal(bench.core.sizes.allocations, 1);
  t.end();
});

t.test('441 is signed with SHA-256 too', (t) => {
  const bench = new Bench();
  t.equal(bench.allocate(modern(bench, 1)).code, 'success');
  const other = modern(bench, 1, user({ subject: 'other' }));
  const { code, message } = bench.request(other, METHOD.REFRESH, []);
  t.equal(code, 441);
  t.ok(message!.integritySha256At);
  t.end();
});

t.test('a client of RFC 8489 does not follow a weakened challenge', (t) => {
  const bench = new Bench();
  const client = modern(bench, 1);
  const request = client.session.request(METHOD.ALLOCATE, [udp]);
  const [action] = bench.feed(client, request.bytes);
  const message = parseStun((action as { bytes: Buffer }).bytes)!;
  const without = message.attributes.filter(({ type }) => type !== ATTRIBUTE.PASSWORD_ALGORITHMS);
  t.match(client.session.read(buildStun(message, without), request), { type: 'error', code: 401 });
  const unknown = { type: ATTRIBUTE.PASSWORD_ALGORITHMS, value: Buffer.from('00090000', 'hex') };
  t.match(client.session.read(buildStun(message, [...without, unknown]), request), {
    type: 'error',
    code: 401,
  });
  const cut = { type: ATTRIBUTE.PASSWORD_ALGORITHMS, value: passwordAlgorithm('md5').value };
  t.match(client.session.read(buildStun(message, [...without, cut]), request), { type: 'again' });
  t.equal(bench.once(client, client.session.request(METHOD.ALLOCATE, [udp])).code, 400, 'the server sees it');
  t.end();
});
