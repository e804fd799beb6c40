/**
 * Everything the TURN core remembers, and the two ways things leave it: `endAllocation` and
 * `dropPeers`. Handlers are functions over this state.
 */
import type { IpFamily } from '../../kit/ip-address.ts';
import { DeadlineQueue } from '../../kit/deadline-queue.ts';
import { DropCounter } from '../../kit/drop-counter.ts';
import type { Action, DropReason, EndReason } from './actions.ts';
import type { ClientRef, RelayRef } from './endpoints.ts';
import type { Allocation, Channel, PeerConnection, PeerHost } from './allocation.ts';
import type { CredentialModel } from './credential-model.ts';
import { EndedAnswers } from './ended-answers.ts';
import { FiveTupleTable } from './five-tuple-table.ts';
import { NonceIssuer } from './nonce.ts';
import type { PeerPolicy } from './peer-policy.ts';
import { QuotaLedger, type QuotaHolder, type QuotaLimits } from './quota.ts';
import { TrafficMeters, type RateLimits } from './traffic-meter.ts';
import type { SessionRules } from './session-rules.ts';
import { RefusalJournal } from './refusal-journal.ts';
import { StrangerLimits, type StrangerRates } from './stranger-limits.ts';

export type TurnLimits = QuotaLimits & RateLimits & StrangerRates;

/** What a reload may swap while allocations live. */
export type TurnSettings = {
  realm: string;
  credentials: CredentialModel;
  policy: PeerPolicy;
  session: SessionRules;
  limits: TurnLimits;
  /** Whether TCP is relayed (RFC 6062). */
  tcpRelaying: boolean;
  /** Families that have a relay address. */
  relayFamilies: readonly IpFamily[];
  /** Largest payload that leaves this host in one piece, with DF set: what DONT-FRAGMENT may ask for. */
  unfragmentedBytes: Readonly<Record<IpFamily, number>>;
  /** Highest channel number ChannelBind accepts. */
  lastChannel: number;
  /** Numbers under which ADDITIONAL-ADDRESS-FAMILY is read; the first is the standard's. */
  additionalFamilyTypes: readonly number[];
};

/** A port next to an even one, kept for the client that asked for the pair (RFC 8656 section 7.2). */
export type Reservation<R extends RelayRef> = {
  readonly kind: 'reservation';
  readonly token: string;
  readonly username: string;
  readonly relay: R;
  readonly holder: QuotaHolder;
};

type Timed<C extends ClientRef, R extends RelayRef> =
  Allocation<C, R> | PeerHost<C, R> | Channel<C, R> | PeerConnection<C, R> | Reservation<R>;

export type TurnCoreOptions = {
  settings: TurnSettings;
  /** 32 random bytes of this process. */
  nonceKey: Buffer;
  randomBytes: (count: number) => Buffer;
  /** Time for packets, which bring none along; read only when a bucket of a rate has run empty. */
  nowMs: () => number;
};

export class TurnState<C extends ClientRef, R extends RelayRef> {
  settings: TurnSettings;
  draining = false;
  readonly table = new FiveTupleTable<Allocation<C, R>>();
  readonly reservations = new Map<string, Reservation<R>>();
  /** By CONNECTION-ID. */
  readonly connections = new Map<number, PeerConnection<C, R>>();
  readonly deadlines = new DeadlineQueue<Timed<C, R>>();
  readonly endedAnswers = new EndedAnswers();
  readonly quotas = new QuotaLedger();
  readonly meters: TrafficMeters;
  readonly nonces: NonceIssuer;
  readonly strangers: StrangerLimits;
  readonly drops = new DropCounter<DropReason>();
  /** Keys are `Method code`: both sets are fixed. */
  readonly refusals = new DropCounter<string>();
  readonly journal = new RefusalJournal();
  readonly randomBytes: (count: number) => Buffer;
  /** Totals of allocations that have ended. */
  readonly ended = { toPeerPackets: 0, toPeerBytes: 0, toClientPackets: 0, toClientBytes: 0 };

  readonly #connectTimedOut: (connection: PeerConnection<C, R>, nowMs: number) => Action<C, R>[];

  /** @param connectTimedOut answers a Connect request whose peer did not. */
  constructor(
    options: TurnCoreOptions,
    connectTimedOut: (connection: PeerConnection<C, R>, nowMs: number) => Action<C, R>[],
  ) {
    this.#connectTimedOut = connectTimedOut;
    this.settings = options.settings;
    this.meters = new TrafficMeters(options.settings.limits, this.drops, options.nowMs);
    this.strangers = new StrangerLimits(options.settings.limits);
    this.nonces = new NonceIssuer(options.nonceKey);
    this.randomBytes = options.randomBytes;
  }

