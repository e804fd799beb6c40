/**
 * RTCP as bytes (RFC 3550 section 6, RFC 4585, RFC 5104): compound packets in, the packets we send out.
 * Feedback we send goes alone, without a report in front (RFC 5506), as every WebRTC endpoint accepts.
 */
import { ntpTime } from './ntp-time.ts';

export type ReportBlock = {
  ssrc: number;
  /** 0 to 1. */
  fractionLost: number;
  packetsLost: number;
  highestSequence: number;
  /** In timestamp units. */
  jitter: number;
  /** Middle 32 bits of the NTP time of the last SR, 0 without one. */
  lastSenderReport: number;
  /** Units of 1/65536 s. */
  delaySinceLastSenderReport: number;
};

export type RtcpPacket =
  | { type: 'sr'; ssrc: number; compactNtp: number; rtpTimestamp: number; reports: ReportBlock[] }
  | { type: 'rr'; ssrc: number; reports: ReportBlock[] }
  | { type: 'bye'; ssrcs: number[] }
  | { type: 'nack'; mediaSsrc: number; sequenceNumbers: number[] }
  | { type: 'pli'; mediaSsrc: number }
  | { type: 'fir'; mediaSsrcs: number[] }
  /** Transport-wide: the packet itself, for `readTransportFeedback`. */
  | { type: 'transport-feedback'; packet: Buffer }
  /** draft-alvestrand-rmcat-remb-03. */
  | { type: 'remb'; bitsPerSecond: number };

const SENDER_REPORT = 200;
const RECEIVER_REPORT = 201;
const SOURCE_DESCRIPTION = 202;
const BYE = 203;
const TRANSPORT_FEEDBACK = 205;
const PAYLOAD_FEEDBACK = 206;
/** Formats of the feedback messages. */
const TRANSPORT_WIDE = 15;
const APPLICATION_LAYER = 15;
const REMB = 0x52454d42;
const REPORT_BLOCK_BYTES = 24;
/** A NACK message may name 17 packets per 4 bytes: what a datagram can ask for is bounded here. */
export const MAX_NACKED_PER_DATAGRAM = 2048;

/**
 * Reads a compound packet. Unknown packets are skipped.
 * @returns undefined when a length field lies or a version is not 2: then nothing of it is used.
 */
export function parseRtcp(compound: Buffer): RtcpPacket[] | undefined {
  const packets: RtcpPacket[] = [];
  let nackBudget = MAX_NACKED_PER_DATAGRAM;
  let at = 0;
  while (at < compound.length) {
    if (compound.length - at < 4) return undefined;
    const first = compound.readUInt8(at);
    const end = at + 4 + compound.readUInt16BE(at + 2) * 4;
    if (first >>> 6 !== 2 || end > compound.length) return undefined;
    let packet = compound.subarray(at, end);
    if ((first & 0x20) !== 0) {
      const padding = packet[packet.length - 1] ?? 0;
      if (padding === 0 || padding > packet.length - 4) return undefined;
      packet = packet.subarray(0, packet.length - padding);
    }
    const parsed = parseOne(packet, first & 0x1f, nackBudget);
    if (parsed !== undefined) {
      packets.push(parsed);
      if (parsed.type === 'nack') nackBudget -= parsed.sequenceNumbers.length;
    }
    at = end;
  }
  return packets;
}

