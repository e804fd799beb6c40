/** Several encodings of one track: which one a viewer gets, and moves without a visible jump. */
import fc from 'fast-check';
import t, { type Test } from 'tap';
import {
  allocateLayers,
  costOf,
  largestUseful,
  type LayeredTrack,
} from '../../../../sfu/media/core/layer-allocation.ts';
import { Vp8Continuity, vp8TemporalLayer } from '../../../../sfu/media/core/vp8-continuity.ts';
import { frameNumber, framesOf, Publisher, Viewer, World, type Path, type Received } from './loopback.ts';
import { SPS_360, SPS_720 } from './streams.ts';

const layers = (...rates: number[]): LayeredTrack['layers'] =>
  rates.map((bitsPerSecond, at) => ({ bitsPerSecond, height: 180 * 2 ** at, isActive: bitsPerSecond > 0 }));

t.test('the size asked for, then the budget', (t) => {
  const one = (height: number | undefined, current = -1): LayeredTrack => ({
    layers: layers(150_000, 500_000, 1_500_000),
    height,
    current,
  });
  t.same(allocateLayers([one(undefined)], undefined), [2]);
  t.same(allocateLayers([one(360)], undefined), [1]);
  t.same(allocateLayers([one(100)], undefined), [0]);
  t.same(allocateLayers([one(undefined)], 1_600_000), [1], 'a layer above must fit with room to spare');
  t.same(allocateLayers([one(undefined, 2)], 1_450_000), [2], 'the one that is there stays a little longer');
  t.same(allocateLayers([one(undefined, 2)], 1_000_000), [1]);
  t.same(allocateLayers([one(undefined, 2)], 1000), [0], 'the smallest is never taken away');
  t.same(allocateLayers([one(180), one(720)], 2_200_000), [0, 2], 'the larger on screen first');
  const off: LayeredTrack = { layers: layers(150_000, 0, 0), height: undefined, current: 2 };
  t.same(allocateLayers([off], 9_000_000), [0]);
  t.same(allocateLayers([{ ...off, layers: layers(0, 0, 0) }], 9_000_000), [-1]);
  t.end();
});

t.test('any tracks: within the budget, within the size, and more budget is never less picture', (t) => {
  const track = fc.record({
    layers: fc
      .array(fc.tuple(fc.integer({ min: 1, max: 3_000_000 }), fc.boolean()), { minLength: 1, maxLength: 4 })
      .map((all) =>
        all
          .sort(([a], [b]) => a - b)
          .map(([bitsPerSecond, isActive], at) => ({ bitsPerSecond, height: 90 * 2 ** at, isActive })),
      ),
    height: fc.option(fc.integer({ min: 1, max: 1080 }), { nil: undefined }),
    current: fc.integer({ min: -1, max: 3 }),
  });
  fc.assert(
    fc.property(fc.array(track, { maxLength: 6 }), fc.nat(9_000_000), (tracks, budget) => {
      const chosen = allocateLayers(tracks, budget);
      let cost = 0;
      let isLowest = true;
      for (const [at, one] of tracks.entries()) {
        const index = chosen[at]!;
        if (index > largestUseful(one)) return false;
        if (index === -1) {
          if (one.layers.some((layer) => layer.isActive)) return false;
          continue;
        }
        if (!one.layers[index]!.isActive) return false;
        if (one.layers.slice(0, index).some((layer) => layer.isActive)) isLowest = false;
        cost += costOf(one, index);
      }
      return isLowest || cost <= budget;
    }),
    { numRuns: 3000 },
  );
  t.end();
});

