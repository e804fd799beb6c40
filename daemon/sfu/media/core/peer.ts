/**
 * One DTLS-SRTP association: unprotects and routes what the peer sends, and owns its sources, downlinks
 * and RTCP. Datagrams are untrusted until authentic; nothing of one is remembered before.
 */
import type { SealedOutlet, SealKeys } from '../../../datagrams/sealed-flow.ts';
import { InvalidStateError } from '../../../kit/errors.ts';
import { BurstPacer } from './burst-pacer.ts';
import { randomBelow, type CoreContext } from './core-context.ts';
import { CoreDownlink } from './downlink.ts';
import { PeerReports } from './peer-reports.ts';
import type { StreamTransport } from './outbound-stream.ts';
import { parseRtcp, writeNack, writePictureLossIndication, type ReportBlock } from './rtcp-packet.ts';
import {
  emptyRtpHeader,
  findExtension,
  isRtcp,
  parseRtpHeader,
  RTP_FIXED_HEADER_BYTES,
  stripPadding,
  type RtpHeader,
} from './rtp-packet.ts';
import { SourceBindings, type Binding } from './source-bindings.ts';
import { CoreSource, type SourceLink } from './source.ts';
import { SlowTracks } from './slow-tracks.ts';
import { wipeKeys } from './srtp-keys.ts';
import { SrtpReceiver, SrtpSender } from './srtp-context.ts';
import { roundTripMs } from './ntp-time.ts';
import { ViewerLayers } from './viewer-layers.ts';
import { ViewerPath } from './viewer-path.ts';
import type {
  CorePeer,
  CorePeerOptions,
  Downlink,
  DownlinkOptions,
  MediaSource,
  PathStats,
  SourceOptions,
} from './types.ts';

export const MAX_SOURCES_PER_PEER = 64;
export const MAX_DOWNLINKS_PER_PEER = 1024;

export class Peer implements CorePeer, SourceLink {
  readonly id: string;
  readonly #context: CoreContext;
  readonly #send: (datagram: Buffer) => void;
  readonly #openOutlet: (keys: SealKeys) => SealedOutlet | undefined;
  readonly #receiver: SrtpReceiver;
  readonly #sender: SrtpSender;
  readonly #reports: PeerReports;
  readonly #pacer: BurstPacer;
  readonly #path: ViewerPath;
  readonly #layers: ViewerLayers;
  readonly #slow: SlowTracks;
  readonly #sources = new Set<CoreSource>();
  readonly #bindings: SourceBindings;
  /** By media SSRC. */
  readonly #downlinks = new Map<number, CoreDownlink>();
  readonly #header = emptyRtpHeader();
  readonly #onClosed: (peer: Peer) => void;
  #transport: StreamTransport | undefined;
  #state: 'open' | 'closed' = 'open';

