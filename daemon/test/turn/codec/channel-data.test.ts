import fc from 'fast-check';
import t from 'tap';
import {
  buildChannelData,
  buildDataIndication,
  channelDataLength,
  channelOf,
  isChannelData,
  isWholeChannelData,
} from '../../../turn/codec/channel-data.ts';
import { StreamFramer } from '../../../turn/codec/stream-framer.ts';
import { buildStun } from '../../../turn/codec/stun-message.ts';
import { readDataIndication } from '../../../turn/core/client-session.ts';

const payloads = fc.uint8Array({ maxLength: 64 }).map((array) => Buffer.from(array));

t.test('ChannelData is framed, padded with zeros on streams only', (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0x4000, max: 0x7fff }),
      payloads,
      fc.boolean(),
      (channel, payload, padded) => {
        const bytes = buildChannelData(channel, payload, { padded });
        return (
          isChannelData(bytes[0]!) &&
          isWholeChannelData(bytes) &&
          channelOf(bytes) === channel &&
          bytes.subarray(4, 4 + channelDataLength(bytes)).equals(payload) &&
          (padded ? bytes.length % 4 === 0 : bytes.length === 4 + payload.length) &&
          bytes.subarray(4 + payload.length).every((byte) => byte === 0)
        );
      },
    ),
  );
  for (const short of ['', '40', '4000', '400000', '40000001', '40000004aabbcc']) {
    t.notOk(isWholeChannelData(Buffer.from(short, 'hex')), `"${short}" is not whole`);
  }
  t.end();
});

t.test('a Data indication carries peer and payload', (t) => {
  for (const bytes of [Uint8Array.of(127, 0, 0, 1), Uint8Array.from({ length: 16 }, (_, at) => at)]) {
    const family = bytes.length === 4 ? 4 : 6;
    for (let length = 0; length < 6; length += 1) {
      const payload = Buffer.alloc(length, 0x41);
      const read = readDataIndication(buildDataIndication({ family, bytes }, 4711, payload))!;
      t.same([...read.peer.address.bytes], [...bytes]);
      t.equal(read.peer.port, 4711);
      t.same(read.payload, payload);
    }
  }
  t.end();
});

t.test('a stream is cut into the same frames however it is chopped', (t) => {
  const frame = fc.oneof(
    payloads.map((payload) => buildChannelData(0x4001, payload, { padded: true })),
    payloads.map((value) =>
      buildStun({ class: 'request', method: 1, transactionId: Buffer.alloc(12) }, [{ type: 0x8022, value }]),
    ),
  );
  fc.assert(
    fc.property(
      fc.array(frame, { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 30 })),
      (frames, cuts) => {
        const stream = Buffer.concat(frames);
        const framer = new StreamFramer({ maxFrameBytes: 2048 });
        const got: Buffer[] = [];
        let at = 0;
        for (const cut of [...cuts, stream.length]) {
          if (!framer.push(stream.subarray(at, at + cut), (one) => got.push(Buffer.from(one)))) return false;
          at += cut;
        }
        return got.length === frames.length && got.every((one, index) => one.equals(frames[index]!));
      },
    ),
  );
  t.pass('for every cut');
  t.end();
});

t.test('a stream that is not TURN, or a frame that is too long, breaks it for good', (t) => {
  for (const first of ['80000000', 'ff000000', '40000801', '00010801']) {
    const framer = new StreamFramer({ maxFrameBytes: 2048 });
    const onFrame = (): void => {
      t.fail('no frame');
    };
    t.notOk(framer.push(Buffer.from(first, 'hex'), onFrame), first);
    t.notOk(framer.push(Buffer.from('40000000', 'hex'), onFrame), 'stays broken');
  }
  t.end();
});
