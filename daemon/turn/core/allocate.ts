/** Allocate (RFC 8656 section 7.2, RFC 6062 section 5.1), in the RFC's order, in two halves round the binding of sockets. */
import {
  ATTRIBUTE,
  METHOD,
  TRANSPORT_TCP,
  TRANSPORT_UDP,
  type TurnErrorCode,
} from '../codec/attribute-types.ts';
import {
  addressErrorCode,
  lifetime,
  readAddressFamily,
  readEvenPort,
  readLifetime,
  readRequestedTransport,
  xorAddress,
} from '../codec/attributes.ts';
import { attributeOf, buildStun, type StunAttribute, type StunMessage } from '../codec/stun-message.ts';
import { parseIp, type IpFamily } from '../../kit/ip-address.ts';
import type { Action, RelayOpened, RelayWant } from './actions.ts';
import type { ClientRef, RelayRef, RelayTransport } from './endpoints.ts';
import { Allocation } from './allocation.ts';
import { isStream } from './connection-bind.ts';
import { quotaHolder } from './quota.ts';
import { sessionEndMs, withinSession } from './session-rules.ts';
import { refuse, refuseUnknown, unknownRequired, type TurnRequest } from './request.ts';
import type { Reservation, TurnSettings, TurnState } from './turn-state.ts';

export const DEFAULT_LIFETIME_SECONDS = 600;
export const MAX_LIFETIME_SECONDS = 3600;
/** RFC 8656 section 7.2: a reservation lives for 30 seconds. */
const RESERVATION_MS = 30_000;
const TOKEN_BYTES = 8;
const SESSION_ID_BYTES = 8;

/** What an Allocate request asks for, after its attributes were checked. */
type Wish = {
  relayTransport: RelayTransport;
  wants: RelayWant[];
  lifetimeSeconds: number;
  reservationToken: Buffer | undefined;
};

/** First half: checks everything, counts the allocation, asks for sockets. */
export function handleAllocate<C extends ClientRef, R extends RelayRef>(
  state: TurnState<C, R>,
  request: TurnRequest<C, R>,
): Action<C, R>[] {
  const { client, message, allocation, nowMs } = request;
  // 2. The five-tuple is in use: a retransmission gets the same answer, anything else 437.
  if (allocation !== undefined) {
    if (!allocation.request.transactionId.equals(message.transactionId)) {
      return [refuse(state, request, 437)];
    }
    if (allocation.answer !== undefined) return [{ type: 'answer', client, bytes: allocation.answer }];
    state.drops.add('allocate-under-way');
    return [];
  }
  const unknown = unknownRequired(message);
  if (unknown.length > 0) return [refuseUnknown(state, request, unknown)];
  // 3.-9. Attributes.
  const wish = readWish(client, message, state.settings);
  if (typeof wish === 'number') return [refuse(state, request, wish)];
  if (state.draining) return [refuse(state, request, 508, { detail: { reason: 'draining' } })];
  const reservation = takeReservation(state, request.username, wish.reservationToken);
  if (reservation === 'none') {
    return [refuse(state, request, 508, { detail: { reason: 'reservation-unknown' } })];
  }
  // 10. Quotas; a reservation brings its own unit along.
  const holder = reservation?.holder ?? quotaHolder(request.username);
  const full =
    reservation === undefined ? state.quotas.take('allocations', holder, state.settings.limits) : undefined;
  if (full !== undefined) {
    const { username } = request;
    return [
      refuse(state, request, full.ofHolder ? 486 : 508, {
        detail: { reason: 'quota', bucket: full.name },
      }),
      { type: 'quota-reached', username, bucket: full.name },
    ];
  }
  const created = new Allocation<C, R>({
    sessionId: state.randomBytes(SESSION_ID_BYTES).toString('hex'),
    client,
    username: request.username,
    key: request.key,
    holder,
    createdAtMs: nowMs,
    relayTransport: wish.relayTransport,
    request: {
      transactionId: Buffer.from(message.transactionId),
      hash: request.hash,
      fingerprint: message.fingerprint,
      lifetimeSeconds: wish.lifetimeSeconds,
      families: wish.wants.map((want) => want.family),
    },
  });
  created.meter = state.meters.open(holder);
  state.table.set(client, created);
  if (reservation !== undefined) {
    return finishAllocate(state, created, [{ relay: reservation.relay, reserved: undefined }], nowMs);
  }
  return [{ type: 'open-relays', allocation: created, wants: wish.wants }];
}

