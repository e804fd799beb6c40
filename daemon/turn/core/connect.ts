/** Connect (RFC 6062 section 5.2), in two halves round the peer's answer. */
import { METHOD } from '../codec/attribute-types.ts';
import { connectionId } from '../codec/attributes.ts';
import { buildStun } from '../codec/stun-message.ts';
import { formatEndpoint, type IpAddress } from '../../kit/ip-address.ts';
import type { Action } from './actions.ts';
import type { Allocation, ConnectRequest, PeerConnection } from './allocation.ts';
import type { ClientRef, RelayRef } from './endpoints.ts';
import { requestedPeer } from './requested-peer.ts';
import { refuse, refuseFull, type TurnRequest } from './request.ts';
import type { TurnState } from './turn-state.ts';

/** Sections 5.2 and 5.3: for the peer to answer, and then for the client to bind the connection. */
export const CONNECT_MS = 30_000;
export const UNBOUND_MS = 30_000;
const ID_BYTES = 4;

/** First half: checks everything, counts the connection, asks for it. */
export function handleConnect<C extends ClientRef, R extends RelayRef>(
  state: TurnState<C, R>,
  request: TurnRequest<C, R>,
): Action<C, R>[] {
  const { message, allocation, nowMs } = request;
  // 1. A TCP allocation.
  if (allocation?.state !== 'open') return [refuse(state, request, 437)];
  if (allocation.relayTransport !== 'tcp') {
    return [refuse(state, request, 403, { detail: { reason: 'relay-kind' } })];
  }
  // 2. A peer that may be one.
  const peer = requestedPeer(state, request, allocation);
  if ('refused' in peer) return [peer.refused];
  const { address, ip, port, relay } = peer;
  // 3. One connection to a peer at a time.
  for (const one of allocation.connections) {
    if (one.port !== port || one.address !== address) continue;
    const told = formatEndpoint(address, port);
    return [refuse(state, request, 446, { detail: { reason: 'connection-exists', peer: told } })];
  }
  const connection = takeConnection(state, { allocation, relay, address, ip, port }, 'connecting', {
    transactionId: Buffer.from(message.transactionId),
    hash: request.hash,
    fingerprint: message.fingerprint,
  });
  if (typeof connection === 'string') return refuseFull(state, request, connection);
  state.deadlines.set(connection, nowMs + CONNECT_MS);
  return [{ type: 'connect-peer', connection }];
}

/** Second half: the peer has answered, or has not. */
export function finishConnect<C extends ClientRef, R extends RelayRef>(
  state: TurnState<C, R>,
  connection: PeerConnection<C, R>,
  outcome: { connected: boolean; nowMs: number },
): Action<C, R>[] {
  const { allocation, request } = connection;
  if (connection.state !== 'connecting' || request === undefined) return [];
  const { client, key, username } = allocation;
  const { transactionId, hash, fingerprint } = request;
  if (!outcome.connected) {
    const message = { method: METHOD.CONNECT, transactionId, fingerprint };
    const peer = formatEndpoint(connection.address, connection.port);
    return [
      ...state.closeConnection(connection),
      refuse(state, { client, message, username, key, hash, nowMs: outcome.nowMs }, 447, {
        detail: { reason: 'peer-unreachable', peer },
      }),
    ];
  }
  connection.state = 'pending';
  state.deadlines.set(connection, outcome.nowMs + UNBOUND_MS);
  const header = { class: 'success', method: METHOD.CONNECT, transactionId } as const;
  const bytes = buildStun(header, [connectionId(connection.id)], { key, hash, fingerprint });
  return [{ type: 'answer', client, bytes }];
}

/** Counts a connection and gives it its id. @returns the limit that is reached; nothing was counted then. */
export function takeConnection<C extends ClientRef, R extends RelayRef>(
  state: TurnState<C, R>,
  peer: { allocation: Allocation<C, R>; relay: R; address: string; ip: IpAddress; port: number },
  initial: 'connecting' | 'pending',
  request: ConnectRequest | undefined,
): PeerConnection<C, R> | string {
  const { allocation } = peer;
  const { limits } = state.settings;
  const over = state.quotas.overAllocation('dataConnections', allocation.connections.size + 1, limits);
  if (over !== undefined) return over;
  const full = state.quotas.take('dataConnections', allocation.holder, limits);
  if (full !== undefined) return full.name;
  let id = state.randomBytes(ID_BYTES).readUInt32BE();
  while (state.connections.has(id)) id = state.randomBytes(ID_BYTES).readUInt32BE();
  const connection: PeerConnection<C, R> = { kind: 'connection', id, ...peer, request, state: initial };
  state.connections.set(id, connection);
  allocation.connections.add(connection);
  return connection;
}