  /** @throws RangeError on keys of the wrong length. */
  constructor(context: CoreContext, options: CorePeerOptions, onClosed: (peer: Peer) => void) {
    this.id = options.id;
    this.#context = context;
    this.#send = options.send;
    this.#openOutlet = options.openOutlet ?? ((): undefined => undefined);
    const { profile, local, remote } = options.keys;
    this.#receiver = new SrtpReceiver(profile, remote, context.createCipher);
    this.#sender = new SrtpSender(profile, local, context.createCipher);
    this.#bindings = new SourceBindings(this.#sources);
    this.#reports = new PeerReports(context, this.#sources, (compound) => {
      this.#sendRtcp(compound);
    });
    this.#pacer = new BurstPacer(context);
    this.#path = new ViewerPath(randomBelow(context, 0x1_0000));
    this.#layers = new ViewerLayers(context, this.#path, (nowMs) => this.#plainBitsPerSecond(nowMs));
    this.#slow = new SlowTracks(context, this.#path, (nowMs) => this.#sentBitsPerSecond(nowMs));
    this.#onClosed = onClosed;
  }

  /** @throws InvalidStateError when the peer is closed or has its full number of sources. */
  addSource(options: SourceOptions): MediaSource {
    this.#requireRoom(this.#sources.size, MAX_SOURCES_PER_PEER, 'sources');
    const source = new CoreSource(this.#context, this, options);
    this.#sources.add(source);
    this.#bindings.announce(source);
    return source;
  }

  /** @throws InvalidStateError when the peer is closed, is full, or already sends with this SSRC. */
  addDownlink(options: DownlinkOptions): Downlink {
    this.#requireRoom(this.#downlinks.size, MAX_DOWNLINKS_PER_PEER, 'downlinks');
    if (this.#downlinks.has(options.ssrc)) {
      throw new InvalidStateError(`Peer ${this.id} already sends with SSRC ${String(options.ssrc)}`);
    }
    const transport = (this.#transport ??= this.#openTransport());
    const downlink = new CoreDownlink(
      this.#context,
      this.#pacer,
      { layers: this.#layers, slow: this.#slow },
      transport,
      options,
      (closed) => {
        this.#downlinks.delete(closed.ssrc);
      },
    );
    this.#downlinks.set(options.ssrc, downlink);
    return downlink;
  }

  receive(datagram: Buffer, nowMs: number): void {
    if (this.#state === 'closed') return;
    if (datagram.length >= RTP_FIXED_HEADER_BYTES && !isRtcp(datagram)) this.#receiveRtp(datagram, nowMs);
    else this.#receiveRtcp(datagram, nowMs);
  }

  path(nowMs: number): PathStats {
    const known = this.#path.bandwidth(nowMs);
    return {
      bitsPerSecond: known === undefined ? null : Math.round(known.bitsPerSecond),
      basis: known?.basis ?? null,
      isCongested: known?.isCongested ?? false,
      queueMs: Math.round(this.#path.queueMs(nowMs)),
      slowSinceMs: this.#path.slowSinceMs(nowMs) ?? null,
    };
  }

  close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    for (const downlink of [...this.#downlinks.values()]) downlink.close();
    for (const source of [...this.#sources]) source.close();
    this.#transport?.outlet?.close();
    this.#receiver.close();
    this.#sender.close();
    this.#reports.close();
    this.#layers.close();
    this.#slow.close();
    this.#context.deadlines.delete(this.#pacer);
    this.#onClosed(this);
  }

  sendNack(mediaSsrc: number, sequenceNumbers: readonly number[]): void {
    this.#sendRtcp(writeNack(this.#reports.ssrc, mediaSsrc, sequenceNumbers));
  }

  sendPictureLossIndication(mediaSsrc: number): void {
    this.#sendRtcp(writePictureLossIndication(this.#reports.ssrc, mediaSsrc));
  }

  onSourceClosed(source: CoreSource): void {
    this.#bindings.forget(source);
    this.#sources.delete(source);
  }

  #openTransport(): StreamTransport {
    const keys = this.#sender.sealKeys();
    const outlet = this.#openOutlet(keys);
    wipeKeys(keys);
    return { srtp: this.#sender, path: this.#path, send: this.#send, outlet };
  }

  /** What the tracks take that have no encodings to choose from. */
  #plainBitsPerSecond(nowMs: number): number {
    let sum = 0;
    for (const downlink of this.#downlinks.values()) {
      if (downlink.isSending && !this.#layers.has(downlink)) sum += downlink.sourceBitsPerSecond(nowMs);
    }
    return sum;
  }

  #sentBitsPerSecond(nowMs: number): number {
    let sum = 0;
    for (const downlink of this.#downlinks.values())
      if (downlink.isSending) sum += downlink.sourceBitsPerSecond(nowMs);
    return sum;
  }

  #receiveRtp(datagram: Buffer, nowMs: number): void {
    const { drops } = this.#context;
    const header = this.#header;
    if (!parseRtpHeader(datagram, header)) {
      drops.add('not-rtp');
      return;
    }
    const binding = this.#bindings.find(datagram, header);
    if (binding === undefined) {
      drops.add('no-source');
      return;
    }
    const { headerBytes, ssrc, sequenceNumber } = header;
    const opened = this.#receiver.unprotectRtp(datagram, headerBytes, ssrc, sequenceNumber);
    if (typeof opened === 'string') {
      drops.add(opened);
      return;
    }
    this.#bindings.commit(ssrc, binding);
    this.#noteArrival(datagram, header, binding, nowMs);
    const payload = stripPadding(opened, header.hasPadding);
    if (payload === undefined) drops.add('bad-padding');
    else {
      const element = binding.source.elementOf(datagram, header);
      if (binding.isRetransmission) this.#unwrap(binding.source, header, payload, element, nowMs);
      else {
        const { timestamp, marker } = header;
        binding.source.receive(sequenceNumber, timestamp, marker, payload, element, false, nowMs);
      }
    }
  }

  /** RFC 4588 section 4: the payload begins with the number the packet had. */
  #unwrap(
    source: CoreSource,
    header: RtpHeader,
    payload: Buffer,
    element: Buffer | undefined,
    nowMs: number,
  ): void {
    // Empty: the sender probes the path with padding on its RTX stream.
    if (payload.length === 0) return;
    if (payload.length < 3 || source.ssrc === undefined) {
      this.#context.drops.add('bad-rtx');
      return;
    }
    const { timestamp, marker } = header;
    const original = payload.subarray(2);
    source.receive(payload.readUInt16BE(0), timestamp, marker, original, element, true, nowMs);
  }

  #noteArrival(datagram: Buffer, header: RtpHeader, binding: Binding, nowMs: number): void {
    const { transportCcExtensionId, feedback } = binding.source.options;
    if (transportCcExtensionId !== undefined && feedback.transportCc && header.extensionProfile !== 0) {
      const found = findExtension(datagram, header, transportCcExtensionId);
      if (found !== -1 && (found & 0xff) >= 2) {
        this.#reports.noteTransportNumber(datagram.readUInt16BE(found >>> 8), header.ssrc, nowMs);
      }
    }
    const { audioLevelExtensionId } = binding.source.options;
    if (audioLevelExtensionId !== undefined && header.extensionProfile !== 0) {
      const found = findExtension(datagram, header, audioLevelExtensionId);
      if (found !== -1) binding.source.noteAudioLevel(datagram.readUInt8(found >>> 8), nowMs);
    }
    this.#reports.wake(nowMs);
  }

  #receiveRtcp(datagram: Buffer, nowMs: number): void {
    const { drops } = this.#context;
    const compound = this.#receiver.unprotectRtcp(datagram);
    if (typeof compound === 'string') {
      drops.add(compound);
      return;
    }
    const packets = parseRtcp(compound);
    if (packets === undefined) {
      drops.add('not-rtcp');
      return;
    }
    for (const packet of packets) {
      switch (packet.type) {
        case 'sr':
          this.#bindings.sourceOf(packet.ssrc)?.reception.onSenderReport(packet.compactNtp, nowMs);
          this.#takeReports(packet.reports, nowMs);
          break;
        case 'rr':
          this.#takeReports(packet.reports, nowMs);
          break;
        case 'bye':
          for (const ssrc of packet.ssrcs) this.#bindings.sourceOf(ssrc)?.onBye();
          break;
        case 'nack':
          this.#downlinks.get(packet.mediaSsrc)?.onNack(packet.sequenceNumbers, nowMs);
          break;
        case 'pli':
          this.#downlinks.get(packet.mediaSsrc)?.onPictureLoss(nowMs);
          break;
        case 'fir':
          for (const ssrc of packet.mediaSsrcs) this.#downlinks.get(ssrc)?.onPictureLoss(nowMs);
          break;
        case 'transport-feedback':
          if (!this.#path.onFeedback(packet.packet, nowMs)) drops.add('not-rtcp');
          break;
        case 'remb':
          this.#path.onReceiverEstimate(packet.bitsPerSecond, nowMs);
          break;
      }
    }
  }

  #takeReports(blocks: readonly ReportBlock[], nowMs: number): void {
    let worst = -1;
    let measuredMs: number | undefined;
    for (const block of blocks) {
      const downlink = this.#downlinks.get(block.ssrc);
      if (downlink === undefined) continue;
      const { lastSenderReport, delaySinceLastSenderReport } = block;
      const measured = roundTripMs(nowMs, lastSenderReport, delaySinceLastSenderReport);
      measuredMs = measured ?? measuredMs;
      downlink.onReport(block, measured);
      worst = Math.max(worst, block.fractionLost);
    }
    if (worst !== -1) this.#path.onReport(worst, measuredMs, nowMs);
  }

  #sendRtcp(compound: Buffer): void {
    if (this.#state === 'closed') return;
    const datagram = this.#sender.protectRtcp(compound);
    if (datagram !== undefined) this.#send(datagram);
  }

  #requireRoom(size: number, limit: number, what: string): void {
    if (this.#state === 'closed') throw new InvalidStateError(`Peer ${this.id} is closed`);
    if (size >= limit) throw new InvalidStateError(`Peer ${this.id} has its ${String(limit)} ${what}`);
  }
}
