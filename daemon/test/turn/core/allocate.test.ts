import t from 'tap';
import { ATTRIBUTE, METHOD } from '../../../turn/codec/attribute-types.ts';
import {
  addressFamily,
  lifetime,
  readLifetime,
  readXorAddress,
  requestedTransport,
  text,
} from '../../../turn/codec/attributes.ts';
import { longTermKey } from '../../../turn/codec/message-integrity.ts';
import { attributeOf, attributesOf, buildStun, parseStun } from '../../../turn/codec/stun-message.ts';
import { RestCredentials } from '../../../turn/core/credential-model.ts';
import { NONCE_LIFETIME_MS } from '../../../turn/core/nonce.ts';
import { restPassword } from '../../../credentials/turn-rest.ts';
import { Bench, errorOf, NOW, settings, user } from './harness.ts';

const even = (pair: boolean) => ({ type: ATTRIBUTE.EVEN_PORT, value: Buffer.from([pair ? 0x80 : 0]) });
const requested = (family: 4 | 6) => addressFamily(ATTRIBUTE.REQUESTED_ADDRESS_FAMILY, family);
const additional = (family: 4 | 6) => addressFamily(ATTRIBUTE.ADDITIONAL_ADDRESS_FAMILY, family);
const udp = requestedTransport(17);

t.test('an allocation, from challenge to answer', (t) => {
  const bench = new Bench();
  const client = bench.client(1000);
  const first = bench.once(client, client.session.request(METHOD.ALLOCATE, [udp]));
  t.equal(first.code, 'again', '401 with realm and nonce');
  t.equal(attributeOf(first.message!, ATTRIBUTE.MESSAGE_INTEGRITY), undefined);
  t.same(
    bench.core.sizes,
    { allocations: 0, reservations: 0, connections: 0, quotas: 0, deadlines: 0 },
    'nothing is kept',
  );
  const { code, message } = bench.allocate(client);
  t.equal(code, 'success');
  const mapped = readXorAddress(
    attributeOf(message!, ATTRIBUTE.XOR_MAPPED_ADDRESS)!,
    message!.transactionId,
  )!;
  t.same([[...mapped.address.bytes], mapped.port], [[192, 0, 2, 7], 1000]);
  const relayed = readXorAddress(
    attributeOf(message!, ATTRIBUTE.XOR_RELAYED_ADDRESS)!,
    message!.transactionId,
  )!;
  t.equal(relayed.port, 50000);
  t.equal(readLifetime(attributeOf(message!, ATTRIBUTE.LIFETIME)!), 600);
  t.ok(message!.fingerprint, 'FINGERPRINT because the request had one');
  t.end();
});

t.test('a retransmission gets the same answer, another Allocate 437', (t) => {
  const bench = new Bench();
  const client = bench.client(1000);
  bench.once(client, client.session.request(METHOD.ALLOCATE, [udp]));
  const request = client.session.request(METHOD.ALLOCATE, [udp]);
  const opening = bench.feed(client, request.bytes);
  t.match(opening, [{ type: 'open-relays' }]);
  t.same(bench.feed(client, request.bytes), [], 'while the socket is being bound: silence');
  const [answer] = bench.openRelays(opening);
  t.match(answer, { type: 'answer' });
  t.same(bench.feed(client, request.bytes), [answer]);
  t.equal(bench.relays.size, 1);
  t.equal(bench.allocate(client).code, 437);
  t.end();
});

t.test('lifetimes', (t) => {
  for (const [asked, granted] of [
    [0, 600],
    [10, 600],
    [1800, 1800],
    [999_999, 3600],
  ] as const) {
    const { message } = new Bench().allocate(new Bench().client(1), [lifetime(asked)]);
    t.equal(readLifetime(attributeOf(message!, ATTRIBUTE.LIFETIME)!), granted, `${asked} s`);
  }
  const bench = new Bench();
  bench.allocate(bench.client(1));
  t.same(bench.advance(599_999), []);
  t.match(bench.advance(1), [{ type: 'close-relay' }, { type: 'ended', reason: 'expired' }]);
  t.equal(bench.relays.size, 0);
  t.same(bench.core.sizes, { allocations: 0, reservations: 0, connections: 0, quotas: 0, deadlines: 0 });
  t.end();
});

