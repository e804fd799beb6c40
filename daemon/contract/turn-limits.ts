/**
 * Bounds of a TURN service, each with its default: one object for `turn.limits` of the daemon's file and
 * for the file of a service, so that neither knows a limit the other does not. The reasons stand in
 * `config/turnkeep.example.yaml`.
 *
 * They are nested: `PerUser` is a credential (the username as presented), `PerSubject` all credentials of
 * one subject, without either the namespace, `OfNode` all namespaces of the node; in the file of a service
 * `OfNode` is that service's share.
 */
import { z } from 'zod';

/** Things that are held. */
const count = (standard: number) => z.number().int().min(1).default(standard);
/** Relayed payload per second, both directions together; null: unlimited. */
const rate = () => z.number().int().min(1).nullable().default(null);

export const turnLimitsSchema = z.strictObject({
  allocationsPerUser: count(16),
  allocationsPerSubject: count(64),
  allocations: count(700),
  allocationsOfNode: count(4000),
  permissionsPerAllocation: count(16),
  permissionsPerUser: count(128),
  permissionsPerSubject: count(512),
  permissions: count(5600),
  permissionsOfNode: count(32_000),
  channelsPerAllocation: count(16),
  channelsPerUser: count(128),
  channelsPerSubject: count(512),
  channels: count(5600),
  channelsOfNode: count(32_000),
  /** TCP connections to and from peers (RFC 6062), waiting and bound ones together. */
  dataConnectionsPerAllocation: count(16),
  dataConnectionsPerUser: count(64),
  dataConnectionsPerSubject: count(128),
  dataConnections: count(512),
  dataConnectionsOfNode: count(2048),
  bytesPerSecondPerUser: rate(),
  bytesPerSecondPerSubject: rate(),
  bytesPerSecond: rate(),
  bytesPerSecondOfNode: rate(),
  packetsPerSecondPerUser: rate(),
  packetsPerSecondPerSubject: rate(),
  packetsPerSecond: rate(),
  packetsPerSecondOfNode: rate(),
  /** Open TCP, TLS and DTLS connections of the service and of one source: an IPv4 address or an IPv6 /64. */
  connections: count(2048),
  connectionsPerAddress: count(64),
  /** TLS and DTLS handshakes under way: each costs CPU and memory before anybody is known. */
  halfOpenConnections: count(256),
  handshakeSeconds: z.number().int().min(1).max(120).default(10),
  /** Without an allocation. */
  idleConnectionSeconds: z.number().int().min(1).max(3600).default(30),
  /** Per source: requests outside an allocation, and answers to those that prove nothing. Bursts of 5 s. */
  strangerRequestsPerSecond: count(400),
  unauthorizedAnswersPerSecond: count(200),
  /** Sources remembered for the two. */
  rememberedSources: count(16_384),
});
export type TurnServiceLimits = z.infer<typeof turnLimitsSchema>;

export const DEFAULT_TURN_LIMITS: TurnServiceLimits = turnLimitsSchema.parse({});