/** Second half: one result for each wanted socket, in order. */
export function finishAllocate<C extends ClientRef, R extends RelayRef>(
  state: TurnState<C, R>,
  allocation: Allocation<C, R>,
  results: readonly RelayOpened<R>[],
  nowMs: number,
): Action<C, R>[] {
  const opened = results.filter((result) => result !== undefined);
  // The client went away, or was disconnected, while the sockets were being bound.
  if (allocation.state !== 'opening') {
    return opened.flatMap(({ relay, reserved }) => [
      { type: 'close-relay' as const, relay },
      ...(reserved === undefined ? [] : [{ type: 'close-relay' as const, relay: reserved }]),
    ]);
  }
  const { client, key, request, username } = allocation;
  const { transactionId, hash } = request;
  const message = { method: METHOD.ALLOCATE, transactionId, fingerprint: request.fingerprint };
  if (opened.length === 0) {
    return [
      ...state.endAllocation(allocation, 'no-relay'),
      refuse(state, { client, message, username, key, hash, nowMs }, 508, {
        detail: { reason: 'no-relay-port' },
      }),
      { type: 'quota-reached', username, bucket: 'relay-ports' },
    ];
  }
  const actions: Action<C, R>[] = [];
  const attributes: StunAttribute[] = [];
  results.forEach((result, at) => {
    const family = request.families[at];
    if (result !== undefined) attributes.push(relayedAddress(result.relay, transactionId));
    else if (family !== undefined) {
      const code = state.settings.relayFamilies.includes(family) ? 508 : 440;
      attributes.push(addressErrorCode(family, code));
    }
  });
  // The sockets took their time: what is left is counted from now.
  const endMs = sessionEndMs(state.settings.session, allocation);
  const { seconds, expiresAtMs } = withinSession(endMs, request.lifetimeSeconds, nowMs);
  attributes.push(lifetime(seconds));
  for (const { reserved } of opened) {
    if (reserved === undefined) continue;
    const token = reserve(state, allocation, reserved, nowMs);
    if (token === undefined) actions.push({ type: 'close-relay', relay: reserved });
    else attributes.push({ type: ATTRIBUTE.RESERVATION_TOKEN, value: token });
  }
  attributes.push(mappedAddress(client, transactionId));

  allocation.state = 'open';
  allocation.relays = opened.map(({ relay }) => relay);
  allocation.expiresAtMs = expiresAtMs;
  state.deadlines.set(allocation, allocation.expiresAtMs);
  const bytes = buildStun({ class: 'success', method: METHOD.ALLOCATE, transactionId }, attributes, {
    key,
    hash,
    fingerprint: request.fingerprint,
  });
  allocation.answer = bytes;
  actions.push({ type: 'answer', client, bytes }, { type: 'allocated', allocation });
  return actions;
}

/** XOR-MAPPED-ADDRESS of a client; its zone, if any, is ours and not sent. */
export function mappedAddress(client: ClientRef, transactionId: Buffer): StunAttribute {
  const address = parseIp(client.address.split('%', 1)[0] ?? '') ?? { family: 4, bytes: new Uint8Array(4) };
  return xorAddress(ATTRIBUTE.XOR_MAPPED_ADDRESS, { address, port: client.port }, transactionId);
}

/** RFC 8656 sections 7.2 and 8.2: at least the default, at most our maximum. */
export function grantedLifetimeSeconds(requestedSeconds: number | undefined): number {
  const wanted = Math.min(requestedSeconds ?? DEFAULT_LIFETIME_SECONDS, MAX_LIFETIME_SECONDS);
  return Math.max(wanted, DEFAULT_LIFETIME_SECONDS);
}

