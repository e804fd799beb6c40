/** Renders what one TURN and one SFU process of a namespace are started with. Pure and deterministic. */
import type { PortBlocks } from '../contract/api.ts';
import type { RelayScope } from '../contract/names.ts';
import { DEFAULT_ROOM_POLICY, type RoomPolicy } from '../contract/rooms.ts';
import { DEFAULT_SFU_LIMITS, type SfuServiceConfig } from '../contract/sfu-config.ts';
import {
  DEFAULT_TURN_SESSION,
  type AddressBlock,
  type TurnServiceConfig,
  type TurnTransport,
} from '../contract/turn-config.ts';
import { DEFAULT_TURN_LIMITS, type TurnServiceLimits } from '../contract/turn-limits.ts';
import { canonicalIp, formatEndpoint, parseIp, type IpFamily } from '../kit/ip-address.ts';
import { shareOfNode } from './node-share.ts';
import type { CertificateFiles } from './system.ts';

export type ServiceInputs = {
  namespace: string;
  blocks: PortBlocks;
  /** Secret of the TURN REST credentials that are issued, as text. */
  turnSecret: string;
  /** All that are accepted, newest first; without it, `turnSecret` alone. */
  acceptedTurnSecrets?: readonly string[];
  /** Who may derive credentials; without it nobody. */
  derived?: TurnServiceConfig['derived'];
  /** Subjects that get nothing more; `untilMs` null: for good. */
  revoked?: readonly { subject: string; untilMs: number | null }[];
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
  /** Whom the relay reaches; without it the SFU alone. */
  relayScope?: RelayScope | undefined;
  /** Limits of TURN sessions; without them the defaults count. */
  turnSession?: TurnServiceConfig['session'] | undefined;
  /** Bounds of each TURN service, and of all of the node together; without them the defaults count. */
  turnLimits?: TurnServiceLimits | undefined;
  /** How many namespaces share what the node may hold; without it the namespace is alone. */
  nodeSharers?: number | undefined;
  /** How rooms come and go; without it the default. */
  rooms?: RoomPolicy | undefined;
  /** Where clients of an SFU that stops may go; without it nowhere else. */
  sfuAlternatives?: readonly string[] | undefined;
  /** Processes of the SFU service; without it one. */
  sfuWorkers?: number | undefined;
};

/** The end of the year 9999. */
const FOR_GOOD_MS = 253_402_300_799_000;

type Listener = TurnServiceConfig['listeners'][number];

/** Salt of the long-term keys and of derived ones. */
export function turnRealm(input: Pick<ServiceInputs, 'namespace' | 'domain'>): string {
  return input.domain ?? `${input.namespace}.turnkeep`;
}

/** What clients dial, as it stands in the URIs: the domain when there is one. */
export function turnHosts(input: Pick<ServiceInputs, 'publicAddresses' | 'domain'>): readonly string[] {
  return input.domain === null ? input.publicAddresses : [input.domain];
}

/**
 * RFC 7065 URIs of a namespace's TURN service: per host UDP first, then TCP, TLS and DTLS.
 * @param options.dtls browsers do not speak it, and not every installation has it: only on demand.
 */
export function turnUris(
  input: Pick<ServiceInputs, 'blocks' | 'publicAddresses' | 'domain' | 'encryptedOnly'>,
  options: { dtls: boolean } = { dtls: false },
): string[] {
  const transports = transportsOf(input).filter((transport) => transport !== 'dtls' || options.dtls);
  return turnHosts(input).flatMap((host) =>
    transports.map((transport) => {
      const { scheme, carrier } = URI_FORMS[transport];
      return `${scheme}:${formatEndpoint(host, portOf(transport, input))}?transport=${carrier}`;
    }),
  );
}

const URI_FORMS: Record<TurnTransport, { scheme: 'turn' | 'turns'; carrier: 'udp' | 'tcp' }> = {
  udp: { scheme: 'turn', carrier: 'udp' },
  tcp: { scheme: 'turn', carrier: 'tcp' },
  tls: { scheme: 'turns', carrier: 'tcp' },
  dtls: { scheme: 'turns', carrier: 'udp' },
};

/**
 * Every listener of the namespace's TURN service: each bind address has each transport. DTLS is always among
 * them: whether this installation has it is known to the service alone, which says so in its status.
 */
