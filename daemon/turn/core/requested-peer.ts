/** The one peer, with its port, that a ChannelBind or a Connect names. */
import { ATTRIBUTE } from '../codec/attribute-types.ts';
import { readXorAddress } from '../codec/attributes.ts';
import { attributeOf } from '../codec/stun-message.ts';
import type { IpAddress } from '../../kit/ip-address.ts';
import type { Action } from './actions.ts';
import type { Allocation } from './allocation.ts';
import type { ClientRef, RelayRef } from './endpoints.ts';
import { decidePeer } from './peer-policy.ts';
import { peerNotAllowed } from './refusal-journal.ts';
import { refuse, type TurnRequest } from './request.ts';
import type { TurnState } from './turn-state.ts';

/** Decided upon: `address` is the canonical text of `ip`, `relay` the relayed address of its family. */
export type RequestedPeer<R> = { address: string; ip: IpAddress; port: number; relay: R };

/** @returns the refusal as `refused`: 400 without a readable address, what the policy says, 443. */
export function requestedPeer<C extends ClientRef, R extends RelayRef>(
  state: TurnState<C, R>,
  request: TurnRequest<C, R>,
  allocation: Allocation<C, R>,
): RequestedPeer<R> | { refused: Action<C, R> } {
  const { message } = request;
  const value = attributeOf(message, ATTRIBUTE.XOR_PEER_ADDRESS);
  const peer = value === undefined ? undefined : readXorAddress(value, message.transactionId);
  if (peer === undefined) return { refused: refuse(state, request, 400) };
  const { port } = peer;
  const decision = decidePeer(state.settings.policy, peer.address, { families: allocation.families, port });
  if (!decision.allowed) {
    return { refused: refuse(state, request, decision.code, { detail: peerNotAllowed(peer, decision) }) };
  }
  const { address, ip } = decision;
  const relay = allocation.relayOf(ip.family);
  return relay === undefined ? { refused: refuse(state, request, 443) } : { address, ip, port, relay };
}
