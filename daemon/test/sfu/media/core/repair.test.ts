/** Loss on both legs, across the sequence wrap: NACK, RTX, re-joins, and the limits of all of them. */
import t from 'tap';
import { MAX_REQUESTS_PER_PACKET } from '../../../../sfu/media/core/receive-window.ts';
import { writeNack } from '../../../../sfu/media/core/rtcp-packet.ts';
import { frameNumber, framesOf, Publisher, Viewer, World, type Received } from './loopback.ts';
import { PPS, SPS_720, stapA } from './streams.ts';

/** Frames that came with all their packets (the marker ends one). */
function wholeFrames(packets: Received[]): number[] {
  const numbers: number[] = [];
  for (const frame of framesOf(packets)) {
    const first = frame.packets[0]!.index;
    const isWhole =
      frame.packets.every((packet, at) => packet.index === first + at) && frame.packets.at(-1)!.marker;
    const number = frame.packets
      .map((packet) => frameNumber(packet.payload, 'H264'))
      .find((one) => one !== undefined);
    if (isWhole && number !== undefined) numbers.push(number);
  }
  return numbers;
}

for (const loss of [0.05, 0.3]) {
  for (const rtx of [true, false]) {
    t.test(`${loss * 100} % loss from the publisher, ${rtx ? 'RTX' : 'same SSRC'}`, (t) => {
      const world = new World(21);
      const path = { delayMs: 25, loss };
      const publisher = new Publisher(world, {
        up: path,
        down: path,
        rtx,
        firstSequence: 64_000,
        obeysPictureLoss: true,
      });
      const viewer = new Viewer(world, { rtx });
      viewer.downlink.setSource(publisher.source, world.nowMs);
      publisher.start();
      world.run(20_000);
      t.ok(publisher.index > 65_536 + 1000, 'over the wrap');
      const packets = viewer.ordered;
      t.same(viewer.missing, [], 'the viewer sees no gap');
      const gaps = packets.filter((packet, at) => at > 0 && packet.index !== packets[at - 1]!.index + 1);
      t.equal(gaps.length, 0);
      const numbers = wholeFrames(packets);
      // A step over frames leads to a key frame, never into the middle of a group; only the frame that was
      // under way when a packet was given up stays without its end, and a key frame follows it.
      for (const [at, number] of numbers.entries()) {
        if (at > 0 && number !== numbers[at - 1]! + 1)
          t.ok(publisher.keyFrames.includes(number), `jump to ${number}`);
      }
      const frames = framesOf(packets);
      for (const [at, frame] of frames.slice(0, -1).entries()) {
        const next = frames[at + 1]!.packets[0]!.payload;
        if (!frame.packets.at(-1)!.marker)
          t.same(next, stapA(SPS_720, PPS), 'a key frame after a broken one');
      }
      const stats = publisher.source.stats(world.nowMs);
      t.ok(numbers.length > (loss < 0.1 ? 590 : 440), `${numbers.length} of ${publisher.frame} frames`);
      t.ok(
        stats.packetsRecovered > stats.packetsLost * 10,
        `${stats.packetsRecovered} recovered, ${stats.packetsLost} lost`,
      );
      const ideal = stats.packetsRecovered / (1 - loss) ** 2;
      t.ok(stats.nacksSent < ideal * 1.6 + 50, `${stats.nacksSent} requests, ${Math.round(ideal)} needed`);
      t.end();
    });

    t.test(`${loss * 100} % loss to the viewer, ${rtx ? 'RTX' : 'same SSRC'}`, (t) => {
      const world = new World(22);
      const path = { delayMs: 25, loss };
      const publisher = new Publisher(world, { obeysPictureLoss: true });
      publisher.start();
      world.run(3000);
      // The viewer's numbers start below 2^15: enough of them to pass 2^16 are sent without loss first.
      const viewer = new Viewer(world, { rtx, up: path, down: path });
      viewer.downlink.setSource(publisher.source, world.nowMs);
      world.run(15_000);
      const settled = viewer.ordered.filter((one) => one.atMs < world.nowMs - 2000);
      const span = settled.at(-1)!.index - settled[0]!.index + 1;
      const share = 1 - settled.length / span;
      t.ok(share < loss * 0.05, `${(share * 100).toFixed(2)} % missing in the end`);
      const stats = viewer.downlink.stats();
      const lost = span * loss;
      t.ok(stats.retransmitted > lost * 0.95, `${stats.retransmitted} resent for ${Math.round(lost)} lost`);
      t.ok(stats.retransmitted < (lost / (1 - loss)) * 1.5 + 50, 'and not much more');
      t.ok(wholeFrames(viewer.ordered).length > 400);
      t.end();
    });
  }
}