function parseOne(packet: Buffer, count: number, nackBudget: number): RtcpPacket | undefined {
  switch (packet.readUInt8(1)) {
    case SENDER_REPORT:
      if (packet.length < 28) return undefined;
      return {
        type: 'sr',
        ssrc: packet.readUInt32BE(4),
        compactNtp: packet.readUInt32BE(10),
        rtpTimestamp: packet.readUInt32BE(16),
        reports: reportBlocks(packet, 28, count),
      };
    case RECEIVER_REPORT:
      if (packet.length < 8) return undefined;
      return { type: 'rr', ssrc: packet.readUInt32BE(4), reports: reportBlocks(packet, 8, count) };
    case BYE: {
      const ssrcs: number[] = [];
      for (let at = 4; at + 4 <= packet.length && ssrcs.length < count; at += 4) {
        ssrcs.push(packet.readUInt32BE(at));
      }
      return { type: 'bye', ssrcs };
    }
    case TRANSPORT_FEEDBACK:
      if (count === TRANSPORT_WIDE) return { type: 'transport-feedback', packet };
      if (packet.length < 12 || count !== 1) return undefined;
      return {
        type: 'nack',
        mediaSsrc: packet.readUInt32BE(8),
        sequenceNumbers: nackedNumbers(packet, nackBudget),
      };
    case PAYLOAD_FEEDBACK:
      if (packet.length < 12) return undefined;
      if (count === 1) return { type: 'pli', mediaSsrc: packet.readUInt32BE(8) };
      if (count === APPLICATION_LAYER) return receiverEstimate(packet);
      if (count !== 4) return undefined;
      return { type: 'fir', mediaSsrcs: firTargets(packet) };
    default:
      return undefined;
  }
}

function reportBlocks(packet: Buffer, from: number, count: number): ReportBlock[] {
  const blocks: ReportBlock[] = [];
  for (let at = from; at + REPORT_BLOCK_BYTES <= packet.length && blocks.length < count;) {
    blocks.push({
      ssrc: packet.readUInt32BE(at),
      fractionLost: packet.readUInt8(at + 4) / 256,
      packetsLost: packet.readIntBE(at + 5, 3),
      highestSequence: packet.readUInt32BE(at + 8),
      jitter: packet.readUInt32BE(at + 12),
      lastSenderReport: packet.readUInt32BE(at + 16),
      delaySinceLastSenderReport: packet.readUInt32BE(at + 20),
    });
    at += REPORT_BLOCK_BYTES;
  }
  return blocks;
}

/** RFC 4585 section 6.2.1: a packet number and a bit mask of the 16 that follow. */
function nackedNumbers(packet: Buffer, budget: number): number[] {
  const numbers: number[] = [];
  for (let at = 12; at + 4 <= packet.length && numbers.length < budget; at += 4) {
    const first = packet.readUInt16BE(at);
    numbers.push(first);
    for (let mask = packet.readUInt16BE(at + 2), bit = 1; mask !== 0; mask >>>= 1, bit += 1) {
      if ((mask & 1) === 1 && numbers.length < budget) numbers.push((first + bit) & 0xffff);
    }
  }
  return numbers;
}

/** RFC 5104 section 4.3.1: the SSRCs are in the entries, the media SSRC field is 0. */
function firTargets(packet: Buffer): number[] {
  const ssrcs: number[] = [];
  for (let at = 12; at + 8 <= packet.length && ssrcs.length < 64; at += 8)
    ssrcs.push(packet.readUInt32BE(at));
  return ssrcs;
}

/** Six bits of exponent and 18 of mantissa behind the name. */
function receiverEstimate(packet: Buffer): RtcpPacket | undefined {
  if (packet.length < 20 || packet.readUInt32BE(12) !== REMB) return undefined;
  const exponent = packet.readUInt8(17) >>> 2;
  const mantissa = packet.readUIntBE(17, 3) & 0x3_ffff;
  return { type: 'remb', bitsPerSecond: mantissa * 2 ** exponent };
}

function header(out: Buffer, count: number, packetType: number): void {
  out.writeUInt8(0x80 | count, 0);
  out.writeUInt8(packetType, 1);
  out.writeUInt16BE(out.length / 4 - 1, 2);
}

