/** The sample messages of RFC 5769. */
import t from 'tap';
import { ATTRIBUTE, METHOD } from '../../../turn/codec/attribute-types.ts';
import { readXorAddress } from '../../../turn/codec/attributes.ts';
import { longTermKey, verifyIntegrity } from '../../../turn/codec/message-integrity.ts';
import { attributeOf, buildStun, parseStun } from '../../../turn/codec/stun-message.ts';
import { formatIp } from '../../../kit/ip-address.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
const SHORT_TERM_KEY = Buffer.from('VOkJxbRl1RmTxUk/WvJxBt');

const REQUEST = hex(`000100582112a442b7e7a701bc34d686fa87dfae
  802200105354554e207465737420636c69656e74 002400046e0001ff 80290008932ff9b151263b36
  000600096576746a3a68367659202020 000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2 80280004e57a3bcf`);
const RESPONSE_V4 = hex(`0101003c2112a442b7e7a701bc34d686fa87dfae
  8022000b7465737420766563746f7220 002000080001a147e112a643
  000800142b91f599fd9e90c38c7489f92af9ba53f06be7d7 80280004c07d4c96`);
const RESPONSE_V6 = hex(`010100482112a442b7e7a701bc34d686fa87dfae
  8022000b7465737420766563746f7220 002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9
  00080014a382954e4be67bf11784c97c8292c275bfe3ed41 80280004c8fb0b4c`);
const LONG_TERM = hex(`000100602112a44278ad3433c6ad72c029da412e
  00060012e3839ee38388e383aae38383e382afe382b90000
  0015001c662f2f3439396b39353464364f4c33346f4c39465354767936347341 0014000b6578616d706c652e6f726700
  00080014f67024656dd64a3e02b8e0712e85c9a28ca89666`);

t.test('2.1: request with short-term integrity and fingerprint', (t) => {
  const message = parseStun(REQUEST)!;
  t.match(message, { class: 'request', method: METHOD.BINDING, fingerprint: true });
  t.equal(attributeOf(message, ATTRIBUTE.USERNAME)?.toString(), 'evtj:h6vY');
  t.ok(verifyIntegrity(REQUEST, message.integrityAt!, SHORT_TERM_KEY));
  t.notOk(verifyIntegrity(REQUEST, message.integrityAt!, Buffer.from('another')));
  t.end();
});

for (const [section, bytes, address] of [
  ['2.2', RESPONSE_V4, '192.0.2.1'],
  ['2.3', RESPONSE_V6, '2001:db8:1234:5678:11:2233:4455:6677'],
] as const) {
  t.test(`${section}: response with XOR-MAPPED-ADDRESS`, (t) => {
    const message = parseStun(bytes)!;
    t.match(message, { class: 'success', method: METHOD.BINDING, fingerprint: true });
    const mapped = readXorAddress(
      attributeOf(message, ATTRIBUTE.XOR_MAPPED_ADDRESS)!,
      message.transactionId,
    )!;
    t.equal(formatIp(mapped.address), address);
    t.equal(mapped.port, 32853);
    t.ok(verifyIntegrity(bytes, message.integrityAt!, SHORT_TERM_KEY));
    t.end();
  });
}

t.test('2.4: request with long-term integrity', (t) => {
  const message = parseStun(LONG_TERM)!;
  const username = attributeOf(message, ATTRIBUTE.USERNAME)!.toString('utf8');
  t.equal(username, 'マトリックス');
  const key = longTermKey(username, 'example.org', 'TheMatrIX');
  t.ok(verifyIntegrity(LONG_TERM, message.integrityAt!, key));
  t.notOk(message.fingerprint);
  t.end();
});

t.test('the builder makes the long-term vector byte for byte', (t) => {
  const message = parseStun(LONG_TERM)!;
  const key = longTermKey('マトリックス', 'example.org', 'TheMatrIX');
  t.same(buildStun(message, message.attributes, { key }), LONG_TERM);
  t.end();
});
