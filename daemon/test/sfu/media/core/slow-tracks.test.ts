/** A viewer that stays behind: told after ten seconds, its track held, and given back when the path carries it. */
import t from 'tap';
import type { CorePeer } from '../../../../sfu/media/core/types.ts';
import { Publisher, Viewer, World, type Path, type ViewerOptions } from './loopback.ts';
import { SPS_360, SPS_720 } from './streams.ts';

const slowPath = (): Path => ({ delayMs: 25, loss: 0, bitsPerSecond: 500_000, queueMs: 2000 });

function setUp(down: Path, options: Partial<ViewerOptions> = {}) {
  const world = new World(21);
  const publisher = new Publisher(world, { keyFrameEveryFrames: 60 });
  publisher.start();
  world.run(500);
  const slow = new Viewer(world, { feedback: true, down, up: { delayMs: 25, loss: 0 }, ...options });
  const other = new Viewer(world, { feedback: true });
  for (const viewer of [slow, other]) {
    viewer.fractionLost = 0;
    viewer.downlink.setSource(publisher.source, world.nowMs);
  }
  return { world, publisher, slow, other };
}

t.test('told, held, probed, and given back', (t) => {
  const path = slowPath();
  const { world, publisher, slow, other } = setUp(path);
  world.run(8000);
  t.equal(world.held.length, 0, 'not before ten seconds');
  t.ok(slow.downlink.stats().framesSpared > 50);
  world.run(8000);
  t.equal(world.held.length, 1);
  const { downlink, held } = world.held[0]!;
  t.equal(downlink, slow.downlink);
  t.ok(held!.carriesBitsPerSecond! < 700_000, `carries ${held!.carriesBitsPerSecond}`);
  t.ok(held!.needsBitsPerSecond > 1_800_000, `needs ${held!.needsBitsPerSecond}`);
  t.equal(slow.downlink.stats().isHeld, true);
  const sent = slow.downlink.stats().packets;
  const asked = publisher.source.stats(world.nowMs).plisSent;
  let worstMs = 0;
  for (let step = 0; step < 280; step += 1) {
    world.run(100);
    worstMs = Math.max(worstMs, (path.freeAtMs ?? 0) - world.nowMs);
  }
  t.equal(slow.downlink.stats().packets, sent, 'nothing but probes for 28 s');
  t.ok(slow.downlink.stats().probePackets > 20, `${slow.downlink.stats().probePackets} probes`);
  t.ok(worstMs < 1000, `a probe queues ${Math.round(worstMs)} ms`);
  t.equal(publisher.source.stats(world.nowMs).plisSent, asked, 'the camera is left alone');
  t.equal(world.held.length, 1);
  t.equal(other.downlink.stats().framesSpared, 0, 'nobody else notices');

  delete path.bitsPerSecond;
  const fromMs = world.nowMs;
  world.run(45_000);
  t.equal(world.held.length, 2);
  t.equal(world.held[1]?.held, undefined);
  t.ok((world.held[1]?.atMs ?? Infinity) - fromMs < 42_000);
  t.equal(slow.downlink.stats().isHeld, false);
  const late = slow.ordered.filter((one) => one.atMs > world.nowMs - 1000);
  t.ok(late.length > 200, `${late.length} packets in the last second`);
  t.end();
});

t.test('a viewer that cannot be probed is tried with pictures, ever more rarely', (t) => {
  const { world, slow } = setUp(slowPath(), { rtx: false, asks: false, downlink: { nack: false } });
  world.run(90_000);
  const times = world.held.filter((one) => one.held === undefined).length;
  t.ok(times >= 1 && times <= 4, `tried ${times} times in 90 s`);
  t.equal(slow.downlink.stats().probePackets, 0);
  t.end();
});

t.test('what is spared now and then is not held', (t) => {
  const path: Path = { delayMs: 25, loss: 0, bitsPerSecond: 2_300_000, queueMs: 2000 };
  const { world, slow } = setUp(path);
  world.run(30_000);
  t.equal(world.held.length, 0);
  t.ok(slow.downlink.stats().framesSpared > 0);
  t.end();
});

