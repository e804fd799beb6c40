/** Whatever bytes come, forged or authentic: no exception, no growth, every drop counted. */
import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import { createMediaCore } from '../../../../sfu/media/core/media-core.ts';
import { MAX_RING_BYTES, MAX_RING_PACKETS } from '../../../../sfu/media/core/packet-ring.ts';
import { MAX_SOURCES_PER_PEER } from '../../../../sfu/media/core/peer.ts';
import { SrtpSender } from '../../../../sfu/media/core/srtp-context.ts';
import type {
  CodecName,
  CorePeer,
  Downlink,
  MediaCore,
  MediaSource,
} from '../../../../sfu/media/core/types.ts';
import { keyPair, Publisher, START_MS, Viewer, World } from './loopback.ts';
import { FUZZ_RUNS, h264Frame, seeded } from './streams.ts';

const CODECS: CodecName[] = ['H264', 'VP8', 'VP9', 'AV1', 'opus'];
const silent = {
  sourceFlowing: () => {},
  sourceStalled: () => {},
  sourceParameters: () => {},
  downlinkHeld: () => {},
};

type Target = {
  core: MediaCore;
  peer: CorePeer;
  sender: SrtpSender;
  sources: MediaSource[];
  downlinks: Downlink[];
  sent: { count: number };
};

/** A peer with a source of every codec, each watched by the same peer. */
function target(): Target {
  const core = createMediaCore({ events: silent, random: seeded(2) });
  const { ours, theirs } = keyPair('AEAD_AES_128_GCM', 3);
  const sent = { count: 0 };
  const send = (): void => {
    sent.count += 1;
  };
  const peer = core.addPeer({ id: 'p', keys: ours, send }, START_MS);
  const sources = CODECS.map((codec, at) =>
    peer.addSource({
      trackId: codec,
      kind: codec === 'opus' ? 'audio' : 'video',
      codec,
      clockRate: codec === 'opus' ? 48_000 : 90_000,
      payloadType: 96 + at * 2,
      rtxPayloadType: 97 + at * 2,
      ssrc: 100 + at,
      rtxSsrc: 200 + at,
      mid: String(at),
      midExtensionId: 1,
      transportCcExtensionId: 3,
      audioLevelExtensionId: undefined,
      feedback: { nack: true, pli: true, transportCc: true },
    }),
  );
  const downlinks = sources.map((source, at) => {
    const downlink = peer.addDownlink({
      kind: source.kind,
      payloadType: 96,
      rtxPayloadType: 97,
      ssrc: 300 + at,
      rtxSsrc: 400 + at,
      mid: String(at),
      midExtensionId: 1,
      cname: 'c',
      nack: true,
    });
    downlink.setSource(source, START_MS);
    return downlink;
  });
  return { core, peer, sender: new SrtpSender('AEAD_AES_128_GCM', theirs.local), sources, downlinks, sent };
}

t.test('random datagrams', (t) => {
  const { core, peer } = target();
  let total = 0;
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100, size: 'max' }), fc.boolean(), (bytes, isLikely) => {
      const datagram = Buffer.from(bytes);
      if (isLikely && datagram.length > 0) datagram.writeUInt8(0x80 | (datagram.readUInt8(0) & 0x3f), 0);
      peer.receive(datagram, START_MS);
      total += 1;
    }),
    { numRuns: FUZZ_RUNS },
  );
  const dropped = Object.values(core.drops()).reduce((sum, count) => sum + count, 0);
  t.equal(dropped, total, JSON.stringify(core.drops()));
  t.equal(core.totals().packets, 0);
  t.end();
});

t.test('authentic RTP with any header and payload', (t) => {
  const { core, peer, sender, sources, downlinks } = target();
  const indexes = new Map<number, number>();
  let nowMs = START_MS;
  fc.assert(
    fc.property(
      fc.nat(CODECS.length - 1),
      fc.boolean(),
      fc.record({
        flags: fc.nat(0x3f),
        marker: fc.boolean(),
        step: fc.oneof(fc.constant(1), fc.nat(40), fc.nat(20_000)),
        timestamp: fc.oneof(fc.constant(0), fc.nat(0xffff_ffff)),
        elapsedMs: fc.oneof(fc.constant(0), fc.nat(50), fc.nat(5000)),
      }),
      fc.uint8Array({ maxLength: 60, size: 'max' }),
      (codec, isRetransmission, shape, bytes) => {
        const ssrc = (isRetransmission ? 200 : 100) + codec;
        const index = (indexes.get(ssrc) ?? 0) + shape.step;
        indexes.set(ssrc, index);
        nowMs += shape.elapsedMs;
        const csrcs = shape.flags & 0x0f;
        const hasExtension = (shape.flags & 0x10) !== 0;
        // The extension's words are the start of the random bytes; its length is true, so that SRTP opens.
        const words = hasExtension ? Math.min(4, bytes.length >> 2) : 0;
        const headerBytes = 12 + csrcs * 4 + (hasExtension ? 4 + words * 4 : 0);
        const out = Buffer.alloc(300);
        out.writeUInt8(0x80 | shape.flags, 0);
        out.writeUInt8((shape.marker ? 0x80 : 0) | (96 + codec * 2 + (isRetransmission ? 1 : 0)), 1);
        out.writeUInt16BE(index & 0xffff, 2);
        out.writeUInt32BE(shape.timestamp, 4);
        out.writeUInt32BE(ssrc, 8);
        if (hasExtension) {
          out.writeUInt32BE((shape.marker ? 0xbede0000 : 0x10000000) + words, 12 + csrcs * 4);
          out.set(bytes.subarray(0, words * 4), 16 + csrcs * 4);
        }
        const payload = Buffer.from(bytes.subarray(words * 4));
        const length = sender.protectRtp(out, out.subarray(0, headerBytes), payload, ssrc, index);
        peer.receive(out.subarray(0, length), nowMs);
        core.tick(nowMs);
        const next = core.nextTickMs();
        if (next !== undefined && next < nowMs) throw new Error('a deadline stays in the past');
      },
    ),
    { numRuns: FUZZ_RUNS },
  );
  t.ok(sources.every((source) => source.stats(nowMs).packets > FUZZ_RUNS / 50));
  t.ok(downlinks.some((downlink) => downlink.stats().packets > 100));
  t.end();
});

