/** One authenticated request on its way through a handler, and the answers a handler can give. */
import {
  ATTRIBUTE,
  COMPREHENSION_OPTIONAL_FROM,
  KNOWN_ATTRIBUTES,
  METHOD_NAMES,
  type TurnErrorCode,
} from '../codec/attribute-types.ts';
import { errorCode, text, unknownAttributes } from '../codec/attributes.ts';
import type { IntegrityHash } from '../codec/message-integrity.ts';
import { passwordAlgorithms } from '../codec/password-algorithms.ts';
import { buildStun, type StunAttribute, type StunMessage } from '../codec/stun-message.ts';
import type { Action } from './actions.ts';
import type { ClientRef, RelayRef } from './endpoints.ts';
import type { Allocation } from './allocation.ts';
import type { TurnState } from './turn-state.ts';

/** `key` signs the answer, by `hash`; `allocation` is the open allocation of the five-tuple. */
export type TurnRequest<C extends ClientRef, R extends RelayRef> = {
  client: C;
  message: StunMessage;
  username: string;
  key: Buffer;
  hash: IntegrityHash;
  allocation: Allocation<C, R> | undefined;
  nowMs: number;
};

/** A signed success answer, and FINGERPRINT when the request had one. */
export function success<C extends ClientRef, R extends RelayRef>(
  request: TurnRequest<C, R>,
  attributes: readonly StunAttribute[],
): Action<C, R> {
  const { message, client, key, hash } = request;
  const bytes = buildStun(
    { class: 'success', method: message.method, transactionId: message.transactionId },
    attributes,
    { key, hash, fingerprint: message.fingerprint },
  );
  return { type: 'answer', client, bytes };
}

/**
 * An error answer. 401 and 438 carry REALM, a fresh NONCE and PASSWORD-ALGORITHMS (RFC 8489 section
 * 9.2.4); an answer to an authenticated request is signed.
 */
export function refuse<C extends ClientRef, R extends RelayRef>(
  state: TurnState<C, R>,
  request: {
    client: C;
    message: Pick<StunMessage, 'method' | 'transactionId' | 'fingerprint'>;
    key?: Buffer | undefined;
    hash?: IntegrityHash | undefined;
    nowMs: number;
  },
  code: TurnErrorCode,
  attributes: readonly StunAttribute[] = [],
): Action<C, R> {
  const { message, client, nowMs } = request;
  state.refusals.add(`${METHOD_NAMES.get(message.method) ?? 'Unknown'} ${String(code)}`);
  const all = [errorCode(code), ...attributes];
  if (code === 401 || code === 438) {
    all.push(text(ATTRIBUTE.REALM, state.settings.realm));
    all.push(text(ATTRIBUTE.NONCE, state.nonces.issue(client, nowMs)));
    all.push(passwordAlgorithms());
  }
  const bytes = buildStun(
    { class: 'error', method: message.method, transactionId: message.transactionId },
    all,
    { key: request.key, hash: request.hash, fingerprint: message.fingerprint },
  );
  return { type: 'answer', client, bytes };
}

/** Comprehension-required attributes we do not know (RFC 8489 section 6.3.1). */
export function unknownRequired(message: StunMessage): number[] {
  const types = message.attributes
    .map(({ type }) => type)
    .filter((type) => type < COMPREHENSION_OPTIONAL_FROM && !KNOWN_ATTRIBUTES.has(type));
  return [...new Set(types)];
}

export function refuseUnknown<C extends ClientRef, R extends RelayRef>(
  state: TurnState<C, R>,
  request: {
    client: C;
    message: StunMessage;
    key?: Buffer | undefined;
    hash?: IntegrityHash | undefined;
    nowMs: number;
  },
  types: readonly number[],
): Action<C, R> {
  return refuse(state, request, 420, [unknownAttributes(types)]);
}
