/**
 * A core between browser-like ends in fake time: publishers that answer NACK and PLI, viewers that put
 * packets in order, ask for what is missing and report. Both use the SRTP code under test on their side;
 * the vectors prove that code by itself.
 */
import { createMediaCore } from '../../../../sfu/media/core/media-core.ts';
import { compactNtp } from '../../../../sfu/media/core/ntp-time.ts';
import {
  parseRtcp,
  writeNack,
  writePictureLossIndication,
  writeReceiverReport,
  type RtcpPacket,
} from '../../../../sfu/media/core/rtcp-packet.ts';
import { TransportFeedback } from '../../../../sfu/media/core/transport-feedback.ts';
import {
  emptyRtpHeader,
  findExtension,
  isRtcp,
  parseRtpHeader,
} from '../../../../sfu/media/core/rtp-packet.ts';
import { extendSequence } from '../../../../sfu/media/core/sequence-number.ts';
import { SrtpReceiver, SrtpSender } from '../../../../sfu/media/core/srtp-context.ts';
import type {
  CorePeer,
  Downlink,
  DownlinkOptions,
  HeldTrack,
  MediaCore,
  MediaSource,
  SourceOptions,
  SrtpKeys,
  SrtpProfile,
} from '../../../../sfu/media/core/types.ts';
import { h264Frame, seeded, vp8Frame, vp9Frame, type StreamOptions } from './streams.ts';

export const START_MS = 1_700_000_000_000;
const MID_ID = 1;
const TRANSPORT_CC_ID = 3;
/** What publishers call the element that is handed on, and viewers. */
export const ELEMENT_ID = 12;
export const VIEWERS_ELEMENT_ID = 7;

/** Keys of one association, from both ends. */
export function keyPair(profile: SrtpProfile, fill: number): { ours: SrtpKeys; theirs: SrtpKeys } {
  const saltBytes = profile === 'AEAD_AES_128_GCM' ? 12 : 14;
  const side = (value: number): { key: Buffer; salt: Buffer } => ({
    key: Buffer.alloc(16, value),
    salt: Buffer.alloc(saltBytes, value + 1),
  });
  const a = side(fill * 4);
  const b = side(fill * 4 + 2);
  return { ours: { profile, local: a, remote: b }, theirs: { profile, local: b, remote: a } };
}

/** One direction of a path: delay and loss, and where it is narrow a rate behind a queue that overflows. */
export type Path = {
  delayMs: number;
  loss: number;
  bitsPerSecond?: number;
  /** What the queue holds at most. */
  queueMs?: number;
  /** When the queue will be empty. */
  freeAtMs?: number;
};

type WorldEvent = { atMs: number; order: number; run: () => void };

export class World {
  readonly core: MediaCore;
  readonly random: () => number;
  nowMs = START_MS;
  readonly flowing: string[] = [];
  readonly stalled: string[] = [];
  readonly parameters: string[] = [];
  readonly held: { downlink: Downlink; held: HeldTrack | undefined; atMs: number }[] = [];
  #events: WorldEvent[] = [];
  #order = 0;
  #peers = 0;

  constructor(seed = 1) {
    this.random = seeded(seed);
    this.core = createMediaCore({
      random: seeded(seed + 1),
      events: {
        sourceFlowing: (source) => this.flowing.push(source.trackId),
        sourceStalled: (source) => this.stalled.push(source.trackId),
        sourceParameters: (source) => this.parameters.push(source.trackId),
        downlinkHeld: (downlink, held) => this.held.push({ downlink, held, atMs: this.nowMs }),
      },
    });
  }

  at(atMs: number, run: () => void): void {
    this.#order += 1;
    this.#events.push({ atMs, order: this.#order, run });
  }

  /** Sends a copy over a path. */
  carry(path: Path, datagram: Buffer, deliver: (datagram: Buffer) => void): void {
    if (this.random() < path.loss) return;
    const copy = Buffer.from(datagram);
    let leavesMs = this.nowMs;
    if (path.bitsPerSecond !== undefined) {
      const startMs = Math.max(this.nowMs, path.freeAtMs ?? 0);
      if (startMs - this.nowMs > (path.queueMs ?? 300)) return;
      leavesMs = startMs + ((datagram.length + 28) * 8000) / path.bitsPerSecond;
      path.freeAtMs = leavesMs;
    }
    this.at(leavesMs + path.delayMs, () => {
      deliver(copy);
    });
  }