t.test('VP8 numbers go on over moves, re-joins, wraps and spared pictures', (t) => {
  const packet = (picture: number, level: number, isLong: boolean): Buffer =>
    isLong
      ? Buffer.from([0x90, 0xe0, 0x80 | (picture >> 8), picture & 0xff, level, 0x40, 1, 2, 3])
      : Buffer.from([0x90, 0xe0, picture & 0x7f, level, 0x40, 1, 2, 3]);
  const step = fc.record({
    kind: fc.constantFrom('next', 'next', 'next', 'again', 'move', 'skip'),
    picture: fc.nat(0x7fff),
    level: fc.nat(255),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), fc.boolean(), (steps, isLong) => {
      const modulus = isLong ? 0x8000 : 0x80;
      const continuity = new Vp8Continuity();
      let picture = 0;
      let level = 0;
      let last = -1;
      let lastLevel = -1;
      let isNewLevel = false;
      for (const one of steps) {
        if (one.kind === 'move') {
          ({ picture, level } = one);
          picture %= modulus;
          continuity.restart();
          isNewLevel = true;
        } else if (one.kind === 'skip') {
          picture = (picture + 1) % modulus;
          continuity.skipPicture();
          continue;
        } else if (one.kind === 'next') {
          picture = (picture + 1) % modulus;
          level = (level + 1) % 256;
          isNewLevel = true;
        }
        const original = packet(picture, level, isLong);
        const copy = Buffer.from(original);
        const out = continuity.rewrite(original);
        if (!original.equals(copy)) return false;
        const outPicture = isLong ? out.readUInt16BE(2) & 0x7fff : out.readUInt8(2);
        const outLevel = out.readUInt8(isLong ? 4 : 3);
        if (out.length !== original.length || vp8TemporalLayer(out) !== 1) return false;
        if (last !== -1) {
          const isNew = one.kind !== 'again';
          if (outPicture !== (last + (isNew ? 1 : 0)) % modulus) return false;
          if (outLevel !== (lastLevel + (isNewLevel ? 1 : 0)) % 256) return false;
        } else if (out !== original && one.kind !== 'move' && steps.indexOf(one) === 0) return false;
        last = outPicture;
        lastLevel = outLevel;
        isNewLevel = false;
      }
      return true;
    }),
    { numRuns: 2000 },
  );
  t.equal(vp8TemporalLayer(Buffer.from([0x10, 1, 2])), 0);
  t.equal(vp8TemporalLayer(Buffer.from([0x90, 0x20, 0x80, 1])), 2);
  const plain = Buffer.from([0x10, 0x50, 1, 2, 3, 4]);
  t.equal(new Vp8Continuity().rewrite(plain), plain, 'nothing to keep: the same buffer');
  t.end();
});

type Codec = 'H264' | 'VP8';

/** Three encodings as three publishers; the core does not ask where a source comes from. */
function publish(world: World, codec: Codec): Publisher[] {
  const publishers = [
    { packetsPerFrame: 1, packetsPerKeyFrame: 3, bytesPerPacket: 600, height: 180, sps: SPS_360 },
    { packetsPerFrame: 2, packetsPerKeyFrame: 8, bytesPerPacket: 1000, height: 360, sps: SPS_360 },
    { packetsPerFrame: 7, packetsPerKeyFrame: 30, bytesPerPacket: 1100, height: 720, sps: SPS_720 },
  ].map(
    (stream, at) =>
      new Publisher(world, {
        codec,
        trackId: `layer-${at}`,
        keyFrameEveryFrames: 0,
        obeysPictureLoss: true,
        firstTimestamp: 1_000_000 * (at + 1),
        stream: { ...stream, ...(codec === 'VP8' && { pictureId: 5000 * at + 32_000 }) },
      }),
  );
  for (const publisher of publishers) publisher.start();
  return publishers;
}

const rateOf = (viewer: Viewer, fromMs: number, toMs: number): number => {
  const bytes = viewer.arrivals
    .filter((one) => one.atMs >= fromMs && one.atMs < toMs)
    .reduce((sum, one) => sum + one.payload.length, 0);
  return (bytes * 8000) / (toMs - fromMs);
};

