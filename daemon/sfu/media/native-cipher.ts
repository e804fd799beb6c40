/**
 * The SRTP transforms by the datagram engine where it has them, with contexts that are made when the first packet
 * needs them; else by `node:crypto`. The same bytes either way.
 */
import type { DatagramEngine } from '../../datagrams/datagram.ts';
import type { SrtpContext } from '../../datagrams/srtp-contexts.ts';
import { createSrtpCipher, type SrtpCipher, type SrtpCipherFactory } from './core/srtp-cipher.ts';
import { exportKeys, wipeKeys, type SessionKeys } from './core/srtp-keys.ts';
import type { SrtpProfile } from './core/types.ts';

/** What the engine offers of it. */
type Engine = Pick<DatagramEngine, 'srtpContext'>;

export function nativeCiphers(engine: Engine): SrtpCipherFactory {
  return (profile, rtp, rtcp, direction) => new NativeCipher(engine, profile, rtp, rtcp, direction);
}

class NativeCipher implements SrtpCipher {
  readonly rtpOverheadBytes: number;
  readonly rtcpOverheadBytes: number;
  readonly #other: SrtpCipher;
  readonly #rtp: LazyContext;
  readonly #rtcp: LazyContext;

  constructor(
    engine: Engine,
    profile: SrtpProfile,
    rtp: SessionKeys,
    rtcp: SessionKeys,
    direction: 'in' | 'out',
  ) {
    this.#other = createSrtpCipher(profile, rtp, rtcp);
    this.rtpOverheadBytes = this.#other.rtpOverheadBytes;
    this.rtcpOverheadBytes = this.#other.rtcpOverheadBytes;
    const open = (keys: SessionKeys) => (): SrtpContext | undefined => {
      const raw = exportKeys(profile, keys);
      const context = engine.srtpContext(raw, direction === 'in');
      wipeKeys(raw);
      return context;
    };
    this.#rtp = new LazyContext(open(rtp));
    this.#rtcp = new LazyContext(open(rtcp));
  }

  /** RTP that goes out has a way of its own: datagrams/sealed-flow.ts. */
  sealRtp(out: Buffer, header: Buffer, payload: Buffer, ssrc: number, index: number): number {
    return this.#other.sealRtp(out, header, payload, ssrc, index);
  }

  openRtp(packet: Buffer, headerBytes: number, ssrc: number, index: number): Buffer | undefined {
    const context = this.#rtp.get();
    if (context === undefined) return this.#other.openRtp(packet, headerBytes, ssrc, index);
    if (!context.openRtp(packet, headerBytes, Math.floor(index / 0x1_0000))) return undefined;
    return Buffer.from(packet.subarray(headerBytes, packet.length - this.rtpOverheadBytes));
  }

  sealRtcp(packet: Buffer, index: number): Buffer {
    const context = this.#rtcp.get();
    if (context === undefined) return this.#other.sealRtcp(packet, index);
    const out = Buffer.allocUnsafe(packet.length + this.rtcpOverheadBytes);
    packet.copy(out);
    return context.sealRtcp(out, index) ? out : this.#other.sealRtcp(packet, index);
  }

  rtcpIndex(packet: Buffer): number {
    return this.#other.rtcpIndex(packet);
  }

  openRtcp(packet: Buffer): Buffer | undefined {
    const context = this.#rtcp.get();
    if (context === undefined) return this.#other.openRtcp(packet);
    const bytes = context.openRtcp(packet);
    return bytes === -1 ? undefined : packet.subarray(0, bytes);
  }

  close(): void {
    this.#rtp.close();
    this.#rtcp.close();
  }
}

class LazyContext {
  readonly #open: () => SrtpContext | undefined;
  #context: SrtpContext | undefined;
  #isOpened = false;

  constructor(open: () => SrtpContext | undefined) {
    this.#open = open;
  }

  get(): SrtpContext | undefined {
    if (!this.#isOpened) {
      this.#isOpened = true;
      this.#context = this.#open();
    }
    return this.#context;
  }

  close(): void {
    this.#isOpened = true;
    this.#context?.close();
    this.#context = undefined;
  }
}