export function turnListeners(
  input: Pick<ServiceInputs, 'blocks' | 'turnBindAddresses' | 'encryptedOnly'>,
): Listener[] {
  return input.turnBindAddresses.flatMap((address) =>
    transportsOf(input).map((transport) => ({ transport, address, port: portOf(transport, input) })),
  );
}

/** In the order clients shall try them: some try the first of a list only, so what fewest of them speak is last. */
function transportsOf(input: Pick<ServiceInputs, 'encryptedOnly'>): TurnTransport[] {
  return input.encryptedOnly ? ['tls', 'dtls'] : ['udp', 'tcp', 'tls', 'dtls'];
}

function portOf(transport: TurnTransport, input: Pick<ServiceInputs, 'blocks'>): number {
  return transport === 'tls' || transport === 'dtls' ? input.blocks.turns : input.blocks.turn;
}

/** The only peers the relay forwards to. */
export function sfuMediaBlock(input: Pick<ServiceInputs, 'blocks' | 'shieldAddress'>): AddressBlock {
  return { address: input.shieldAddress, ...input.blocks.sfuMedia };
}

/**
 * Where relay sockets are bound, one address of each family: the shield, or for a public relay this node's
 * public addresses. The shield stands in for its own family, without which the relay would not reach the SFU.
 */
export function relayAddresses(
  input: Pick<ServiceInputs, 'relayScope' | 'publicAddresses' | 'shieldAddress'>,
): string[] {
  if (input.relayScope !== 'public') return [input.shieldAddress];
  const ofFamily = new Map<IpFamily, string>();
  for (const address of [...input.publicAddresses, input.shieldAddress]) {
    const family = parseIp(address)?.family;
    if (family !== undefined && !ofFamily.has(family)) ofFamily.set(family, address);
  }
  return [...ofFamily.values()];
}

/** What this node is known by and its interfaces may not show: never peers of a public relay. */
function ownAddresses(
  input: Pick<ServiceInputs, 'publicAddresses' | 'turnBindAddresses' | 'shieldAddress'>,
): string[] {
  const all = [...input.publicAddresses, ...input.turnBindAddresses, input.shieldAddress];
  return [...new Set(all.map((address) => canonicalIp(address) ?? address))];
}

export function renderTurnConfig(
  input: ServiceInputs,
  controlSocket: string,
  certificate: CertificateFiles,
): TurnServiceConfig {
  const { minPort, maxPort } = input.blocks.turnRelay;
  const relayPorts = maxPort - minPort + 1;
  const limits = shareOfNode(input.turnLimits ?? DEFAULT_TURN_LIMITS, input.nodeSharers ?? 1);
  return {
    version: 1,
    namespace: input.namespace,
    realm: turnRealm(input),
    listeners: turnListeners(input),
    certificate: { certFile: certificate.certFile, keyFile: certificate.keyFile },
    relay: { addresses: relayAddresses(input), ...input.blocks.turnRelay },
    peers:
      input.relayScope === 'public'
        ? { scope: 'public', allow: [sfuMediaBlock(input)], deny: ownAddresses(input) }
        : { scope: 'sfu', allow: [sfuMediaBlock(input)] },
    secrets: (input.acceptedTurnSecrets ?? [input.turnSecret]).map((secret, at) => ({
      id: String(at + 1),
      secret,
    })),
    derived: input.derived ?? null,
    session: input.turnSession ?? DEFAULT_TURN_SESSION,
    revoked: (input.revoked ?? []).map(({ subject, untilMs }) => ({
      subject,
      untilMs: untilMs ?? FOR_GOOD_MS,
    })),
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
    // Also of a public relay: the same sockets reach the SFU and the internet.
    relays: relayAddresses(input).map((address) => ({ address, ...input.blocks.turnRelay })),
    turn: { uris: turnUris(input), secret: input.turnSecret, ttlSeconds: input.ttlSeconds },
    limits: DEFAULT_SFU_LIMITS,
    rooms: input.rooms ?? DEFAULT_ROOM_POLICY,
    alternatives: [...(input.sfuAlternatives ?? [])],
    workers: input.sfuWorkers ?? 1,
    worker: null,
    controlSocket,
  };
}