/** Numbers without gaps, growing timestamps, whole frames, and for VP8 picture ids in one line. */
function checkStream(t: Test, packets: Received[], codec: Codec): void {
  const gaps = packets.filter((one, at) => at > 0 && one.index !== packets[at - 1]!.index + 1);
  t.equal(gaps.length, 0, 'numbers without gaps');
  const frames = framesOf(packets);
  let broken = 0;
  let lastPicture = -1;
  for (const [at, frame] of frames.entries()) {
    if (at > 0 && ((frame.timestamp - frames[at - 1]!.timestamp) | 0) <= 0) t.fail('time goes back');
    const numbers = new Set(frame.packets.map((one) => frameNumber(one.payload, codec)));
    numbers.delete(undefined);
    if (numbers.size > 1) t.fail('two pictures in one frame');
    if (at < frames.length - 1 && frame.packets.at(-1)?.marker !== true) broken += 1;
    if (codec !== 'VP8') continue;
    const ids = new Set(frame.packets.map((one) => one.payload.readUInt16BE(2) & 0x7fff));
    if (ids.size !== 1) t.fail('two picture ids in one frame');
    const [id] = ids;
    if (lastPicture !== -1 && id !== (lastPicture + 1) % 0x8000) t.fail(`picture ${id} after ${lastPicture}`);
    lastPicture = id!;
  }
  t.equal(broken, 0, 'every frame has its end');
  const steps = frames.slice(1).map((frame, at) => frame.packets[0]!.atMs - frames[at]!.packets[0]!.atMs);
  t.ok(Math.max(...steps) < 150, `at most ${Math.max(...steps)} ms between two pictures`);
}

for (const codec of ['VP8', 'H264'] as const) {
  t.test(`${codec}: the size asked for is followed without a jump`, (t) => {
    const world = new World(3);
    const publishers = publish(world, codec);
    world.run(1000);
    const viewer = new Viewer(world, { codec, feedback: true });
    viewer.fractionLost = 0;
    viewer.downlink.setLayers(
      publishers.map((one) => one.source),
      world.nowMs,
    );
    world.run(3000);
    const kbits = (): number => Math.round(rateOf(viewer, world.nowMs - 1000, world.nowMs) / 1000);
    t.ok(kbits() > 1500, `${kbits()} kbit/s at full size`);
    viewer.downlink.setHeight(100, world.nowMs);
    world.run(2000);
    t.ok(kbits() < 200, `${kbits()} kbit/s as a thumbnail`);
    viewer.downlink.setHeight(undefined, world.nowMs);
    world.run(6000);
    t.ok(kbits() > 1500, `${kbits()} kbit/s at full size again`);
    checkStream(t, viewer.ordered, codec);
    t.ok(viewer.downlink.stats().layerSwitches >= 2);
    const asked = publishers.map((one) => one.source.stats(world.nowMs).plisSent);
    t.ok(Math.max(...asked) <= 4, `key frames asked for: ${asked.join()}`);
    t.end();
  });
}

t.test('a narrow path brings the encoding down, and a probe brings it up again', (t) => {
  const world = new World(4);
  const publishers = publish(world, 'VP8');
  world.run(1000);
  const path: Path = { delayMs: 25, loss: 0 };
  const viewer = new Viewer(world, { codec: 'VP8', feedback: true, down: path });
  const neighbour = new Viewer(world, { codec: 'VP8', feedback: true });
  viewer.fractionLost = 0;
  neighbour.fractionLost = 0;
  const sources = publishers.map((one) => one.source);
  viewer.downlink.setLayers(sources, world.nowMs);
  neighbour.downlink.setLayers(sources, world.nowMs);
  world.run(3000);
  const kbits = (one: Viewer): number => Math.round(rateOf(one, world.nowMs - 2000, world.nowMs) / 1000);
  t.ok(kbits(viewer) > 1500, `${kbits(viewer)} kbit/s on a wide path`);
  path.bitsPerSecond = 800_000;
  world.run(12_000);
  t.ok(kbits(viewer) < 750, `${kbits(viewer)} kbit/s on 800`);
  t.ok(kbits(neighbour) > 1500, 'nobody else notices');
  delete path.bitsPerSecond;
  world.run(25_000);
  t.ok(kbits(viewer) > 1500, `${kbits(viewer)} kbit/s when it is wide again`);
  t.ok(viewer.downlink.stats().probePackets > 0, 'by a probe');
  t.ok(neighbour.downlink.stats().layerSwitches <= 1, `${neighbour.downlink.stats().layerSwitches}`);
  t.end();
});

