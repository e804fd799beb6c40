import fc from 'fast-check';
import t from 'tap';
import { ATTRIBUTE, METHOD } from '../../../turn/codec/attribute-types.ts';
import { readErrorCode, readXorAddress, errorCode, xorAddress } from '../../../turn/codec/attributes.ts';
import { verifyIntegrity } from '../../../turn/codec/message-integrity.ts';
import { attributeOf, attributesOf, buildStun, parseStun } from '../../../turn/codec/stun-message.ts';

const ID = Buffer.alloc(12, 7);
const KEY = Buffer.from('key');
const header = { class: 'request', method: METHOD.ALLOCATE, transactionId: ID } as const;
const bytesOf = (min: number, max: number) =>
  fc.uint8Array({ minLength: min, maxLength: max }).map((array) => Buffer.from(array));
const TRAILERS = new Set<number>([
  ATTRIBUTE.FINGERPRINT,
  ATTRIBUTE.MESSAGE_INTEGRITY,
  ATTRIBUTE.MESSAGE_INTEGRITY_SHA256,
]);
const attribute = fc.record({
  type: fc.integer({ min: 0, max: 0xffff }).filter((type) => !TRAILERS.has(type)),
  value: bytesOf(0, 40),
});

t.test('what was built is parsed again', (t) => {
  fc.assert(
    fc.property(
      fc.constantFrom('request', 'indication', 'success', 'error'),
      fc.integer({ min: 0, max: 0xfff }),
      bytesOf(12, 12),
      fc.array(attribute, { maxLength: 20 }),
      fc.boolean(),
      fc.boolean(),
      (stunClass, method, transactionId, attributes, signed, fingerprint) => {
        const bytes = buildStun({ class: stunClass, method, transactionId }, attributes, {
          key: signed ? KEY : undefined,
          fingerprint,
        });
        const message = parseStun(bytes);
        return (
          message?.class === stunClass &&
          message.method === method &&
          message.transactionId.equals(transactionId) &&
          message.fingerprint === fingerprint &&
          (message.integrityAt === undefined ? !signed : verifyIntegrity(bytes, message.integrityAt, KEY)) &&
          message.attributes.length === attributes.length &&
          message.attributes.every(
            (one, at) => one.type === attributes[at]!.type && one.value.equals(attributes[at]!.value),
          )
        );
      },
    ),
  );
  t.pass('for every message');
  t.end();
});

t.test('parsing never throws', (t) => {
  const valid = buildStun(header, [{ type: ATTRIBUTE.REALM, value: Buffer.from('realm') }], {
    key: KEY,
    fingerprint: true,
  });
  fc.assert(
    fc.property(bytesOf(0, 200), (bytes) => {
      parseStun(bytes);
    }),
  );
  fc.assert(
    fc.property(
      fc.nat(valid.length - 1),
      fc.integer({ min: 0, max: 255 }),
      fc.nat(valid.length),
      (at, value, length) => {
        const bytes = Buffer.from(valid);
        bytes[at] = value;
        parseStun(bytes);
        parseStun(bytes.subarray(0, length));
      },
    ),
    { numRuns: 2000 },
  );
  t.pass('for random, mutated and truncated bytes');
  t.end();
});

t.test('the first attribute of a type wins', (t) => {
  const bytes = buildStun(header, [
    { type: ATTRIBUTE.REALM, value: Buffer.from('one') },
    { type: ATTRIBUTE.REALM, value: Buffer.from('two') },
  ]);
  const message = parseStun(bytes)!;
  t.equal(attributeOf(message, ATTRIBUTE.REALM)?.toString(), 'one');
  t.equal(attributesOf(message, ATTRIBUTE.REALM).length, 2);
  t.end();
});

t.test('nothing but FINGERPRINT is read after MESSAGE-INTEGRITY', (t) => {
  const signed = buildStun(header, [], { key: KEY });
  const late = Buffer.concat([signed, Buffer.from('0006000461626364', 'hex')]);
  late.writeUInt16BE(late.length - 20, 2);
  const message = parseStun(late)!;
  t.equal(attributeOf(message, ATTRIBUTE.USERNAME), undefined);
  t.ok(verifyIntegrity(late, message.integrityAt!, KEY), 'the integrity covers what stands before it');
  t.end();
});

t.test('malformed messages are refused', (t) => {
  const valid = buildStun(header, [{ type: ATTRIBUTE.REALM, value: Buffer.from('abcd') }], {
    fingerprint: true,
  });
  const changed = (change: (bytes: Buffer) => void): Buffer => {
    const bytes = Buffer.from(valid);
    change(bytes);
    return bytes;
  };
  const cases: [string, Buffer][] = [
    ['empty', Buffer.alloc(0)],
    ['shorter than a header', valid.subarray(0, 19)],
    ['a length beyond the bytes', changed((bytes) => bytes.writeUInt16BE(80, 2))],
    ['a length below the bytes', changed((bytes) => bytes.writeUInt16BE(4, 2))],
    ['another cookie', changed((bytes) => bytes.writeUInt8(1, 4))],
    ['top bits set', changed((bytes) => bytes.writeUInt8(0x80, 0))],
    ['an attribute beyond the end', changed((bytes) => bytes.writeUInt16BE(400, 22))],
    ['a wrong fingerprint', changed((bytes) => bytes.writeUInt8(bytes[31]! ^ 1, 31))],
    [
      'an attribute after FINGERPRINT',
      (() => {
        const bytes = Buffer.concat([valid, Buffer.from('0006000461626364', 'hex')]);
        bytes.writeUInt16BE(bytes.length - 20, 2);
        return bytes;
      })(),
    ],
    ['more than 64 attributes', buildStun(header, Array(65).fill({ type: 0x8022, value: Buffer.alloc(0) }))],
  ];
  t.ok(parseStun(valid));
  for (const [name, bytes] of cases) t.equal(parseStun(bytes), undefined, name);
  t.end();
});

t.test('padding is zero', (t) => {
  const bytes = buildStun(header, [{ type: ATTRIBUTE.REALM, value: Buffer.from('a') }]);
  t.same([...bytes.subarray(25)], [0, 0, 0]);
  t.end();
});

t.test('addresses and error codes survive', (t) => {
  fc.assert(
    fc.property(
      fc.oneof(bytesOf(4, 4), bytesOf(16, 16)),
      fc.integer({ min: 0, max: 0xffff }),
      bytesOf(12, 12),
      (ip, port, transactionId) => {
        const family = ip.length === 4 ? 4 : 6;
        const { value } = xorAddress(
          ATTRIBUTE.XOR_PEER_ADDRESS,
          { address: { family, bytes: ip }, port },
          transactionId,
        );
        const read = readXorAddress(value, transactionId);
        return read?.port === port && read.address.family === family && ip.equals(read.address.bytes);
      },
    ),
  );
  fc.assert(
    fc.property(bytesOf(0, 24), (value) => {
      readXorAddress(value, ID);
      readErrorCode(value);
    }),
  );
  t.equal(readErrorCode(errorCode(438).value), 438);
  t.end();
});
