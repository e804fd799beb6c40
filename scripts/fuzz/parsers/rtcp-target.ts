/**
 * RTCP from the end that sends and from the one that watches, into the parser and into a media core with a running
 * stream. Numbers in an input of NACK or transport-wide feedback count from what was sent last.
 */
import {
  MAX_NACKED_PER_DATAGRAM,
  parseRtcp,
  type RtcpPacket,
} from '../../../daemon/sfu/media/core/rtcp-packet.ts';
import {
  emptyFeedbackReport,
  MAX_REPORTED_NUMBERS,
  readTransportFeedback,
} from '../../../daemon/sfu/media/core/transport-feedback-reader.ts';
import { h264Frame } from '../../../daemon/test/sfu/media/core/streams.ts';
import { mutate } from '../mutate.ts';
import { CoreBench } from './core-bench.ts';
import { sourceOf } from './rtp-target.ts';
import { ensure, type ParserTarget } from './target.ts';

const STREAM = { packetsPerKeyFrame: 4, packetsPerFrame: 2, bytesPerPacket: 60 };
const FIRST_FRAMES = 30;
const SECTION = 300;
const TRANSPORT_FEEDBACK = 205;
const TRANSPORT_WIDE = 15;
const report = emptyFeedbackReport();

function check(packets: readonly RtcpPacket[]): void {
  let nacked = 0;
  for (const packet of packets) {
    if (packet.type === 'nack') {
      nacked += packet.sequenceNumbers.length;
      ensure(
        packet.sequenceNumbers.every((number) => number >= 0 && number <= 0xffff),
        'no 16 bit number',
      );
    } else if (packet.type === 'transport-feedback') {
      if (!readTransportFeedback(packet.packet, report)) continue;
      ensure(report.count <= MAX_REPORTED_NUMBERS, `${report.count} numbers`);
      const { arrivalsMs, count } = report;
      ensure(!arrivalsMs.subarray(0, count).includes(Infinity), 'an arrival that is no time');
    } else if (packet.type === 'remb') {
      ensure(packet.bitsPerSecond >= 0, `a rate of ${packet.bitsPerSecond}`);
    } else if (packet.type === 'sr' || packet.type === 'rr') {
      ensure(packet.reports.length <= 31, `${packet.reports.length} blocks`);
      ensure(
        packet.reports.every(({ fractionLost }) => fractionLost >= 0 && fractionLost < 1),
        'a loss above all',
      );
    }
  }
  ensure(nacked <= MAX_NACKED_PER_DATAGRAM, `${nacked} numbers asked for`);
}

/** Of each packet of a compound: its numbers follow those that were sent. */
function shifted(input: Buffer, bench: CoreBench): Buffer {
  const out = Buffer.from(input);
  for (let at = 0; at + 16 <= out.length; at += 4 + out.readUInt16BE(at + 2) * 4) {
    if (out[at + 1] !== TRANSPORT_FEEDBACK) continue;
    const isWide = (out.readUInt8(at) & 0x1f) === TRANSPORT_WIDE;
    const last = isWide ? bench.lastTransportNumber : (bench.lastSent.get(SECTION) ?? 0);
    out.writeUInt16BE((out.readUInt16BE(at + 12) + last) & 0xffff, at + 12);
  }
  return out;
}

export const rtcpTarget: ParserTarget = {
  mutate,
  open() {
    const bench = new CoreBench([sourceOf('H264', 0)]);
    let frame = 0;
    const publish = (): void => {
      const payloads = h264Frame(frame, frame % 15 === 0, STREAM);
      for (const [at, payload] of payloads.entries()) {
        const header = Buffer.alloc(12);
        header.writeUInt8(0x80, 0);
        header.writeUInt8(at === payloads.length - 1 ? 0xe0 : 0x60, 1);
        header.writeUInt32BE(frame * 3000, 4);
        header.writeUInt32BE(100, 8);
        bench.publish(header, payload, 1);
      }
      frame += 1;
      bench.step();
    };
    while (frame < FIRST_FRAMES) publish();
    return {
      take(input) {
        const packets = parseRtcp(input);
        if (packets !== undefined) check(packets);
        const compound = shifted(input, bench);
        // What is shorter than its fixed part no sender can protect.
        if (compound.length >= 8) {
          bench.report(bench.viewer, compound);
          bench.report(bench.publisher, compound);
        } else bench.viewer.peer.receive(compound, bench.nowMs);
        bench.step();
        publish();
      },
      finish() {
        const { bitsPerSecond, queueMs } = bench.viewer.peer.path(bench.nowMs);
        ensure(bitsPerSecond === null || bitsPerSecond > 0, `an estimate of ${bitsPerSecond}`);
        ensure(queueMs >= 0 && Number.isFinite(queueMs), `a queue of ${queueMs} ms`);
        bench.close();
      },
    };
  },
};
