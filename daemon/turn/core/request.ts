/** One authenticated request on its way through a handler, and the answers a handler can give. */
import {
  ATTRIBUTE,
  COMPREHENSION_OPTIONAL_FROM,
  KNOWN_ATTRIBUTES,
  METHOD,
  METHOD_NAMES,
  type TurnErrorCode,
} from '../codec/attribute-types.ts';
import type { RefusalDetail } from '../../contract/turn-refusal.ts';
import { errorCode, text, unknownAttributes } from '../codec/attributes.ts';
import type { IntegrityHash } from '../codec/message-integrity.ts';
import { passwordAlgorithms } from '../codec/password-algorithms.ts';
import { buildStun, type StunAttribute, type StunMessage } from '../codec/stun-message.ts';
import type { Action } from './actions.ts';
import type { ClientRef, RelayRef } from './endpoints.ts';
import type { Allocation } from './allocation.ts';
import type { FloodSource } from './refusal-journal.ts';
import type { TurnState } from './turn-state.ts';

/** Attribute types one entry of the journal names. */
const MAX_TOLD_TYPES = 4;

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
): Extract<Action<C, R>, { type: 'answer' }> {
  const { message, client, key, hash } = request;
  const bytes = buildStun(
    { class: 'success', method: message.method, transactionId: message.transactionId },
    attributes,
    { key, hash, fingerprint: message.fingerprint },
  );
  return { type: 'answer', client, bytes };
}

/** What of a request an error answer needs; `username` is whom the journal names. */
type Refusable<C extends ClientRef> = {
  client: C;
  message: Pick<StunMessage, 'method' | 'transactionId' | 'fingerprint'>;
  username?: string | undefined;
  key?: Buffer | undefined;
  hash?: IntegrityHash | undefined;
  nowMs: number;
};

/**
 * An error answer. 401 and 438 carry REALM, a fresh NONCE and PASSWORD-ALGORITHMS (RFC 8489 section
 * 9.2.4); an answer to an authenticated request is signed.
 * @param options.detail why, for the journal of refusals; without it the code says enough. `source` when
 * the request proved nothing.
 */
export function refuse<C extends ClientRef, R extends RelayRef>(
  state: TurnState<C, R>,
  request: Refusable<C>,
  code: TurnErrorCode,
  options: { attributes?: readonly StunAttribute[]; detail?: RefusalDetail; source?: FloodSource } = {},
): Action<C, R> {
  const { message, client, nowMs, username } = request;
  const method = METHOD_NAMES.get(message.method) ?? 'Unknown';
  state.refusals.add(`${method} ${String(code)}`);
  const { source } = options;
  const detail = options.detail ?? detailOf(message.method, code);
  if (detail !== undefined && (source === undefined || state.journal.accepts(source, nowMs))) {
    state.journal.add({ nowMs, method, code, client, username, detail });
  }
  const all = [errorCode(code), ...(options.attributes ?? [])];
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

/** A bound that is reached, where the RFCs know one answer to that: 508; 486 is of Allocate. */
export function refuseFull<C extends ClientRef, R extends RelayRef>(
  state: TurnState<C, R>,
  request: TurnRequest<C, R>,
  bucket: string,
): Action<C, R>[] {
  return [
    refuse(state, request, 508, { detail: { reason: 'quota', bucket } }),
    { type: 'quota-reached', username: request.username, bucket },
  ];
}

/** What a code alone tells. The challenge (401) and an aged nonce (438) are no refusals worth a line. */
function detailOf(method: number, code: TurnErrorCode): RefusalDetail | undefined {
  switch (code) {
    case 401:
    case 438:
      return undefined;
    case 400:
      return { reason: 'attribute' };
    case 437:
      return { reason: method === METHOD.ALLOCATE ? 'session-exists' : 'no-session' };
    case 440:
    case 443:
      return { reason: 'address-family' };
    case 441:
      return { reason: 'other-user' };
    case 442:
      return { reason: 'relay-transport' };
    default:
      return { reason: 'other' };
  }
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
  request: Refusable<C>,
  types: readonly number[],
  source?: FloodSource,
): Action<C, R> {
  return refuse(state, request, 420, {
    attributes: [unknownAttributes(types)],
    detail: { reason: 'unknown-attribute', types: types.slice(0, MAX_TOLD_TYPES) },
    ...(source === undefined ? {} : { source }),
  });
}
