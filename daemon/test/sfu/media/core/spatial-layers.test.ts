/** SVC: of several sizes in one stream each viewer is sent those up to its own, whole and without a break. */
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { DependencyDescriptors } from '../../../../sfu/media/core/dependency-descriptor.ts';
import {
  LAYER_END,
  SWITCHING_POINT,
  spatialLayerOf,
  temporalLayerOf,
} from '../../../../sfu/media/core/codec-facts.ts';
import { framesOf, Publisher, Viewer, World, type PublisherOptions, type ViewerOptions } from './loopback.ts';
import { FUZZ_RUNS, hex } from './streams.ts';

const STREAM = { packetsPerKeyFrame: 3, packetsPerFrame: 1, bytesPerPacket: 800, layersOf: () => 3 };

function publish(world: World, options: Partial<PublisherOptions> = {}): Publisher {
  const publisher = new Publisher(world, {
    codec: 'VP9',
    stream: STREAM,
    obeysPictureLoss: true,
    ...options,
  });
  publisher.start();
  return publisher;
}

function watch(world: World, publisher: Publisher, options: ViewerOptions = {}): Viewer {
  const viewer = new Viewer(world, { codec: 'VP9', ...options });
  viewer.downlink.setSource(publisher.source, world.nowMs);
  return viewer;
}

type Picture = { frame: number; top: number; isKey: boolean; atMs: number; timestamp: number };

/**
 * The pictures a viewer was sent. Throws when one is not what a decoder takes: all packets of its layers from the
 * lowest up, one marker at its end, and nothing that is built on what did not come. A picture that is cut off
 * (a pause, a key frame in the middle of a burst) is left out: a key frame has to follow.
 */
function picturesOf(viewer: Viewer, layersOf: (frame: number) => number = STREAM.layersOf): Picture[] {
  const packets = viewer.ordered;
  for (const [at, packet] of packets.entries()) {
    if (at > 0 && packet.index !== packets[at - 1]!.index + 1) throw new Error('a number is missing');
  }
  /** Since the last key frame: the highest layer of each picture. */
  const tops = new Map<number, number>();
  let isCut = false;
  const pictures: Picture[] = [];
  // The last one may be under way.
  for (const { packets: own, timestamp } of framesOf(packets).slice(0, -1)) {
    const numbers = new Set(own.map(({ payload }) => payload.readUInt32BE(40)));
    if (numbers.size !== 1) throw new Error('two pictures with one timestamp');
    const frame = [...numbers][0]!;
    const isKey = (own[0]!.payload[0]! & 0x40) === 0;
    const layers = own.map(({ payload }) => payload[44]!);
    const top = Math.max(...layers);
    const expected = Array.from({ length: top + 1 }, (_, layer) =>
      new Array<number>((isKey ? 3 : 1) << layer).fill(layer),
    ).flat();
    if (!expected.join().startsWith(layers.join())) throw new Error(`layers ${layers.join()} are not whole`);
    if (isCut && !isKey) throw new Error('no key frame follows a picture that is not whole');
    const marked = own.flatMap(({ marker }, at) => (marker ? [at] : []));
    isCut = marked.length === 0;
    if (isCut) continue;
    if (marked.join() !== String(expected.length - 1)) throw new Error(`markers at ${marked.join()}`);
    if (isKey) tops.clear();
    else for (let layer = 0; layer <= top; layer += 1) checkReference(frame, layer, tops, layersOf);
    tops.set(frame, top);
    pictures.push({ frame, top, isKey, atMs: own[0]!.atMs, timestamp });
  }
  return pictures;
}

/**
 * A layer is predicted from the last picture of the lower temporal layer that has it, or from the layer below where
 * none had it since the key frame.
 */
function checkReference(
  frame: number,
  layer: number,
  tops: ReadonlyMap<number, number>,
  layersOf: (frame: number) => number,
): void {
  const keyFrame = Math.min(...tops.keys());
  for (let before = frame - 1; before >= keyFrame; before -= 1) {
    const isUpperTemporal = before % 2 === 1 && before !== keyFrame;
    if (isUpperTemporal || layersOf(before) <= layer) continue;
    if ((tops.get(before) ?? -1) >= layer) return;
    throw new Error(`layer ${layer} of picture ${frame} is built on picture ${before}`);
  }
}