t.test('from the start on a path of 300 kbit/s: the small encoding, and it stays', (t) => {
  const world = new World(6);
  const publishers = publish(world, 'VP8');
  world.run(1000);
  const path: Path = { delayMs: 25, loss: 0, bitsPerSecond: 300_000 };
  const viewer = new Viewer(world, { codec: 'VP8', feedback: true, down: path });
  viewer.fractionLost = 0;
  viewer.downlink.setLayers(
    publishers.map((one) => one.source),
    world.nowMs,
  );
  world.run(8000);
  const before = viewer.downlink.stats().layerSwitches;
  world.run(20_000);
  t.equal(viewer.downlink.stats().rid, null);
  const rate = rateOf(viewer, world.nowMs - 5000, world.nowMs);
  t.ok(rate < 300_000, `${rate} bit/s`);
  t.ok(
    viewer.downlink.stats().layerSwitches - before <= 2,
    `${viewer.downlink.stats().layerSwitches - before}`,
  );
  const late = framesOf(viewer.ordered).slice(-100);
  const steps = late.slice(1).map((frame, at) => frame.packets[0]!.atMs - late[at]!.packets[0]!.atMs);
  t.ok(Math.max(...steps) < 500, `at most ${Math.max(...steps)} ms between two pictures`);
  t.end();
});

t.test('an encoding that its sender stops is left at once', (t) => {
  const world = new World(5);
  const publishers = publish(world, 'H264');
  world.run(1000);
  const viewer = new Viewer(world, { feedback: true });
  viewer.fractionLost = 0;
  viewer.downlink.setLayers(
    publishers.map((one) => one.source),
    world.nowMs,
  );
  world.run(2000);
  publishers[2]!.stop();
  world.run(3000);
  const rate = rateOf(viewer, world.nowMs - 1000, world.nowMs);
  t.ok(rate > 300_000 && rate < 700_000, `${rate} bit/s: the middle one`);
  publishers[2]!.start();
  world.run(6000);
  t.ok(rateOf(viewer, world.nowMs - 1000, world.nowMs) > 1_500_000, 'and back');
  t.end();
});

t.test('pause, another track and the end of the layers', (t) => {
  const world = new World(7);
  const publishers = publish(world, 'H264');
  const single = new Publisher(world, { trackId: 'single' });
  single.start();
  world.run(1000);
  const viewer = new Viewer(world, { feedback: true });
  viewer.fractionLost = 0;
  const sources = publishers.map((one) => one.source);
  viewer.downlink.setLayers(sources, world.nowMs);
  world.run(1000);
  viewer.downlink.setPaused(true, world.nowMs);
  world.run(100);
  const paused = viewer.packets.size;
  world.run(1000);
  t.equal(viewer.packets.size, paused);
  viewer.downlink.setPaused(false, world.nowMs);
  world.run(1000);
  t.ok(viewer.packets.size > paused + 100);
  viewer.downlink.setSource(single.source, world.nowMs);
  world.run(1000);
  for (const publisher of publishers) publisher.source.close();
  world.run(1000);
  t.ok(rateOf(viewer, world.nowMs - 500, world.nowMs) > 1_500_000);
  viewer.downlink.setLayers(sources, world.nowMs);
  world.run(500);
  viewer.downlink.close();
  world.run(500);
  t.end();
});
