/** Send indications (RFC 8656 section 11.2). Never answered: what cannot be relayed is counted. */
import { ATTRIBUTE } from '../codec/attribute-types.ts';
import { readXorAddress } from '../codec/attributes.ts';
import { attributeOf, type StunMessage } from '../codec/stun-message.ts';
import type { Action } from './actions.ts';
import type { ClientRef, RelayRef } from './endpoints.ts';
import type { Allocation } from './allocation.ts';
import { decidePeer } from './peer-policy.ts';
import { peerNotAllowed } from './refusal-journal.ts';
import { unknownRequired } from './request.ts';
import type { TurnState } from './turn-state.ts';

export function handleSend<C extends ClientRef, R extends RelayRef>(
  state: TurnState<C, R>,
  message: StunMessage,
  from: { client: C; allocation: Allocation<C, R> | undefined; nowMs: number },
): Action<C, R>[] {
  const { drops, settings, journal } = state;
  const { client, allocation, nowMs } = from;
  if (allocation?.state !== 'open') {
    drops.add('no-allocation');
    return [];
  }
  if (allocation.relayTransport !== 'udp') {
    drops.add('relay-kind');
    return [];
  }
  const peerValue = attributeOf(message, ATTRIBUTE.XOR_PEER_ADDRESS);
  const payload = attributeOf(message, ATTRIBUTE.DATA);
  const peer = peerValue === undefined ? undefined : readXorAddress(peerValue, message.transactionId);
  if (peer === undefined || payload === undefined) {
    drops.add('indication-incomplete');
    return [];
  }
  if (unknownRequired(message).length > 0) {
    drops.add('unknown-required-attribute');
    return [];
  }
  const decision = decidePeer(settings.policy, peer.address, {
    families: allocation.families,
    port: peer.port,
  });
  if (!decision.allowed) {
    drops.add(decision.code === 403 ? 'peer-refused' : 'peer-family');
    if (journal.accepts('data-path', nowMs)) {
      const { username } = allocation;
      const detail = peerNotAllowed(peer, decision);
      journal.add({ nowMs, method: 'Send', code: decision.code, client, username, detail });
    }
    return [];
  }
  const { family } = decision.ip;
  const relay = allocation.relayOf(family);
  if (relay === undefined) {
    drops.add('peer-family');
    return [];
  }
  if (allocation.hosts.get(decision.address)?.permitted !== true) {
    drops.add('no-permission');
    return [];
  }
  const dontFragment = attributeOf(message, ATTRIBUTE.DONT_FRAGMENT) !== undefined;
  if (dontFragment && payload.length > settings.unfragmentedBytes[family]) {
    drops.add('would-fragment');
    return [];
  }
  if (allocation.meter?.admits(payload.length) === false) return [];
  allocation.toPeerPackets += 1;
  allocation.toPeerBytes += payload.length;
  return [{ type: 'send-peer', relay, payload, address: decision.address, port: peer.port }];
}
