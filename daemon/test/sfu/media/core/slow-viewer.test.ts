/** A viewer whose path cannot carry the stream: whole pictures are left out, late ones never pile up. */
import t, { type Test } from 'tap';
import { PathQueue, SEND_ALL, SEND_NEEDED, SEND_NOTHING } from '../../../../sfu/media/core/path-queue.ts';
import { vp8TemporalLayer } from '../../../../sfu/media/core/vp8-continuity.ts';
import {
  frameNumber,
  framesOf,
  Publisher,
  Viewer,
  World,
  type Path,
  type PublisherOptions,
  type Received,
} from './loopback.ts';

t.test('the queue: bounded in time, in bytes, and by loss', (t) => {
  const queue = new PathQueue();
  t.equal(queue.level(undefined, 0), SEND_ALL, 'nothing is held back before the first feedback');
  const feed = (nowMs: number, delayMs: number): void => {
    for (let at = 0; at < 20; at += 1) queue.onArrived(nowMs - 50 + at, nowMs - 50 + at + 1000 + delayMs);
    queue.onFeedback(nowMs);
  };
  feed(1000, 20);
  t.equal(queue.level(undefined, 1000), SEND_ALL);
  feed(1100, 220);
  t.equal(queue.level(undefined, 1100), SEND_NEEDED);
  feed(1200, 620);
  t.equal(queue.level(undefined, 1200), SEND_NOTHING);
  t.equal(queue.isDrained(1200), false);
  t.equal(queue.queueMs(1350), 600);
  t.equal(queue.level(undefined, 1700), SEND_NEEDED, 'it empties while nothing is sent');
  t.equal(queue.isDrained(1800), true);
  // A longer route is no queue for ever.
  for (let nowMs = 2000; nowMs < 24_000; nowMs += 100) feed(nowMs, 520);
  t.equal(queue.level(undefined, 24_000), SEND_ALL);
  queue.onSent(600 * 1024);
  t.equal(queue.level(100_000, 24_000), SEND_NOTHING, 'too much on the way');
  t.equal(queue.level(20_000_000, 24_000), SEND_ALL, 'on a fast path it is little');
  queue.onSettled(600 * 1024);
  t.equal(queue.level(100_000, 24_000), SEND_ALL);
  for (let at = 0; at < 200; at += 1) queue.onMissing();
  feed(25_500, 520);
  t.equal(queue.level(undefined, 25_500), SEND_NOTHING, 'most of it is lost');
  t.equal(queue.level(undefined, 26_600), SEND_ALL);
  t.end();
});

type Codec = 'H264' | 'VP8';
type Shown = { numbers: number[]; broken: number };

/** What a decoder would show: whole frames that follow on a shown one, or key frames. */
function decodable(packets: Received[], codec: 'H264' | 'VP8', keyFrames: readonly number[]): Shown {
  const numbers: number[] = [];
  let broken = 0;
  let next = -1;
  for (const frame of framesOf(packets)) {
    const first = frame.packets[0]!.index;
    const isWhole =
      frame.packets.at(-1)!.marker && frame.packets.every((packet, at) => packet.index === first + at);
    const number = frame.packets
      .map((packet) => frameNumber(packet.payload, codec))
      .find((one) => one !== undefined);
    if (number === undefined) continue;
    if (!isWhole) {
      broken += 1;
      continue;
    }
    const isUpper = codec === 'VP8' && vp8TemporalLayer(frame.packets[0]!.payload) > 0;
    if (keyFrames.includes(number) || number === next || (codec === 'VP8' && number <= next + 1)) {
      numbers.push(number);
      if (!isUpper) next = number + 1;
    }
  }
  return { numbers, broken };
}

function setUp(t: Test, down: Path, options: PublisherOptions = {}) {
  const world = new World(12);
  const codec: Codec = options.codec === 'VP8' ? 'VP8' : 'H264';
  const publisher = new Publisher(world, { keyFrameEveryFrames: 60, ...options });
  publisher.start();
  world.run(500);
  const slow = new Viewer(world, { codec, feedback: true, down, up: { delayMs: 25, loss: 0 } });
  const other = new Viewer(world, { codec, feedback: true });
  for (const viewer of [slow, other]) {
    viewer.fractionLost = 0;
    viewer.downlink.setSource(publisher.source, world.nowMs);
  }
  const check = (): void => {
    const numbers = decodable(other.ordered, codec, publisher.keyFrames).numbers;
    const gaps = numbers.filter((number, at) => at > 0 && number !== numbers[at - 1]! + 1);
    t.same(gaps, [], 'the neighbour sees every picture');
    t.equal(other.downlink.stats().framesSpared, 0);
    t.equal(other.peer.path(world.nowMs).slowSinceMs, null);
  };
  return { world, publisher, slow, other, codec: codec, check };
}

