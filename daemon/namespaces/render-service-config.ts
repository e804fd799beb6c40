/** Renders what one TURN and one SFU process of a namespace are started with. Pure and deterministic. */
import type { PortBlocks } from '../contract/api.ts';
import { DEFAULT_SFU_LIMITS, type SfuServiceConfig } from '../contract/sfu-config.ts';
import { DEFAULT_TURN_LIMITS, type AddressBlock, type TurnServiceConfig } from '../contract/turn-config.ts';
import { formatEndpoint } from '../kit/ip-address.ts';

export type ServiceInputs = {
  namespace: string;
  blocks: PortBlocks;
  /** Secret of the TURN REST credentials, as text. */
  turnSecret: string;
  /** HMAC key of the room tickets, base64url. */
  ticketKey: string;
  ttlSeconds: number;
  shieldAddress: string;
  /** Host parts of the URIs: addresses or names, as clients reach this node. */
  publicAddresses: readonly string[];
  /** What the TURN listeners bind. */
  turnBindAddresses: readonly string[];
  domain: string | null;
};

/** RFC 7065 URIs of a namespace's TURN service: per host UDP first, then TCP. */
export function turnUris(input: Pick<ServiceInputs, 'blocks' | 'publicAddresses' | 'domain'>): string[] {
  const hosts = input.domain === null ? input.publicAddresses : [input.domain];
  return hosts.flatMap((host) =>
    (['udp', 'tcp'] as const).map(
      (transport) => `turn:${formatEndpoint(host, input.blocks.turn)}?transport=${transport}`,
    ),
  );
}

/** The only peers the relay forwards to. */
export function sfuMediaBlock(input: Pick<ServiceInputs, 'blocks' | 'shieldAddress'>): AddressBlock {
  return { address: input.shieldAddress, ...input.blocks.sfuMedia };
}

export function renderTurnConfig(input: ServiceInputs, controlSocket: string): TurnServiceConfig {
  const { minPort, maxPort } = input.blocks.turnRelay;
  const relayPorts = maxPort - minPort + 1;
  return {
    version: 1,
    namespace: input.namespace,
    realm: input.domain ?? `${input.namespace}.turnkeep`,
    listeners: input.turnBindAddresses.flatMap((address) =>
      (['udp', 'tcp'] as const).map((transport) => ({ transport, address, port: input.blocks.turn })),
    ),
    relay: { addresses: [input.shieldAddress], ...input.blocks.turnRelay },
    peers: { scope: 'sfu', allow: [sfuMediaBlock(input)] },
    secrets: [{ id: '1', secret: input.turnSecret }],
    derived: null,
    limits: { ...DEFAULT_TURN_LIMITS, allocations: Math.min(DEFAULT_TURN_LIMITS.allocations, relayPorts) },
    rfc5766Channels: false,
    controlSocket,
  };
}

export function renderSfuConfig(input: ServiceInputs, controlSocket: string): SfuServiceConfig {
  return {
    version: 1,
    namespace: input.namespace,
    shield: input.shieldAddress,
    signaling: { port: input.blocks.sfuSignaling, ticketKey: input.ticketKey },
    media: input.blocks.sfuMedia,
    relays: [{ address: input.shieldAddress, ...input.blocks.turnRelay }],
    turn: { uris: turnUris(input), secret: input.turnSecret, ttlSeconds: input.ttlSeconds },
    limits: DEFAULT_SFU_LIMITS,
    controlSocket,
  };
}
