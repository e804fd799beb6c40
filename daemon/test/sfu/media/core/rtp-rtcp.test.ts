/** RTP headers, extensions, padding and RTCP as bytes; reading back what is written; never throwing. */
import fc from 'fast-check';
import t from 'tap';
import { compactNtp, ntpTime, roundTripMs } from '../../../../sfu/media/core/ntp-time.ts';
import {
  parseRtcp,
  writeNack,
  writePictureLossIndication,
  writeReceiverReport,
  writeSenderReport,
} from '../../../../sfu/media/core/rtcp-packet.ts';
import { RtpHeaderTemplate } from '../../../../sfu/media/core/rtp-header-template.ts';
import {
  emptyRtpHeader,
  findExtension,
  isRtcp,
  parseRtpHeader,
  stripPadding,
} from '../../../../sfu/media/core/rtp-packet.ts';
import { extendSequence, extendTimestamp } from '../../../../sfu/media/core/sequence-number.ts';
import { FUZZ_RUNS, hex } from './streams.ts';

const NO_MID = { payloadType: 1, ssrc: 1, mid: '', midExtensionId: undefined };

t.test('a header with CSRC and one-byte extensions', (t) => {
  const packet = hex('b1e0ffff00000001deadbeef' + '00000007' + 'bede0002' + '10610032abcd0000' + 'aabb');
  const header = emptyRtpHeader();
  t.ok(parseRtpHeader(packet, header));
  t.match(header, {
    payloadType: 96,
    marker: true,
    hasPadding: true,
    sequenceNumber: 65535,
    timestamp: 1,
    ssrc: 0xdeadbeef,
    headerBytes: 28,
  });
  t.equal(findExtension(packet, header, 1), 21 * 256 + 1);
  t.equal(findExtension(packet, header, 3), 24 * 256 + 3);
  t.equal(findExtension(packet, header, 2), -1);
  const long = hex('900000010000000100000002' + 'bede0001' + '0000001f' + 'aabbccdd');
  t.ok(parseRtpHeader(long, header));
  t.equal(findExtension(long, header, 1), -1, 'an element that ends behind the block is not there');
  for (let bytes = 0; bytes < 28; bytes += 1) t.notOk(parseRtpHeader(packet.subarray(0, bytes), header));
  t.end();
});

t.test('two-byte extensions (RFC 8285 section 4.3)', (t) => {
  const packet = hex('906000010000000100000002' + '10000003' + '000502abcd1400' + 'ff0161' + '0000');
  const header = emptyRtpHeader();
  t.ok(parseRtpHeader(packet, header));
  t.equal(findExtension(packet, header, 5), 19 * 256 + 2);
  t.equal(findExtension(packet, header, 20), 23 * 256 + 0, 'an empty element');
  t.equal(findExtension(packet, header, 255), 25 * 256 + 1);
  t.end();
});

t.test('the header template writes what the parser reads', (t) => {
  for (const [id, mid] of [
    [undefined, '0'],
    [1, '0'],
    [14, 'sixteen-bytes-id'],
    [15, 'two-byte'],
    [3, 'longer than sixteen bytes'],
  ] as const) {
    const template = new RtpHeaderTemplate({ payloadType: 102, ssrc: 0xf0000001, mid, midExtensionId: id });
    const out = Buffer.alloc(100);
    template.write(new DataView(out.buffer, out.byteOffset, 100), 0, true, 0x1_0005, 0x3_ffff_fffe);
    const header = emptyRtpHeader();
    t.ok(parseRtpHeader(out, header));
    t.match(header, {
      payloadType: 102,
      marker: true,
      sequenceNumber: 5,
      timestamp: 0xfffffffe,
      ssrc: 0xf0000001,
    });
    t.equal(header.headerBytes, template.headerBytes);
    if (id === undefined) continue;
    const found = findExtension(out, header, id);
    t.equal(out.toString('utf8', found >> 8, (found >> 8) + (found & 255)), mid);
  }
  t.throws(() => new RtpHeaderTemplate({ payloadType: 1, ssrc: 1, mid: '', midExtensionId: 1 }), RangeError);
  t.end();
});

