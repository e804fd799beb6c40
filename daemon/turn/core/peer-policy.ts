/**
 * The one decision about peers: default deny, allowed are exactly the configured blocks of address and
 * ports. Every method and both directions of the data path ask here.
 */
import { canonicalIp, formatIp, type IpAddress, type IpFamily } from '../../kit/ip-address.ts';
import { plainAddress } from './plain-address.ts';

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
 * `re-encoded`: an IPv6 form whose hidden IPv4 address cannot be told, or that the allocation has no relay for;
 * `wrong-family`: the allocation has no relay of that family; `port-zero`: no datagram goes there;
 * `not-an-sfu`: in none of the namespace's blocks.
 */
export type PeerRefusal = 're-encoded' | 'wrong-family' | 'port-zero' | 'not-an-sfu';

/**
 * `address` and `ip` are the peer itself, never a form that hides it: permissions, channels and the choice of
 * the relay go by them.
 */
export type PeerDecision =
  | { allowed: true; address: string; ip: IpAddress }
  | { allowed: false; code: 403 | 443; reason: PeerRefusal };

const refused = (code: 403 | 443, reason: PeerRefusal): PeerDecision =>
  Object.freeze({ allowed: false, code, reason });

/** Made once: a flood of refused Send indications makes no garbage here. */
const RE_ENCODED = refused(403, 're-encoded');
const WRONG_FAMILY = refused(443, 'wrong-family');
const PORT_ZERO = refused(403, 'port-zero');
const NOT_AN_SFU = refused(403, 'not-an-sfu');

/**
 * Decides on a peer as a client wrote it. An IPv6 form that hides an IPv4 address (mapped, compatible,
 * translated, 6to4, NAT64, Teredo, ISATAP) gets the answer of the address it hides.
 * @param families what the allocation can relay; a peer written in another one is 443 (RFC 8656 section 10.2).
 * @param port undefined for CreatePermission, which names addresses only.
 */
export function decidePeer(
  policy: PeerPolicy,
  peer: IpAddress,
  options: { families: readonly IpFamily[]; port: number | undefined },
): PeerDecision {
  const { families, port } = options;
  if (!families.includes(peer.family)) return WRONG_FAMILY;
  if (port === 0) return PORT_ZERO;
  const ip = plainAddress(peer);
  if (ip === undefined) return RE_ENCODED;
  const address = formatIp(ip);
  const allowed = port === undefined ? policy.allowsAddress(address) : policy.allows(address, port);
  if (!allowed) return NOT_AN_SFU;
  return families.includes(ip.family) ? { allowed: true, address, ip } : RE_ENCODED;
}