// A path with hardly a queue loses most of a key frame: its repair takes the place of other pictures.
for (const [queueMs, least] of [
  [200, 1],
  [3000, 15],
] as const) {
  t.test(`800 kbit/s under 2.4 Mbit/s, a queue of ${queueMs} ms`, (t) => {
    const path: Path = { delayMs: 25, loss: 0, bitsPerSecond: 800_000, queueMs };
    const { world, publisher, slow, codec, check } = setUp(t, path);
    world.run(4000);
    const fromMs = world.nowMs;
    let worstMs = 0;
    // After ten seconds it would be held: see slow-tracks.test.ts.
    for (let step = 0; step < 60; step += 1) {
      world.run(100);
      worstMs = Math.max(worstMs, (path.freeAtMs ?? 0) - world.nowMs);
    }
    const late = slow.ordered.filter((one) => one.atMs >= fromMs);
    const { numbers, broken } = decodable(late, codec, publisher.keyFrames);
    t.ok(worstMs < 1500, `at most ${Math.round(worstMs)} ms in the queue`);
    t.ok(numbers.length >= least, `${numbers.length} pictures of 180 shown`);
    t.ok(broken <= numbers.length * 0.2 + 12, `${broken} came in pieces`);
    t.ok(numbers.some((number) => publisher.keyFrames.includes(number)));
    const stats = slow.downlink.stats();
    t.ok(stats.framesSpared > 100, `${stats.framesSpared} spared`);
    t.not(slow.peer.path(world.nowMs).slowSinceMs, null, 'called slow');
    check();
    const asked = publisher.source.stats(world.nowMs).plisSent;
    t.ok(asked < 7, `${asked} key frames asked for in 10 s`);

    delete path.bitsPerSecond;
    world.run(10_000);
    t.equal(slow.peer.path(world.nowMs).slowSinceMs, null, 'it follows again');
    const spared = slow.downlink.stats().framesSpared;
    world.run(4000);
    t.equal(slow.downlink.stats().framesSpared, spared);
    const last = decodable(slow.ordered.slice(-800), codec, publisher.keyFrames).numbers.at(-1)!;
    t.ok(publisher.frame - last < 6, 'live');
    t.end();
  });
}

t.test('upper temporal layers go first, and picture numbers close up', (t) => {
  const path: Path = { delayMs: 25, loss: 0, bitsPerSecond: 1_900_000, queueMs: 3000 };
  const { world, publisher, slow, codec, check } = setUp(t, path, {
    codec: 'VP8',
    stream: { pictureId: 32_700, packetsPerKeyFrame: 16 },
  });
  world.run(20_000);
  const stats = slow.downlink.stats();
  t.ok(stats.framesSpared > 30, `${stats.framesSpared} spared`);
  const { numbers } = decodable(slow.ordered, codec, publisher.keyFrames);
  t.ok(numbers.length > 350, `${numbers.length} of 600 shown`);
  const base = new Set(numbers.filter((number) => number % 2 === 0));
  t.ok(base.size > 240, `${base.size} of 300 of the base layer`);
  let last = -1;
  let jumps = 0;
  for (const frame of framesOf(slow.ordered)) {
    const id = frame.packets[0]!.payload.readUInt16BE(2) & 0x7fff;
    if (last !== -1 && id !== (last + 1) % 0x8000) jumps += 1;
    last = id;
  }
  t.equal(jumps, 0, 'no picture number is missing');
  check();
  t.end();
});

t.test('a source that sends key frames only on request is asked, rarely', (t) => {
  const path: Path = { delayMs: 25, loss: 0, bitsPerSecond: 800_000, queueMs: 1000 };
  const { world, publisher, slow, codec } = setUp(t, path, {
    keyFrameEveryFrames: 0,
    obeysPictureLoss: true,
  });
  world.run(10_000);
  const asked = publisher.source.stats(world.nowMs).plisSent;
  t.ok(asked >= 1 && asked <= 5, `asked ${asked} times in 10 s`);
  t.ok(decodable(slow.ordered, codec, publisher.keyFrames).numbers.length > 10);
  t.end();
});

t.test('nothing gets through for five seconds', (t) => {
  const path: Path = { delayMs: 25, loss: 0 };
  const { world, publisher, slow, codec, check } = setUp(t, path);
  world.run(3000);
  path.loss = 1;
  world.run(5000);
  const sent = slow.downlink.stats().packets;
  path.loss = 0;
  world.run(6000);
  t.ok(slow.downlink.stats().packets > sent);
  const last = decodable(slow.ordered.slice(-800), codec, publisher.keyFrames).numbers.at(-1)!;
  t.ok(publisher.frame - last < 6, 'live again');
  check();
  t.end();
});

t.test('random loss alone spares nobody anything', (t) => {
  for (const loss of [0.05, 0.3]) {
    const { world, slow } = setUp(t, { delayMs: 25, loss });
    world.run(15_000);
    t.equal(slow.downlink.stats().framesSpared, 0, `${loss * 100} %`);
  }
  t.end();
});