t.test('refusals of attributes', (t) => {
  const token = { type: ATTRIBUTE.RESERVATION_TOKEN, value: Buffer.alloc(8) };
  const plain = (type: number, ...bytes: number[]) => ({ type, value: Buffer.from(bytes) });
  for (const [name, attributes, code] of [
    ['no REQUESTED-TRANSPORT', [], 400],
    ['malformed REQUESTED-TRANSPORT', [plain(ATTRIBUTE.REQUESTED_TRANSPORT, 17)], 400],
    ['TCP relay', [requestedTransport(6)], 442],
    ['malformed LIFETIME', [udp, plain(ATTRIBUTE.LIFETIME, 1)], 400],
    ['malformed EVEN-PORT', [udp, plain(ATTRIBUTE.EVEN_PORT)], 400],
    ['malformed family', [udp, plain(ATTRIBUTE.REQUESTED_ADDRESS_FAMILY, 1)], 400],
    ['unknown family', [udp, plain(ATTRIBUTE.REQUESTED_ADDRESS_FAMILY, 3, 0, 0, 0)], 440],
    ['both family attributes', [udp, requested(4), additional(6)], 400],
    ['IPv4 in addition', [udp, additional(4)], 400],
    ['a pair in both families', [udp, additional(6), even(true)], 400],
    ['token with EVEN-PORT', [udp, token, even(false)], 400],
    ['token with a family', [udp, token, requested(4)], 400],
    ['token of another length', [udp, plain(ATTRIBUTE.RESERVATION_TOKEN, 1)], 400],
    ['unknown token', [udp, token], 508],
    ['unknown required attribute', [udp, plain(0x7777)], 420],
  ] as const) {
    const bench = new Bench();
    const { code: got, message } = bench.request(bench.client(1), METHOD.ALLOCATE, [...attributes]);
    t.equal(got, code, name);
    t.ok(message!.integrityAt, `${name}: the refusal is signed`);
    if (code === 420) t.same(attributeOf(message!, ATTRIBUTE.UNKNOWN_ATTRIBUTES), Buffer.from([0x77, 0x77]));
    t.equal(bench.core.sizes.allocations, 0);
  }
  const bench = new Bench();
  t.equal(
    bench.request(bench.client(1), METHOD.ALLOCATE, [
      udp,
      plain(0xc057, 1, 2, 3, 4),
      plain(ATTRIBUTE.DONT_FRAGMENT),
    ]).code,
    'success',
    'optional attributes and DONT-FRAGMENT are fine',
  );
  t.end();
});

t.test('families', (t) => {
  const only4 = new Bench({ relayFamilies: [4] });
  t.equal(only4.allocate(only4.client(1), [requested(6)]).code, 440);
  const bench = new Bench();
  const six = bench.allocate(bench.client(1), [requested(6)]).message!;
  t.equal(
    readXorAddress(attributeOf(six, ATTRIBUTE.XOR_RELAYED_ADDRESS)!, six.transactionId)!.address.family,
    6,
  );
  const both = bench.allocate(bench.client(2), [additional(6)]).message!;
  t.equal(attributesOf(both, ATTRIBUTE.XOR_RELAYED_ADDRESS).length, 2, 'a dual allocation');
  t.end();
});

t.test("coturn's number for ADDITIONAL-ADDRESS-FAMILY is read on request only", (t) => {
  const asked = [{ type: 0x8032, value: Buffer.from([2, 0, 0, 0]) }];
  const relays = (types: number[]): number => {
    const bench = new Bench({ additionalFamilyTypes: types });
    bench.allocate(bench.client(1), asked);
    return bench.relays.size;
  };
  t.equal(relays([0x8000]), 1);
  t.equal(relays([0x8000, 0x8032]), 2);
  t.end();
});