  /** Runs events and core deadlines in order of time. */
  run(forMs: number): void {
    const untilMs = this.nowMs + forMs;
    for (;;) {
      let next: WorldEvent | undefined;
      for (const event of this.#events) {
        if (
          next === undefined ||
          event.atMs < next.atMs ||
          (event.atMs === next.atMs && event.order < next.order)
        ) {
          next = event;
        }
      }
      const tickMs = this.core.nextTickMs();
      const eventMs = next?.atMs ?? Infinity;
      if (Math.min(eventMs, tickMs ?? Infinity) > untilMs) break;
      if (tickMs !== undefined && tickMs <= eventMs) {
        this.nowMs = Math.max(this.nowMs, tickMs);
        this.core.tick(this.nowMs);
      } else if (next !== undefined) {
        this.#events = this.#events.filter((event) => event !== next);
        this.nowMs = Math.max(this.nowMs, next.atMs);
        next.run();
      }
    }
    this.nowMs = untilMs;
  }

  addPeer(
    profile: SrtpProfile,
    send: (datagram: Buffer) => void,
  ): { peer: CorePeer; sender: SrtpSender; receiver: SrtpReceiver } {
    this.#peers += 1;
    const { ours, theirs } = keyPair(profile, this.#peers % 60);
    const peer = this.core.addPeer({ id: `peer-${this.#peers}`, keys: ours, send }, this.nowMs);
    return {
      peer,
      sender: new SrtpSender(profile, theirs.local),
      receiver: new SrtpReceiver(profile, theirs.remote),
    };
  }
}

export type PublisherOptions = {
  codec?: 'H264' | 'VP8' | 'VP9' | 'opus';
  profile?: SrtpProfile;
  up?: Path;
  down?: Path;
  framesPerSecond?: number;
  /** 0: only on request. */
  keyFrameEveryFrames?: number;
  obeysPictureLoss?: boolean;
  stream?: Partial<StreamOptions>;
  firstSequence?: number;
  firstTimestamp?: number;
  rtx?: boolean;
  announced?: boolean;
  trackId?: string;
  /** Header element 12 of a packet, in the two-byte form. */
  element?: (packet: { payload: Buffer; timestamp: number }) => Buffer | undefined;
  source?: Partial<SourceOptions>;
};

/** A browser or camera that publishes one track. */
export class Publisher {
  readonly world: World;
  readonly peer: CorePeer;
  readonly source: MediaSource;
  readonly sender: SrtpSender;
  readonly rtcp: RtcpPacket[] = [];
  readonly feedback: Buffer[] = [];
  readonly ssrc: number;
  frame = 0;
  keyFrames: number[] = [];
  /** Extended number of the next packet. */
  index: number;
  transportNumber = 65_000;
  stream: StreamOptions;
  isRunning = false;
  readonly #options: PublisherOptions;
  readonly #receiver: SrtpReceiver;
  readonly #up: Path;
  readonly #sent = new Map<number, { payload: Buffer; marker: boolean; timestamp: number; index: number }>();
  #rtxIndex = 30_000;
  #wantsKeyFrame = true;
  #timestamp: number;