t.test('the viewer decides anew: tried at once, and held again', (t) => {
  const { world, slow } = setUp(slowPath());
  world.run(16_000);
  t.equal(slow.downlink.stats().isHeld, true);
  const before = slow.packets.size;
  slow.downlink.setPaused(false, world.nowMs);
  world.run(2000);
  t.equal(world.held.length, 1, 'its own wish is not told to it');
  t.ok(slow.packets.size > before);
  world.run(16_000);
  t.equal(world.held.length, 2);
  slow.downlink.setPaused(true, world.nowMs);
  t.equal(slow.downlink.stats().isHeld, false);
  world.run(200);
  const paused = slow.downlink.stats();
  world.run(40_000);
  t.equal(slow.downlink.stats().packets, paused.packets, 'paused is paused: no probe, no retry');
  t.equal(slow.downlink.stats().probePackets, paused.probePackets);
  t.equal(world.held.length, 2);
  slow.downlink.setPaused(false, world.nowMs);
  world.run(16_000);
  t.equal(world.held.length, 3);
  slow.peer.close();
  world.run(1000);
  t.end();
});

t.test('several encodings: held only when the smallest does not fit either', (t) => {
  const world = new World(22);
  const publishers = [
    { packetsPerFrame: 2, packetsPerKeyFrame: 8, bytesPerPacket: 1000, sps: SPS_360 },
    { packetsPerFrame: 7, packetsPerKeyFrame: 30, bytesPerPacket: 1100, sps: SPS_720 },
  ].map(
    (stream, at) =>
      new Publisher(world, {
        trackId: `layer-${at}`,
        keyFrameEveryFrames: 0,
        obeysPictureLoss: true,
        stream,
      }),
  );
  for (const publisher of publishers) publisher.start();
  world.run(1000);
  const path: Path = { delayMs: 25, loss: 0, bitsPerSecond: 800_000, queueMs: 2000 };
  const viewer = new Viewer(world, { feedback: true, down: path });
  viewer.fractionLost = 0;
  viewer.downlink.setLayers(
    publishers.map((one) => one.source),
    world.nowMs,
  );
  world.run(40_000);
  t.equal(world.held.length, 0, 'the smaller one fits');
  path.bitsPerSecond = 150_000;
  world.run(30_000);
  t.equal(world.held.length, 1);
  const needs = world.held[0]!.held!.needsBitsPerSecond;
  t.ok(needs > 400_000 && needs < 700_000, `needs ${needs}: the smallest`);
  delete path.bitsPerSecond;
  world.run(60_000);
  t.equal(world.held.at(-1)?.held, undefined, 'given back');
  t.equal(viewer.downlink.stats().isHeld, false);
  t.end();
});

t.test('two tracks on one path: one is held, the other flows', (t) => {
  const world = new World(23);
  const big = new Publisher(world, { trackId: 'big', keyFrameEveryFrames: 60 });
  const small = new Publisher(world, {
    trackId: 'small',
    keyFrameEveryFrames: 60,
    stream: { packetsPerFrame: 2, packetsPerKeyFrame: 8, bytesPerPacket: 1000, sps: SPS_360 },
  });
  for (const one of [big, small]) one.start();
  world.run(1000);
  const path: Path = { delayMs: 25, loss: 0, bitsPerSecond: 900_000, queueMs: 2000 };
  const viewer = new Viewer(world, { feedback: true, down: path });
  viewer.fractionLost = 0;
  const options = { kind: 'video', payloadType: 102, rtxPayloadType: 103, mid: '4' } as const;
  const peer: CorePeer = viewer.peer;
  viewer.downlink.setSource(small.source, world.nowMs);
  const second = peer.addDownlink({
    ...options,
    ssrc: viewer.ssrc + 1000,
    rtxSsrc: viewer.ssrc + 1001,
    midExtensionId: 4,
    transportCcExtensionId: 3,
    cname: 'turnkeep-test',
    nack: true,
  });
  second.setSource(big.source, world.nowMs);
  world.run(30_000);
  t.equal(second.stats().isHeld, true, 'the one that takes most');
  t.equal(viewer.downlink.stats().isHeld, false);
  const spared = viewer.downlink.stats().framesSpared;
  world.run(10_000);
  t.ok(viewer.downlink.stats().framesSpared - spared < 60, 'the other flows');
  t.end();
});
