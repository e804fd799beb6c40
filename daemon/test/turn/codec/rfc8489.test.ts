/** The sample message of RFC 8489 appendix B.1, with its erratum: PASSWORD-ALGORITHM is part of it. */
import { createHash } from 'node:crypto';
import t from 'tap';
import { ATTRIBUTE, METHOD } from '../../../turn/codec/attribute-types.ts';
import { longTermKey, verifyIntegrity } from '../../../turn/codec/message-integrity.ts';
import { attributeOf, buildStun, parseStun } from '../../../turn/codec/stun-message.ts';

const REQUEST = Buffer.from(
  `000100902112a44278ad3433c6ad72c029da412e
  001e00204a3cf38fef6992bda952c6780417da0f24819415569e60b205c46e41407f1704
  001500296f624d61744a6f7332414141 43662f2f3439396b39353464364f4c33346f4c39465354767936347341000000
  0014000b6578616d706c652e6f726700 001d000400020000
  001c0020b5c7bf005b6c52a21c51c5e892f81924136296cb927c43149309278cc6518e65`.replaceAll(/\s/g, ''),
  'hex',
);
const USERNAME = 'マトリックス';
const REALM = 'example.org';
const KEY = longTermKey(USERNAME, REALM, 'TheMatrIX', 'sha256');

t.test('B.1: long-term integrity with SHA-256', (t) => {
  const message = parseStun(REQUEST)!;
  t.match(message, { class: 'request', method: METHOD.BINDING, integrityAt: undefined, fingerprint: false });
  t.equal(attributeOf(message, ATTRIBUTE.REALM)?.toString(), REALM);
  t.equal(attributeOf(message, ATTRIBUTE.PASSWORD_ALGORITHM)?.toString('hex'), '00020000');
  t.equal(KEY.length, 32);
  t.ok(verifyIntegrity(REQUEST, message.integritySha256At!, KEY, 'sha256'));
  const changed = Buffer.from(REQUEST);
  changed[30] = changed[30]! ^ 1;
  t.notOk(verifyIntegrity(changed, message.integritySha256At!, KEY, 'sha256'));
  const weaker = longTermKey(USERNAME, REALM, 'TheMatrIX', 'md5');
  t.notOk(verifyIntegrity(REQUEST, message.integritySha256At!, weaker, 'sha256'));
  t.end();
});

t.test('B.1: the builder makes it byte for byte', (t) => {
  const message = parseStun(REQUEST)!;
  t.same(buildStun(message, message.attributes, { key: KEY, hash: 'sha256' }), REQUEST);
  t.end();
});

t.test('B.1: its USERHASH is SHA-256 of username:realm', (t) => {
  const hash = createHash('sha256').update(`${USERNAME}:${REALM}`).digest();
  t.same(attributeOf(parseStun(REQUEST)!, 0x001e), hash);
  t.end();
});

t.test('both kinds of integrity: MESSAGE-INTEGRITY-SHA256 stands second and covers the first', (t) => {
  const header = { class: 'request', method: METHOD.ALLOCATE, transactionId: Buffer.alloc(12, 3) } as const;
  const first = buildStun(header, [{ type: ATTRIBUTE.REALM, value: Buffer.from('r') }], { key: KEY });
  const mac = first.subarray(-20);
  const both = buildStun(
    header,
    [
      { type: ATTRIBUTE.REALM, value: Buffer.from('r') },
      { type: ATTRIBUTE.MESSAGE_INTEGRITY, value: mac },
    ],
    { key: KEY, hash: 'sha256', fingerprint: true },
  );
  const message = parseStun(both)!;
  t.ok(verifyIntegrity(both, message.integrityAt!, KEY));
  t.ok(verifyIntegrity(both, message.integritySha256At!, KEY, 'sha256'));
  t.same(
    message.attributes.map(({ type }) => type),
    [ATTRIBUTE.REALM],
  );
  t.ok(message.fingerprint);
  t.end();
});

t.test('after MESSAGE-INTEGRITY-SHA256 nothing but FINGERPRINT is read', (t) => {
  const header = { class: 'request', method: METHOD.ALLOCATE, transactionId: Buffer.alloc(12, 3) } as const;
  const signed = buildStun(header, [], { key: KEY, hash: 'sha256' });
  for (const late of ['0006000461626364', `00080014${'00'.repeat(20)}`, `001c0020${'00'.repeat(32)}`]) {
    const bytes = Buffer.concat([signed, Buffer.from(late, 'hex')]);
    bytes.writeUInt16BE(bytes.length - 20, 2);
    const message = parseStun(bytes)!;
    t.same(message.attributes, []);
    t.equal(message.integrityAt, undefined);
    t.equal(message.integritySha256At, 20);
  }
  t.end();
});

t.test('a shortened MESSAGE-INTEGRITY-SHA256 is malformed in TURN', (t) => {
  const header = { class: 'request', method: METHOD.ALLOCATE, transactionId: Buffer.alloc(12, 3) } as const;
  for (const length of [0, 4, 16, 28, 36]) {
    const value = Buffer.alloc(length);
    t.equal(parseStun(buildStun(header, [{ type: ATTRIBUTE.MESSAGE_INTEGRITY_SHA256, value }])), undefined);
  }
  t.end();
});