  constructor(world: World, options: PublisherOptions = {}) {
    this.world = world;
    this.#options = options;
    this.#up = options.up ?? { delayMs: 10, loss: 0 };
    this.index = options.firstSequence ?? 1000;
    this.#timestamp = options.firstTimestamp ?? 500_000;
    this.stream = { packetsPerKeyFrame: 40, packetsPerFrame: 8, bytesPerPacket: 1100, ...options.stream };
    const down = options.down ?? { delayMs: 10, loss: 0 };
    const profile = options.profile ?? 'AEAD_AES_128_GCM';
    const { peer, sender, receiver } = world.addPeer(profile, (datagram) => {
      world.carry(down, datagram, (copy) => {
        this.#receive(copy);
      });
    });
    this.peer = peer;
    this.sender = sender;
    this.#receiver = receiver;
    const codec = options.codec ?? 'H264';
    this.ssrc = 0x10_0000 + Math.floor(world.random() * 0xffff);
    this.source = peer.addSource({
      trackId: options.trackId ?? 'track',
      kind: codec === 'opus' ? 'audio' : 'video',
      codec,
      clockRate: codec === 'opus' ? 48_000 : 90_000,
      payloadType: 96,
      rtxPayloadType: options.rtx === false ? undefined : 97,
      ssrc: options.announced === false ? undefined : this.ssrc,
      rtxSsrc: options.announced === false || options.rtx === false ? undefined : this.ssrc + 1,
      mid: 'v0',
      midExtensionId: MID_ID,
      transportCcExtensionId: TRANSPORT_CC_ID,
      audioLevelExtensionId: undefined,
      feedback: { nack: codec !== 'opus', pli: codec !== 'opus', transportCc: true },
      ...options.source,
    });
  }

  get unitsPerFrame(): number {
    return Math.round(
      (this.#options.codec === 'opus' ? 48_000 : 90_000) / (this.#options.framesPerSecond ?? 30),
    );
  }

  /** Publishes frames until `stop`. */
  start(): void {
    this.isRunning = true;
    this.#next();
  }

  stop(): void {
    this.isRunning = false;
  }

  #next(): void {
    if (!this.isRunning) return;
    this.sendFrame();
    this.world.at(this.world.nowMs + 1000 / (this.#options.framesPerSecond ?? 30), () => {
      this.#next();
    });
  }

  sendFrame(): void {
    const { codec = 'H264', keyFrameEveryFrames = 60 } = this.#options;
    const due = keyFrameEveryFrames > 0 && this.frame % keyFrameEveryFrames === 0;
    const isKey = codec !== 'opus' && (due || this.#wantsKeyFrame);
    if (isKey) this.keyFrames.push(this.frame);
    if (isKey) this.#wantsKeyFrame = false;
    const payloads =
      codec === 'opus'
        ? [Buffer.alloc(160, this.frame & 0xff)]
        : codec === 'VP8'
          ? vp8Frame(this.frame, isKey, this.stream)
          : codec === 'VP9'
            ? vp9Frame(this.frame, isKey, this.stream)
            : h264Frame(this.frame, isKey, this.stream);
    payloads.forEach((payload, at) => {
      const packet = {
        payload,
        marker: codec !== 'opus' && at === payloads.length - 1,
        timestamp: this.#timestamp,
        index: this.index,
      };
      this.index += 1;
      this.#sent.set(packet.index & 0xffff, packet);
      // Encoders pace: a frame takes some milliseconds.
      this.world.at(this.world.nowMs + at * 0.4, () => {
        this.#send(this.ssrc, 96, packet.index, packet);
      });
    });
    this.frame += 1;
    this.#timestamp = (this.#timestamp + this.unitsPerFrame) % 0x1_0000_0000;
  }

  /** Sends one packet of its own, outside the frames. */
  sendPayload(payload: Buffer): void {
    const packet = { payload, marker: false, timestamp: this.#timestamp, index: this.index };
    this.index += 1;
    this.#sent.set(packet.index & 0xffff, packet);
    this.#send(this.ssrc, 96, packet.index, packet);
  }

  /** Jumps the RTP clock, as an encoder that restarts does. */
  jumpTimestamp(units: number): void {
    this.#timestamp = (this.#timestamp + units) % 0x1_0000_0000;
  }

  sendRtcp(compound: Buffer): void {
    const datagram = this.sender.protectRtcp(compound)!;
    this.world.carry(this.#up, datagram, (copy) => {
      this.peer.receive(copy, this.world.nowMs);
    });
  }

  #send(
    ssrc: number,
    payloadType: number,
    index: number,
    packet: { payload: Buffer; marker: boolean; timestamp: number },
  ): void {
    const out = Buffer.alloc(1800);
    out.writeUInt8(0x90, 0);
    out.writeUInt8(payloadType | (packet.marker ? 0x80 : 0), 1);
    out.writeUInt16BE(index & 0xffff, 2);
    out.writeUInt32BE(packet.timestamp, 4);
    out.writeUInt32BE(ssrc, 8);
    // One-byte extensions: MID "v0" and the transport-wide number.
    out.writeUInt32BE(0xbede0002, 12);
    out.writeUInt8((MID_ID << 4) | 1, 16);
    out.write('v0', 17);
    out.writeUInt8((TRANSPORT_CC_ID << 4) | 1, 19);
    out.writeUInt16BE(this.transportNumber & 0xffff, 20);
    this.transportNumber += 1;
    const element = this.#options.element?.(packet);
    const headerBytes = element === undefined ? 24 : writeTwoByteForm(out, element);
    const bytes = this.sender.protectRtp(out, out.subarray(0, headerBytes), packet.payload, ssrc, index);
    this.world.carry(this.#up, out.subarray(0, bytes), (copy) => {
      this.peer.receive(copy, this.world.nowMs);
    });
  }

