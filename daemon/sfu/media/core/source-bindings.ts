/**
 * Which source an incoming SSRC belongs to: announced in SDP, else by MID (and RID of one encoding), else by a payload type only one
 * source has (RFC 9143 section 9.2). Looking changes nothing; binding happens after the packet proved
 * authentic. Holds at most two SSRCs per source.
 */
import { findExtension, type RtpHeader } from './rtp-packet.ts';
import type { CoreSource } from './source.ts';

export type Binding = {
  readonly source: CoreSource;
  readonly isRetransmission: boolean;
};

type Bound = { ssrc: number | undefined; binding: Binding };

export class SourceBindings {
  readonly #sources: ReadonlySet<CoreSource>;
  readonly #bySsrc = new Map<number, Binding>();
  /** The two bindings of each source; made once, so that a packet makes none. */
  readonly #bySource = new Map<CoreSource, { media: Bound; retransmission: Bound }>();

  constructor(sources: ReadonlySet<CoreSource>) {
    this.#sources = sources;
  }

  get size(): number {
    return this.#bySsrc.size;
  }

  /** Takes up a new source and the SSRCs its SDP names. */
  announce(source: CoreSource): void {
    const { ssrc, rtxSsrc } = source.options;
    const entry = {
      media: { ssrc: undefined, binding: { source, isRetransmission: false } },
      retransmission: { ssrc: undefined, binding: { source, isRetransmission: true } },
    };
    this.#bySource.set(source, entry);
    if (ssrc !== undefined) this.commit(ssrc, entry.media.binding);
    if (rtxSsrc !== undefined) this.commit(rtxSsrc, entry.retransmission.binding);
  }

  /** The source of a bound media or RTX SSRC. */
  sourceOf(ssrc: number): CoreSource | undefined {
    const binding = this.#bySsrc.get(ssrc);
    return binding?.isRetransmission === false ? binding.source : undefined;
  }

  /** Where a packet belongs, by its header alone. */
  find(packet: Buffer, header: RtpHeader): Binding | undefined {
    const known = this.#bySsrc.get(header.ssrc);
    if (known !== undefined) return this.#checked(known, header.payloadType);
    let unique: Binding | undefined;
    let count = 0;
    for (const source of this.#sources) {
      const binding = this.#bindingFor(source, header.payloadType);
      if (binding === undefined) continue;
      const { midExtensionId, mid } = source.options;
      const said = midExtensionId === undefined ? undefined : readText(packet, header, midExtensionId);
      if (source.options.rid !== undefined) {
        if (said === mid && saysRid(packet, header, binding)) return binding;
        continue;
      }
      if (said === mid) return binding;
      // It names another media section.
      if (said !== undefined) continue;
      // A source whose SSRC is known takes another one only by its MID.
      if (this.#boundSsrc(binding) !== undefined) continue;
      unique = binding;
      count += 1;
    }
    return count === 1 ? unique : undefined;
  }

  /** Binds an SSRC after its packet was authentic. The one before it is forgotten. */
  commit(ssrc: number, binding: Binding): void {
    if (this.#bySsrc.get(ssrc) === binding) return;
    const entry = this.#bySource.get(binding.source);
    if (entry === undefined) return;
    const bound = binding.isRetransmission ? entry.retransmission : entry.media;
    if (bound.ssrc !== undefined) this.#bySsrc.delete(bound.ssrc);
    bound.ssrc = ssrc;
    this.#bySsrc.set(ssrc, binding);
    if (!binding.isRetransmission) binding.source.bind(ssrc);
  }

  forget(source: CoreSource): void {
    const entry = this.#bySource.get(source);
    if (entry === undefined) return;
    for (const { ssrc, binding } of [entry.media, entry.retransmission]) {
      if (ssrc !== undefined && this.#bySsrc.get(ssrc) === binding) this.#bySsrc.delete(ssrc);
    }
    this.#bySource.delete(source);
  }

  /** A known SSRC with a payload type that was not negotiated for it is not looked at. */
  #checked(binding: Binding, payloadType: number): Binding | undefined {
    const { options } = binding.source;
    const expected = binding.isRetransmission ? options.rtxPayloadType : options.payloadType;
    return payloadType === expected ? binding : undefined;
  }

  #bindingFor(source: CoreSource, payloadType: number): Binding | undefined {
    const entry = this.#bySource.get(source);
    if (payloadType === source.options.payloadType) return entry?.media.binding;
    if (payloadType === source.options.rtxPayloadType) return entry?.retransmission.binding;
    return undefined;
  }

  #boundSsrc(binding: Binding): number | undefined {
    const entry = this.#bySource.get(binding.source);
    return binding.isRetransmission ? entry?.retransmission.ssrc : entry?.media.ssrc;
  }
}

/** RFC 8852: RTX packets name the stream they repair. */
function saysRid(packet: Buffer, header: RtpHeader, { source, isRetransmission }: Binding): boolean {
  const { rid, ridExtensionId, repairedRidExtensionId } = source.options;
  const id = isRetransmission ? repairedRidExtensionId : ridExtensionId;
  return id !== undefined && readText(packet, header, id) === rid;
}

function readText(packet: Buffer, header: RtpHeader, id: number): string | undefined {
  const found = findExtension(packet, header, id);
  if (found === -1) return undefined;
  return packet.toString('utf8', found >>> 8, (found >>> 8) + (found & 0xff));
}
