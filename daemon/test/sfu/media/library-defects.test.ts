/**
 * Nine defects that werift 0.25.2 has as a media engine, each held against what this SFU does in its place. Where the
 * library still works for us (ICE, DTLS) the check goes through our transport; where its media path is replaced, through
 * the media core.
 */
import t from 'tap';
import { RTCIceGatherer } from 'werift';
import { systemClock } from '../../../kit/clock.ts';
import { ntpTime } from '../../../sfu/media/core/ntp-time.ts';
import { ReceiveWindow, type Sequenced } from '../../../sfu/media/core/receive-window.ts';
import { SENT_HISTORY_PACKETS, SentHistory } from '../../../sfu/media/core/sent-history.ts';
import {
  emptyFeedbackReport,
  readTransportFeedback,
} from '../../../sfu/media/core/transport-feedback-reader.ts';
import { TransportFeedback } from '../../../sfu/media/core/transport-feedback.ts';
import type { SrtpKeys } from '../../../sfu/media/core/types.ts';
import { MemoryPort } from '../../../sfu/media/memory-port.ts';
import type { SecureTransport } from '../../../sfu/media/secure-transport.ts';
import { readBinding } from '../../../sfu/media/stun-binding.ts';
import { WeriftTransportFactory } from '../../../sfu/media/werift-transport.ts';
import { CoreBench } from '../../../../scripts/fuzz/parsers/core-bench.ts';
import { sourceOf } from '../../../../scripts/fuzz/parsers/rtp-target.ts';
import { silentLog } from '../../helpers/silent-log.ts';
import { bindingRequest } from '../../helpers/sfu-stun.ts';
import { Publisher, Viewer, World } from './core/loopback.ts';
import { vp8Frame } from './core/streams.ts';

t.setTimeout(90_000);
const ADDRESS = '127.0.0.1';
const PACKET = Buffer.from('8060000100000001000000010a', 'hex');

type Side = {
  transport: SecureTransport;
  port: MemoryPort;
  keys: Promise<SrtpKeys>;
  media: Buffer[];
  /** Binding requests that it sent, by transaction, and those of them that were answered. */
  asked: Map<string, string>;
  answered: Set<string>;
};

/** Two of our transports, joined by a cable; what they send is looked at. */
async function link(): Promise<[Side, Side]> {
  const ports = MemoryPort.pair();
  const sides: Side[] = [];
  for (const [index, port] of ports.entries()) {
    const factory = await WeriftTransportFactory.open({ mux: port, clock: systemClock, log: silentLog });
    const keys = Promise.withResolvers<SrtpKeys>();
    const media: Buffer[] = [];
    const transport = await factory.create({
      controlling: index === 0,
      dtlsRole: index === 0 ? 'server' : 'client',
      events: {
        connected: keys.resolve,
        media: (datagram) => media.push(Buffer.from(datagram)),
        closed: (reason) => {
          keys.reject(new Error(reason));
        },
      },
    });
    sides.push({ transport, port, keys: keys.promise, media, asked: new Map(), answered: new Set() });
  }
  const [one, other] = sides as [Side, Side];
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    const send = from.port.send.bind(from.port);
    from.port.send = (datagram) => {
      const message = readBinding(datagram);
      if (message?.class === 'request') from.asked.set(message.transactionId, message.username);
      const username = message?.class === 'success' ? to.asked.get(message.transactionId) : undefined;
      if (username !== undefined) to.answered.add(username);
      send(datagram);
    };
  }
  return [one, other];
}

function introduce(to: Side, from: Side): void {
  const { ufrag, password, fingerprint, candidates } = from.transport.local;
  to.transport.setRemote({ ufrag, password, fingerprints: [fingerprint] });
  for (const candidate of candidates) to.transport.addCandidate(candidate);
}

async function connect(): Promise<[Side, Side]> {
  const [server, client] = await link();
  introduce(server, client);
  introduce(client, server);
  await Promise.all([server.keys, client.keys]);
  return [server, client];
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 10));
}

t.test('1. ICE restart blackholes media', async (t) => {
  const [server, client] = await connect();
  for (const first of [server, client]) {
    const second = first === server ? client : server;
    const before = first.transport.local.ufrag;
    await first.transport.restartIce();
    t.not(first.transport.local.ufrag, before);
    await second.transport.restartIce();
    introduce(second, first);
    introduce(first, second);
    const [one, other] = [first.transport.local.ufrag, second.transport.local.ufrag];
    await until(() => first.answered.has(`${other}:${one}`) && second.answered.has(`${one}:${other}`));
    for (const side of [server, client]) side.media.length = 0;
    await until(() => {
      for (const { transport } of [server, client]) transport.send(PACKET);
      return server.media.length > 0 && client.media.length > 0;
    });
    t.ok(server.media[0]!.equals(PACKET) && client.media[0]!.equals(PACKET), 'media goes on both ways');
    t.equal(server.transport.state, 'connected');
  }
  for (const { transport } of [server, client]) transport.close();
});

