/** From the service's configuration to the core's settings. Pure. */
import type { TurnServiceConfig } from '../../contract/turn-config.ts';
import type { IpFamily } from '../../kit/ip-address.ts';
import { ATTRIBUTE, COTURN_ADDITIONAL_ADDRESS_FAMILY } from '../codec/attribute-types.ts';
import { CHANNEL_LAST, CHANNEL_LAST_RFC5766 } from '../codec/channel-data.ts';
import { CredentialModels, DerivedCredentials, RestCredentials } from '../core/credential-model.ts';
import { PeerPolicy } from '../core/peer-policy.ts';
import type { TurnSettings } from '../core/turn-state.ts';

/** @param interfaceAddresses of the host, as they are now; asked for a public relay only. */
export function turnSettings(
  config: TurnServiceConfig,
  relayFamilies: readonly IpFamily[],
  interfaceAddresses: () => readonly string[],
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
    policy: peerPolicy(config, interfaceAddresses),
    session: {
      ...config.session,
      revoked: new Map(config.revoked.map(({ subject, untilMs }) => [subject, untilMs])),
    },
    limits: config.limits,
    // Peers of a namespace's SFU speak UDP only.
    tcpRelaying: config.peers.scope === 'public',
    relayFamilies,
    lastChannel: config.rfc5766Channels ? CHANNEL_LAST_RFC5766 : CHANNEL_LAST,
    additionalFamilyTypes: config.rfc5766Channels
      ? [ATTRIBUTE.ADDITIONAL_ADDRESS_FAMILY, COTURN_ADDITIONAL_ADDRESS_FAMILY]
      : [ATTRIBUTE.ADDITIONAL_ADDRESS_FAMILY],
  };
}

function peerPolicy(config: TurnServiceConfig, interfaceAddresses: () => readonly string[]): PeerPolicy {
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
