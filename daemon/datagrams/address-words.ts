/**
 * IP addresses between text and the words of the addon's descriptors: four of address in network byte order,
 * one of scope. Both directions remember a bounded number, so that a flow's packets cost no text.
 */
import { isIPv6 } from 'node:net';
import { formatIp, parseIp } from '../kit/ip-address.ts';

const ADDRESS_WORDS = 5;
const SCOPE_AT = 4;
/** Addresses remembered by place: a stranger's takes the place of one other. A power of two. */
const PLACES = 1024;
const MAX_REMEMBERED_TEXTS = 4096;

/** From words to text. */
export class AddressTexts {
  readonly #keys = new Int32Array(PLACES * ADDRESS_WORDS);
  readonly #texts: (string | undefined)[] = Array.from({ length: PLACES });

  /** @param at Index of the first of the five words. */
  read(words: Int32Array, at: number, ipv6: boolean): string {
    const keys = this.#keys;
    const a = words[at] ?? 0;
    const b = words[at + 1] ?? 0;
    const c = words[at + 2] ?? 0;
    const d = words[at + 3] ?? 0;
    const scope = words[at + SCOPE_AT] ?? 0;
    const mixed = Math.imul(a ^ Math.imul(b ^ c, 0x2c1b3c6d) ^ Math.imul(d, 0x297a2d39), 0x9e3779b1);
    const place = (mixed >>> 16) & (PLACES - 1);
    const key = place * ADDRESS_WORDS;
    const known = this.#texts[place];
    if (
      known !== undefined &&
      keys[key] === a &&
      keys[key + 1] === b &&
      keys[key + 2] === c &&
      keys[key + 3] === d &&
      keys[key + SCOPE_AT] === scope &&
      // ::1.2.3.4's first word may be that of an IPv4 address; the text tells them apart.
      known.includes(':') === ipv6
    ) {
      return known;
    }
    const text = format(words, at, ipv6);
    for (let word = 0; word < ADDRESS_WORDS; word += 1) keys[key + word] = words[at + word] ?? 0;
    this.#texts[place] = text;
    return text;
  }
}

/** From text to words. */
export class AddressWords {
  #known = new Map<string, Int32Array>();

  /** Writes the five words. @returns whether it is IPv6, or undefined, and nothing written, when it is no address. */
  write(text: string, words: Int32Array, at: number): boolean | undefined {
    const known = this.#known.get(text) ?? this.#add(text);
    if (known === undefined) return undefined;
    words[at] = known[0] ?? 0;
    words[at + 1] = known[1] ?? 0;
    words[at + 2] = known[2] ?? 0;
    words[at + 3] = known[3] ?? 0;
    words[at + SCOPE_AT] = known[SCOPE_AT] ?? 0;
    return known[ADDRESS_WORDS] === 1;
  }

  #add(text: string): Int32Array | undefined {
    const [bare = '', scope = '0'] = text.split('%');
    const parsed = parseIp(bare);
    if (parsed === undefined) return undefined;
    const words = new Int32Array(ADDRESS_WORDS + 1);
    new Uint8Array(words.buffer).set(parsed.bytes);
    words[SCOPE_AT] = Number(scope) | 0;
    words[ADDRESS_WORDS] = isIPv6(bare) ? 1 : 0;
    if (this.#known.size >= MAX_REMEMBERED_TEXTS) this.#known = new Map();
    this.#known.set(text, words);
    return words;
  }
}

/** Of a link-local address with its scope, as `fe80::1%2`. */
function format(words: Int32Array, at: number, ipv6: boolean): string {
  const bytes = new Uint8Array(
    words.buffer,
    words.byteOffset + at * Int32Array.BYTES_PER_ELEMENT,
    ipv6 ? 16 : 4,
  );
  const text = formatIp({ family: ipv6 ? 6 : 4, bytes });
  const scope = words[at + SCOPE_AT] ?? 0;
  return scope === 0 ? text : `${text}%${String(scope >>> 0)}`;
}