function readWish(
  client: ClientRef,
  message: StunMessage,
  settings: Pick<TurnSettings, 'tcpRelaying' | 'relayFamilies' | 'additionalFamilyTypes'>,
): Wish | TurnErrorCode {
  // 3. REQUESTED-TRANSPORT.
  const transportValue = attributeOf(message, ATTRIBUTE.REQUESTED_TRANSPORT);
  const transport = transportValue === undefined ? undefined : readRequestedTransport(transportValue);
  if (transport === undefined) return 400;
  const overTcp = transport === TRANSPORT_TCP && settings.tcpRelaying;
  if (transport !== TRANSPORT_UDP && !overTcp) return 442;
  const relayTransport = overTcp ? 'tcp' : 'udp';
  if (overTcp && (!isStream(client) || hasDatagramAttribute(message))) return 400;
  // 4. DONT-FRAGMENT is supported: Linux sets DF on what fits the link, send.ts drops the rest.
  const lifetimeValue = attributeOf(message, ATTRIBUTE.LIFETIME);
  const requested = lifetimeValue === undefined ? undefined : readLifetime(lifetimeValue);
  if (lifetimeValue !== undefined && requested === undefined) return 400;
  const lifetimeSeconds = grantedLifetimeSeconds(requested);

  const evenPort = attributeOf(message, ATTRIBUTE.EVEN_PORT);
  const requestedFamily = attributeOf(message, ATTRIBUTE.REQUESTED_ADDRESS_FAMILY);
  const additionalType = settings.additionalFamilyTypes.find(
    (type) => attributeOf(message, type) !== undefined,
  );
  const additionalFamily = additionalType === undefined ? undefined : attributeOf(message, additionalType);
  // 5. RESERVATION-TOKEN stands alone.
  const token = attributeOf(message, ATTRIBUTE.RESERVATION_TOKEN);
  if (token !== undefined) {
    const alone = evenPort === undefined && requestedFamily === undefined && additionalFamily === undefined;
    if (!alone || token.length !== TOKEN_BYTES) return 400;
    // The family is the reserved socket's; one family is all a reservation has.
    return {
      relayTransport,
      wants: [{ family: 4, parity: 'any', transport: relayTransport }],
      lifetimeSeconds,
      reservationToken: token,
    };
  }
  // 6.-8. Families.
  let families: IpFamily[] = [4];
  if (requestedFamily !== undefined) {
    if (additionalFamily !== undefined) return 400;
    const family = readAddressFamily(requestedFamily);
    if (family === undefined) return 400;
    if (family === 'unsupported') return 440;
    families = [family];
  } else if (additionalFamily !== undefined) {
    // Only IPv6 may be asked for in addition (section 18.11).
    if (readAddressFamily(additionalFamily) !== 6) return 400;
    families = [4, 6];
  }
  // 9. EVEN-PORT.
  const pair = evenPort === undefined ? undefined : readEvenPort(evenPort);
  if (evenPort !== undefined && pair === undefined) return 400;
  if (pair === true && additionalFamily !== undefined) return 400;
  if (!families.some((family) => settings.relayFamilies.includes(family))) return 440;
  const parity = pair === undefined ? 'any' : pair ? 'even-pair' : 'even';
  return {
    relayTransport,
    wants: families.map((family) => ({ family, parity, transport: relayTransport })),
    lifetimeSeconds,
    reservationToken: undefined,
  };
}

/** RFC 6062 section 5.1: what a TCP allocation may not ask for. */
function hasDatagramAttribute(message: StunMessage): boolean {
  return [ATTRIBUTE.DONT_FRAGMENT, ATTRIBUTE.EVEN_PORT, ATTRIBUTE.RESERVATION_TOKEN].some(
    (type) => attributeOf(message, type) !== undefined,
  );
}

/** Keeps the second socket of a pair for its user. @returns undefined when a quota is full. */
function reserve<C extends ClientRef, R extends RelayRef>(
  state: TurnState<C, R>,
  { username, holder }: Allocation<C, R>,
  relay: R,
  nowMs: number,
): Buffer | undefined {
  if (state.quotas.take('allocations', holder, state.settings.limits) !== undefined) return undefined;
  const value = state.randomBytes(TOKEN_BYTES);
  const token = value.toString('hex');
  const reservation: Reservation<R> = { kind: 'reservation', token, username, relay, holder };
  state.reservations.set(token, reservation);
  state.deadlines.set(reservation, nowMs + RESERVATION_MS);
  return value;
}

function takeReservation<C extends ClientRef, R extends RelayRef>(
  state: TurnState<C, R>,
  username: string,
  token: Buffer | undefined,
): Reservation<R> | 'none' | undefined {
  if (token === undefined) return undefined;
  const reservation = state.reservations.get(token.toString('hex'));
  if (reservation === undefined || reservation.username !== username) return 'none';
  state.reservations.delete(reservation.token);
  state.deadlines.delete(reservation);
  return reservation;
}

function relayedAddress(relay: RelayRef, transactionId: Buffer): StunAttribute {
  const address = parseIp(relay.address) ?? { family: 4, bytes: new Uint8Array(4) };
  return xorAddress(ATTRIBUTE.XOR_RELAYED_ADDRESS, { address, port: relay.port }, transactionId);
}
