/**
 * What goes in and out of the TURN core. The core does no I/O: it reads the shell's objects through
 * `ClientRef` and `RelayRef`, and answers with actions that the shell carries out in order.
 */
import type { IpFamily } from '../../kit/ip-address.ts';
import type { Allocation, PeerConnection } from './allocation.ts';
import type { ClientRef, RelayRef, RelayTransport } from './endpoints.ts';

/** `even-pair` also binds the next port, for RESERVATION-TOKEN (RFC 8656 section 7.2). */
export type RelayWant = {
  family: IpFamily;
  parity: 'any' | 'even' | 'even-pair';
  transport: RelayTransport;
};
/** undefined: no port of the block could be bound. */
export type RelayOpened<R> = { relay: R; reserved: R | undefined } | undefined;

export type EndReason =
  'refreshed-to-0' | 'expired' | 'client-closed' | 'disconnected' | 'revoked' | 'no-relay' | 'not-offered';

export type Action<C extends ClientRef, R extends RelayRef> =
  | { type: 'answer'; client: C; bytes: Buffer }
  /** The shell binds the sockets and calls `relaysOpened` with one result for each want. */
  | { type: 'open-relays'; allocation: Allocation<C, R>; wants: RelayWant[] }
  | { type: 'close-relay'; relay: R }
  | { type: 'send-peer'; relay: R; payload: Buffer; address: string; port: number }
  /** The shell connects from the relayed address and calls `peerConnected`. */
  | { type: 'connect-peer'; connection: PeerConnection<C, R> }
  /** After its answer the client's connection carries the peer's bytes, and nothing else. */
  | { type: 'bind-connection'; connection: PeerConnection<C, R>; client: C }
  /** Both halves, if they are there. */
  | { type: 'close-connection'; connection: PeerConnection<C, R> }
  | { type: 'allocated'; allocation: Allocation<C, R> }
  | { type: 'ended'; allocation: Allocation<C, R>; reason: EndReason }
  /** A bucket was full: worth a log line, by whom and which. */
  | { type: 'quota-reached'; username: string; bucket: string };

/** Why the core or the shell threw a packet away. Fixed, so that counting it needs no bound. */
export type DropReason =
  | 'not-turn'
  | 'malformed-stun'
  | 'unexpected-class'
  | 'unknown-method'
  | 'unknown-required-attribute'
  | 'rate-limited'
  | 'unauthorized-limit'
  | 'allocate-under-way'
  | 'channel-data-short'
  | 'channel-unbound'
  | 'indication-incomplete'
  | 'no-allocation'
  | 'no-permission'
  | 'over-bandwidth'
  | 'over-packet-rate'
  | 'peer-refused'
  | 'peer-family'
  | 'would-fragment'
  | 'too-long'
  | 'send-queue-full'
  | 'send-failed'
  | 'slow-client'
  | 'stream-broken'
  | 'connection-limit'
  | 'relay-kind'
  | 'relay-not-listening'
  | 'data-connection-limit'
  | 'data-connection-unbound'
  | 'half-open-limit'
  | 'tls-handshake'
  | 'dtls-handshake'
  | 'dtls-no-session'
  | 'dtls-record'
  | 'dtls-message-size';