for (const loss of [0.05, 0.3]) {
  t.test(`the viewer’s numbers wrap under ${loss * 100} % loss`, (t) => {
    const world = new World(23);
    const publisher = new Publisher(world, {
      stream: { bytesPerPacket: 60, packetsPerFrame: 60 },
      framesPerSecond: 30,
    });
    publisher.start();
    world.run(500);
    const path = { delayMs: 10, loss };
    const viewer = new Viewer(world, { up: path, down: path });
    viewer.downlink.setSource(publisher.source, world.nowMs);
    world.run(40_000);
    const packets = viewer.ordered;
    t.ok(
      packets[0]!.index < 32_768 && packets.at(-1)!.index > 66_000,
      `${packets[0]!.index} to ${packets.at(-1)!.index}`,
    );
    const wrapped = viewer.missing.filter((index) => index > 64_000 && index < packets.at(-1)!.index - 3000);
    t.ok(wrapped.length < (loss < 0.1 ? 5 : 60), `${wrapped.length} missing round the wrap`);
    t.end();
  });
}

t.test('a first packet that is lost does not cost the picture', (t) => {
  const world = new World();
  const publisher = new Publisher(world);
  publisher.start();
  world.run(3000);
  let count = 0;
  const path = {
    delayMs: 10,
    /** The sender report passes, the first RTP packet is lost. */
    get loss() {
      count += 1;
      return count === 2 ? 1 : 0;
    },
  };
  const viewer = new Viewer(world, { down: path });
  viewer.downlink.setSource(publisher.source, world.nowMs);
  world.run(400);
  const packets = viewer.ordered;
  t.same(packets[0]?.payload, stapA(SPS_720, PPS), 'the second copy of the parameter sets leads');
  t.not((packets[1]?.payload.readUInt8(0) ?? 0) & 0x1f, 24, 'only one copy came');
  t.equal(wholeFrames(packets)[0], 60);
  t.equal(viewer.downlink.stats().nacksReceived, 0, 'nobody asks for the first packet');
  t.end();
});

t.test('an unanswerable NACK is answered by a re-join, once per 500 ms', (t) => {
  const world = new World();
  const publisher = new Publisher(world);
  publisher.start();
  const path = { delayMs: 10, loss: 0 };
  const viewer = new Viewer(world, { asks: false, down: path });
  viewer.downlink.setSource(publisher.source, world.nowMs);
  world.run(2800);
  const holeFrom = viewer.ordered.at(-1)!.index + 1;
  path.loss = 1;
  world.run(300);
  path.loss = 0;
  world.run(3000);
  // Behind the ring now: asked for too late.
  const bursts = viewer.downlink.stats().bursts;
  const keep = viewer.ordered.length;
  viewer.sendRtcp(writeNack(1, viewer.ssrc, [holeFrom & 0xffff]));
  world.run(100);
  t.equal(viewer.downlink.stats().nacksUnanswerable, 1);
  t.equal(viewer.downlink.stats().bursts, bursts, 'older than the last key frame: of no use to the viewer');
  t.ok(viewer.ordered.length > keep);

  // A long group of pictures: the packet is gone from the ring and still needed.
  const slow = new Publisher(world, { keyFrameEveryFrames: 110 });
  slow.start();
  const other = new Viewer(world, { asks: false });
  other.downlink.setSource(slow.source, world.nowMs);
  world.run(110 * 34 + 3200);
  const needed = framesOf(other.ordered)
    .filter((frame) => frame.packets.length > 20)
    .at(-1)!;
  const number = needed.packets[5]!.index & 0xffff;
  const first = other.downlink.stats().bursts;
  for (let turn = 0; turn < 5; turn += 1) {
    other.sendRtcp(writeNack(1, other.ssrc, [number]));
    world.run(50);
  }
  t.equal(other.downlink.stats().bursts - first, 1);
  const asked = other.downlink.stats().nacksUnanswerable;
  t.ok(asked >= 1);
  world.run(2000);
  const frames = framesOf(other.ordered);
  t.ok(frames.every((frame, at) => at === 0 || ((frame.timestamp - frames[at - 1]!.timestamp) | 0) > 0));
  t.end();
});