t.test('an element of a packet goes into the form it needs, and only that packet has it', (t) => {
  const template = new RtpHeaderTemplate({
    ...{ payloadType: 102, ssrc: 0x11223344, mid: '3', midExtensionId: 1 },
    ...{ transportCcExtensionId: 2, elementExtensionId: 4 },
  });
  const written = (element: Buffer | undefined): string => {
    const out = Buffer.alloc(400, 0xee);
    template.carry(element);
    template.write(new DataView(out.buffer, out.byteOffset, 400), 0, false, 7, 9);
    out.writeUInt16BE(0xabcd, template.transportNumberAt);
    return out.toString('hex', 0, template.headerBytes);
  };
  const fixed = '90660007' + '00000009' + '11223344';
  const plain = fixed + 'bede0002' + '21abcd10' + '33000000';
  t.equal(written(undefined), plain);
  t.equal(written(hex('c0ffee')), fixed + 'bede0003' + '21abcd10' + '3342c0ff' + 'ee000000');
  t.equal(written(hex('85')), fixed + 'bede0002' + '21abcd10' + '33408500'.slice(0, 8));
  t.equal(
    written(Buffer.alloc(17, 0x5a)),
    fixed + '10000007' + '0202abcd' + '01013304' + '115a5a5a' + '5a'.repeat(14) + '0000',
  );
  t.equal(
    written(Buffer.alloc(0)),
    fixed + '10000003' + '0202abcd' + '01013304' + '00000000',
    'an empty one',
  );
  t.equal(written(undefined), plain, 'the next packet has none');
  t.equal(written(Buffer.alloc(256)), plain, 'one that no form can say');

  const header = emptyRtpHeader();
  for (const elementExtensionId of [3, 14, 15, 200]) {
    for (const mid of ['7', 'longer than sixteen bytes', undefined]) {
      for (const bytes of [1, 2, 3, 4, 16, 17, 100, 255]) {
        const one = new RtpHeaderTemplate({
          ...{ payloadType: 1, ssrc: 1, mid: mid ?? '', elementExtensionId },
          midExtensionId: mid === undefined ? undefined : 1,
        });
        const out = Buffer.alloc(500, 0xee);
        const element = Buffer.alloc(bytes, bytes);
        one.carry(element);
        one.write(new DataView(out.buffer, out.byteOffset, 500), 0, false, 0, 0);
        if (!parseRtpHeader(out, header) || header.headerBytes !== one.headerBytes) t.fail('no header');
        const found = findExtension(out, header, elementExtensionId);
        const read = out.subarray(found >> 8, (found >> 8) + (found & 255));
        const said = mid === undefined ? -1 : findExtension(out, header, 1);
        if (!read.equals(element) || (mid !== undefined && said === -1)) {
          t.fail(`${elementExtensionId}, ${mid}, ${bytes}`);
        }
      }
    }
  }
  t.throws(() => new RtpHeaderTemplate({ ...NO_MID, elementExtensionId: 256 }), RangeError);
  t.end();
});

t.test('padding', (t) => {
  t.same(stripPadding(hex('aabb000003'), true), hex('aabb'));
  t.same(stripPadding(hex('aabb'), false), hex('aabb'));
  t.equal(stripPadding(hex('000003'), true)?.length, 0);
  t.equal(stripPadding(hex('aa04'), true), undefined);
  t.equal(stripPadding(hex('aa00'), true), undefined);
  t.equal(stripPadding(Buffer.alloc(0), true), undefined);
  t.end();
});

