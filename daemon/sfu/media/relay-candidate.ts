/** Relay-only, applied to remote candidates: in SDP and by trickle. Pure. */
import { canonicalIp } from '../../kit/ip-address.ts';
import type { RelaySet } from './relay-set.ts';

/** `candidate-rtcp`: of component 2, which is not used, because RTCP is always multiplexed (RFC 5761). */
export type CandidateDrop =
  'candidate-malformed' | 'candidate-not-relay' | 'candidate-foreign-relay' | 'candidate-rtcp';

/**
 * Looks at one candidate-attribute value (RFC 8839 section 5.1).
 * @returns the candidate to hand to ICE, or why it is dropped. A relay that is not this namespace's would
 * only make us send checks to an address of the client's choice.
 */
export function admitCandidate(
  text: string,
  relays: RelaySet,
): { ok: true; candidate: string } | { ok: false; drop: CandidateDrop } {
  const value = text.startsWith('a=') ? text.slice(2) : text;
  const fields = value.replace(/^candidate:/, '').split(' ');
  const [foundation, component, transport, priority, address, port, typWord, type] = fields;
  if (fields.length < 8 || typWord !== 'typ' || foundation === undefined || address === undefined) {
    return { ok: false, drop: 'candidate-malformed' };
  }
  if (type !== 'relay') return { ok: false, drop: 'candidate-not-relay' };
  if (component === '2') return { ok: false, drop: 'candidate-rtcp' };
  if (component !== '1' || transport?.toLowerCase() !== 'udp')
    return { ok: false, drop: 'candidate-malformed' };
  const ip = canonicalIp(address);
  if (ip === undefined || !/^\d{1,5}$/.test(port ?? '') || !/^\d{1,10}$/.test(priority ?? '')) {
    return { ok: false, drop: 'candidate-malformed' };
  }
  if (!relays.has(ip, Number(port))) return { ok: false, drop: 'candidate-foreign-relay' };
  return {
    ok: true,
    candidate: `candidate:${foundation} 1 udp ${priority ?? '0'} ${ip} ${port ?? '0'} typ relay`,
  };
}
