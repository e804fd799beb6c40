/** Renders what one TURN and one SFU process of a namespace are started with. Pure and deterministic. */
import type { PortBlocks } from '../contract/api.ts';
import { DEFAULT_SFU_LIMITS, type SfuServiceConfig } from '../contract/sfu-config.ts';
import {
  DEFAULT_TURN_SESSION,
  type AddressBlock,
  type TurnServiceConfig,
  type TurnTransport,
} from '../contract/turn-config.ts';
import { DEFAULT_TURN_LIMITS, type TurnServiceLimits } from '../contract/turn-limits.ts';
import { formatEndpoint } from '../kit/ip-address.ts';
import type { CertificateFiles } from './system.ts';

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
  /** No UDP and TCP listeners in the clear, and no URIs of them. */
  encryptedOnly: boolean;
  domain: string | null;
  /** Limits of TURN sessions; without them the defaults count. */
  turnSession?: TurnServiceConfig['session'] | undefined;
  /** Bounds of each TURN service, and of all of the node together; without them the defaults count. */
  turnLimits?: TurnServiceLimits | undefined;
};

type Listener = TurnServiceConfig['listeners'][number];

/** What clients dial, as it stands in the URIs: the domain when there is one. */
export function turnHosts(input: Pick<ServiceInputs, 'publicAddresses' | 'domain'>): readonly string[] {
  return input.domain === null ? input.publicAddresses : [input.domain];
}

/** RFC 7065 URIs of a namespace's TURN service: per host UDP first, then TCP, then TLS. */
export function turnUris(
  input: Pick<ServiceInputs, 'blocks' | 'publicAddresses' | 'domain' | 'encryptedOnly'>,
): string[] {
  return turnHosts(input).flatMap((host) =>
    transportsOf(input).map((transport) => {
      const endpoint = formatEndpoint(host, portOf(transport, input));
      return transport === 'tls'
        ? `turns:${endpoint}?transport=tcp`
        : `turn:${endpoint}?transport=${transport}`;
    }),
  );
}

/** Every listener of the namespace's TURN service: each bind address has each transport. */
export function turnListeners(
  input: Pick<ServiceInputs, 'blocks' | 'turnBindAddresses' | 'encryptedOnly'>,
): Listener[] {
  return input.turnBindAddresses.flatMap((address) =>
    transportsOf(input).map((transport) => ({ transport, address, port: portOf(transport, input) })),
  );
}

/** In the order clients shall try them. */
function transportsOf(input: Pick<ServiceInputs, 'encryptedOnly'>): ('udp' | 'tcp' | 'tls')[] {
  return input.encryptedOnly ? ['tls'] : ['udp', 'tcp', 'tls'];
}

function portOf(transport: TurnTransport, input: Pick<ServiceInputs, 'blocks'>): number {
  return transport === 'tls' || transport === 'dtls' ? input.blocks.turns : input.blocks.turn;
}

/** The only peers the relay forwards to. */
export function sfuMediaBlock(input: Pick<ServiceInputs, 'blocks' | 'shieldAddress'>): AddressBlock {
  return { address: input.shieldAddress, ...input.blocks.sfuMedia };
}

export function renderTurnConfig(
  input: ServiceInputs,
  controlSocket: string,
  certificate: CertificateFiles,
): TurnServiceConfig {
  const { minPort, maxPort } = input.blocks.turnRelay;
  const relayPorts = maxPort - minPort + 1;
  const limits = input.turnLimits ?? DEFAULT_TURN_LIMITS;
  return {
    version: 1,
    namespace: input.namespace,
    realm: input.domain ?? `${input.namespace}.turnkeep`,
    listeners: turnListeners(input),
    certificate: { certFile: certificate.certFile, keyFile: certificate.keyFile },
    relay: { addresses: [input.shieldAddress], ...input.blocks.turnRelay },
    peers: { scope: 'sfu', allow: [sfuMediaBlock(input)] },
    secrets: [{ id: '1', secret: input.turnSecret }],
    derived: null,
    session: input.turnSession ?? DEFAULT_TURN_SESSION,
    revoked: [],
    limits: { ...limits, allocations: Math.min(limits.allocations, relayPorts) },
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
