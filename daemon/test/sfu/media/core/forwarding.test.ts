/** A publisher, the core and viewers in fake time: joins, live, source changes, pauses, reports. */
import t, { type Test } from 'tap';
import {
  ELEMENT_ID,
  VIEWERS_ELEMENT_ID,
  frameNumber,
  framesOf,
  Publisher,
  START_MS,
  Viewer,
  World,
  type Received,
} from './loopback.ts';
import { PPS, SPS_360, SPS_720, stapA } from './streams.ts';

/** Continuous numbers, strictly increasing timestamps per frame, and frames in order without a hole. */
function checkStream(t: Test, packets: Received[], codec: 'H264' | 'VP8', name: string): number[] {
  const gaps = packets.filter((packet, at) => at > 0 && packet.index !== (packets[at - 1]?.index ?? 0) + 1);
  t.equal(gaps.length, 0, `${name}: numbers without gaps`);
  const frames = framesOf(packets);
  const backward = frames.filter(
    (frame, at) => at > 0 && ((frame.timestamp - (frames[at - 1]?.timestamp ?? 0)) | 0) <= 0,
  );
  t.equal(backward.length, 0, `${name}: timestamps grow`);
  const numbers: number[] = [];
  for (const frame of frames) {
    const own = new Set(frame.packets.map((packet) => frameNumber(packet.payload, codec)));
    own.delete(undefined);
    if (own.size > 1) t.fail(`${name}: two pictures in one access unit: ${[...own].join()}`);
    const [number] = own;
    if (number !== undefined) numbers.push(number);
    const marked = frame.packets.filter((packet) => packet.marker);
    if (marked.length > 1) t.fail(`${name}: ${marked.length} markers in one frame`);
  }
  return numbers;
}

for (const codec of ['H264', 'VP8'] as const) {
  for (const profile of ['AEAD_AES_128_GCM', 'AES_CM_128_HMAC_SHA1_80'] as const) {
    t.test(`${codec}, ${profile}: late join gets the whole group of pictures, then live`, (t) => {
      const world = new World();
      const publisher = new Publisher(world, { codec, profile, firstSequence: 65_100 });
      publisher.start();
      world.run(3000); // 1 s after the key frame of frame 60
      const viewer = new Viewer(world, { codec, profile });
      viewer.downlink.setSource(publisher.source, world.nowMs);
      const joinedMs = world.nowMs;
      world.run(200);
      t.equal(viewer.arrivals.filter((one) => one.atMs <= joinedMs + 10).length > 2, true, 'starts at once');
      world.run(5000);
      const packets = viewer.ordered;
      const numbers = checkStream(t, packets, codec, codec);
      t.equal(numbers[0], 60, 'from the key frame on');
      t.same(
        numbers,
        [...numbers.keys()].map((at) => 60 + at),
        'every frame once, in order',
      );
      t.ok(numbers.length > 170);
      t.equal(
        packets.every((packet) => packet.mid === '3'),
        true,
        'our MID, not the publisher’s',
      );
      t.equal(viewer.downlink.stats().bursts, 1);
      if (codec === 'H264') {
        const preamble = stapA(SPS_720, PPS);
        t.same(
          packets.slice(0, 2).map((packet) => packet.payload),
          [preamble, preamble],
          'parameter sets twice',
        );
        t.equal(packets[0]?.timestamp, packets[2]?.timestamp, 'in the access unit of the key frame');
        t.notOk(packets[0]?.marker);
      }
      // 31 frames at 5 times the rate: behind for about 250 ms, then each frame as it comes.
      const last = packets.at(-1)!;
      t.ok(world.nowMs - last.atMs < 50, 'live at the end');
      t.match(publisher.source.stats(world.nowMs), {
        keyFrames: 5,
        keyFrameIntervalMs: 2000,
        packetsLost: 0,
        width: codec === 'H264' ? 1280 : 640,
      });
      const stats = publisher.source.stats(world.nowMs);
      t.ok(Math.abs(stats.framesPerSecond - 30) < 1.5, `${stats.framesPerSecond} fps`);
      t.ok(Math.abs(stats.bitsPerSecond - 2_350_000) < 400_000, `${stats.bitsPerSecond} bit/s`);
      t.same(world.core.drops(), {});
      t.end();
    });
  }
}