  #receive(datagram: Buffer): void {
    const compound = this.#receiver.unprotectRtcp(datagram);
    if (typeof compound === 'string') throw new Error(`publisher got ${compound}`);
    if (compound.readUInt8(0) === 0x8f || compound.readUInt8(0) === 0xaf) this.feedback.push(compound);
    for (const packet of parseRtcp(compound) ?? []) {
      this.rtcp.push(packet);
      if (packet.type === 'pli' && this.#options.obeysPictureLoss === true) this.#wantsKeyFrame = true;
      if (packet.type !== 'nack') continue;
      for (const sequenceNumber of packet.sequenceNumbers) this.resend(sequenceNumber);
    }
  }

  /** Sends a packet again, asked for or not. */
  resend(sequenceNumber: number): void {
    const packet = this.#sent.get(sequenceNumber);
    if (packet === undefined || this.index - packet.index > 2000) return;
    if (this.#options.rtx === false) {
      this.#send(this.ssrc, 96, packet.index, packet);
      return;
    }
    const payload = Buffer.concat([Buffer.alloc(2), packet.payload]);
    payload.writeUInt16BE(sequenceNumber, 0);
    this.#send(this.ssrc + 1, 97, this.#rtxIndex, { ...packet, payload });
    this.#rtxIndex += 1;
  }
}

/** The same extensions and one more, in the two-byte form. @returns the length of the header. */
function writeTwoByteForm(out: Buffer, element: Buffer): number {
  const number = out.readUInt16BE(20);
  const words = Math.ceil((10 + element.length) / 4);
  out.fill(0, 12, 16 + words * 4);
  out.writeUInt16BE(0x1000, 12);
  out.writeUInt16BE(words, 14);
  Buffer.from([MID_ID, 2, 0x76, 0x30, TRANSPORT_CC_ID, 2, number >> 8, number & 0xff]).copy(out, 16);
  Buffer.from([ELEMENT_ID, element.length]).copy(out, 24);
  element.copy(out, 26);
  return 16 + words * 4;
}

export type Received = {
  index: number;
  timestamp: number;
  marker: boolean;
  payload: Buffer;
  mid: string | undefined;
  element: Buffer | undefined;
  atMs: number;
  isRetransmission: boolean;
};

export type ViewerOptions = {
  codec?: 'H264' | 'VP8' | 'VP9' | 'opus';
  profile?: SrtpProfile;
  up?: Path;
  down?: Path;
  rtx?: boolean;
  /** False: a viewer that never asks again. */
  asks?: boolean;
  /** True: transport-wide feedback every 50 ms. */
  feedback?: boolean;
  downlink?: Partial<DownlinkOptions>;
};

/** A browser that watches one track. */
export class Viewer {
  readonly world: World;
  readonly peer: CorePeer;
  readonly downlink: Downlink;
  readonly sender: SrtpSender;
  /** First arrival of each packet, by extended number. */
  readonly packets = new Map<number, Received>();
  /** In the order of arrival, retransmissions included. */
  readonly arrivals: Received[] = [];
  readonly reports: { ntpMs: number; rtpTimestamp: number; atMs: number; arrivalsBefore: number }[] = [];
  isAsking: boolean;
  readonly ssrc: number;
  readonly #options: ViewerOptions;
  readonly #receiver: SrtpReceiver;
  readonly #up: Path;
  #highest = -1;
  readonly #asked = new Map<number, { atMs: number; times: number }>();
  #lastReport = { compact: 0, atMs: 0 };
  readonly #feedback = new TransportFeedback();
  /** What the receiver reports say was lost. */
  fractionLost = 0.125;