t.test('2. transport-wide feedback tells false arrivals', (t) => {
  const feedback = new TransportFeedback();
  const arrivals = new Map<number, number>();
  const report = emptyFeedbackReport();
  const offsets = new Set<number>();
  let told = 0;
  let nowMs = 1_000_037;
  for (let number = 65_500; number < 65_580; number += 1) {
    nowMs += 7;
    if (number % 9 !== 4) {
      arrivals.set(number & 0xffff, nowMs);
      feedback.add(number & 0xffff, nowMs);
    }
    if (number % 20 !== 19) continue;
    t.ok(readTransportFeedback(feedback.take(1, 2)!, report));
    for (let at = 0; at < report.count; at += 1) {
      const arrivedMs = arrivals.get((report.first + at) & 0xffff);
      t.equal(Number.isNaN(report.arrivalsMs[at]), arrivedMs === undefined, 'a lost packet is told as lost');
      if (arrivedMs === undefined) continue;
      told += 1;
      offsets.add(arrivedMs - report.arrivalsMs[at]!);
    }
  }
  t.equal(told, arrivals.size);
  t.equal(offsets.size, 1, 'all deltas of all messages are true, the first ones too');
  // Few packets are told as well, by the clock.
  const world = new World();
  const publisher = new Publisher(world, { stream: { packetsPerKeyFrame: 1 } });
  publisher.sendFrame();
  world.run(200);
  t.equal(publisher.feedback.length, 1);
  t.end();
});

t.test('3. the NTP fraction of sender reports is wrong', (t) => {
  t.ok(Math.abs(ntpTime(1_700_000_000_735).fraction / 2 ** 32 - 0.735) < 1e-6);
  const world = new World();
  world.nowMs += 735;
  const publisher = new Publisher(world);
  const viewer = new Viewer(world);
  viewer.downlink.setSource(publisher.source, world.nowMs);
  publisher.start();
  world.run(3000);
  t.ok(viewer.reports.length >= 2);
  for (const { ntpMs, atMs } of viewer.reports) t.ok(Math.abs(ntpMs - (atMs - 10)) < 1, 'NTP is now');
  t.end();
});

t.test('4. the SRTP rollover counter is lost with 100 packets at the wrap', (t) => {
  for (const profile of ['AEAD_AES_128_GCM', 'AES_CM_128_HMAC_SHA1_80'] as const) {
    const world = new World();
    const up = { delayMs: 10, loss: 0 };
    const publisher = new Publisher(world, { profile, up, firstSequence: 65_300 });
    const viewer = new Viewer(world, { profile });
    viewer.downlink.setSource(publisher.source, world.nowMs);
    publisher.start();
    world.run(500);
    const before = publisher.index;
    up.loss = 1;
    world.run(3000);
    up.loss = 0;
    t.ok(before < 65_500 && publisher.index > 65_900, `${before} to ${publisher.index}`);
    world.run(4000);
    const lately = viewer.arrivals.filter(({ atMs }) => atMs > world.nowMs - 1000);
    t.ok(lately.length > 150, `${lately.length} packets in the last second`);
    t.equal(world.core.drops()['srtp-not-authentic'], undefined);
  }
  t.end();
});

t.test('5. STUN without authentication nominates whoever sends it', async (t) => {
  const [server, client] = await link();
  introduce(server, client);
  const { ufrag, password } = server.transport.local;
  const replies: Buffer[] = [];
  server.port.peer = undefined;
  const send = server.port.send.bind(server.port);
  server.port.send = (datagram) => {
    if (readBinding(datagram)?.class === 'success') replies.push(datagram);
    send(datagram);
  };
  const username = `${ufrag}:${client.transport.local.ufrag}`;
  const options = { useCandidate: true };
  for (const request of [
    bindingRequest(undefined, undefined, options),
    bindingRequest(username, undefined, options),
    bindingRequest(username, 'a guess', options),
  ]) {
    server.port.demux.receive(request, ADDRESS, 4999);
  }
  await new Promise((resolve) => setImmediate(resolve));
  t.equal(replies.length, 0, 'no answer');
  t.equal(server.transport.state, 'connecting');
  server.port.demux.receive(PACKET, ADDRESS, 4999);
  t.equal(server.media.length, 0, 'the address is nobody’s');
  server.port.demux.receive(bindingRequest(username, password, options), ADDRESS, 4999);
  await until(() => replies.length === 1);
  for (const { transport, keys } of [server, client]) {
    keys.catch(() => undefined);
    transport.close();
  }
});

