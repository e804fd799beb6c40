/** ConnectionBind (RFC 6062 section 5.4): a client's new connection becomes the other half of a pending one. */
import { ATTRIBUTE } from '../codec/attribute-types.ts';
import { readConnectionId } from '../codec/attributes.ts';
import { attributeOf, type StunMessage } from '../codec/stun-message.ts';
import type { Action } from './actions.ts';
import type { PeerConnection } from './allocation.ts';
import type { ClientRef, RelayRef } from './endpoints.ts';
import { refuse, success, type TurnRequest } from './request.ts';
import type { TurnState } from './turn-state.ts';

/**
 * The pending connection a request names: its allocation's user is the one who may bind it (RFC 8656
 * section 5), with the key that is cached there.
 */
export function pendingConnection<C extends ClientRef, R extends RelayRef>(
  state: TurnState<C, R>,
  message: StunMessage,
): PeerConnection<C, R> | undefined {
  const value = attributeOf(message, ATTRIBUTE.CONNECTION_ID);
  const id = value === undefined ? undefined : readConnectionId(value);
  const connection = id === undefined ? undefined : state.connections.get(id);
  return connection?.state === 'pending' ? connection : undefined;
}

/** @param request.allocation that of the pending connection; `hasAllocation`: the five-tuple has its own. */
export function handleConnectionBind<C extends ClientRef, R extends RelayRef>(
  state: TurnState<C, R>,
  request: TurnRequest<C, R>,
  hasAllocation: boolean,
): Action<C, R>[] {
  const { client, message } = request;
  // 1. A connection that can turn into raw bytes: of a stream, and no control connection.
  if (!isStream(client) || hasAllocation) return [refuse(state, request, 400)];
  // 2. A pending connection.
  const connection = pendingConnection(state, message);
  if (connection === undefined) {
    return [refuse(state, request, 400, { detail: { reason: 'connection-unknown' } })];
  }
  connection.state = 'bound';
  state.deadlines.delete(connection);
  return [success(request, []), { type: 'bind-connection', connection, client }];
}

/** RFC 6062 wants TCP or TLS between client and server. */
export function isStream(client: ClientRef): boolean {
  return client.transport === 'tcp' || client.transport === 'tls';
}