  constructor(world: World, options: ViewerOptions = {}) {
    this.world = world;
    this.#options = options;
    this.isAsking = options.asks ?? true;
    this.#up = options.up ?? { delayMs: 10, loss: 0 };
    const down = options.down ?? { delayMs: 10, loss: 0 };
    const profile = options.profile ?? 'AEAD_AES_128_GCM';
    const { peer, sender, receiver } = world.addPeer(profile, (datagram) => {
      world.carry(down, datagram, (copy) => {
        this.#receive(copy);
      });
    });
    this.peer = peer;
    this.sender = sender;
    this.#receiver = receiver;
    this.ssrc = 0x20_0000 + Math.floor(world.random() * 0xffff);
    this.downlink = peer.addDownlink({
      kind: options.codec === 'opus' ? 'audio' : 'video',
      payloadType: 102,
      rtxPayloadType: options.rtx === false ? undefined : 103,
      ssrc: this.ssrc,
      rtxSsrc: options.rtx === false ? undefined : this.ssrc + 1,
      mid: '3',
      midExtensionId: 4,
      cname: 'turnkeep-test',
      nack: options.codec !== 'opus',
      transportCcExtensionId: options.feedback === true ? TRANSPORT_CC_ID : undefined,
      ...options.downlink,
    });
    if (options.feedback === true) this.#feedbackLater();
    this.#askLater();
    this.#reportLater();
  }

  /** Received packets in the order of their numbers. */
  get ordered(): Received[] {
    return [...this.packets.values()].sort((a, b) => a.index - b.index);
  }

  /** Numbers between the first and the last that never came. */
  get missing(): number[] {
    const numbers: number[] = [];
    const first = Math.min(...this.packets.keys());
    for (let index = first; index < this.#highest; index += 1)
      if (!this.packets.has(index)) numbers.push(index);
    return numbers;
  }

  sendRtcp(compound: Buffer): void {
    const datagram = this.sender.protectRtcp(compound)!;
    this.world.carry(this.#up, datagram, (copy) => {
      this.peer.receive(copy, this.world.nowMs);
    });
  }

  sendPictureLoss(): void {
    this.sendRtcp(writePictureLossIndication(1, this.ssrc));
  }

