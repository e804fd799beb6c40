/** A media core with one end that sends and one that watches, and checks of every datagram that it makes. */
import { keyPair, START_MS } from '../../../daemon/test/sfu/media/core/loopback.ts';
import { createMediaCore } from '../../../daemon/sfu/media/core/media-core.ts';
import { MAX_DATAGRAM_BYTES } from '../../../daemon/sfu/media/core/packet-scratch.ts';
import { parseRtcp } from '../../../daemon/sfu/media/core/rtcp-packet.ts';
import {
  emptyRtpHeader,
  findExtension,
  isRtcp,
  parseRtpHeader,
} from '../../../daemon/sfu/media/core/rtp-packet.ts';
import { SrtpReceiver, SrtpSender } from '../../../daemon/sfu/media/core/srtp-context.ts';
import type {
  CorePeer,
  Downlink,
  MediaCore,
  MediaSource,
  SourceOptions,
} from '../../../daemon/sfu/media/core/types.ts';
import { mutate, seeded } from '../mutate.ts';
import { ensure } from './target.ts';

const PROFILE = 'AEAD_AES_128_GCM';
export const MID_ID = 1;
export const TRANSPORT_CC_ID = 3;
/** Extensions that we write towards viewers; of no other id may one go out. */
const WRITTEN_IDS = [MID_ID, TRANSPORT_CC_ID];
const STEP_MS = 5;
/** What one input may set free at most: a whole datagram of NACK, and the join bursts of all sections. */
const MAX_SENT_PER_INPUT = 4096;

type End = { peer: CorePeer; sender: SrtpSender; receiver: SrtpReceiver };

export class CoreBench {
  readonly core: MediaCore;
  readonly publisher: End;
  readonly viewer: End;
  readonly downlinks: Downlink[] = [];
  readonly sources: MediaSource[] = [];
  nowMs = START_MS;
  /** Sequence number sent last, by SSRC of the section. */
  readonly lastSent = new Map<number, number>();
  #transportNumber = 0;
  #sent = 0;
  readonly #header = emptyRtpHeader();
  readonly #indexes = new Map<number, number>();
  readonly #tamper = seeded(11);

