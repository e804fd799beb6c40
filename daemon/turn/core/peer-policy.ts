/**
 * The one decision about peers: default deny, allowed are exactly the configured blocks of address and
 * ports. Every method and both directions of the data path ask here.
 */
import { canonicalIp, formatIp, unmapped, type IpAddress, type IpFamily } from '../../kit/ip-address.ts';

/** A block of UDP ports on one address, both ends included. */
export type PeerBlock = { address: string; minPort: number; maxPort: number };

export class PeerPolicy {
  readonly #blocks = new Map<string, { minPort: number; maxPort: number }[]>();

  constructor(blocks: readonly PeerBlock[]) {
    for (const { address, minPort, maxPort } of blocks) {
      const canonical = canonicalIp(address);
      if (canonical === undefined) continue; // The schema admits addresses only; a bad one allows nothing.
      const ranges = this.#blocks.get(canonical) ?? [];
      ranges.push({ minPort, maxPort });
      this.#blocks.set(canonical, ranges);
    }
  }

  /** Some port of this canonical address is allowed. */
  allowsAddress(address: string): boolean {
    return this.#blocks.has(address);
  }

  /** For the data path: two comparisons after one lookup. */
  allows(address: string, port: number): boolean {
    const ranges = this.#blocks.get(address);
    if (ranges === undefined) return false;
    for (const range of ranges) if (port >= range.minPort && port <= range.maxPort) return true;
    return false;
  }
}

/**
 * Why a peer was refused, for those who tell an operator in words:
 * `re-encoded`: an IPv6 form that hides an IPv4 address; `wrong-family`: the allocation has no relay of that
 * family; `port-zero`: no datagram goes there; `not-an-sfu`: in none of the namespace's blocks.
 */
export type PeerRefusal = 're-encoded' | 'wrong-family' | 'port-zero' | 'not-an-sfu';

export type PeerDecision =
  { allowed: true; address: string } | { allowed: false; code: 403 | 443; reason: PeerRefusal };

const refused = (code: 403 | 443, reason: PeerRefusal): PeerDecision =>
  Object.freeze({ allowed: false, code, reason });

/** Made once: a flood of refused Send indications makes no garbage here. */
const RE_ENCODED = refused(403, 're-encoded');
const WRONG_FAMILY = refused(443, 'wrong-family');
const PORT_ZERO = refused(403, 'port-zero');
const NOT_AN_SFU = refused(403, 'not-an-sfu');

/**
 * Decides on a peer as a client wrote it. IPv6 forms that hide an IPv4 address (mapped, compatible,
 * 6to4, NAT64, Teredo, ISATAP) are refused whatever they hide: an honest client writes IPv4 as IPv4.
 * @param families what the allocation can relay; a peer of another family is 443 (RFC 8656 section 10.2).
 * @param port undefined for CreatePermission, which names addresses only.
 */
export function decidePeer(
  policy: PeerPolicy,
  peer: IpAddress,
  options: { families: readonly IpFamily[]; port: number | undefined },
): PeerDecision {
  if (hidesIpv4(peer)) return RE_ENCODED;
  if (!options.families.includes(peer.family)) return WRONG_FAMILY;
  if (options.port === 0) return PORT_ZERO;
  const address = formatIp(peer);
  const allowed =
    options.port === undefined ? policy.allowsAddress(address) : policy.allows(address, options.port);
  return allowed ? { allowed: true, address } : NOT_AN_SFU;
}

function hidesIpv4(peer: IpAddress): boolean {
  if (peer.family === 4) return false;
  if (unmapped(peer).family === 4) return true;
  const { bytes } = peer;
  const starts = (...prefix: number[]): boolean => prefix.every((byte, at) => bytes[at] === byte);
  if (starts(0x20, 0x02) || starts(0x20, 0x01, 0, 0)) return true; // 6to4, Teredo
  if (starts(0, 0x64, 0xff, 0x9b)) return true; // NAT64, well-known and local-use
  // IPv4-compatible ::a.b.c.d; ::1 is not one.
  if (bytes.subarray(0, 12).every((byte) => byte === 0)) return !isLoopbackOrZero(bytes);
  // ISATAP interface identifiers: 0000:5efe or 0200:5efe, then the IPv4 address.
  return ((bytes[8] ?? 0) & 0xfd) === 0 && bytes[9] === 0 && bytes[10] === 0x5e && bytes[11] === 0xfe;
}

function isLoopbackOrZero(bytes: Uint8Array): boolean {
  return bytes[12] === 0 && bytes[13] === 0 && bytes[14] === 0 && (bytes[15] ?? 0) <= 1;
}
