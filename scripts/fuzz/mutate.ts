/** Seeded mutations of messages. Pure: the same seed gives the same bytes. */

/** A generator of numbers in [0, 1), by Mulberry32. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One to four changes of a copy: bits, bytes, length, a field of the header, a piece repeated. */
export function mutate(bytes: Buffer, random: () => number): Buffer {
  const below = (limit: number): number => Math.floor(random() * limit);
  let out = Buffer.from(bytes);
  for (let change = below(4); change >= 0; change -= 1) {
    const at = below(out.length);
    switch (below(7)) {
      case 0:
        if (out.length > 0) out[at] = (out[at] ?? 0) ^ (1 << below(8));
        break;
      case 1:
        if (out.length > 0) out[at] = [0x00, 0x7f, 0x80, 0xff][below(4)] ?? 0;
        break;
      case 2:
        out = out.subarray(0, at);
        break;
      case 3:
        out = Buffer.concat([out, Buffer.alloc(below(64), below(256))]);
        break;
      case 4:
        if (out.length >= 4) out.writeUInt16BE(below(0x10000), 2);
        break;
      case 5: {
        const piece = out.subarray(at, at + below(32));
        out = Buffer.concat([out.subarray(0, at), piece, out.subarray(at)]);
        break;
      }
      default:
        if (out.length >= 24)
          out.writeUInt16BE(below(0x10000), 20 + 4 * below(Math.floor((out.length - 20) / 4)));
    }
  }
  return out;
}