t.test('a dual allocation with one family missing says why', (t) => {
  for (const [families, code] of [
    [[4, 6], 508],
    [[4], 440],
  ] as const) {
    const bench = new Bench({ relayFamilies: families });
    const client = bench.client(1);
    bench.once(client, client.session.request(METHOD.ALLOCATE, []));
    const request = client.session.request(METHOD.ALLOCATE, [udp, additional(6)]);
    const actions = bench.openRelays(bench.feed(client, request.bytes), (family) => family === 4);
    const answer = actions.find((action) => action.type === 'answer')!;
    const message = parseStun(answer.bytes)!;
    t.equal(message.class, 'success');
    const value = attributeOf(message, ATTRIBUTE.ADDRESS_ERROR_CODE)!;
    t.same([value[0], value[2]! * 100 + value[3]!], [2, code]);
  }
  t.end();
});

t.test('no port left: 508, and nothing is kept', (t) => {
  const bench = new Bench();
  const client = bench.client(1);
  bench.once(client, client.session.request(METHOD.ALLOCATE, []));
  const request = client.session.request(METHOD.ALLOCATE, [udp]);
  const actions = bench.openRelays(bench.feed(client, request.bytes), () => false);
  const answer = actions.find((action) => action.type === 'answer')!;
  t.equal(errorOf(parseStun(answer.bytes)!), 508);
  t.same(bench.core.sizes, { allocations: 0, reservations: 0, connections: 0, quotas: 0, deadlines: 0 });
  t.end();
});

t.test('EVEN-PORT and RESERVATION-TOKEN', (t) => {
  const bench = new Bench();
  const first = bench.allocate(bench.client(1), [even(true)]);
  const relayed = (message: NonNullable<typeof first.message>): number =>
    readXorAddress(attributeOf(message, ATTRIBUTE.XOR_RELAYED_ADDRESS)!, message.transactionId)!.port;
  const port = relayed(first.message!);
  t.equal(port % 2, 0);
  const token = attributeOf(first.message!, ATTRIBUTE.RESERVATION_TOKEN)!;
  t.equal(token.length, 8);
  const value = { type: ATTRIBUTE.RESERVATION_TOKEN, value: Buffer.from(token) };
  t.equal(bench.allocate(bench.client(2, user({ subject: 'thief' })), [value]).code, 508, 'its user only');
  const second = bench.allocate(bench.client(3), [value]);
  t.equal(relayed(second.message!), port + 1);
  t.equal(bench.allocate(bench.client(4), [value]).code, 508, 'once only');
  t.equal(bench.core.sizes.reservations, 0);

  bench.allocate(bench.client(5, user({ subject: 'b' })), [even(true)]);
  t.equal(bench.core.sizes.reservations, 1);
  t.match(bench.advance(30_000), [{ type: 'close-relay' }], 'unused, it is given back');
  t.equal(bench.relays.size, 3);
  t.end();
});

t.test('credentials', (t) => {
  for (const [name, credential] of [
    ['a wrong password', { ...user(), password: 'wrong' }],
    ['another namespace', user({ namespace: 'two' })],
    ['an expired name', user({ ttlSeconds: -1 })],
    [
      'a name without time',
      { username: 'one', password: restPassword('the secret of namespace one', 'one') },
    ],
    [
      'a member of Object.prototype',
      { username: 'constructor', password: 'function Object() { [native code] }' },
    ],
    ['an empty name', { username: '', password: '' }],
    ['a name beyond 508 bytes', { username: 'x'.repeat(509), password: 'x' }],
  ] as const) {
    const bench = new Bench();
    const { code, message } = bench.allocate(bench.client(1, credential));
    t.equal(code, 401, name);
    t.equal(message!.integrityAt, undefined, `${name}: the answer gives no hint`);
    t.same(
      message!.attributes.map(({ type }) => type),
      [ATTRIBUTE.ERROR_CODE, ATTRIBUTE.REALM, ATTRIBUTE.NONCE, ATTRIBUTE.PASSWORD_ALGORITHMS],
      `${name}: the same answer as any other`,
    );
    t.equal(bench.core.sizes.allocations, 0);
  }
  t.end();
});

