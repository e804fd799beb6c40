/**
 * The one decision about peers: default deny. Allowed are the configured blocks of address and ports and,
 * where the namespace is a public relay, the public addresses that are not this host's. Every method and both
 * directions of the data path ask here.
 */
import { canonicalIp, formatIp, type IpAddress, type IpFamily } from '../../kit/ip-address.ts';
import { plainAddress } from './plain-address.ts';
import { isSpecialPurpose } from './special-purpose.ts';

/** A block of ports on one address, both ends included. */
export type PeerBlock = { address: string; minPort: number; maxPort: number };

/** A relay to the internet: `own` are addresses of this host, which stay out of reach. */
export type PublicPeers = { own: readonly string[] };

export class PeerPolicy {
  readonly #blocks = new Map<string, { minPort: number; maxPort: number }[]>();
  /** undefined: peers are the blocks and nothing else. */
  readonly #own: ReadonlySet<string> | undefined;

  constructor(blocks: readonly PeerBlock[], publicPeers?: PublicPeers) {
    for (const { address, minPort, maxPort } of blocks) {
      const canonical = canonicalIp(address);
      if (canonical === undefined) continue; // The schema admits addresses only; a bad one allows nothing.
      const ranges = this.#blocks.get(canonical) ?? [];
      ranges.push({ minPort, maxPort });
      this.#blocks.set(canonical, ranges);
    }
    // One that cannot be read is no address of a peer either.
    this.#own = publicPeers && new Set(publicPeers.own.flatMap((address) => canonicalIp(address) ?? []));
  }

  /**
   * The whole decision on a plain address. An address with blocks is reached at their ports only.
   * @param address the canonical text of `ip`.
   * @param port undefined: is there a port that is allowed?
   */
  refusal(ip: IpAddress, address: string, port: number | undefined): PeerRefusal | undefined {
    if (port === 0) return 'port-zero';
    if (this.#blocks.has(address)) {
      return port === undefined || this.allowsPort(address, port) ? undefined : 'not-an-sfu';
    }
    if (this.#own === undefined) return 'not-an-sfu';
    if (this.#own.has(address)) return 'own-address';
    return isSpecialPurpose(ip) ? 'special-purpose' : undefined;
  }

  /**
   * For the data path: the port of an address that has a permission, so that `refusal` allowed it and a
   * policy that no longer does has taken the permission away. One lookup, two comparisons.
   */
  allowsPort(address: string, port: number): boolean {
    const ranges = this.#blocks.get(address);
    if (ranges === undefined) return this.#own !== undefined && port !== 0;
    for (const range of ranges) if (port >= range.minPort && port <= range.maxPort) return true;
    return false;
  }
}

/**
 * Why a peer was refused, for those who tell an operator in words:
 * `re-encoded`: an IPv6 form whose hidden IPv4 address cannot be told, or that the allocation has no relay for;
 * `wrong-family`: the allocation has no relay of that family; `port-zero`: no datagram goes there;
 * `not-an-sfu`: in none of the namespace's blocks; and of a public relay `own-address`: this host's, and
 * `special-purpose`: private, loopback, link-local, multicast, documentation and the like.
 */
export type PeerRefusal =
  're-encoded' | 'wrong-family' | 'port-zero' | 'not-an-sfu' | 'own-address' | 'special-purpose';

/**
 * `address` and `ip` are the peer itself, never a form that hides it: permissions, channels and the choice of
 * the relay go by them.
 */
export type PeerDecision =
  | { allowed: true; address: string; ip: IpAddress }
  | { allowed: false; code: 403 | 443; reason: PeerRefusal };

const refused = (reason: PeerRefusal, code: 403 | 443 = 403): PeerDecision =>
  Object.freeze({ allowed: false, code, reason });

/** Made once: a flood of refused Send indications makes no garbage here. */
const REFUSED: Record<PeerRefusal, PeerDecision> = {
  're-encoded': refused('re-encoded'),
  'wrong-family': refused('wrong-family', 443),
  'port-zero': refused('port-zero'),
  'not-an-sfu': refused('not-an-sfu'),
  'own-address': refused('own-address'),
  'special-purpose': refused('special-purpose'),
};

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
  if (!families.includes(peer.family)) return REFUSED['wrong-family'];
  if (port === 0) return REFUSED['port-zero'];
  const ip = plainAddress(peer);
  if (ip === undefined) return REFUSED['re-encoded'];
  const address = formatIp(ip);
  const reason = policy.refusal(ip, address, port);
  if (reason !== undefined) return REFUSED[reason];
  return families.includes(ip.family) ? { allowed: true, address, ip } : REFUSED['re-encoded'];
}