t.test('the burst is paced: five times the bit rate, no more', (t) => {
  const world = new World();
  const publisher = new Publisher(world);
  publisher.start();
  world.run(3700); // 1.7 s old: 440 packets
  const viewer = new Viewer(world);
  const joinedMs = world.nowMs;
  viewer.downlink.setSource(publisher.source, joinedMs);
  world.run(1000);
  const bytes = (fromMs: number, toMs: number): number =>
    viewer.arrivals
      .filter((one) => one.atMs - 10 >= joinedMs + fromMs && one.atMs - 10 < joinedMs + toMs)
      .reduce((sum, one) => sum + one.payload.length + 90, 0);
  t.ok(bytes(0, 1) < 20_000, 'not all at once');
  const rate = (bytes(20, 220) * 8) / 0.2;
  t.ok(rate > 8_000_000 && rate < 16_000_000, `${rate} bit/s`);
  t.ok(bytes(600, 1000) * 20 < 3_600_000, 'then the rate of the stream');
  // The send clock: while behind, the timestamp is the time of sending.
  const [first, second] = [viewer.arrivals[2]!, viewer.arrivals[120]!];
  const step = (second.timestamp - first.timestamp) / 90;
  t.ok(Math.abs(step - (second.atMs - first.atMs)) < 25, `${step} ms in timestamps`);
  t.end();
});

t.test('a key frame that is due soon is awaited', (t) => {
  const world = new World();
  const publisher = new Publisher(world);
  publisher.start();
  world.run(5900); // the next key frame leaves at 6000
  const viewer = new Viewer(world);
  viewer.downlink.setSource(publisher.source, world.nowMs);
  world.run(500);
  t.equal(viewer.downlink.stats().bursts, 0);
  const numbers = checkStream(t, viewer.ordered, 'H264', 'awaited');
  t.equal(viewer.reports[0]?.arrivalsBefore, 0, 'a sender report goes in front here too');
  t.equal(numbers[0], 180);
  t.same(viewer.ordered[0]?.payload, stapA(SPS_720, PPS));

  publisher.stop();
  const late = new Viewer(world);
  world.run(1580);
  late.downlink.setSource(publisher.source, world.nowMs);
  world.run(400);
  t.equal(late.downlink.stats().bursts, 1, 'it does not come: burst after all');
  t.end();
});

t.test('a new key frame drops what is unsent', (t) => {
  const world = new World();
  const publisher = new Publisher(world, { obeysPictureLoss: true, keyFrameEveryFrames: 0 });
  publisher.start();
  world.run(3500);
  const viewer = new Viewer(world);
  viewer.downlink.setSource(publisher.source, world.nowMs);
  world.run(2000);
  const { plisSent } = publisher.source.stats(world.nowMs);
  t.equal(plisSent, 1, 'the join asked for a key frame');
  const numbers = checkStream(t, viewer.ordered, 'H264', 'jump');
  const jump = numbers.findIndex((number, at) => at > 0 && number !== (numbers[at - 1] ?? 0) + 1);
  t.equal(numbers[jump], publisher.keyFrames.at(-1), 'straight to the key frame');
  t.ok(viewer.downlink.stats().framesDropped > 50);
  t.end();
});

t.test('without a cache a viewer waits, and the sender is asked until it obeys', (t) => {
  const world = new World();
  const publisher = new Publisher(world, { keyFrameEveryFrames: 300 });
  publisher.start();
  world.run(6000);
  const viewer = new Viewer(world);
  viewer.downlink.setSource(publisher.source, world.nowMs);
  world.run(2100);
  t.equal(viewer.packets.size, 0, 'a group of more than 4 s is not kept');
  t.equal(publisher.source.stats(world.nowMs).plisSent, 5, 'once per 500 ms');
  world.run(3000);
  t.equal(checkStream(t, viewer.ordered, 'H264', 'waited')[0], 300);
  const asked = publisher.source.stats(world.nowMs).plisSent;
  world.run(2000);
  t.equal(publisher.source.stats(world.nowMs).plisSent, asked, 'no more once it came');
  t.end();
});