  constructor(sources: readonly SourceOptions[]) {
    const quiet = (): void => undefined;
    const events = {
      ...{ sourceFlowing: quiet, sourceStalled: quiet, sourceParameters: quiet },
      downlinkHeld: quiet,
    };
    this.core = createMediaCore({ events, random: seeded(2) });
    this.publisher = this.#end('publisher', 3, (receiver, datagram) => {
      ensure(isRtcp(datagram), 'a publisher gets RTCP only');
      this.#checkRtcp(receiver, datagram);
    });
    this.viewer = this.#end('viewer', 7, (receiver, datagram) => {
      if (isRtcp(datagram)) this.#checkRtcp(receiver, datagram);
      else this.#checkRtp(receiver, datagram);
    });
    for (const [at, options] of sources.entries()) {
      const source = this.publisher.peer.addSource(options);
      const downlink = this.viewer.peer.addDownlink({
        kind: source.kind,
        payloadType: 40 + at * 2,
        rtxPayloadType: 41 + at * 2,
        ssrc: 300 + at * 2,
        rtxSsrc: 301 + at * 2,
        mid: `out${at}`,
        midExtensionId: MID_ID,
        transportCcExtensionId: TRANSPORT_CC_ID,
        cname: 'fuzz',
        nack: true,
      });
      downlink.setSource(source, this.nowMs);
      this.sources.push(source);
      this.downlinks.push(downlink);
    }
  }

  get lastTransportNumber(): number {
    return this.#transportNumber;
  }

  /** Protects RTP and delivers it; `step`: how far its number is from the last one of its SSRC. */
  publish(header: Buffer, payload: Buffer, step: number): void {
    const ssrc = header.readUInt32BE(8);
    const index = (this.#indexes.get(ssrc) ?? 0) + step;
    this.#indexes.set(ssrc, index);
    header.writeUInt16BE(index & 0xffff, 2);
    const out = Buffer.alloc(header.length + payload.length + 64);
    header.copy(out);
    const ownHeader = out.subarray(0, header.length);
    const bytes = this.publisher.sender.protectRtp(out, ownHeader, payload, ssrc, index);
    const sealed = out.subarray(0, bytes);
    this.tampered(this.publisher, sealed);
    this.publisher.peer.receive(sealed, this.nowMs);
  }

  /** Protects RTCP of an end and delivers it. */
  report(end: End, compound: Buffer): void {
    const sealed = end.sender.protectRtcp(Buffer.from(compound))!;
    this.tampered(end, sealed);
    end.peer.receive(sealed, this.nowMs);
  }

  /** Of a changed copy nothing may get further than its tag. */
  tampered(end: End, sealed: Buffer): void {
    const copy = mutate(sealed, this.#tamper);
    if (copy.equals(sealed)) return;
    const before = this.#drops();
    end.peer.receive(copy, this.nowMs);
    ensure(this.#drops() === before + 1, 'a tampered packet was not dropped');
  }

  /** Lets time pass after an input. */
  step(): void {
    this.nowMs += STEP_MS;
    this.core.tick(this.nowMs);
    const next = this.core.nextTickMs();
    ensure(next === undefined || next >= this.nowMs, 'a deadline stays in the past');
    ensure(this.#sent <= MAX_SENT_PER_INPUT, `${this.#sent} datagrams leave for one input`);
    this.#sent = 0;
  }

  close(): void {
    const packets = this.sources.reduce((sum, source) => sum + source.stats(this.nowMs).packets, 0);
    ensure(packets > 0 && this.core.totals().packets > 0, 'valid packets do not get through');
    this.publisher.peer.close();
    this.viewer.peer.close();
    ensure(this.core.nextTickMs() === undefined, 'a deadline is left');
  }

  #end(id: string, fill: number, check: (receiver: SrtpReceiver, datagram: Buffer) => void): End {
    const { ours, theirs } = keyPair(PROFILE, fill);
    const receiver = new SrtpReceiver(PROFILE, theirs.remote);
    const send = (datagram: Buffer): void => {
      this.#sent += 1;
      ensure(datagram.length <= MAX_DATAGRAM_BYTES, `a datagram of ${datagram.length} bytes`);
      check(receiver, Buffer.from(datagram));
    };
    const peer = this.core.addPeer({ id, keys: ours, send }, this.nowMs);
    return { peer, receiver, sender: new SrtpSender(PROFILE, theirs.local) };
  }

  #drops(): number {
    return Object.values(this.core.drops()).reduce((sum, count) => sum + count, 0);
  }

  #checkRtcp(receiver: SrtpReceiver, datagram: Buffer): void {
    const compound = receiver.unprotectRtcp(datagram);
    ensure(typeof compound !== 'string', `our RTCP is ${compound as string}`);
    ensure(parseRtcp(compound) !== undefined, 'our RTCP cannot be read');
  }

  #checkRtp(receiver: SrtpReceiver, datagram: Buffer): void {
    const header = this.#header;
    ensure(parseRtpHeader(datagram, header), 'our RTP cannot be read');
    const at = Math.floor((header.ssrc - 300) / 2);
    ensure(at >= 0 && at < this.downlinks.length, `SSRC ${header.ssrc} is none of ours`);
    ensure(header.payloadType === 40 + (header.ssrc - 300), 'another payload type than negotiated');
    ensure(!header.hasPadding, 'padding goes out');
    for (let id = 1; id <= 255; id += 1) {
      const found = findExtension(datagram, header, id);
      ensure((found !== -1) === WRITTEN_IDS.includes(id), `extension ${id}`);
      if (id !== MID_ID) continue;
      const mid = datagram.toString('latin1', found >> 8, (found >> 8) + (found & 255));
      ensure(mid === `out${at}`, 'the MID of another section');
    }
    const { headerBytes, ssrc, sequenceNumber } = header;
    this.#transportNumber = datagram.readUInt16BE(findExtension(datagram, header, TRANSPORT_CC_ID) >> 8);
    const payload = receiver.unprotectRtp(datagram, headerBytes, ssrc, sequenceNumber);
    ensure(typeof payload !== 'string', `our RTP is ${payload as string}`);
    this.lastSent.set(ssrc, sequenceNumber);
  }
}
