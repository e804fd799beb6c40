/** Frames of rstrm/1: golden bytes both ways, and what hostile bytes may not do. */
import fc from 'fast-check';
import t from 'tap';
import { decodeMessage, encodeFrame, FrameReader } from '../../../tunnels/protocol/framing.ts';
import { MESSAGES, type Message, type MessageType } from '../../../tunnels/protocol/messages.ts';
import { GOLDEN_FRAMES } from './golden-frames.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const one = (frame: Buffer): Buffer => {
  const reader = new FrameReader();
  reader.push(frame);
  const payload = reader.next();
  if (!Buffer.isBuffer(payload)) throw new Error('no frame');
  return payload;
};

t.test('reads and writes the golden frames', (t) => {
  for (const golden of GOLDEN_FRAMES) {
    t.same(decodeMessage(one(hex(golden.hex))), { ok: true, message: golden.message }, golden.name);
    if (golden.reencodes) t.equal(encodeFrame(golden.message).toString('hex'), golden.hex, golden.name);
  }
  t.end();
});

t.test('merges a repeated message and takes the last of a repeated value', (t) => {
  // CloseTunnelRsp with tunnel_id a, then b; then OpenControlChannelRsp ok, then error: the last stands.
  t.same(decodeMessage(hex('42 06 0a0161 0a0162')), {
    ok: true,
    message: { type: 'CloseTunnelRsp', body: { tunnelId: 'b' } },
  });
  t.same(decodeMessage(hex('12 09 0a03 0a0178 1202 0801')), {
    ok: true,
    message: { type: 'OpenControlChannelRsp', body: { error: { code: 1 } } },
  });
  t.same(decodeMessage(hex('7a02 0805 7a02 1003')), {
    ok: true,
    message: { type: 'Heartbeat', body: { sequence: 5n, acknowledgement: 3n } },
  });
  t.same(decodeMessage(hex('7a02 0805 2200')), {
    ok: true,
    message: { type: 'CloseControlChannelRsp', body: {} },
  });
  t.end();
});

t.test('skips what it does not know', (t) => {
  const heartbeat = { ok: true, message: { type: 'Heartbeat', body: { sequence: 1n } } };
  // Fields 99 (varint), 98 (64 bit), 97 (bytes), 96 (32 bit) inside and beside a heartbeat.
  t.same(decodeMessage(hex('980601 7a05 0801 980602')), heartbeat);
  t.same(decodeMessage(hex('9106 0102030405060708 7a02 0801')), heartbeat);
  t.same(decodeMessage(hex('7a02 0801 8a06 03 616263')), heartbeat);
  t.same(decodeMessage(hex('7a02 0801 8506 01020304')), heartbeat);
  t.same(decodeMessage(hex('7a05 0a0161 0801')), heartbeat, 'known number, other type');
  t.same(decodeMessage(hex('9a0100')), { ok: true, message: undefined }, 'unknown member');
  t.same(decodeMessage(hex('')), { ok: true, message: undefined }, 'zero-length frame');
  t.end();
});

t.test('refuses what is not protobuf', (t) => {
  const reasons: [string, string][] = [
    ['7a05 0801', 'length beyond the message'],
    ['7a', 'length beyond the message'],
    ['7a02 08', 'length beyond the message'],
    ['7a03 088080', 'length beyond the message'],
    ['7a0b 08ffffffffffffffffff02', 'varint is longer than 64 bits'],
    ['7a0c 08ffffffffffffffffffff01', 'varint is longer than 64 bits'],
    ['00 00', 'bad field number'],
    ['7b', 'unknown wire type'],
    ['42030a01ff', 'text is not UTF-8'],
    ['42 ffffffff0f', 'length beyond the message'],
    ['42 ffffffffffffffffff01', 'length beyond the message'],
  ];
  for (const [bytes, reason] of reasons) t.same(decodeMessage(hex(bytes)), { ok: false, reason }, bytes);
  t.end();
});

t.test('caps labels, and a label named like the prototype is only a label', (t) => {
  const labels = (count: number): Message => ({
    type: 'OpenTunnelReq',
    body: {
      tunnelProperties: {
        labels: Object.fromEntries(Array.from({ length: count }, (_, at) => [`k${at}`, 'v'])),
      },
    },
  });
  t.equal(decodeMessage(one(encodeFrame(labels(256)))).ok, true);
  t.same(decodeMessage(one(encodeFrame(labels(257)))), { ok: false, reason: 'too many entries' });
  const decoded = decodeMessage(hex('2a13 1211 3a0f 0a09 5f5f70726f746f5f5f 1202 6869'));
  if (!decoded.ok || decoded.message?.type !== 'OpenTunnelReq') throw new Error('not decoded');
  const read = decoded.message.body.tunnelProperties?.labels ?? {};
  t.same(Object.entries(read), [['__proto__', 'hi']]);
  t.equal(Object.getPrototypeOf(read), Object.prototype);
  t.end();
});