/** SR without report blocks, followed by the SDES CNAME a compound packet needs. */
export function writeSenderReport(report: {
  ssrc: number;
  nowMs: number;
  rtpTimestamp: number;
  packetCount: number;
  octetCount: number;
  cname: string;
}): Buffer {
  const out = Buffer.alloc(28);
  header(out, 0, SENDER_REPORT);
  const { seconds, fraction } = ntpTime(report.nowMs);
  out.writeUInt32BE(report.ssrc, 4);
  out.writeUInt32BE(seconds, 8);
  out.writeUInt32BE(fraction, 12);
  out.writeUInt32BE(report.rtpTimestamp >>> 0, 16);
  out.writeUInt32BE(report.packetCount % 0x1_0000_0000, 20);
  out.writeUInt32BE(report.octetCount % 0x1_0000_0000, 24);
  return Buffer.concat([out, sourceDescription(report.ssrc, report.cname)]);
}

/** RR with up to 31 blocks, followed by an SDES CNAME. */
export function writeReceiverReport(ssrc: number, blocks: readonly ReportBlock[], cname: string): Buffer {
  const count = Math.min(blocks.length, 31);
  const out = Buffer.alloc(8 + count * REPORT_BLOCK_BYTES);
  header(out, count, RECEIVER_REPORT);
  out.writeUInt32BE(ssrc, 4);
  blocks.slice(0, count).forEach((block, index) => {
    const at = 8 + index * REPORT_BLOCK_BYTES;
    out.writeUInt32BE(block.ssrc, at);
    out.writeUInt8(Math.min(255, Math.floor(block.fractionLost * 256)), at + 4);
    out.writeIntBE(Math.max(-0x80_0000, Math.min(0x7f_ffff, block.packetsLost)), at + 5, 3);
    out.writeUInt32BE(block.highestSequence >>> 0, at + 8);
    out.writeUInt32BE(block.jitter >>> 0, at + 12);
    out.writeUInt32BE(block.lastSenderReport, at + 16);
    out.writeUInt32BE(block.delaySinceLastSenderReport >>> 0, at + 20);
  });
  return Buffer.concat([out, sourceDescription(ssrc, cname)]);
}

function sourceDescription(ssrc: number, cname: string): Buffer {
  const text = Buffer.from(cname, 'utf8').subarray(0, 255);
  // Item, then at least one zero byte, up to a multiple of four.
  const out = Buffer.alloc(4 + Math.ceil((4 + 2 + text.length + 1) / 4) * 4);
  header(out, 1, SOURCE_DESCRIPTION);
  out.writeUInt32BE(ssrc, 4);
  out.writeUInt8(1, 8);
  out.writeUInt8(text.length, 9);
  text.copy(out, 10);
  return out;
}

/** Generic NACK (RFC 4585 section 6.2.1). @param sequenceNumbers ascending; order makes the masks dense. */
export function writeNack(senderSsrc: number, mediaSsrc: number, sequenceNumbers: readonly number[]): Buffer {
  const items: { first: number; mask: number }[] = [];
  for (const number of sequenceNumbers) {
    const last = items.at(-1);
    const distance = last === undefined ? 0 : (number - last.first) & 0xffff;
    if (last !== undefined && distance >= 1 && distance <= 16) last.mask |= 1 << (distance - 1);
    else items.push({ first: number & 0xffff, mask: 0 });
  }
  const out = Buffer.alloc(12 + items.length * 4);
  header(out, 1, TRANSPORT_FEEDBACK);
  out.writeUInt32BE(senderSsrc, 4);
  out.writeUInt32BE(mediaSsrc, 8);
  items.forEach((item, index) => {
    out.writeUInt16BE(item.first, 12 + index * 4);
    out.writeUInt16BE(item.mask, 14 + index * 4);
  });
  return out;
}

/** Picture loss indication (RFC 4585 section 6.3.1). */
export function writePictureLossIndication(senderSsrc: number, mediaSsrc: number): Buffer {
  const out = Buffer.alloc(12);
  header(out, 1, PAYLOAD_FEEDBACK);
  out.writeUInt32BE(senderSsrc, 4);
  out.writeUInt32BE(mediaSsrc, 8);
  return out;
}