t.test('each viewer has the size it asks for; less at once, more at a key frame', (t) => {
  const world = new World();
  const publisher = publish(world, { keyFrameEveryFrames: 0 });
  world.run(1500);
  const feedback = true;
  const [large, small] = [watch(world, publisher, { feedback }), watch(world, publisher, { feedback })];
  small.downlink.setHeight(100, world.nowMs);
  world.run(3000);
  const changedMs = world.nowMs;
  const keyFrames = publisher.keyFrames.length;
  small.downlink.setHeight(360, world.nowMs);
  large.downlink.setHeight(80, world.nowMs);
  world.run(3000);
  t.equal(publisher.source.stats(world.nowMs).height, 360);
  const topsOf = (viewer: Viewer, from: number, to: number): number[] => [
    ...new Set(
      picturesOf(viewer)
        .filter(({ atMs }) => atMs >= from && atMs < to)
        .map(({ top }) => top),
    ),
  ];
  t.same(topsOf(large, 0, changedMs), [2]);
  t.same(topsOf(small, changedMs - 1500, changedMs), [1], '180 lines are the first that are enough for 100');
  t.same(topsOf(large, changedMs + 200, Infinity), [0], 'less from the next picture on');
  t.same(topsOf(small, changedMs + 1500, Infinity), [2]);
  t.equal(publisher.keyFrames.length, keyFrames + 1, 'one key frame was asked for');
  const frames = picturesOf(large).map(({ frame }) => frame);
  const after = frames.slice(-100);
  t.same(
    after,
    after.map((_, at) => after[0]! + at),
    'no picture is missing',
  );
  t.end();
});

t.test('a narrow path carries the layers that fit, and all pictures of them', (t) => {
  const world = new World(5);
  const publisher = publish(world, { framesPerSecond: 30, stream: { ...STREAM, bytesPerPacket: 1000 } });
  const wide = watch(world, publisher, { feedback: true });
  // 0.25, 0.75 and 1.75 Mbit/s with all below.
  const down = { delayMs: 20, loss: 0, bitsPerSecond: 1_000_000 };
  const narrow = watch(world, publisher, { feedback: true, down });
  world.run(20_000);
  const asked = publisher.rtcp.filter(({ type }) => type === 'pli').length;
  const since = (viewer: Viewer): Picture[] =>
    picturesOf(viewer).filter(({ atMs }) => atMs > world.nowMs - 8000);
  const tops = since(narrow).map(({ top }) => top);
  t.ok(tops.length > 220, `${tops.length} pictures in eight seconds`);
  t.ok(tops.filter((top) => top === 1).length > 150, `mostly the middle size: ${tops.join('')}`);
  t.same([...new Set(since(wide).map(({ top }) => top))], [2], 'the other viewer has all of it');
  t.ok(asked < 25, `${asked} key frames asked for`);
  t.end();
});

t.test('the first key frame tells all sizes, and what a viewer had asked for before counts', (t) => {
  const world = new World(3);
  const publisher = publish(world, { keyFrameEveryFrames: 100_000, obeysPictureLoss: false });
  world.run(500);
  const viewer = new Viewer(world, { codec: 'VP9' });
  viewer.downlink.setHeight(100, world.nowMs);
  viewer.downlink.setSource(publisher.source, world.nowMs);
  world.run(1000);
  t.same(publisher.keyFrames, [0]);
  const tops = picturesOf(viewer).map(({ top }) => top);
  t.same([...new Set(tops.slice(1))], [1]);
  t.equal(viewer.downlink.stats().height, 180);
  t.ok((world.core.drops()['upper-layer'] ?? 0) > 100, 'what is left out is counted');
  t.end();
});

t.test('more is asked for while the first pictures are still on their way', (t) => {
  for (const laterMs of [2, 16]) {
    const world = new World(4);
    const publisher = publish(world, { keyFrameEveryFrames: 0 });
    world.run(900);
    const viewer = new Viewer(world, { codec: 'VP9' });
    viewer.downlink.setHeight(80, world.nowMs);
    viewer.downlink.setSource(publisher.source, world.nowMs);
    world.run(laterMs);
    viewer.downlink.setHeight(undefined, world.nowMs);
    world.run(1500);
    t.equal(viewer.downlink.stats().height, 360, `${laterMs} ms later`);
    t.same(
      new Set(
        picturesOf(viewer)
          .slice(-10)
          .map(({ top }) => top),
      ),
      new Set([2]),
    );
  }
  t.end();
});

