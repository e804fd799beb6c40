/**
 * The STUN credential of the relay proof: a Binding request with USERNAME `probe:<nonce>` and this
 * password is answered by the namespace's SFU, through a relay only. It proves the whole path and
 * opens nothing. Pure.
 */
import { createHmac } from 'node:crypto';

export const PROBE_UFRAG = 'probe';

export function probePassword(ticketKey: string): string {
  return createHmac('sha256', Buffer.from(ticketKey, 'base64url'))
    .update('turnkeep-relay-probe')
    .digest('base64url');
}