t.test('PLI and FIR: a re-join, at most once per 500 ms', (t) => {
  const world = new World();
  const publisher = new Publisher(world);
  publisher.start();
  const viewer = new Viewer(world);
  world.run(500);
  viewer.downlink.setSource(publisher.source, world.nowMs);
  world.run(2600);
  t.equal(viewer.downlink.stats().bursts, 1);
  for (let turn = 0; turn < 8; turn += 1) {
    viewer.sendPictureLoss();
    world.run(100);
  }
  t.equal(viewer.downlink.stats().plisReceived, 8);
  t.equal(viewer.downlink.stats().bursts, 3);
  const fir = Buffer.from('84ce0004000000010000000000000000' + '01000000', 'hex');
  fir.writeUInt32BE(viewer.ssrc, 12);
  world.run(1600);
  viewer.sendRtcp(fir);
  world.run(200);
  t.equal(viewer.downlink.stats().bursts, 4);
  const frames = framesOf(viewer.ordered);
  t.ok(frames.every((frame, at) => at === 0 || ((frame.timestamp - frames[at - 1]!.timestamp) | 0) > 0));
  t.same(viewer.missing, []);
  t.end();
});

t.test('a path too narrow for the burst: stop and wait for the key frame', (t) => {
  const world = new World(8);
  const publisher = new Publisher(world);
  publisher.start();
  world.run(3300);
  const path = { delayMs: 10, loss: 0.6 };
  const viewer = new Viewer(world, { down: path });
  viewer.downlink.setSource(publisher.source, world.nowMs);
  world.run(250);
  const sent = viewer.downlink.stats().packets;
  world.run(250);
  t.equal(viewer.downlink.stats().packets, sent, 'nothing more of the burst');
  t.ok(viewer.downlink.stats().framesDropped > 10);
  path.loss = 0;
  world.run(1500);
  t.equal(
    frameNumber(framesOf(viewer.ordered).at(-1)!.packets[0]!.payload, 'H264')! >= 120,
    true,
    'live again',
  );
  t.equal(viewer.downlink.stats().bursts, 1);
  t.end();
});

t.test('the first request is answered, also by a viewer whose reports tell the round trip too long', (t) => {
  const world = new World();
  const publisher = new Publisher(world);
  publisher.start();
  const down = { delayMs: 60, loss: 0 };
  const viewer = new Viewer(world, { down, up: { delayMs: 60, loss: 0 }, asks: false });
  viewer.downlink.setSource(publisher.source, world.nowMs);
  world.run(4000);
  t.ok((viewer.downlink.stats().roundTripMs ?? 0) > 100, 'reports tell more than a tenth of a second');
  down.delayMs = 5;
  world.run(200);
  const { index } = viewer.ordered.at(-1)!;
  const before = viewer.downlink.stats().retransmitted;
  viewer.peer.receive(viewer.sender.protectRtcp(writeNack(1, viewer.ssrc, [index & 0xffff]))!, world.nowMs);
  t.equal(viewer.downlink.stats().retransmitted, before + 1, 'sent again at once');
  viewer.peer.receive(viewer.sender.protectRtcp(writeNack(1, viewer.ssrc, [index & 0xffff]))!, world.nowMs);
  t.equal(viewer.downlink.stats().retransmitted, before + 1, 'a second request has crossed the answer');
  t.end();
});