t.test('fifty viewers in a second cost one key frame request', (t) => {
  const world = new World();
  const publisher = new Publisher(world, { obeysPictureLoss: true, keyFrameEveryFrames: 0 });
  publisher.start();
  world.run(8000);
  const before = publisher.source.stats(world.nowMs).plisSent;
  const viewers: Viewer[] = [];
  for (let count = 0; count < 50; count += 1) {
    const viewer = new Viewer(world);
    viewer.downlink.setSource(publisher.source, world.nowMs);
    viewers.push(viewer);
    world.run(20);
  }
  world.run(500);
  t.equal(publisher.source.stats(world.nowMs).plisSent - before, 1);
  t.ok(viewers.every((viewer) => viewer.packets.size > 100));
  t.end();
});

t.test(
  'fifty viewers in a second, served from the cache of a camera that ignores requests: at most one',
  (t) => {
    // The storm begins at each age of the cached group of pictures; the last ones cross the next key frame.
    for (const ageMs of [0, 600, 1200, 1500, 1900]) {
      const world = new World();
      const publisher = new Publisher(world, { stream: { packetsPerKeyFrame: 4, packetsPerFrame: 1 } });
      publisher.start();
      world.run(6000 + ageMs);
      const viewers: Viewer[] = [];
      for (let count = 0; count < 50; count += 1) {
        const viewer = new Viewer(world);
        viewer.downlink.setSource(publisher.source, world.nowMs);
        viewers.push(viewer);
        world.run(20);
        // A decoder that has not seen its key frame yet complains.
        if (count % 10 === 0) viewer.sendPictureLoss();
      }
      world.run(500);
      t.ok(publisher.source.stats(world.nowMs).plisSent <= 1, `begun ${ageMs} ms after a key frame`);
      t.ok(viewers.every((viewer) => framesOf(viewer.ordered).length > 10));
    }
    t.end();
  },
);

t.test('source change: numbers and timeline go on', (t) => {
  const world = new World();
  const first = new Publisher(world, { trackId: 'a', firstTimestamp: 4_294_900_000 });
  const second = new Publisher(world, { trackId: 'b', firstTimestamp: 77, firstSequence: 40_000 });
  first.start();
  world.run(400);
  second.start();
  world.run(2600);
  const viewer = new Viewer(world);
  viewer.downlink.setSource(first.source, world.nowMs);
  world.run(1000);
  viewer.downlink.setSource(second.source, world.nowMs);
  world.run(1500);
  second.source.close();
  world.run(700);
  const quiet = viewer.packets.size;
  world.run(300);
  t.equal(viewer.packets.size, quiet, 'nothing comes from a closed source');
  viewer.downlink.setSource(first.source, world.nowMs);
  world.run(1500);
  const packets = viewer.ordered;
  checkStream(t, packets, 'H264', 'both');
  // The line of timestamps follows the wall clock over both changes (caught up at the ends).
  const [early, late] = [packets.filter((one) => one.atMs < START_MS + 4000).at(-1)!, packets.at(-1)!];
  const drift = ((late.timestamp - early.timestamp) | 0) / 90 - (late.atMs - early.atMs);
  t.ok(Math.abs(drift) < 40, `${drift} ms`);
  t.equal(viewer.downlink.stats().bursts, 3);
  viewer.downlink.setSource(undefined, world.nowMs);
  world.run(100);
  const stopped = viewer.packets.size;
  world.run(500);
  t.equal(viewer.packets.size, stopped);
  t.end();
});

t.test('an encoder that restarts with other timestamps', (t) => {
  const world = new World();
  const publisher = new Publisher(world, { keyFrameEveryFrames: 30 });
  const viewer = new Viewer(world);
  viewer.downlink.setSource(publisher.source, world.nowMs);
  publisher.start();
  world.run(2000);
  publisher.jumpTimestamp(0x7000_0000);
  world.run(3000);
  const packets = viewer.ordered;
  checkStream(t, packets, 'H264', 'jump');
  const [first, last] = [packets[10]!, packets.at(-1)!];
  const drift = ((last.timestamp - first.timestamp) | 0) / 90 - (last.atMs - first.atMs);
  t.ok(Math.abs(drift) < 40, `${drift} ms`);
  t.end();
});