t.test('6. lost packets are not asked for after the wrap, and the asking never rests', (t) => {
  const world = new World(6);
  const publisher = new Publisher(world, { firstSequence: 65_300, up: { delayMs: 20, loss: 0.1 } });
  const viewer = new Viewer(world);
  viewer.downlink.setSource(publisher.source, world.nowMs);
  publisher.start();
  world.run(3000);
  const { packetsRecovered } = publisher.source.stats(world.nowMs);
  t.ok(publisher.index > 65_536 + 200);
  world.run(3000);
  t.ok(publisher.source.stats(world.nowMs).packetsRecovered > packetsRecovered + 30, 'also after the wrap');
  t.same(viewer.missing, []);
  const window = new ReceiveWindow<Sequenced>({ mayRequest: true });
  const offer = (sequence: number, nowMs: number): void => {
    window.offer({ sequence, isKeyFrameStart: false, marker: false }, nowMs);
    while (window.take() !== undefined);
  };
  offer(65_534, 0);
  offer(65_540, 5);
  t.same(window.takeRequests(window.deadlineMs!), [65_535, 65_536, 65_537, 65_538, 65_539]);
  for (let sequence = 65_535; sequence < 65_540; sequence += 1) offer(sequence, 60);
  t.equal(window.deadlineMs, undefined, 'nothing is waited for');
  t.end();
});

t.test('7. the estimate keeps every packet that was sent', (t) => {
  const history = new SentHistory();
  const { arrayBuffers } = process.memoryUsage();
  for (let packet = 0; packet < 300_000; packet += 1) history.note(1200, packet);
  t.ok(process.memoryUsage().arrayBuffers <= arrayBuffers + 65_536, 'no byte is added');
  t.ok(history.has(history.next - SENT_HISTORY_PACKETS));
  t.notOk(history.has(history.next - SENT_HISTORY_PACKETS - 1), 'older ones are forgotten');
  const world = new World();
  const publisher = new Publisher(world);
  const viewer = new Viewer(world, { feedback: true });
  viewer.downlink.setSource(publisher.source, world.nowMs);
  publisher.start();
  world.run(5000);
  t.equal(viewer.peer.path(world.nowMs).basis, 'feedback', 'and it is of use');
  t.end();
});

t.test('8. extensions leak, FIR is not heard, two simulcast sections collide', (t) => {
  const layer = (mid: string, rid: string): ReturnType<typeof sourceOf> => ({
    ...sourceOf('VP8', 0),
    ...{ trackId: mid + rid, mid, rid, ssrc: undefined, rtxSsrc: undefined, ridExtensionId: 4 },
  });
  const names = ['ah', 'al', 'bh', 'bl'] as const;
  // It throws at an extension towards the viewer that is not of the viewer's own section.
  const bench = new CoreBench(names.map((name) => layer(name[0]!, name[1]!)));
  const payload = vp8Frame(0, true, { packetsPerKeyFrame: 1, packetsPerFrame: 1, bytesPerPacket: 60 })[0]!;
  for (let round = 0; round < 20; round += 1) {
    for (const [at, [mid = '', rid = '']] of names.entries()) {
      const header = Buffer.alloc(24);
      header.writeUInt16BE(0x90e0, 0);
      header.writeUInt32BE(round * 3000, 4);
      header.writeUInt32BE(700 + at, 8);
      header.writeUInt32BE(0xbede0002, 12);
      // MID, RtpStreamId, and the publisher's own transport-wide number.
      Buffer.from([0x10, mid.charCodeAt(0), 0x40, rid.charCodeAt(0), 0x31, 0xab, 0xcd, 0]).copy(header, 16);
      bench.publish(header, payload, 1);
    }
    for (let step = 0; step < 6; step += 1) bench.step();
  }
  t.same(
    bench.sources.map((source) => source.stats(bench.nowMs).packets),
    [20, 20, 20, 20],
  );
  t.ok(bench.downlinks.every((downlink) => downlink.stats().packets > 10));
  const [downlink] = bench.downlinks;
  const fir = Buffer.from('84ce0004000000010000000000000000' + '01000000', 'hex');
  fir.writeUInt32BE(downlink!.ssrc, 12);
  bench.report(bench.viewer, fir);
  t.equal(downlink!.stats().plisReceived, 1, 'FIR with a media SSRC of 0');
  bench.close();
  t.end();
});

t.test('9. a pair keeps every transaction id', async (t) => {
  type Pairs = { connection: { checkList: { requestTransactionIds: Set<string> }[] } };
  const gatherers: Pairs[] = [];
  const { prototype } = RTCIceGatherer;
  const gather = Reflect.get<RTCIceGatherer, 'gather'>(prototype, 'gather');
  prototype.gather = function () {
    gatherers.push(this as unknown as Pairs);
    return gather.call(this);
  };
  t.teardown(() => {
    prototype.gather = gather;
  });
  const [server, client] = await connect();
  const username = `${server.transport.local.ufrag}:${client.transport.local.ufrag}`;
  for (let check = 0; check < 2000; check += 1) {
    const request = bindingRequest(username, server.transport.local.password);
    server.port.demux.receive(request, ADDRESS, client.port.port);
    if (check % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  const pairs = gatherers.flatMap(({ connection }) => connection.checkList);
  const sizes = pairs.map(({ requestTransactionIds }) => requestTransactionIds.size);
  t.ok(Math.max(...sizes) > 0, 'it keeps some');
  t.ok(Math.max(...sizes) <= 300, `it keeps ${Math.max(...sizes)} of 2000`);
  for (const { transport } of [server, client]) transport.close();
});
