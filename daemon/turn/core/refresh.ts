/** Refresh (RFC 8656 section 8.2). */
import { ATTRIBUTE } from '../codec/attribute-types.ts';
import { lifetime, readAddressFamily, readLifetime } from '../codec/attributes.ts';
import { attributeOf } from '../codec/stun-message.ts';
import type { Action } from './actions.ts';
import type { ClientRef, RelayRef } from './endpoints.ts';
import { grantedLifetimeSeconds } from './allocate.ts';
import { refuse, success, type TurnRequest } from './request.ts';
import { sessionEndMs, withinSession } from './session-rules.ts';
import type { TurnState } from './turn-state.ts';

export function handleRefresh<C extends ClientRef, R extends RelayRef>(
  state: TurnState<C, R>,
  request: TurnRequest<C, R>,
): Action<C, R>[] {
  const { client, message, allocation, nowMs } = request;
  const again = state.endedAnswers.find(client, message.transactionId, nowMs);
  if (again !== undefined) return [{ type: 'answer', client, bytes: again }];
  if (allocation?.state !== 'open') return [refuse(state, request, 437)];
  const familyValue = attributeOf(message, ATTRIBUTE.REQUESTED_ADDRESS_FAMILY);
  const family = familyValue === undefined ? undefined : readAddressFamily(familyValue);
  if (familyValue !== undefined) {
    if (family === undefined) return [refuse(state, request, 400)];
    if (family === 'unsupported' || allocation.relayOf(family) === undefined) {
      return [refuse(state, request, 443)];
    }
  }
  const lifetimeValue = attributeOf(message, ATTRIBUTE.LIFETIME);
  const requested = lifetimeValue === undefined ? undefined : readLifetime(lifetimeValue);
  if (lifetimeValue !== undefined && requested === undefined) return [refuse(state, request, 400)];

  if (requested === 0) {
    const answer = ended(state, request);
    const kept = allocation.relays.filter((relay) => family !== undefined && relay.family !== family);
    if (kept.length === 0) return [answer, ...state.endAllocation(allocation, 'refreshed-to-0')];
    // One family of a dual allocation goes, with its peers; the other lives on.
    state.dropPeers(allocation, (host) => host.ip.family === family);
    const left = state.closeConnections(allocation, (one) => one.ip.family === family);
    const closed = allocation.relays.filter((relay) => !kept.includes(relay));
    allocation.relays = kept;
    return [answer, ...left, ...closed.map((relay) => ({ type: 'close-relay' as const, relay }))];
  }
  const endMs = sessionEndMs(state.settings.session, allocation);
  const { seconds, expiresAtMs } = withinSession(endMs, grantedLifetimeSeconds(requested), nowMs);
  if (seconds === 0) {
    return [ended(state, request), ...state.endAllocation(allocation, 'expired')];
  }
  allocation.expiresAtMs = expiresAtMs;
  state.deadlines.set(allocation, allocation.expiresAtMs);
  return [success(request, [lifetime(seconds)])];
}

/** Success with LIFETIME 0, for the retransmissions too. */
function ended<C extends ClientRef, R extends RelayRef>(
  state: TurnState<C, R>,
  request: TurnRequest<C, R>,
): Action<C, R> {
  const { client, message, nowMs } = request;
  const answer = success(request, [lifetime(0)]);
  state.endedAnswers.keep(client, message.transactionId, answer.bytes, nowMs);
  return answer;
}