t.test('pause and resume', (t) => {
  const world = new World();
  const publisher = new Publisher(world);
  publisher.start();
  const viewer = new Viewer(world);
  viewer.downlink.setPaused(true, world.nowMs);
  viewer.downlink.setSource(publisher.source, world.nowMs);
  world.run(1000);
  t.equal(viewer.packets.size, 0);
  viewer.downlink.setPaused(false, world.nowMs);
  world.run(2200);
  viewer.downlink.setPaused(true, world.nowMs);
  world.run(100);
  const paused = viewer.packets.size;
  world.run(1200);
  t.equal(viewer.packets.size, paused);
  viewer.downlink.setPaused(false, world.nowMs);
  world.run(1000);
  const numbers = checkStream(t, viewer.ordered, 'H264', 'resumed');
  t.ok(numbers.length > 100);
  t.equal(viewer.downlink.stats().bursts, 2);
  t.end();
});

t.test('sender reports lie on the line of the timestamps, also during the burst', (t) => {
  const world = new World();
  const publisher = new Publisher(world, { firstTimestamp: 4_294_000_000 });
  publisher.start();
  world.run(3700);
  const viewer = new Viewer(world);
  viewer.downlink.setSource(publisher.source, world.nowMs);
  world.run(8000);
  t.equal(viewer.reports[0]?.arrivalsBefore, 0, 'one just before the burst');
  t.ok(viewer.reports.length >= 8 && viewer.reports.length <= 20, `${viewer.reports.length} in 8 s`);
  for (const report of viewer.reports) t.ok(Math.abs(report.ntpMs - (report.atMs - 10)) < 1, 'NTP is now');
  const [base] = viewer.reports;
  for (const report of viewer.reports) {
    const error = ((report.rtpTimestamp - base!.rtpTimestamp) | 0) / 90 - (report.ntpMs - base!.ntpMs);
    t.ok(Math.abs(error) < 6, `report off by ${error} ms`);
  }
  // Where the reports say a frame belongs is when it left us, in burst and live.
  for (const frame of framesOf(viewer.ordered)) {
    const saidMs = base!.ntpMs + ((frame.timestamp - base!.rtpTimestamp) | 0) / 90;
    const leftMs = frame.packets[0]!.atMs - 10;
    if (Math.abs(saidMs - leftMs) > 60) t.fail(`frame off by ${saidMs - leftMs} ms`);
  }
  const stats = viewer.downlink.stats();
  t.equal(stats.fractionLost, 0.125);
  t.ok(Math.abs(stats.roundTripMs! - 20) < 2, `round trip ${stats.roundTripMs} ms`);
  t.end();
});

t.test('audio is live from the first packet and keeps its gaps', (t) => {
  const world = new World(4);
  const publisher = new Publisher(world, {
    codec: 'opus',
    framesPerSecond: 50,
    up: { delayMs: 10, loss: 0.1 },
  });
  publisher.start();
  world.run(3000);
  const viewer = new Viewer(world, { codec: 'opus' });
  viewer.downlink.setSource(publisher.source, world.nowMs);
  world.run(4000);
  const packets = viewer.ordered;
  const steps = new Set(
    packets
      .slice(1)
      .map((one, at) => (one.timestamp - packets[at]!.timestamp) / (one.index - packets[at]!.index)),
  );
  t.same([...steps], [960], 'a lost packet is a gap in both counts');
  t.ok(viewer.missing.length > 5 && packets.length > 150);
  t.equal(viewer.reports[0]?.arrivalsBefore, 0);
  viewer.downlink.setPaused(true, world.nowMs);
  world.run(2000);
  viewer.downlink.setPaused(false, world.nowMs);
  const missing = viewer.missing.length;
  world.run(1000);
  t.ok(viewer.missing.length - missing < 15, 'a pause is no loss');
  const after = viewer.ordered;
  t.ok(after.every((one, at) => at === 0 || ((one.timestamp - after[at - 1]!.timestamp) | 0) > 0));
  t.same(publisher.source.stats(world.nowMs).nacksSent, 0);
  t.end();
});

