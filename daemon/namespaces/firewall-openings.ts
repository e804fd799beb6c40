/** Which ports of a namespace outsiders have to reach. Pure. */
import type { FirewallOpening } from '../contract/firewall.ts';
import { canonicalIp, isLoopback, isUnspecified, parseIp } from '../kit/ip-address.ts';
import { relayAddresses, turnListeners, type ServiceInputs } from './render-service-config.ts';

type OpeningInputs = Pick<
  ServiceInputs,
  | 'namespace'
  | 'blocks'
  | 'turnBindAddresses'
  | 'encryptedOnly'
  | 'relayScope'
  | 'publicAddresses'
  | 'shieldAddress'
>;

/** The TURN listeners, and of a public relay its relayed addresses. What is bound to loopback needs nothing. */
export function firewallOpenings(inputs: OpeningInputs): FirewallOpening[] {
  const { namespace, blocks, shieldAddress } = inputs;
  const listeners = turnListeners(inputs).map(({ transport, address, port }) => ({
    namespace,
    protocol: transport === 'udp' || transport === 'dtls' ? ('udp' as const) : ('tcp' as const),
    address: canonicalIp(address) ?? address,
    minPort: port,
    maxPort: port,
  }));
  // The shield stands in for a family without public address: it is for this host alone.
  const relays = inputs.relayScope === 'public' ? relayAddresses(inputs) : [];
  const relayed = relays
    .filter((address) => address !== shieldAddress)
    .flatMap((address) =>
      (['udp', 'tcp'] as const).map((protocol) => ({
        namespace,
        protocol,
        address: canonicalIp(address) ?? address,
        ...blocks.turnRelay,
      })),
    );
  return [...listeners, ...relayed].filter(({ address }) => {
    const parsed = parseIp(address);
    return parsed !== undefined && !isLoopback(parsed);
  });
}

/** `udp 3478 to 192.0.2.7`, `tcp 49152-49951 to 192.0.2.7`, `udp 3478` for all addresses. */
export function openingText({ protocol, address, minPort, maxPort }: FirewallOpening): string {
  const parsed = parseIp(address);
  const to = parsed === undefined || isUnspecified(parsed) ? '' : ` to ${address}`;
  const ports = minPort === maxPort ? String(minPort) : `${String(minPort)}-${String(maxPort)}`;
  return `${protocol} ${ports}${to}`;
}