t.test('authentic RTCP with any content', (t) => {
  const { core, peer, sender, sent } = target();
  let nowMs = START_MS;
  fc.assert(
    fc.property(
      fc.array(
        fc.tuple(
          fc.constantFrom(200, 201, 202, 203, 204, 205, 206, 207),
          fc.nat(63),
          fc.constantFrom(0, 100, 200, 300, 301, 302, 400),
          fc.uint8Array({ maxLength: 60, size: 'max' }),
        ),
        { minLength: 1, maxLength: 3 },
      ),
      fc.nat(100),
      (packets, elapsedMs) => {
        nowMs += elapsedMs;
        const compound = Buffer.concat(
          packets.map(([packetType, count, ssrc, bytes]) => {
            const out = Buffer.alloc(12 + bytes.length - (bytes.length % 4));
            out.set(bytes.subarray(0, out.length - 12), 12);
            out.writeUInt8(0x80 | count, 0);
            out.writeUInt8(packetType, 1);
            out.writeUInt16BE(out.length / 4 - 1, 2);
            out.writeUInt32BE(ssrc, 4);
            out.writeUInt32BE(ssrc, 8);
            return out;
          }),
        );
        peer.receive(sender.protectRtcp(compound)!, nowMs);
        core.tick(nowMs);
      },
    ),
    { numRuns: FUZZ_RUNS / 4 },
  );
  t.ok(sent.count < FUZZ_RUNS, 'nothing is amplified');
  t.end();
});

t.test('mutated packets of a real stream', (t) => {
  const world = new World(31);
  const publisher = new Publisher(world, { keyFrameEveryFrames: 30 });
  const viewer = new Viewer(world);
  viewer.downlink.setSource(publisher.source, world.nowMs);
  const random = seeded(77);
  const original = publisher.peer.receive.bind(publisher.peer);
  let mutated = 0;
  publisher.peer.receive = (datagram, nowMs) => {
    for (let copy = 0; copy < 10; copy += 1) {
      const other = Buffer.from(datagram);
      for (let change = 0; change <= copy % 3; change += 1) {
        other.writeUInt8(Math.floor(random() * 256), Math.floor(random() * Math.min(40, other.length)));
      }
      if (other.equals(datagram)) continue;
      mutated += 1;
      original(copy === 5 ? other.subarray(0, Math.floor(random() * other.length)) : other, nowMs);
    }
    original(datagram, nowMs);
  };
  publisher.start();
  world.run(10_000);
  t.ok(mutated > 20_000, `${mutated} mutated`);
  t.same(viewer.missing, [], 'the real packets went through');
  t.ok(viewer.packets.size > 2000);
  t.equal(publisher.source.stats(world.nowMs).packetsLost, 0);
  t.end();
});

t.test('replayed packets go nowhere', (t) => {
  const world = new World();
  const publisher = new Publisher(world);
  const viewer = new Viewer(world);
  viewer.downlink.setSource(publisher.source, world.nowMs);
  const original = publisher.peer.receive.bind(publisher.peer);
  publisher.peer.receive = (datagram, nowMs) => {
    const copy = Buffer.from(datagram);
    original(datagram, nowMs);
    original(copy, nowMs);
  };
  publisher.start();
  world.run(2000);
  const { packets } = publisher.source.stats(world.nowMs);
  t.equal(world.core.drops()['srtp-replayed'], packets);
  t.same(viewer.missing, []);
  t.end();
});

t.test('rings and caches stay inside their bounds at any rate', (t) => {
  const world = new World();
  const publisher = new Publisher(world, {
    stream: { packetsPerKeyFrame: 400, packetsPerFrame: 120, bytesPerPacket: 1200 },
    keyFrameEveryFrames: 45,
  });
  const viewer = new Viewer(world);
  viewer.downlink.setSource(publisher.source, world.nowMs);
  publisher.start();
  for (let second = 0; second < 5; second += 1) {
    world.run(1000);
    const { ring } = viewer.downlink as unknown as { ring: { bytes: number; span: number } };
    t.ok(ring.bytes <= MAX_RING_BYTES + 1300 && ring.span <= MAX_RING_PACKETS, `${ring.bytes} bytes`);
  }
  const late = new Viewer(world);
  late.downlink.setSource(publisher.source, world.nowMs);
  world.run(10);
  t.equal(late.packets.size, 0, 'a group of more than 2 MB is not kept');
  world.run(3000);
  t.ok(late.packets.size > 1000);
  t.end();
});