  #receive(datagram: Buffer): void {
    const { nowMs } = this.world;
    if (isRtcp(datagram)) {
      this.#receiveReport(datagram);
      return;
    }
    const header = emptyRtpHeader();
    if (!parseRtpHeader(datagram, header)) throw new Error('no RTP');
    const payload = this.#receiver.unprotectRtp(
      datagram,
      header.headerBytes,
      header.ssrc,
      header.sequenceNumber,
    );
    if (typeof payload === 'string') {
      // Resent on the media SSRC while the first copy was only late.
      if (payload === 'srtp-replayed' && this.#options.rtx === false) return;
      throw new Error(`viewer got ${payload}`);
    }
    const numberAt = findExtension(datagram, header, TRANSPORT_CC_ID);
    if (this.#options.feedback === true) {
      if (numberAt === -1) throw new Error('no transport-wide number');
      this.#feedback.add(datagram.readUInt16BE(numberAt >> 8), nowMs);
    }
    const isRetransmission = header.ssrc === this.ssrc + 1;
    // Another media section of the same connection.
    if (header.ssrc !== this.ssrc && !isRetransmission) return;
    if (header.payloadType !== (isRetransmission ? 103 : 102)) throw new Error('wrong payload type');
    const number = isRetransmission ? payload.readUInt16BE(0) : header.sequenceNumber;
    const index = this.#highest === -1 ? number : extendSequence(number, this.#highest);
    const found = findExtension(datagram, header, 4);
    const elementAt = findExtension(datagram, header, VIEWERS_ELEMENT_ID);
    const received: Received = {
      index,
      timestamp: header.timestamp,
      marker: header.marker,
      payload: isRetransmission ? payload.subarray(2) : payload,
      mid: found === -1 ? undefined : datagram.toString('utf8', found >> 8, (found >> 8) + (found & 255)),
      element:
        elementAt === -1
          ? undefined
          : Buffer.from(datagram.subarray(elementAt >> 8, (elementAt >> 8) + (elementAt & 255))),
      atMs: nowMs,
      isRetransmission,
    };
    this.arrivals.push(received);
    const before = this.packets.get(index);
    if (
      before !== undefined &&
      (before.timestamp !== received.timestamp || !before.payload.equals(received.payload))
    ) {
      throw new Error(`packet ${index} has two contents`);
    }
    if (before === undefined) this.packets.set(index, received);
    for (let missing = this.#highest + 1; this.#highest !== -1 && missing < index; missing += 1) {
      this.#asked.set(missing, { atMs: nowMs - 1000, times: 0 });
    }
    this.#asked.delete(index);
    this.#highest = Math.max(this.#highest, index);
  }

  #receiveReport(datagram: Buffer): void {
    const compound = this.#receiver.unprotectRtcp(datagram);
    if (typeof compound === 'string') throw new Error(`viewer got ${compound}`);
    if (compound.readUInt8(1) !== 200) throw new Error('a viewer gets sender reports only');
    if (compound.toString('utf8', 38, 38 + compound.readUInt8(37)) !== 'turnkeep-test')
      throw new Error('no CNAME');
    const seconds = compound.readUInt32BE(8) - 2_208_988_800;
    const ntpMs = seconds * 1000 + (compound.readUInt32BE(12) / 2 ** 32) * 1000;
    this.reports.push({
      ntpMs,
      rtpTimestamp: compound.readUInt32BE(16),
      atMs: this.world.nowMs,
      arrivalsBefore: this.arrivals.length,
    });
    this.#lastReport = { compact: compactNtp(ntpMs), atMs: this.world.nowMs };
  }

  #askLater(): void {
    this.world.at(this.world.nowMs + 20, () => {
      const { nowMs } = this.world;
      const numbers: number[] = [];
      for (const [index, state] of this.#asked) {
        if (nowMs - state.atMs < 60 || state.times >= 20) continue;
        state.atMs = nowMs;
        state.times += 1;
        numbers.push(index & 0xffff);
      }
      if (numbers.length > 0 && this.isAsking) this.sendRtcp(writeNack(1, this.ssrc, numbers));
      this.#askLater();
    });
  }

  #feedbackLater(): void {
    this.world.at(this.world.nowMs + 50, () => {
      while (this.#feedback.pending) this.sendRtcp(this.#feedback.take(1, this.ssrc)!);
      this.#feedbackLater();
    });
  }

  #reportLater(): void {
    this.world.at(this.world.nowMs + 1000, () => {
      const { compact, atMs } = this.#lastReport;
      const block = {
        ssrc: this.ssrc,
        fractionLost: this.fractionLost,
        packetsLost: 0,
        highestSequence: Math.max(0, this.#highest),
        jitter: 0,
        lastSenderReport: compact,
        delaySinceLastSenderReport: compact === 0 ? 0 : Math.round((this.world.nowMs - atMs) * 65.536),
      };
      this.sendRtcp(writeReceiverReport(1, [block], 'viewer'));
      this.#reportLater();
    });
  }
}

/** Frames as the viewer's depacketizer sees them: packets of one timestamp, in order. */
export function framesOf(packets: readonly Received[]): { timestamp: number; packets: Received[] }[] {
  const frames: { timestamp: number; packets: Received[] }[] = [];
  for (const packet of packets) {
    const last = frames.at(-1);
    if (last?.timestamp === packet.timestamp) last.packets.push(packet);
    else frames.push({ timestamp: packet.timestamp, packets: [packet] });
  }
  return frames;
}

/** The frame number a test stream writes into each picture packet; undefined for parameter sets. */
export function frameNumber(payload: Buffer, codec: 'H264' | 'VP8'): number | undefined {
  if (codec === 'VP8') return payload.readUInt32BE((payload.readUInt8(0) & 0x80) === 0 ? 12 : 20);
  return (payload.readUInt8(0) & 0x1f) === 28 ? payload.readUInt32BE(4) : undefined;
}
