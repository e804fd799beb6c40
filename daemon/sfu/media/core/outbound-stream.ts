/**
 * One SSRC towards a viewer: numbers, headers, protection, the ring of what was sent, retransmission and
 * sender reports. It decides nothing about which pictures are sent. One header write, one cipher call and
 * one send per packet.
 */
import { SOON, type Pace, type SealedOutlet } from '../../../datagrams/sealed-flow.ts';
import { randomBelow, type CoreContext } from './core-context.ts';
import { PacketRing } from './packet-ring.ts';
import { writeSenderReport } from './rtcp-packet.ts';
import { RtpHeaderTemplate } from './rtp-header-template.ts';
import { extendSequence } from './sequence-number.ts';
import type { SrtpSender } from './srtp-context.ts';
import type { DownlinkOptions } from './types.ts';
import type { ViewerPath } from './viewer-path.ts';

/** First numbers stay below 2^15, so that a lost first packet cannot confuse the rollover count (RFC 3711). */
const FIRST_INDEX_LIMIT = 0x8000;
const MAX_RESENDS_PER_PACKET = 10;
/** Retransmissions of one round trip share this rate: the cap of the burst. */
const RESEND_BITS_PER_SECOND = 25_000_000;
const MIN_RESEND_WINDOW_MS = 20;
/** Of one call, and how far back a probe takes its packets from. */
const MAX_PROBE_PACKETS = 32;
const PROBE_RANGE = 64;

export type StreamTransport = {
  srtp: SrtpSender;
  path: ViewerPath;
  send: (datagram: Buffer) => void;
  /** Takes RTP packets in place of `srtp` and `send`. */
  outlet: SealedOutlet | undefined;
};

export type ResendVerdict = 'sent' | 'in-flight' | 'limited' | 'gone' | 'never-sent';

export class OutboundStream {
  readonly #context: CoreContext;
  readonly #transport: StreamTransport;
  readonly #options: DownlinkOptions;
  readonly #media: RtpHeaderTemplate;
  readonly #retransmission: RtpHeaderTemplate | undefined;
  readonly #ring = new PacketRing();
  #nextIndex: number;
  #nextRetransmissionIndex: number;
  #packets = 0;
  #bytes = 0;
  #retransmitted = 0;
  #resendWindowMs = 0;
  #resendBytes = 0;
  #probePackets = 0;
  #probeBack = 0;

  constructor(context: CoreContext, transport: StreamTransport, options: DownlinkOptions) {
    this.#context = context;
    this.#transport = transport;
    this.#options = options;
    const { mid, midExtensionId, ssrc, rtxSsrc, payloadType, rtxPayloadType } = options;
    const hasRtx = rtxSsrc !== undefined && rtxPayloadType !== undefined;
    const transportCcExtensionId = options.nack && !hasRtx ? undefined : options.transportCcExtensionId;
    const { elementExtensionId } = options;
    const shared = { mid, midExtensionId, transportCcExtensionId, elementExtensionId };
    this.#media = new RtpHeaderTemplate({ payloadType, ssrc, ...shared });
    this.#retransmission = hasRtx
      ? new RtpHeaderTemplate({ payloadType: rtxPayloadType, ssrc: rtxSsrc, ...shared })
      : undefined;
    this.#nextIndex = randomBelow(context, FIRST_INDEX_LIMIT);
    this.#nextRetransmissionIndex = randomBelow(context, FIRST_INDEX_LIMIT);
  }

  /** Index (extended sequence number) the next packet will have. */
  get nextIndex(): number {
    return this.#nextIndex;
  }

  get packets(): number {
    return this.#packets;
  }

  /** Payload bytes, as a sender report counts them. */
  get bytes(): number {
    return this.#bytes;
  }

  get retransmitted(): number {
    return this.#retransmitted;
  }

  get probePackets(): number {
    return this.#probePackets;
  }

  get ring(): PacketRing {
    return this.#ring;
  }