t.test('other parameter sets in mid-stream start a new cache', (t) => {
  const world = new World();
  const publisher = new Publisher(world);
  publisher.start();
  world.run(3000);
  publisher.stream = { ...publisher.stream, sps: SPS_360 };
  world.run(1100); // key frame of frame 120
  t.match(publisher.source.stats(world.nowMs), { width: 640, height: 360, profileLevelId: '4d401e' });
  t.same(world.parameters, ['track', 'track']);
  const viewer = new Viewer(world);
  viewer.downlink.setSource(publisher.source, world.nowMs);
  world.run(500);
  t.same(viewer.ordered[0]?.payload, stapA(SPS_360, PPS));
  t.equal(checkStream(t, viewer.ordered, 'H264', 'new cache')[0], 120);
  t.end();
});

t.test('other parameter sets without a key frame: what is cached is void', (t) => {
  const world = new World();
  const publisher = new Publisher(world);
  publisher.start();
  world.run(2500);
  publisher.sendPayload(SPS_360);
  world.run(100);
  const viewer = new Viewer(world);
  viewer.downlink.setSource(publisher.source, world.nowMs);
  world.run(500);
  t.equal(viewer.packets.size, 0, 'pictures of the old size are not sent with the new parameters');
  world.run(1500);
  t.equal(checkStream(t, viewer.ordered, 'H264', 'after')[0], 120);
  t.end();
});

t.test('stall and return', (t) => {
  const world = new World();
  const publisher = new Publisher(world, { obeysPictureLoss: true, keyFrameEveryFrames: 0 });
  const viewer = new Viewer(world);
  viewer.downlink.setSource(publisher.source, world.nowMs);
  publisher.start();
  world.run(1000);
  t.same(world.flowing, ['track']);
  publisher.stop();
  world.run(2500);
  t.same(world.stalled, []);
  world.run(1000);
  t.same(world.stalled, ['track']);
  const late = new Viewer(world);
  late.downlink.setSource(publisher.source, world.nowMs);
  world.run(500);
  t.equal(late.packets.size, 0, 'no old picture is shown as live');
  publisher.jumpTimestamp(90 * 4000);
  publisher.start();
  world.run(1000);
  t.same(world.flowing, ['track', 'track']);
  t.ok(late.packets.size > 100);
  checkStream(t, viewer.ordered, 'H264', 'viewer');
  checkStream(t, late.ordered, 'H264', 'late viewer');
  t.end();
});

t.test('a sender that changes its SSRC is followed by MID', (t) => {
  const world = new World();
  const publisher = new Publisher(world, { announced: false });
  const viewer = new Viewer(world);
  viewer.downlink.setSource(publisher.source, world.nowMs);
  publisher.start();
  world.run(2500);
  t.equal(publisher.source.stats(world.nowMs).ssrc, publisher.ssrc);
  publisher.stop();
  world.run(100);
  const own = publisher as { ssrc: number };
  own.ssrc += 50;
  publisher.index = 5;
  publisher.jumpTimestamp(0x4000_0000);
  publisher.start();
  world.run(3000);
  t.equal(publisher.source.stats(world.nowMs).ssrc, publisher.ssrc);
  const numbers = checkStream(t, viewer.ordered, 'H264', 'followed');
  t.ok(numbers.at(-1)! > 150);
  t.end();
});

t.test('publishers get reports and transport-wide feedback', (t) => {
  const world = new World();
  const publisher = new Publisher(world);
  publisher.start();
  world.run(5000);
  const reports = publisher.rtcp.filter((one) => one.type === 'rr');
  t.ok(reports.length >= 5 && reports.length <= 10);
  const [block] = reports.at(-1)!.reports;
  t.match(block, { ssrc: publisher.ssrc, fractionLost: 0, packetsLost: 0 });
  t.ok(publisher.feedback.length > 80, 'every 50 ms');
  const covered = publisher.feedback.reduce((sum, one) => sum + one.readUInt16BE(14), 0);
  t.ok(publisher.transportNumber - 65_000 - covered < 40, 'every packet');
  world.run(10);
  publisher.stop();
  const count = publisher.rtcp.length;
  world.run(20_000);
  t.ok(publisher.rtcp.length - count < 12, 'a silent publisher is left alone');
  t.end();
});