t.test('several secrets are valid at once', (t) => {
  const secrets = ['the newest of the secrets', 'the secret of namespace one'];
  const bench = new Bench({
    credentials: new RestCredentials({ namespace: 'one', realm: 'one.test', secrets }),
  });
  t.equal(bench.allocate(bench.client(1)).code, 'success');
  t.equal(bench.allocate(bench.client(2, user({ secret: secrets[0]! }))).code, 'success');
  t.equal(bench.allocate(bench.client(3, user({ secret: 'one that was never valid' }))).code, 401);
  t.end();
});

t.test('the expiry of a credential ends no running allocation', (t) => {
  const bench = new Bench();
  const client = bench.client(1, user({ ttlSeconds: 10 }));
  bench.allocate(client);
  bench.nowMs = NOW + 60_000;
  t.equal(bench.request(client, METHOD.REFRESH, []).code, 'success');
  t.equal(bench.permit(client).code, 'success');
  bench.core.configure(
    settings({
      credentials: new RestCredentials({
        namespace: 'one',
        realm: 'one.test',
        secrets: ['rotated away from it'],
      }),
    }),
    bench.nowMs,
  );
  t.equal(bench.request(client, METHOD.REFRESH, []).code, 'success', 'nor does the rotation of the secret');
  t.equal(bench.allocate(bench.client(2, user({ ttlSeconds: 10 }))).code, 401, 'but a new one is refused');
  t.end();
});

t.test('another user on the same five-tuple is 441', (t) => {
  const bench = new Bench();
  const client = bench.client(1);
  bench.allocate(client);
  const other = { ...client, session: bench.client(1, user({ subject: 'other' })).session };
  t.equal(bench.request(other, METHOD.REFRESH, []).code, 441);
  const wrong = { ...client, session: bench.client(1, { ...user({ subject: 'x' }), password: '' }).session };
  t.equal(bench.request(wrong, METHOD.REFRESH, []).code, 401, 'but only when it proves itself');
  t.equal(bench.request(client, METHOD.REFRESH, []).code, 'success');
  t.end();
});

t.test('nonces', (t) => {
  const bench = new Bench();
  const client = bench.client(1);
  bench.allocate(client);
  bench.nowMs += NONCE_LIFETIME_MS - 60_000;
  bench.request(client, METHOD.REFRESH, []);
  bench.nowMs += 61_001;
  const stale = bench.once(client, client.session.request(METHOD.REFRESH, []));
  t.equal(errorOf(stale.message!), 438);
  t.equal(stale.code, 'again', 'it brings a fresh nonce');
  t.equal(bench.once(client, client.session.request(METHOD.REFRESH, [])).code, 'success');
  const elsewhere = { ...client, port: 2 };
  t.equal(
    errorOf(bench.once(elsewhere, client.session.request(METHOD.ALLOCATE, [udp])).message!),
    438,
    'bound to the client',
  );
  t.end();
});

t.test('MESSAGE-INTEGRITY without USERNAME, REALM or NONCE is 400', (t) => {
  const bench = new Bench();
  const key = longTermKey('a', 'b', 'c');
  const header = { class: 'request', method: METHOD.ALLOCATE, transactionId: Buffer.alloc(12) } as const;
  for (const missing of [ATTRIBUTE.USERNAME, ATTRIBUTE.REALM, ATTRIBUTE.NONCE]) {
    const attributes = [ATTRIBUTE.USERNAME, ATTRIBUTE.REALM, ATTRIBUTE.NONCE]
      .filter((type) => type !== missing)
      .map((type) => text(type, 'x'));
    const [action] = bench.feed(bench.client(1), buildStun(header, attributes, { key }));
    const message = parseStun((action as { bytes: Buffer }).bytes)!;
    t.equal(errorOf(message), 400);
    t.equal(attributeOf(message, ATTRIBUTE.NONCE), undefined);
  }
  t.end();
});