  /** Removes an allocation with all that hangs on it and gives its quota back. */
  endAllocation(allocation: Allocation<C, R>, reason: EndReason): Action<C, R>[] {
    if (allocation.state === 'ended') return [];
    const wasOpen = allocation.state === 'open';
    allocation.state = 'ended';
    this.table.delete(allocation.client);
    this.deadlines.delete(allocation);
    this.dropPeers(allocation, () => true);
    const closed = this.closeConnections(allocation, () => true);
    this.quotas.release('allocations', allocation.holder);
    this.meters.close(allocation.holder);
    this.ended.toPeerPackets += allocation.toPeerPackets;
    this.ended.toPeerBytes += allocation.toPeerBytes;
    this.ended.toClientPackets += allocation.toClientPackets;
    this.ended.toClientBytes += allocation.toClientBytes;
    const relays = allocation.relays;
    allocation.relays = [];
    const actions: Action<C, R>[] = [
      ...closed,
      ...relays.map((relay) => ({ type: 'close-relay' as const, relay })),
    ];
    if (wasOpen) actions.push({ type: 'ended', allocation, reason });
    return actions;
  }

  /** Removes the permissions and channels `unwanted` picks; a channel is asked for with its port. */
  dropPeers(
    allocation: Allocation<C, R>,
    unwanted: (host: PeerHost<C, R>, port: number | undefined) => boolean,
  ): void {
    for (const channel of [...allocation.channels.values()]) {
      if (!unwanted(channel.host, channel.port)) continue;
      this.deadlines.delete(channel);
      this.#unbind(channel);
    }
    for (const host of [...allocation.hosts.values()]) {
      if (!unwanted(host, undefined)) continue;
      this.deadlines.delete(host);
      this.#forbid(host);
    }
  }

  /** Closes the data connections `unwanted` picks. */
  closeConnections(
    allocation: Allocation<C, R>,
    unwanted: (connection: PeerConnection<C, R>) => boolean,
  ): Action<C, R>[] {
    return [...allocation.connections].filter(unwanted).flatMap((one) => this.closeConnection(one));
  }

  /** Forgets a data connection and gives its quota back. A second call does nothing. */
  closeConnection(connection: PeerConnection<C, R>): Action<C, R>[] {
    if (connection.state === 'closed') return [];
    connection.state = 'closed';
    this.connections.delete(connection.id);
    this.deadlines.delete(connection);
    connection.allocation.connections.delete(connection);
    this.quotas.release('dataConnections', connection.allocation.holder);
    return [{ type: 'close-connection', connection }];
  }

  /** Takes everything out whose time has come. */
  expire(nowMs: number): Action<C, R>[] {
    const actions: Action<C, R>[] = [];
    for (
      let due = this.deadlines.takeExpired(nowMs);
      due !== undefined;
      due = this.deadlines.takeExpired(nowMs)
    ) {
      switch (due.kind) {
        case 'allocation':
          actions.push(...this.endAllocation(due, 'expired'));
          break;
        case 'permission':
          this.#forbid(due);
          break;
        case 'channel':
          this.#unbind(due);
          break;
        case 'connection':
          actions.push(...this.#connectionDue(due, nowMs));
          break;
        case 'reservation':
          this.reservations.delete(due.token);
          this.quotas.release('allocations', due.holder);
          actions.push({ type: 'close-relay', relay: due.relay });
          break;
      }
    }
    return actions;
  }

  /** The peer did not answer (RFC 6062 section 5.2), or the client did not bind it (5.3). */
  #connectionDue(connection: PeerConnection<C, R>, nowMs: number): Action<C, R>[] {
    if (connection.state === 'connecting') return this.#connectTimedOut(connection, nowMs);
    this.drops.add('data-connection-unbound');
    return this.closeConnection(connection);
  }

  #forbid(host: PeerHost<C, R>): void {
    // A host without permission stays while channels are bound to it: its unit is back already.
    if (host.permitted) this.quotas.release('permissions', host.allocation.holder);
    host.allocation.forbid(host);
  }

  #unbind(channel: Channel<C, R>): void {
    this.quotas.release('channels', channel.allocation.holder);
    channel.allocation.unbind(channel);
  }
}