t.test('accepts 65535 bytes and refuses 65536', (t) => {
  const reader = new FrameReader();
  reader.push(Buffer.concat([hex('0000ffff'), Buffer.alloc(65_535)]));
  t.equal((reader.next() as Buffer).length, 65_535);
  reader.push(hex('00010000'));
  t.equal(reader.next(), 'too-long');
  t.throws(
    () => encodeFrame({ type: 'ServerMessage', body: { message: 'x'.repeat(65_536) } }),
    RangeError,
    'never sent either',
  );
  t.end();
});

t.test('finds the same frames however the bytes are cut, and keeps the raw rest', (t) => {
  const stream = Buffer.concat([...GOLDEN_FRAMES.map((golden) => hex(golden.hex)), hex('00')]);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1 }), (cuts) => {
      const reader = new FrameReader();
      const found: string[] = [];
      for (let at = 0, turn = 0; at < stream.length; turn += 1) {
        const size = cuts[turn % cuts.length]!;
        reader.push(stream.subarray(at, at + size));
        at += size;
        for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
          found.push((frame as Buffer).toString('hex'));
        }
      }
      const wanted = GOLDEN_FRAMES.map((golden) => golden.hex.slice(8));
      return JSON.stringify(found) === JSON.stringify(wanted) && reader.takeRest().equals(hex('00'));
    }),
  );
  t.pass('all cuts');
  t.end();
});

t.test('never throws on arbitrary bytes', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      decodeMessage(bytes);
      return true;
    }),
    { numRuns: 2000 },
  );
  const goldens = GOLDEN_FRAMES.map((golden) => hex(golden.hex).subarray(4));
  fc.assert(
    fc.property(fc.constantFrom(...goldens), fc.nat(), fc.nat(255), fc.nat(), (frame, at, value, end) => {
      const bytes = Buffer.from(frame);
      if (bytes.length > 0) bytes[at % bytes.length] = value;
      decodeMessage(bytes.subarray(0, end % (bytes.length + 1)));
      return true;
    }),
    { numRuns: 5000 },
  );
  t.pass('no exception');
  t.end();
});

t.test('reads back what it wrote', (t) => {
  const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 });
  const uint64 = fc.bigInt({ min: 1n, max: (1n << 64n) - 1n });
  const properties = fc.record(
    {
      id: text,
      creationDate: fc.record({
        seconds: fc.bigInt({ min: 1n, max: 1n << 40n }),
        nanos: fc.integer({ min: 1 }),
      }),
      name: fc.string({ unit: 'grapheme', maxLength: 20 }),
      publish: fc.boolean(),
      labels: fc.dictionary(fc.string({ maxLength: 9 }), fc.string({ maxLength: 9 }), { minKeys: 1 }),
      geoIp: fc.array(fc.string({ maxLength: 9 }), { minLength: 1 }),
      tlsCiphers: fc.array(text, { minLength: 1 }),
      challengeMode: fc.boolean(),
      hostname: text,
      port: fc.nat(0xffff_ffff),
      allowCrossRegionRouting: fc.boolean(),
    },
    { requiredKeys: [] },
  );
  const bodies: Partial<Record<MessageType, fc.Arbitrary<object>>> = {
    OpenTunnelReq: fc.record({ requestId: text, tunnelProperties: properties }),
    Heartbeat: fc.record({ sequence: uint64, acknowledgement: uint64 }),
    ProxyConnReq: fc.record({
      streamId: text,
      sourceIp: fc.oneof(
        fc.record({ v4: fc.nat(0xffff_ffff) }),
        fc.record({ v6: fc.uint8Array({ minLength: 16, maxLength: 16 }) }),
      ),
    }),
    ProxyRsp: fc.record({ error: fc.record({ code: fc.integer({ min: 1 }), message: text }) }),
  };
  for (const [type, arbitrary] of Object.entries(bodies)) {
    fc.assert(
      fc.property(arbitrary, (body) => {
        const message = { type, body } as Message;
        const decoded = decodeMessage(one(encodeFrame(message)));
        t.same(decoded, { ok: true, message }, type, { bail: true });
        return decoded.ok;
      }),
      { numRuns: 50 },
    );
  }
  t.end();
});

t.test('numbers every member of the oneof once', (t) => {
  const numbers = Object.values(MESSAGES).map((entry) => entry.number);
  t.same(
    numbers.sort((a, b) => a - b),
    Array.from({ length: 17 }, (_, at) => at + 1),
  );
  t.end();
});