t.test('peers, sources and downlinks are bounded and leave nothing behind', (t) => {
  const { core, peer, sources } = target();
  const { options } = sources[0] as unknown as { options: Parameters<CorePeer['addSource']>[0] };
  for (let count = sources.length; count < MAX_SOURCES_PER_PEER; count += 1) {
    peer.addSource({ ...options, ssrc: undefined, rtxSsrc: undefined });
  }
  t.throws(() => peer.addSource(options), { name: 'InvalidStateError' });
  t.throws(() => core.addPeer({ id: 'p', keys: keyPair('AEAD_AES_128_GCM', 1).ours, send: () => {} }, 0), {
    name: 'InvalidStateError',
  });
  const wrong = { ...keyPair('AEAD_AES_128_GCM', 1).ours, profile: 'AES_CM_128_HMAC_SHA1_80' as const };
  t.throws(() => core.addPeer({ id: 'q', keys: wrong, send: () => {} }, 0), RangeError);
  peer.close();
  peer.close();
  t.equal(core.nextTickMs(), undefined, 'no deadline is left');
  t.throws(() => peer.addSource(options), { name: 'InvalidStateError' });
  peer.receive(randomBytes(100), START_MS);
  core.tick(START_MS + 100_000);
  core.addPeer({ id: 'p', keys: keyPair('AEAD_AES_128_GCM', 1).ours, send: () => {} }, 0).close();
  t.end();
});

t.test('closing in the middle of everything', (t) => {
  const world = new World();
  const publisher = new Publisher(world);
  publisher.start();
  world.run(3600);
  const viewers = Array.from({ length: 6 }, () => new Viewer(world));
  for (const viewer of viewers) viewer.downlink.setSource(publisher.source, world.nowMs);
  world.run(50);
  viewers[0]!.downlink.close();
  viewers[0]!.downlink.close();
  viewers[0]!.downlink.setSource(publisher.source, world.nowMs);
  viewers[0]!.downlink.setPaused(true, world.nowMs);
  viewers[1]!.peer.close();
  viewers[2]!.downlink.setPaused(true, world.nowMs);
  world.run(20);
  const sizes = viewers.slice(0, 3).map((viewer) => viewer.packets.size);
  world.run(500);
  t.same(
    viewers.slice(0, 3).map((viewer) => viewer.packets.size),
    sizes,
    'nothing is sent any more',
  );
  publisher.source.close();
  publisher.source.close();
  publisher.source.requestKeyFrame(world.nowMs);
  world.run(100);
  viewers[3]!.downlink.setSource(publisher.source, world.nowMs);
  publisher.peer.close();
  for (const viewer of viewers) viewer.peer.close();
  t.equal(world.core.nextTickMs(), undefined);
  t.end();
});

t.test('a viewer may be attached and detached from inside an event', (t) => {
  const frames = h264Frame(0, true, { packetsPerKeyFrame: 3, packetsPerFrame: 2, bytesPerPacket: 100 });
  const { ours, theirs } = keyPair('AEAD_AES_128_GCM', 5);
  const links: Downlink[] = [];
  const core = createMediaCore({
    events: {
      sourceFlowing: (source) => {
        for (const link of links) link.setSource(source, START_MS);
      },
      sourceStalled: () => {},
      sourceParameters: () => {
        links[0]?.close();
        links[1]?.setSource(undefined, START_MS);
      },
      downlinkHeld: () => {},
    },
  });
  const peer = core.addPeer({ id: 'a', keys: ours, send: () => {} }, START_MS);
  const { sources } = target();
  const { options } = sources[0] as unknown as { options: Parameters<CorePeer['addSource']>[0] };
  peer.addSource(options);
  for (let at = 0; at < 3; at += 1) {
    links.push(
      peer.addDownlink({
        kind: 'video',
        payloadType: 96,
        rtxPayloadType: undefined,
        ssrc: 900 + at,
        rtxSsrc: undefined,
        mid: '0',
        midExtensionId: undefined,
        cname: 'c',
        nack: true,
      }),
    );
  }
  const sender = new SrtpSender('AEAD_AES_128_GCM', theirs.local);
  frames.forEach((payload, at) => {
    const out = Buffer.alloc(200);
    out.writeUInt32BE(0x80600000 + at, 0);
    out.writeUInt32BE(100, 8);
    peer.receive(out.subarray(0, sender.protectRtp(out, out.subarray(0, 12), payload, 100, at)), START_MS);
  });
  t.equal(links[2]?.stats().packets, 5, 'two parameter sets, three packets of the key frame');
  t.equal(links[1]?.stats().packets, 0);
  t.end();
});