t.test('retransmissions are bounded per packet and per round trip', (t) => {
  const world = new World();
  const publisher = new Publisher(world, { stream: { packetsPerFrame: 60 } });
  publisher.start();
  const viewer = new Viewer(world, { asks: false });
  viewer.downlink.setSource(publisher.source, world.nowMs);
  world.run(2900);
  const indexes = viewer.ordered.slice(-1000).map((one) => one.index & 0xffff);
  const ask = (): void => {
    for (let at = 0; at < indexes.length; at += 200) {
      viewer.sendRtcp(writeNack(1, viewer.ssrc, indexes.slice(at, at + 200)));
    }
  };
  const before = viewer.downlink.stats().retransmitted;
  ask();
  world.run(15);
  const burst = viewer.downlink.stats().retransmitted - before;
  t.ok(burst > 30 && burst < 80, `${burst} of 1000 in one round trip`);
  const one = [indexes[900]!];
  for (let turn = 0; turn < 40; turn += 1) {
    viewer.sendRtcp(writeNack(1, viewer.ssrc, one));
    world.run(25);
  }
  const copies = viewer.arrivals.filter((packet) => (packet.index & 0xffff) === one[0]).length;
  t.ok(copies >= 2 && copies <= 12, `${copies} copies of one packet`);
  t.end();
});

t.test('a publisher that never answers is not asked for ever', (t) => {
  const world = new World(9);
  const path = { delayMs: 10, loss: 0 };
  const publisher = new Publisher(world, {
    up: path,
    down: { delayMs: 10, loss: 1 },
    keyFrameEveryFrames: 60,
  });
  const viewer = new Viewer(world);
  viewer.downlink.setSource(publisher.source, world.nowMs);
  publisher.start();
  world.run(1000);
  path.loss = 0.5;
  world.run(40);
  path.loss = 0;
  world.run(4000);
  const stats = publisher.source.stats(world.nowMs);
  t.ok(stats.packetsLost > 2);
  t.ok(stats.nacksSent <= stats.packetsLost * MAX_REQUESTS_PER_PACKET);
  t.same(viewer.missing, []);
  const frames = framesOf(viewer.ordered);
  const numbers = wholeFrames(viewer.ordered);
  t.equal(frames.length - numbers.length <= 2, true, 'broken frames end at the hole');
  t.ok(world.core.drops()['awaiting-key-frame']! > 100);
  const late = new Viewer(world);
  late.downlink.setSource(publisher.source, world.nowMs);
  world.run(100);
  t.ok(late.packets.size > 0, 'the cache is good again');
  t.end();
});

t.test('a retransmission of what had come counts as nothing', (t) => {
  const world = new World();
  const publisher = new Publisher(world);
  const viewer = new Viewer(world);
  viewer.downlink.setSource(publisher.source, world.nowMs);
  publisher.start();
  world.run(1000);
  publisher.stop();
  world.run(100);
  const before = publisher.source.stats(world.nowMs);
  const sent = viewer.downlink.stats().packets;
  for (let back = 1; back <= 20; back += 1) publisher.resend((publisher.index - back) & 0xffff);
  world.run(100);
  const after = publisher.source.stats(world.nowMs);
  t.equal(after.packets, before.packets);
  t.equal(after.packetsLost, 0);
  t.equal(world.core.drops()['duplicate'], 20);
  t.equal(viewer.downlink.stats().packets, sent);
  t.end();
});
