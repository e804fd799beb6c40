/** CreatePermission and ChannelBind (RFC 8656 sections 10.2 and 12.2). */
import { ATTRIBUTE } from '../codec/attribute-types.ts';
import { readChannelNumber, readXorAddress } from '../codec/attributes.ts';
import { CHANNEL_FIRST } from '../codec/channel-data.ts';
import { attributeOf, attributesOf } from '../codec/stun-message.ts';
import type { IpAddress } from '../../kit/ip-address.ts';
import type { Action } from './actions.ts';
import type { ClientRef, RelayRef } from './endpoints.ts';
import type { Allocation } from './allocation.ts';
import { decidePeer } from './peer-policy.ts';
import { peerNotAllowed } from './refusal-journal.ts';
import { requestedPeer } from './requested-peer.ts';
import { refuse, refuseFull, success, type TurnRequest } from './request.ts';
import type { TurnState } from './turn-state.ts';

export const PERMISSION_MS = 300_000;
export const CHANNEL_MS = 600_000;

/** All addresses of a request, or none. */
export function handleCreatePermission<C extends ClientRef, R extends RelayRef>(
  state: TurnState<C, R>,
  request: TurnRequest<C, R>,
): Action<C, R>[] {
  const { message, allocation, nowMs } = request;
  if (allocation?.state !== 'open') return [refuse(state, request, 437)];
  const values = attributesOf(message, ATTRIBUTE.XOR_PEER_ADDRESS);
  if (values.length === 0) return [refuse(state, request, 400)];
  const accepted = new Map<string, IpAddress>();
  for (const value of values) {
    const peer = readXorAddress(value, message.transactionId);
    if (peer === undefined) return [refuse(state, request, 400)];
    const decision = decidePeer(state.settings.policy, peer.address, {
      families: allocation.families,
      port: undefined,
    });
    if (!decision.allowed) {
      return [refuse(state, request, decision.code, { detail: peerNotAllowed(peer, decision) })];
    }
    accepted.set(decision.address, decision.ip);
  }
  const full = takePermissions(state, allocation, [...accepted.keys()]);
  if (full !== undefined) return refuseFull(state, request, full);
  for (const [address, ip] of accepted) permit(state, allocation, { address, ip, nowMs });
  return [success(request, [])];
}

export function handleChannelBind<C extends ClientRef, R extends RelayRef>(
  state: TurnState<C, R>,
  request: TurnRequest<C, R>,
): Action<C, R>[] {
  const { message, allocation, nowMs } = request;
  if (allocation?.state !== 'open') return [refuse(state, request, 437)];
  if (allocation.relayTransport !== 'udp') {
    return [refuse(state, request, 403, { detail: { reason: 'relay-kind' } })];
  }
  // 1. The number, in its range.
  const numberValue = attributeOf(message, ATTRIBUTE.CHANNEL_NUMBER);
  const number = numberValue === undefined ? undefined : readChannelNumber(numberValue);
  if (number === undefined || number < CHANNEL_FIRST || number > state.settings.lastChannel) {
    return [refuse(state, request, 400)];
  }
  // 2. The peer, with its port.
  const peer = requestedPeer(state, request, allocation);
  if ('refused' in peer) return [peer.refused];
  const { address, ip, port, relay } = peer;
  // 3. Neither bound otherwise: a binding is one to one for its whole life.
  const sameNumber = allocation.channels.get(number);
  const samePeer = allocation.hosts.get(address)?.channels.get(port);
  if (sameNumber !== samePeer) return [refuse(state, request, 400)];
  const full = takeChannel(state, allocation, { address, isNew: sameNumber === undefined });
  if (full !== undefined) return refuseFull(state, request, full);
  const host = permit(state, allocation, { address, ip, nowMs });
  const channel = sameNumber ?? allocation.bind(number, host, port, relay);
  state.deadlines.set(channel, nowMs + CHANNEL_MS);
  return [success(request, [])];
}

function permit<C extends ClientRef, R extends RelayRef>(
  state: TurnState<C, R>,
  allocation: Allocation<C, R>,
  peer: { address: string; ip: IpAddress; nowMs: number },
): ReturnType<Allocation<C, R>['permit']> {
  const host = allocation.permit(peer.address, peer.ip);
  state.deadlines.set(host, peer.nowMs + PERMISSION_MS);
  return host;
}

/**
 * Counts the permissions that are new. @returns the limit that is reached; nothing was counted then.
 * RFC 8656 sections 10.2 and 12.2 know one answer to that: 508; 486 is of Allocate.
 */
function takePermissions<C extends ClientRef, R extends RelayRef>(
  state: TurnState<C, R>,
  allocation: Allocation<C, R>,
  addresses: readonly string[],
): string | undefined {
  const { limits } = state.settings;
  const added = addresses.filter((address) => allocation.hosts.get(address)?.permitted !== true).length;
  if (added > 0) {
    const over = state.quotas.overAllocation('permissions', allocation.permissions.length + added, limits);
    if (over !== undefined) return over;
  }
  return state.quotas.take('permissions', allocation.holder, limits, added)?.name;
}

/** A binding brings the permission of its peer along: both, or neither. */
function takeChannel<C extends ClientRef, R extends RelayRef>(
  state: TurnState<C, R>,
  allocation: Allocation<C, R>,
  channel: { address: string; isNew: boolean },
): string | undefined {
  const { limits } = state.settings;
  if (channel.isNew) {
    const over = state.quotas.overAllocation('channels', allocation.channels.size + 1, limits);
    if (over !== undefined) return over;
  }
  const full = channel.isNew ? state.quotas.take('channels', allocation.holder, limits)?.name : undefined;
  if (full !== undefined) return full;
  const fullPermissions = takePermissions(state, allocation, [channel.address]);
  if (fullPermissions !== undefined && channel.isNew) state.quotas.release('channels', allocation.holder);
  return fullPermissions;
}