t.test('whatever is sent, asked for and lost, what arrives can be decoded', (t) => {
  const change = fc.record({
    afterMs: fc.integer({ min: 20, max: 900 }),
    height: fc.constantFrom(undefined, 80, 100, 200, 1000),
    pauses: fc.boolean(),
  });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1_000_000 }),
      fc.array(change, { minLength: 3, maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 12 }),
      fc.constantFrom(0, 0.03),
      (seed, changes, pattern, loss) => {
        const world = new World(seed);
        const layersOf = (frame: number): number => pattern[frame % pattern.length]!;
        const publisher = publish(world, {
          ...{ firstSequence: 65_400, keyFrameEveryFrames: 25 },
          stream: { ...STREAM, layersOf },
          up: { delayMs: 10, loss },
        });
        world.run(seed % 2000);
        // A viewer does not know of packets before the first one that it got.
        const down = { delayMs: 10, loss: 0 };
        const viewer = watch(world, publisher, { down });
        world.run(200);
        down.loss = loss;
        for (const { afterMs, height, pauses } of changes) {
          world.run(afterMs);
          viewer.downlink.setHeight(height, world.nowMs);
          if (pauses) viewer.downlink.setPaused(true, world.nowMs);
          if (pauses) viewer.downlink.setPaused(false, world.nowMs);
        }
        world.run(1500);
        publisher.stop();
        world.run(1000);
        return picturesOf(viewer, layersOf).length > 30;
      },
    ),
    { numRuns: 25 },
  );
  t.end();
});

t.test('AV1: layers, sizes and ends of pictures by the dependency descriptor', (t) => {
  const one = new DependencyDescriptors();
  t.equal(one.read(hex('c00001')), 0, 'nothing is known before the structure');
  describeLayers(t, one);
  t.end();
});

/** Structure of two spatial and two temporal layers, written here bit by bit as appendix A.8 lists it. */
function describeLayers(t: Test, descriptors: DependencyDescriptors): void {
  const bits: string[] = [];
  const put = (value: number, count: number): void => void bits.push(value.toString(2).padStart(count, '0'));
  put(0b10, 2);
  put(60, 6);
  put(1, 16);
  put(0b10000, 5);
  // Offset 60, so that the numbers of the templates wrap; four decode targets.
  put(60, 6);
  put(3, 5);
  // S0T0, S0T0, S0T1, S1T0, S1T1.
  for (const next of [0, 1, 2, 1, 3]) put(next, 2);
  // Not present, discardable, switch, required; of S0T0, S0T1, S1T0 and S1T1.
  for (const indications of ['SSSS', 'SSRR', '-D-R', '--SS', '---D'])
    for (const one of indications) put('-DSR'.indexOf(one), 2);
  for (const differences of [[], [2], [1], [1], [4, 1]]) {
    for (const difference of differences) put(0b10000 | (difference - 1), 5);
    put(0, 1);
  }
  // ns(5) of two chains, ns(2) for each target, four bits for each template and chain.
  put(0b10, 2);
  put(0b0011, 4);
  for (let chain = 0; chain < 5 * 2; chain += 1) put(1, 4);
  put(1, 1);
  for (const [width, height] of [
    [320, 180],
    [640, 360],
  ] as const) {
    put(width - 1, 16);
    put(height - 1, 16);
  }
  const text = bits.join('');
  const bytes = Buffer.from(
    Array.from({ length: Math.ceil(text.length / 8) }, (_, at) =>
      parseInt(text.slice(at * 8, at * 8 + 8).padEnd(8, '0'), 2),
    ),
  );
  for (let cut = 4; cut < bytes.length; cut += 1) descriptors.read(bytes.subarray(0, cut));
  t.same(descriptors.sizes, [], 'one that is cut off says nothing');
  descriptors.read(bytes);
  t.same(
    descriptors.sizes.map(({ height }) => height),
    [180, 360],
  );
  const facts = [60, 61, 62, 63, 0].map((first) => descriptors.read(Buffer.from([first, 0, 2])));
  t.same(facts.map(spatialLayerOf), [0, 0, 0, 1, 1]);
  t.same(facts.map(temporalLayerOf), [0, 0, 1, 0, 1]);
  t.same(
    facts.map((one) => (one & SWITCHING_POINT) !== 0),
    [true, true, false, true, false],
  );
  t.equal(descriptors.read(hex('3d000220')) & SWITCHING_POINT, 0, 'indications of its own may say less');
  t.equal(descriptors.read(hex('7f0002')) & LAYER_END, LAYER_END);
  t.equal(descriptors.read(hex('3f0002')) & LAYER_END, 0);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60, size: 'max' }), (noise) => {
      const before = bytes.subarray(0, noise.length % bytes.length);
      return descriptors.read(Buffer.concat([before, noise])) < 0x4000 && descriptors.sizes.length <= 8;
    }),
    { numRuns: FUZZ_RUNS / 20 },
  );
}
