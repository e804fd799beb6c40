/** An allocation as operators see it, and whether it is the one they name. */
import type { DisconnectTarget, TurnSession } from '../../contract/turn-session.ts';
import { formatEndpoint } from '../../kit/ip-address.ts';
import { subjectOf } from '../core/session-rules.ts';
import type { ServiceAllocation, ServiceConnection } from './relay-socket.ts';

type DataConnectionView = TurnSession['dataConnections'][number];

export function sessionView(allocation: ServiceAllocation): TurnSession {
  const { sessionId, client, username, relays } = allocation;
  return {
    sessionId,
    username,
    subject: subjectOf(username) ?? null,
    transport: client.transport,
    client: formatEndpoint(client.address, client.port),
    relayed: relays.map(({ address, port }) => formatEndpoint(address, port)),
    createdAtMs: allocation.createdAtMs,
    expiresAtMs: allocation.expiresAtMs,
    permissions: allocation.permissions.map(({ address }) => address),
    channels: allocation.channels.size,
    relayTransport: allocation.relayTransport,
    dataConnections: [...allocation.connections].flatMap(dataConnectionView),
    toPeerBytes: allocation.toPeerBytes,
    toClientBytes: allocation.toClientBytes,
    toPeerPackets: allocation.toPeerPackets,
    toClientPackets: allocation.toClientPackets,
  };
}

function dataConnectionView({ address, port, state, request }: ServiceConnection): DataConnectionView[] {
  if (state === 'closed') return [];
  const openedBy = request === undefined ? 'peer' : 'client';
  return [{ peer: formatEndpoint(address, port), state, openedBy }];
}

export function isTarget(target: DisconnectTarget, allocation: ServiceAllocation): boolean {
  if ('sessionId' in target) return allocation.sessionId === target.sessionId;
  if ('username' in target) return allocation.username === target.username;
  return subjectOf(allocation.username) === target.subject;
}