t.test('reports', (t) => {
  const nowMs = 1_700_000_000_735.5;
  t.same(ntpTime(nowMs), { seconds: 1_700_000_000 + 2_208_988_800, fraction: Math.floor(0.7355 * 2 ** 32) });
  const compound = writeSenderReport({
    ssrc: 5,
    nowMs,
    rtpTimestamp: 77,
    packetCount: 3,
    octetCount: 2 ** 32 + 9,
    cname: 'camera-7',
  });
  t.equal(compound.length % 4, 0);
  t.equal(compound.readUInt32BE(24), 9, 'the octet count wraps');
  t.equal(compound.toString('utf8', 38, 46), 'camera-7');
  t.same(parseRtcp(compound), [
    { type: 'sr', ssrc: 5, compactNtp: compactNtp(nowMs), rtpTimestamp: 77, reports: [] },
  ]);
  const block = {
    ssrc: 9,
    fractionLost: 0.25,
    packetsLost: -3,
    highestSequence: 0x1_2345,
    jitter: 90,
    lastSenderReport: 1,
    delaySinceLastSenderReport: 65536,
  };
  t.same(parseRtcp(writeReceiverReport(5, [block], 'x')), [{ type: 'rr', ssrc: 5, reports: [block] }]);
  t.ok(Math.abs(roundTripMs(nowMs + 150, compactNtp(nowMs), 6554)! - 50) < 0.1, 'RFC 3550 figure 2');
  t.equal(roundTripMs(nowMs, 0, 0), undefined);
  t.equal(roundTripMs(nowMs, compactNtp(nowMs + 5000), 0), undefined, 'absurd');
  t.end();
});

t.test('feedback', (t) => {
  const numbers = [65530, 65535, 0, 7, 14, 40];
  t.same(parseRtcp(writeNack(1, 2, numbers)), [{ type: 'nack', mediaSsrc: 2, sequenceNumbers: numbers }]);
  t.same(parseRtcp(writePictureLossIndication(1, 2)), [{ type: 'pli', mediaSsrc: 2 }]);
  t.same(parseRtcp(hex('84ce000400000001000000000000000901000000')), [{ type: 'fir', mediaSsrcs: [9] }]);
  t.same(parseRtcp(hex('81cb000100000005')), [{ type: 'bye', ssrcs: [5] }]);
  t.equal(parseRtcp(hex('81cb000200000005')), undefined, 'longer than it is');
  t.equal(parseRtcp(hex('41cb000100000005')), undefined, 'version 1');
  const flood = Buffer.concat([writeNack(1, 2, [0]), Buffer.alloc(2000, 0xff)]);
  flood.writeUInt16BE(flood.length / 4 - 1, 2);
  const [nack] = parseRtcp(flood)!;
  t.equal(nack?.type === 'nack' && nack.sequenceNumbers.length, 2048, 'bounded');
  t.ok(isRtcp(hex('80c9')));
  t.notOk(isRtcp(hex('80e0')));
  t.end();
});

t.test('counters are extended across the wrap, both ways', (t) => {
  t.equal(extendSequence(2, 65534), 65538);
  t.equal(extendSequence(65534, 65538), 65534);
  t.equal(extendTimestamp(5, 0x1_ffff_fff0), 0x2_0000_0005);
  fc.assert(
    fc.property(fc.nat(2 ** 40), fc.integer({ min: -32767, max: 32767 }), (reference, step) => {
      return (
        reference + step < 0 || extendSequence((reference + step) & 0xffff, reference) === reference + step
      );
    }),
  );
  t.end();
});

t.test('no bytes make a parser throw', (t) => {
  const header = emptyRtpHeader();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80, size: 'max' }), fc.nat(255), (bytes, id) => {
      const packet = Buffer.from(bytes);
      if (parseRtpHeader(packet, header)) {
        const found = findExtension(packet, header, id);
        if (found !== -1 && (found >> 8) + (found & 255) > packet.length) return false;
      }
      parseRtcp(packet);
      return true;
    }),
    { numRuns: FUZZ_RUNS },
  );
  // Bytes that look right at the start reach further.
  fc.assert(
    fc.property(
      fc.constantFrom(200, 201, 202, 203, 205, 206),
      fc.nat(31),
      fc.uint8Array({ minLength: 4, maxLength: 76, size: 'max' }),
      (packetType, count, body) => {
        const packet = Buffer.concat([Buffer.from([0x80 | count, packetType, 0, 0]), body]);
        const whole = packet.subarray(0, packet.length - (packet.length % 4));
        whole.writeUInt16BE(whole.length / 4 - 1, 2);
        return parseRtcp(whole) !== undefined;
      },
    ),
    { numRuns: FUZZ_RUNS / 2 },
  );
  t.pass('none did');
  t.end();
});