  /**
   * Sends a packet.
   * @param index `nextIndex`, or for audio any other that was never used. @param element What its header says of it,
   *   for viewers that want that. @returns bytes on the wire.
   */
  send(
    index: number,
    payload: Buffer,
    element: Buffer | undefined,
    marker: boolean,
    timestamp: number,
    pace: Pace,
    nowMs: number,
  ): number {
    if (index >= this.#nextIndex) this.#nextIndex = index + 1;
    this.#packets += 1;
    this.#bytes += payload.length;
    const own = this.#options.elementExtensionId === undefined ? undefined : element;
    if (this.#options.nack) this.#ring.add(index, payload, own, marker, timestamp, nowMs);
    return this.#transmit(index, payload, own, marker, timestamp, pace, nowMs);
  }

  /** From the next packet on. The ring is emptied: a copy with another header would repeat the cipher's nonce. */
  setPayloadTypes(payloadType: number, rtxPayloadType: number | undefined): void {
    this.#ring.clear();
    this.#media.setPayloadType(payloadType);
    if (rtxPayloadType !== undefined) this.#retransmission?.setPayloadType(rtxPayloadType);
  }

  /** Answers a request for a packet by its 16 bit number. @param roundTripMs of the viewer, if known. */
  resend(sequenceNumber: number, roundTripMs: number | undefined, nowMs: number): ResendVerdict {
    const index = extendSequence(sequenceNumber, this.#nextIndex);
    if (index >= this.#nextIndex || index < 0) return 'never-sent';
    const ring = this.#ring;
    const payload = ring.payload(index);
    if (payload === undefined) return 'gone';
    const resends = ring.resends(index);
    if (resends >= MAX_RESENDS_PER_PACKET) return 'gone';
    // A second request may have crossed the answer to the first. The first is never in doubt: the round trip of the
    // reports is too long when the viewer is busy, and browsers repeat a request that was refused 100 ms later.
    if (resends > 0 && nowMs - ring.sentMs(index) < Math.max(5, (roundTripMs ?? 10) * 0.5))
      return 'in-flight';
    const windowMs = Math.max(MIN_RESEND_WINDOW_MS, roundTripMs ?? 0);
    if (nowMs - this.#resendWindowMs >= windowMs) {
      this.#resendWindowMs = nowMs;
      this.#resendBytes = 0;
    }
    if (this.#resendBytes > (RESEND_BITS_PER_SECOND / 8000) * windowMs) return 'limited';
    ring.noteResend(index, nowMs);
    this.#retransmitted += 1;
    const [marker, timestamp] = [ring.marker(index), ring.timestamp(index)];
    this.#resendBytes +=
      this.#retransmission === undefined
        ? this.#transmit(index, payload, ring.element(index), marker, timestamp, SOON, nowMs)
        : this.#wrap(this.#retransmission, index, payload, marker, timestamp, nowMs);
    return 'sent';
  }

  /** Index a requested number stands for. */
  indexOf(sequenceNumber: number): number {
    return extendSequence(sequenceNumber, this.#nextIndex);
  }

  /** Sends an SR and SDES. @param rtpTimestamp of the live line at `nowMs`. */
  sendReport(rtpTimestamp: number, nowMs: number): void {
    const compound = this.#transport.srtp.protectRtcp(
      writeSenderReport({
        ssrc: this.#options.ssrc,
        nowMs,
        rtpTimestamp: Math.round(rtpTimestamp) % 0x1_0000_0000,
        packetCount: this.#packets,
        octetCount: this.#bytes,
        cname: this.#options.cname,
      }),
    );
    if (compound !== undefined) this.#transport.send(compound);
  }

  #transmit(
    index: number,
    payload: Buffer,
    element: Buffer | undefined,
    marker: boolean,
    timestamp: number,
    pace: Pace,
    nowMs: number,
  ): number {
    const { ssrc } = this.#options;
    this.#media.carry(element);
    return this.#protectAndSend(this.#media, payload, true, ssrc, index, marker, timestamp, pace, nowMs);
  }

  /** RFC 4588 section 4: the original number goes in front of the payload. */
  #wrap(
    template: RtpHeaderTemplate,
    index: number,
    payload: Buffer,
    marker: boolean,
    timestamp: number,
    nowMs: number,
  ): number {
    const { retransmissionScratch } = this.#context;
    template.carry(this.#ring.element(index));
    retransmissionScratch.view.setUint16(0, index);
    retransmissionScratch.buffer.set(payload, 2);
    const own = this.#nextRetransmissionIndex;
    this.#nextRetransmissionIndex += 1;
    const wrapped = retransmissionScratch.prefix(payload.length + 2);
    const ssrc = this.#options.rtxSsrc ?? 0;
    return this.#protectAndSend(template, wrapped, false, ssrc, own, marker, timestamp, SOON, nowMs);
  }

  /** Sends the newest packets once more on the RTX stream, as a test of the path. @returns bytes sent. */
  probe(bytes: number, nowMs: number): number {
    if (this.#retransmission === undefined || this.#media.transportNumberAt === 0) return 0;
    let sent = 0;
    for (let back = 0; back < MAX_PROBE_PACKETS && sent < bytes; back += 1) {
      this.#probeBack = (this.#probeBack + 1) % PROBE_RANGE;
      const index = this.#nextIndex - 1 - this.#probeBack;
      const payload = this.#ring.payload(index);
      if (payload === undefined) continue;
      const [marker, timestamp] = [this.#ring.marker(index), this.#ring.timestamp(index)];
      sent += this.#wrap(this.#retransmission, index, payload, marker, timestamp, nowMs);
      this.#probePackets += 1;
    }
    return sent;
  }

  /** @param isShared Other viewers get the same payload object. @returns bytes on the wire. */
  #protectAndSend(
    template: RtpHeaderTemplate,
    payload: Buffer,
    isShared: boolean,
    ssrc: number,
    index: number,
    marker: boolean,
    timestamp: number,
    pace: Pace,
    nowMs: number,
  ): number {
    const { scratch, totals } = this.#context;
    const { path, srtp, outlet } = this.#transport;
    const { headerBytes, transportNumberAt } = template;
    const plainBytes = headerBytes + payload.length;
    const bytes = plainBytes + srtp.rtpOverheadBytes;
    let number = 0;
    if (transportNumberAt === 0) path.sendUnnumbered(plainBytes, nowMs);
    else number = path.send(plainBytes, nowMs);
    totals.packets += 1;
    totals.bytes += bytes;
    if (outlet !== undefined) {
      const at = outlet.add(payload, isShared, headerBytes, Math.floor(index / 0x1_0000), pace);
      if (at === -1) return bytes;
      template.write(outlet.view, at, marker, index, timestamp);
      if (transportNumberAt !== 0) outlet.view.setUint16(at + transportNumberAt, number);
      return bytes;
    }
    template.write(scratch.view, 0, marker, index, timestamp);
    if (transportNumberAt !== 0) scratch.view.setUint16(transportNumberAt, number);
    srtp.protectRtp(scratch.buffer, scratch.prefix(headerBytes), payload, ssrc, index);
    this.#transport.send(scratch.prefix(bytes));
    return bytes;
  }
}
