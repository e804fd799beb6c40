/** Which source a packet of a section with several encodings belongs to (RFC 8852): by MID and RID. */
import t from 'tap';
import { writeSenderReport } from '../../../../sfu/media/core/rtcp-packet.ts';
import type { MediaSource } from '../../../../sfu/media/core/types.ts';
import { World } from './loopback.ts';
import { vp8Frame } from './streams.ts';

const MID = 1;
const RID = 2;
const REPAIRED = 3;
const FRAME = vp8Frame(0, true, { packetsPerKeyFrame: 1, packetsPerFrame: 1, bytesPerPacket: 200 })[0]!;

function setUp() {
  const world = new World();
  const { peer, sender } = world.addPeer('AEAD_AES_128_GCM', () => undefined);
  const sources = new Map<string, MediaSource>();
  for (const mid of ['0', '1']) {
    for (const rid of ['h', 'm', 'l']) {
      sources.set(
        mid + rid,
        peer.addSource({
          trackId: `track-${mid}`,
          kind: 'video',
          codec: 'VP8',
          clockRate: 90_000,
          payloadType: 96,
          rtxPayloadType: 97,
          ssrc: undefined,
          rtxSsrc: undefined,
          mid,
          midExtensionId: MID,
          transportCcExtensionId: undefined,
          audioLevelExtensionId: undefined,
          feedback: { nack: true, pli: true, transportCc: false },
          rid,
          ridExtensionId: RID,
          repairedRidExtensionId: REPAIRED,
        }),
      );
    }
  }
  const send = (
    ssrc: number,
    sequence: number,
    said: { mid?: string; rid?: string; repaired?: string },
    payload = FRAME,
    payloadType = 96,
  ): void => {
    const elements = [
      [MID, said.mid],
      [RID, said.rid],
      [REPAIRED, said.repaired],
    ].flatMap(([id, text]) =>
      text === undefined ? [] : [((id as number) << 4) | 0, (text as string).charCodeAt(0)],
    );
    while (elements.length % 4 !== 0) elements.push(0);
    const out = Buffer.alloc(1500);
    out.writeUInt8(elements.length > 0 ? 0x90 : 0x80, 0);
    out.writeUInt8(payloadType, 1);
    out.writeUInt16BE(sequence, 2);
    out.writeUInt32BE(sequence * 3000, 4);
    out.writeUInt32BE(ssrc, 8);
    let bytes = 12;
    if (elements.length > 0) {
      out.writeUInt32BE(0xbede0000 + elements.length / 4, 12);
      Buffer.from(elements).copy(out, 16);
      bytes = 16 + elements.length;
    }
    const length = sender.protectRtp(out, out.subarray(0, bytes), payload, ssrc, sequence);
    peer.receive(out.subarray(0, length), world.nowMs);
  };
  const packets = (): Record<string, number> =>
    Object.fromEntries([...sources].map(([name, source]) => [name, source.stats(world.nowMs).packets]));
  return { world, peer, sender, sources, send, packets };
}

t.test('two sections with the same ids do not collide', (t) => {
  const { send, packets, sources, world } = setUp();
  let ssrc = 100;
  for (const mid of ['0', '1']) {
    for (const rid of ['h', 'm', 'l']) {
      ssrc += 10;
      send(ssrc, 1, { mid, rid });
      // Once the SSRC is known the ids may be left out.
      send(ssrc, 2, {});
    }
  }
  t.same(packets(), { '0h': 2, '0m': 2, '0l': 2, '1h': 2, '1m': 2, '1l': 2 });
  t.same(
    [...sources.values()].map((source) => source.stats(world.nowMs).ssrc),
    [110, 120, 130, 140, 150, 160],
  );
  t.end();
});

t.test('without both ids an unknown SSRC belongs to nobody', (t) => {
  const { send, packets, world } = setUp();
  send(1, 1, {});
  send(2, 1, { mid: '0' });
  send(3, 1, { rid: 'h' });
  send(4, 1, { mid: '0', rid: 'z' });
  send(5, 1, { mid: '7', rid: 'h' });
  t.same(Object.values(packets()), [0, 0, 0, 0, 0, 0]);
  t.equal(world.core.drops()['no-source'], 5);
  t.end();
});

t.test('RTX is told by the repaired id and fills the gap of its own encoding', (t) => {
  const { send, packets, sources, world } = setUp();
  send(10, 1, { mid: '0', rid: 'h' });
  send(20, 1, { mid: '0', rid: 'm' });
  send(10, 3, {});
  t.equal(packets()['0h'], 2);
  const repaired = Buffer.concat([Buffer.from([0, 2]), FRAME]);
  send(11, 1, { mid: '0', rid: 'h' }, repaired, 97);
  t.equal(packets()['0h'], 2, 'a repaired stream names itself by the other extension');
  send(11, 2, { mid: '0', repaired: 'h' }, repaired, 97);
  t.equal(packets()['0h'], 3);
  t.equal(packets()['0m'], 1);
  send(11, 3, {}, Buffer.concat([Buffer.from([0, 4]), FRAME]), 97);
  t.equal(packets()['0h'], 4);
  t.equal(sources.get('0h')!.stats(world.nowMs).rid, 'h');
  t.end();
});

t.test('an encoding that comes back with another SSRC is followed', (t) => {
  const { send, packets, sources, world, peer, sender } = setUp();
  send(10, 1, { mid: '0', rid: 'h' });
  send(77, 9000, { mid: '0', rid: 'h' });
  t.equal(sources.get('0h')!.stats(world.nowMs).ssrc, 77);
  t.equal(packets()['0h'], 2);
  const report = { ssrc: 77, nowMs: world.nowMs, rtpTimestamp: 1, packetCount: 1, octetCount: 1, cname: 'c' };
  peer.receive(sender.protectRtcp(writeSenderReport(report))!, world.nowMs);
  t.end();
});
