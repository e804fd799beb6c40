/** From the service's configuration to the core's settings. Pure. */
import type { TurnServiceConfig } from '../../contract/turn-config.ts';
import { parseIp, type IpFamily } from '../../kit/ip-address.ts';
import { ATTRIBUTE, COTURN_ADDITIONAL_ADDRESS_FAMILY } from '../codec/attribute-types.ts';
import { CHANNEL_LAST, CHANNEL_LAST_RFC5766 } from '../codec/channel-data.ts';
import { CredentialModels, DerivedCredentials, RestCredentials } from '../core/credential-model.ts';
import { PeerPolicy } from '../core/peer-policy.ts';
import type { TurnSettings } from '../core/turn-state.ts';

/** What the settings depend on of the host, as it is now. */
export type Host = {
  /** Asked for a public relay only. */
  interfaceAddresses: () => readonly string[];
  interfaceMtu: (address: string) => number | undefined;
};

/** What Ethernet carries, and what every IPv6 link does: RFC 8200 section 5. */
const ETHERNET_MTU = 1500;
const LEAST_MTU = 1280;
/** IP and UDP. */
const HEADER_BYTES: Record<IpFamily, number> = { 4: 28, 6: 48 };

export function turnSettings(
  config: TurnServiceConfig,
  relayFamilies: readonly IpFamily[],
  host: Host,
): TurnSettings {
  return {
    realm: config.realm,
    credentials: new CredentialModels({
      rest: new RestCredentials({
        namespace: config.namespace,
        realm: config.realm,
        secrets: config.secrets.map(({ secret }) => secret),
      }),
      derived: new DerivedCredentials({
        endpoint: config.derived?.endpoint ?? '',
        realm: config.realm,
        keys: config.derived?.keys ?? [],
      }),
    }),
    policy: peerPolicy(config, host.interfaceAddresses),
    session: {
      ...config.session,
      revoked: new Map(config.revoked.map(({ subject, untilMs }) => [subject, untilMs])),
    },
    limits: config.limits,
    // Peers of a namespace's SFU speak UDP only.
    tcpRelaying: config.peers.scope === 'public',
    relayFamilies,
    unfragmentedBytes: {
      4: unfragmentedBytes(config, 4, host),
      6: unfragmentedBytes(config, 6, host),
    },
    lastChannel: config.rfc5766Channels ? CHANNEL_LAST_RFC5766 : CHANNEL_LAST,
    additionalFamilyTypes: config.rfc5766Channels
      ? [ATTRIBUTE.ADDITIONAL_ADDRESS_FAMILY, COTURN_ADDITIONAL_ADDRESS_FAMILY]
      : [ATTRIBUTE.ADDITIONAL_ADDRESS_FAMILY],
  };
}

/**
 * Linux sends with DF what fits the link, and fragments by itself what does not. A smaller link further on it
 * learns of from ICMP, packet by packet: that part of DONT-FRAGMENT is the kernel's.
 */
function unfragmentedBytes({ relay }: TurnServiceConfig, family: IpFamily, host: Host): number {
  const address = relay.addresses.find((one) => parseIp(one)?.family === family);
  const mtu = (address === undefined ? undefined : host.interfaceMtu(address)) ?? LEAST_MTU;
  return Math.min(mtu, ETHERNET_MTU) - HEADER_BYTES[family];
}

function peerPolicy(config: TurnServiceConfig, interfaceAddresses: Host['interfaceAddresses']): PeerPolicy {
  const { scope, allow, deny = [] } = config.peers;
  if (scope === 'sfu') return new PeerPolicy(allow);
  const served = [...config.relay.addresses, ...config.listeners.map(({ address }) => address)];
  return new PeerPolicy(allow, { own: [...deny, ...served, ...interfaceAddresses()] });
}

/** Keys whose change a reload cannot follow: sockets and identity of the running process. */
const FIXED_KEYS = ['namespace', 'realm', 'listeners', 'relay', 'controlSocket'] as const;

/** @returns the keys that differ and need a restart; empty when a reload will do. */
export function restartReasons(running: TurnServiceConfig, next: TurnServiceConfig): string[] {
  return FIXED_KEYS.filter((key) => JSON.stringify(running[key]) !== JSON.stringify(next[key]));
}
