/** A peer connected to the relayed address of a TCP allocation (RFC 6062 section 5.3). */
import { ATTRIBUTE, METHOD } from '../codec/attribute-types.ts';
import { connectionId, xorAddress } from '../codec/attributes.ts';
import { buildStun, TRANSACTION_ID_BYTES } from '../codec/stun-message.ts';
import type { Action } from './actions.ts';
import type { Allocation, PeerConnection } from './allocation.ts';
import { takeConnection, UNBOUND_MS } from './connect.ts';
import type { ClientRef, RelayRef } from './endpoints.ts';
import { peerNotAllowed } from './refusal-journal.ts';
import type { TurnState } from './turn-state.ts';

/** `connection` undefined: the shell closes what it accepted. */
export type Accepted<C extends ClientRef, R extends RelayRef> = {
  connection: PeerConnection<C, R> | undefined;
  actions: Action<C, R>[];
};

/** Permission, then policy, then room; without one of them the client hears nothing. */
export function acceptPeer<C extends ClientRef, R extends RelayRef>(
  state: TurnState<C, R>,
  allocation: Allocation<C, R>,
  from: { relay: R; address: string; port: number; nowMs: number },
): Accepted<C, R> {
  const { relay, address, port, nowMs } = from;
  const { drops, journal, settings } = state;
  const { client, username } = allocation;
  const host = allocation.hosts.get(address);
  if (allocation.relayTransport !== 'tcp' || host?.permitted !== true) {
    drops.add('no-permission');
    return { connection: undefined, actions: [] };
  }
  const { ip } = host;
  if (!settings.policy.allowsPort(address, port)) {
    drops.add('peer-refused');
    if (journal.accepts('data-path', nowMs)) {
      const refused = { allowed: false, code: 403, reason: 'not-an-sfu' } as const;
      const detail = peerNotAllowed({ address: ip, port }, refused);
      journal.add({ nowMs, method: 'ConnectionAttempt', code: 403, client, username, detail });
    }
    return { connection: undefined, actions: [] };
  }
  const connection = takeConnection(state, { allocation, relay, address, ip, port }, 'pending', undefined);
  if (typeof connection === 'string') {
    drops.add('data-connection-limit');
    if (journal.accepts('data-path', nowMs)) {
      const detail = { reason: 'quota', bucket: connection } as const;
      journal.add({ nowMs, method: 'ConnectionAttempt', code: 508, client, username, detail });
    }
    return { connection: undefined, actions: [] };
  }
  state.deadlines.set(connection, nowMs + UNBOUND_MS);
  const transactionId = state.randomBytes(TRANSACTION_ID_BYTES);
  const header = { class: 'indication', method: METHOD.CONNECTION_ATTEMPT, transactionId } as const;
  const peer = xorAddress(ATTRIBUTE.XOR_PEER_ADDRESS, { address: ip, port }, transactionId);
  const bytes = buildStun(header, [peer, connectionId(connection.id)]);
  return { connection, actions: [{ type: 'answer', client, bytes }] };
}