t.test('quotas: 486 for the user, 508 for the namespace, both named for the log', (t) => {
  const bench = new Bench();
  for (let port = 1; port <= 3; port += 1) t.equal(bench.allocate(bench.client(port)).code, 'success');
  const full = bench.allocate(bench.client(4));
  t.equal(full.code, 486);
  t.match(full.actions, [{ type: 'answer' }, { type: 'quota-reached', bucket: 'allocationsPerUser' }]);
  for (let port = 5; port <= 6; port += 1) {
    t.equal(bench.allocate(bench.client(port, user({ subject: 'b' }))).code, 'success');
  }
  const total = bench.allocate(bench.client(7, user({ subject: 'c' })));
  t.equal(total.code, 508);
  t.match(total.actions, [{ type: 'answer' }, { type: 'quota-reached', bucket: 'allocations' }]);
  t.end();
});

t.test('a quota counts allocations whose sockets are still being bound', (t) => {
  const bench = new Bench();
  const opening = Array.from({ length: 20 }, (_, at) => {
    const client = bench.client(100 + at);
    bench.once(client, client.session.request(METHOD.ALLOCATE, []));
    return bench.feed(client, client.session.request(METHOD.ALLOCATE, [udp]).bytes);
  });
  t.equal(opening.filter((actions) => actions.some(({ type }) => type === 'open-relays')).length, 3);
  t.end();
});

t.test('a client that goes away while its sockets are being bound leaves nothing', (t) => {
  const bench = new Bench();
  const client = bench.client(1, user(), 'tcp');
  bench.once(client, client.session.request(METHOD.ALLOCATE, []));
  const opening = bench.feed(client, client.session.request(METHOD.ALLOCATE, [udp, even(true)]).bytes);
  t.same(bench.core.clientClosed(client, bench.nowMs), []);
  t.match(bench.openRelays(opening), [{ type: 'close-relay' }, { type: 'close-relay' }]);
  t.equal(bench.relays.size, 0);
  t.same(bench.core.sizes, { allocations: 0, reservations: 0, connections: 0, quotas: 0, deadlines: 0 });
  t.end();
});

t.test('draining and disconnecting', (t) => {
  const bench = new Bench();
  const client = bench.client(1);
  bench.allocate(client);
  const other = user({ subject: 'other' });
  bench.allocate(bench.client(2, other));
  bench.core.drain();
  t.equal(bench.allocate(bench.client(3)).code, 508);
  t.equal(bench.request(client, METHOD.REFRESH, []).code, 'success');
  const { ended, actions } = bench.core.disconnect(other.username);
  bench.note(actions);
  t.equal(ended, 1);
  t.equal(bench.relays.size, 1);
  t.equal(bench.core.disconnect('nobody').ended, 0);
  t.end();
});

t.test('a source without allocation is answered at a bounded rate', (t) => {
  const bench = new Bench();
  let answers = 0;
  for (let port = 1; port <= 5000; port += 1) {
    const client = bench.client(port);
    answers += bench.feed(client, client.session.request(METHOD.ALLOCATE, [udp]).bytes).length;
  }
  t.equal(answers, 1000);
  t.equal(bench.core.drops.get('unauthorized-limit'), 1000, 'looked at, and not answered');
  t.equal(bench.core.drops.get('rate-limited'), 3000, 'not even looked at');
  bench.nowMs += 1000;
  t.equal(bench.allocate(bench.client(1)).code, 'success', 'and served again after a while');
  t.end();
});