t.test('a camera that restarts: other SSRC, other level and size, its clock and numbers anew', (t) => {
  const world = new World(31);
  const publisher = new Publisher(world, { announced: false });
  const viewer = new Viewer(world, { feedback: true });
  viewer.downlink.setSource(publisher.source, world.nowMs);
  publisher.start();
  world.run(3000);
  t.match(publisher.source.stats(world.nowMs), { width: 1280, profileLevelId: '42c01f', hasBFrames: false });
  publisher.stop();
  world.run(1500);
  const before = viewer.ordered.at(-1)!;
  const own = publisher as { ssrc: number };
  own.ssrc += 50;
  publisher.index = 60_000;
  publisher.stream = { ...publisher.stream, sps: SPS_360 };
  publisher.jumpTimestamp(0x5000_0000);
  const firstFrame = Math.ceil(publisher.frame / 60) * 60;
  publisher.frame = firstFrame;
  publisher.start();
  world.run(3000);
  t.match(publisher.source.stats(world.nowMs), {
    ssrc: publisher.ssrc,
    width: 640,
    height: 360,
    profileLevelId: '4d401e',
  });
  const after = viewer.ordered.filter((one) => one.index > before.index);
  t.equal(after[0]!.index, before.index + 1, 'the viewer’s numbers go on');
  t.ok(
    after.slice(0, 2).some((one) => one.payload.includes(SPS_360)),
    'the new parameter sets come first',
  );
  const numbers = checkStream(t, after, 'H264', 'restarted');
  t.equal(numbers[0], firstFrame, 'from its first key frame on');
  t.ok(world.nowMs - after.at(-1)!.atMs < 60, 'live');
  const gapMs = ((after[0]!.timestamp - before.timestamp) | 0) / 90;
  t.ok(Math.abs(gapMs - (after[0]!.atMs - before.atMs)) < 60, `${gapMs} ms on the timeline`);
  t.end();
});

for (const rtx of [true, false]) {
  t.test(
    `a header element is handed on by the viewer's id, ${rtx ? 'with RTX' : 'repeated as it was'}`,
    (t) => {
      const world = new World(3);
      // As long as the structure of a dependency descriptor with each 30th frame, short with the others.
      const elementOf = ({ timestamp }: { timestamp: number }): Buffer => {
        const bytes = Buffer.alloc((timestamp / 3000) % 30 < 1 ? 90 : 3, timestamp & 0xff);
        bytes.writeUInt16BE((timestamp / 3000) & 0xffff, 0);
        return bytes;
      };
      const publisher = new Publisher(world, {
        ...{ codec: 'VP8', rtx, firstTimestamp: 0, element: elementOf },
        up: { delayMs: 20, loss: 0.03 },
        source: { dependencyDescriptorExtensionId: ELEMENT_ID },
      });
      publisher.start();
      world.run(1500);
      const down = { delayMs: 20, loss: 0.05 };
      const options = { codec: 'VP8', rtx, feedback: rtx, down } as const;
      const viewer = new Viewer(world, { ...options, downlink: { elementExtensionId: VIEWERS_ELEMENT_ID } });
      const plain = new Viewer(world, options);
      for (const one of [viewer, plain]) one.downlink.setSource(publisher.source, world.nowMs);
      world.run(6000);
      const frames = framesOf(viewer.ordered.slice(0, -100));
      t.ok(frames.length > 150);
      t.ok(viewer.arrivals.some((one) => one.isRetransmission) || !rtx);
      const first = viewer.ordered[0]!.element!.readUInt16BE(0);
      const wrong = frames.filter(({ packets }, at) =>
        packets.some(({ element }) => !element?.equals(elementOf({ timestamp: (first + at) * 3000 }))),
      );
      t.equal(wrong.length, 0, 'each packet has that of its frame, the cached and the repeated ones too');
      t.equal(
        plain.arrivals.every(({ element }) => element === undefined),
        true,
        'who did not take it does not get it',
      );
      t.end();
    },
  );
}
