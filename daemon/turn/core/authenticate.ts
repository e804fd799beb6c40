/**
 * The long-term credential mechanism (RFC 8489 section 9.2.4) with the rules of TURN: a credential's
 * expiry gates Allocate only, and an allocation keeps its user (RFC 8656 section 5).
 */
import type { RefusalDetail } from '../../contract/turn-refusal.ts';
import { ATTRIBUTE, METHOD } from '../codec/attribute-types.ts';
import { verifyIntegrity, type IntegrityHash } from '../codec/message-integrity.ts';
import { negotiatedAlgorithm } from '../codec/password-algorithms.ts';
import { attributeOf, type StunMessage } from '../codec/stun-message.ts';
import type { ClientRef, RelayRef } from './endpoints.ts';
import type { Allocation } from './allocation.ts';
import { isRevoked, judgedAtMs } from './session-rules.ts';
import type { TurnState } from './turn-state.ts';

/** RFC 8489 section 14.3. */
const MAX_USERNAME_BYTES = 508;

/** What was wrong with a credential: for the operator's journal, never for the client. */
export type CredentialFault = Extract<RefusalDetail, { reason: 'credential' }>['why'];

/** `hash` is the kind of integrity of the answer. */
export type Authentication =
  | { ok: true; username: string; key: Buffer; hash: IntegrityHash }
  | { ok: false; code: 400 | 401 | 438; why?: CredentialFault }
  /** Authenticated, but not the allocation's user: the answer is signed. */
  | { ok: false; code: 441; key: Buffer; hash: IntegrityHash };

/** Remembers nothing. An unknown user and a wrong password take the same path to the same answer. */
export function authenticate<C extends ClientRef, R extends RelayRef>(
  state: TurnState<C, R>,
  options: {
    client: C;
    message: StunMessage;
    allocation: Allocation<C, R> | undefined;
    nowMs: number;
  },
): Authentication {
  const { client, message, allocation, nowMs } = options;
  // 1. No integrity: the client does not know the realm yet. Of both kinds the stronger one counts.
  const hash = message.integritySha256At === undefined ? 'sha1' : 'sha256';
  const integrityAt = message.integritySha256At ?? message.integrityAt;
  if (integrityAt === undefined) return { ok: false, code: 401 };
  // 2. With it, USERNAME, REALM and NONCE must be there.
  const name = attributeOf(message, ATTRIBUTE.USERNAME);
  const realm = attributeOf(message, ATTRIBUTE.REALM);
  const nonce = attributeOf(message, ATTRIBUTE.NONCE);
  if (name === undefined || realm === undefined || nonce === undefined) return { ok: false, code: 400 };
  if (name.length > MAX_USERNAME_BYTES) return { ok: false, code: 401, why: 'unknown-username' };
  // 3. A nonce that is not ours, not this client's or too old. Cheaper than the HMACs below.
  if (!state.nonces.isFresh(nonce.toString('latin1'), client, nowMs)) return { ok: false, code: 438 };
  // 4. What the client says we offered must be our offer, and who names an algorithm signs with SHA-256
  // (section 9.2.5): anything else is a client an attacker talked down. One that knows neither uses MD5.
  const chosen = attributeOf(message, ATTRIBUTE.PASSWORD_ALGORITHM);
  const algorithm = negotiatedAlgorithm(chosen, attributeOf(message, ATTRIBUTE.PASSWORD_ALGORITHMS));
  if (algorithm === undefined || (chosen !== undefined && hash === 'sha1')) return { ok: false, code: 400 };
  // An answer to a client that did not negotiate is what such clients read: MESSAGE-INTEGRITY.
  const answerHash = chosen === undefined ? 'sha1' : 'sha256';
  // 5. The integrity under each key the username may have, without stopping at the first that fits.
  const { session } = state.settings;
  const username = name.toString('utf8');
  const ofAllocation = allocation !== undefined && allocation.username === username;
  const credential = ofAllocation
    ? ({ state: 'valid', keys: [allocation.key] } as const)
    : state.settings.credentials.resolve(username, algorithm, judgedAtMs(session, nowMs));
  let key: Buffer | undefined;
  for (const candidate of credential.keys) {
    if (verifyIntegrity(message.bytes, integrityAt, candidate, hash)) key = candidate;
  }
  const revoked = isRevoked(session, username, nowMs);
  const inTime =
    credential.state === 'valid' || (credential.state === 'expired' && message.method !== METHOD.ALLOCATE);
  const usable = inTime && !revoked;
  if (key === undefined || !usable || realm.toString('utf8') !== state.settings.realm) {
    const mismatch =
      key === undefined ? 'wrong-password' : revoked ? 'revoked' : inTime ? 'wrong-realm' : 'expired';
    return { ok: false, code: 401, why: credential.state === 'unknown' ? 'unknown-username' : mismatch };
  }
  // 6. Another user than the one who allocated (RFC 8656 section 5).
  if (allocation !== undefined && !ofAllocation) return { ok: false, code: 441, key, hash: answerHash };
  return { ok: true, username, key, hash: answerHash };
}
