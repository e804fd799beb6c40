/**
 * The TURN state machine (RFC 8656, RFC 6062), Sans-IO: messages and events with the time in, actions out. The
 * data path does not pass through it: the shell reads `lookup`, channels and permissions directly.
 */
import { ATTRIBUTE, METHOD, METHOD_NAMES } from '../codec/attribute-types.ts';
import { attributeOf, buildStun, parseStun, type StunMessage } from '../codec/stun-message.ts';
import type { TurnRefusalRecord } from '../../contract/turn-refusal.ts';
import type { DropCounter } from '../../kit/drop-counter.ts';
import type { Action, DropReason, RelayOpened } from './actions.ts';
import type { ClientRef, RelayRef } from './endpoints.ts';
import type { Allocation, PeerConnection } from './allocation.ts';
import type { LimitUse } from './limit-use.ts';
import { finishAllocate, handleAllocate, mappedAddress } from './allocate.ts';
import { authenticate } from './authenticate.ts';
import { finishConnect, handleConnect } from './connect.ts';
import { acceptPeer, type Accepted } from './connection-attempt.ts';
import { handleConnectionBind, pendingConnection } from './connection-bind.ts';
import { handleChannelBind, handleCreatePermission } from './permissions.ts';
import { handleRefresh } from './refresh.ts';
import { refuse, refuseUnknown, unknownRequired } from './request.ts';
import { handleSend } from './send.ts';
import { isRevoked } from './session-rules.ts';
import { TurnState, type TurnCoreOptions, type TurnSettings } from './turn-state.ts';

export class TurnCore<C extends ClientRef, R extends RelayRef> {
  readonly #state: TurnState<C, R>;

  constructor(options: TurnCoreOptions) {
    this.#state = new TurnState(options, (connection, nowMs) =>
      finishConnect(this.#state, connection, { connected: false, nowMs }),
    );
  }

  get drops(): DropCounter<DropReason> {
    return this.#state.drops;
  }

  get refusals(): Record<string, number> {
    return this.#state.refusals.totals();
  }

  /** The last refusals in detail, newest first. */
  get journal(): TurnRefusalRecord[] {
    return this.#state.journal.list();
  }

  /** Every counted bound with its use. */
  get limits(): LimitUse[] {
    const { quotas, meters, strangers, settings } = this.#state;
    return [...quotas.uses(settings.limits), ...meters.uses(), ...strangers.uses()];
  }

  get draining(): boolean {
    return this.#state.draining;
  }

  /** What is remembered, by kind: empty before anybody authenticated. */
  get sizes(): Record<'allocations' | 'reservations' | 'connections' | 'quotas' | 'deadlines', number> {
    const { table, reservations, connections, quotas, deadlines } = this.#state;
    return {
      allocations: table.size,
      reservations: reservations.size,
      connections: connections.size,
      quotas: quotas.size,
      deadlines: deadlines.size,
    };
  }

  /** The allocation of a five-tuple: the data path's first lookup. */
  lookup(listener: number, address: string, port: number): Allocation<C, R> | undefined {
    return this.#state.table.get(listener, address, port);
  }

  /** The data path's question for datagrams that match no channel, of a peer that has a permission. */
  allowsPeer(address: string, port: number): boolean {
    return this.#state.settings.policy.allowsPort(address, port);
  }

  allocations(): Generator<Allocation<C, R>> {
    return this.#state.table.values();
  }

  /** Totals since the start, ended allocations included. */
  relayed(): { toPeerPackets: number; toPeerBytes: number; toClientPackets: number; toClientBytes: number } {
    const total = { ...this.#state.ended };
    for (const allocation of this.#state.table.values()) {
      total.toPeerPackets += allocation.toPeerPackets;
      total.toPeerBytes += allocation.toPeerBytes;
      total.toClientPackets += allocation.toClientPackets;
      total.toClientBytes += allocation.toClientBytes;
    }
    return total;
  }

  /** A STUN message from a client. `bytes` is one whole datagram or frame. */
  handleMessage(client: C, bytes: Buffer, nowMs: number): Action<C, R>[] {
    const expired = this.#state.expire(nowMs);
    const message = parseStun(bytes);
    if (message === undefined) {
      this.drops.add('malformed-stun');
      return expired;
    }
    return [...expired, ...this.#dispatch(client, message, nowMs)];
  }

  /** The answer to `open-relays`: one result for each want, in order. */
  relaysOpened(
    allocation: Allocation<C, R>,
    results: readonly RelayOpened<R>[],
    nowMs: number,
  ): Action<C, R>[] {
    return [...this.#state.expire(nowMs), ...finishAllocate(this.#state, allocation, results, nowMs)];
  }

  /** The answer to `connect-peer`. A connection that was closed meanwhile is no longer asked about. */
  peerConnected(connection: PeerConnection<C, R>, connected: boolean, nowMs: number): Action<C, R>[] {
    return [...this.#state.expire(nowMs), ...finishConnect(this.#state, connection, { connected, nowMs })];
  }

  /** A peer connected to a relay of this allocation. */
  peerArrived(
    allocation: Allocation<C, R>,
    from: { relay: R; address: string; port: number },
    nowMs: number,
  ): Accepted<C, R> {
    const expired = this.#state.expire(nowMs);
    const { connection, actions } = acceptPeer(this.#state, allocation, { ...from, nowMs });
    return { connection, actions: [...expired, ...actions] };
  }

  /** A data connection has ended by itself. */
  peerClosed(connection: PeerConnection<C, R>, nowMs: number): Action<C, R>[] {
    return [...this.#state.expire(nowMs), ...this.#state.closeConnection(connection)];
  }

  /** The client's connection is gone: its allocation goes with it (RFC 8656 section 3.1). */
  clientClosed(client: C, nowMs: number): Action<C, R>[] {
    const expired = this.#state.expire(nowMs);
    const allocation = this.#state.table.of(client);
    if (allocation === undefined) return expired;
    return [...expired, ...this.#state.endAllocation(allocation, 'client-closed')];
  }

  /** Ends every allocation of a username. */
  disconnect(username: string): { ended: number; actions: Action<C, R>[] } {
    return this.disconnectWhere((one) => one.username === username);
  }

  /** Ends every allocation that `matches` picks. */
  disconnectWhere(matches: (allocation: Allocation<C, R>) => boolean): {
    ended: number;
    actions: Action<C, R>[];
  } {
    const ending = [...this.#state.table.values()].filter(matches);
    const actions = ending.flatMap((one) => this.#state.endAllocation(one, 'disconnected'));
    return { ended: ending.length, actions };
  }

  /**
   * Swaps settings under live allocations: peers that are no longer allowed lose their way at once, and
   * sessions of revoked subjects, and those of TCP where it is no longer relayed, end.
   */
  configure(settings: TurnSettings, nowMs: number): Action<C, R>[] {
    this.#state.settings = settings;
    const { policy, limits, session } = settings;
    this.#state.strangers.configure(limits);
    if (this.#state.meters.configure(limits)) {
      for (const allocation of this.#state.table.values()) {
        allocation.meter = this.#state.meters.open(allocation.holder);
      }
    }
    const actions: Action<C, R>[] = [];
    for (const allocation of [...this.#state.table.values()]) {
      if (isRevoked(session, allocation.username, nowMs)) {
        actions.push(...this.#state.endAllocation(allocation, 'revoked'));
        continue;
      }
      if (allocation.relayTransport === 'tcp' && !settings.tcpRelaying) {
        actions.push(...this.#state.endAllocation(allocation, 'not-offered'));
        continue;
      }
      this.#state.dropPeers(
        allocation,
        (host, port) => policy.refusal(host.ip, host.address, port) !== undefined,
      );
      actions.push(
        ...this.#state.closeConnections(
          allocation,
          ({ ip, address, port }) => policy.refusal(ip, address, port) !== undefined,
        ),
      );
    }
    return actions;
  }

  /** No new allocations from now on. */
  drain(): void {
    this.#state.draining = true;
  }

  /** When `expire` is due next, or undefined. */
  nextDeadlineMs(): number | undefined {
    return this.#state.deadlines.next();
  }

  expire(nowMs: number): Action<C, R>[] {
    return this.#state.expire(nowMs);
  }

  #dispatch(client: C, message: StunMessage, nowMs: number): Action<C, R>[] {
    const state = this.#state;
    const allocation = state.table.of(client);
    if (message.class === 'indication') {
      if (message.method === METHOD.SEND) return handleSend(state, message, { client, allocation, nowMs });
      // A Binding indication keeps a NAT open and asks for nothing.
      if (message.method !== METHOD.BINDING) state.drops.add('unexpected-class');
      return [];
    }
    if (message.class !== 'request') {
      state.drops.add('unexpected-class');
      return [];
    }
    if (
      !METHOD_NAMES.has(message.method) ||
      message.method === METHOD.SEND ||
      message.method === METHOD.DATA ||
      message.method === METHOD.CONNECTION_ATTEMPT
    ) {
      state.drops.add('unknown-method');
      return [];
    }
    // Before it has an allocation a source costs us a bounded rate of answers and HMACs.
    if (allocation === undefined && !state.strangers.admitsRequest(client.address, nowMs)) {
      state.drops.add('rate-limited');
      return [];
    }
    if (message.method === METHOD.BINDING) return [this.#binding(client, message, nowMs)];

    // A data connection has no allocation of its own: it is the user of the one it is for who may bind it.
    const owner =
      message.method === METHOD.CONNECTION_BIND && allocation === undefined
        ? pendingConnection(state, message)?.allocation
        : allocation;
    const authentication = authenticate(state, { client, message, allocation: owner, nowMs });
    if (!authentication.ok) {
      const { code } = authentication;
      const signing = code === 441 ? { key: authentication.key, hash: authentication.hash } : {};
      // Whoever it says it is, a spoofer may not make us shout at the owner of the address.
      if (!state.strangers.admitsAnswer(client.address, nowMs)) {
        state.drops.add('unauthorized-limit');
        return [];
      }
      const username = attributeOf(message, ATTRIBUTE.USERNAME)?.toString('utf8');
      const why = authentication.code === 441 ? undefined : authentication.why;
      return [
        refuse(state, { client, message, username, ...signing, nowMs }, code, {
          source: 'stranger',
          ...(why === undefined ? {} : { detail: { reason: 'credential', why } }),
        }),
      ];
    }
    const { username, key, hash } = authentication;
    const request = { client, message, username, key, hash, allocation: owner, nowMs };
    if (message.method === METHOD.ALLOCATE) return handleAllocate(state, request);
    const unknown = unknownRequired(message);
    if (unknown.length > 0) return [refuseUnknown(state, request, unknown)];
    switch (message.method) {
      case METHOD.REFRESH:
        return handleRefresh(state, request);
      case METHOD.CREATE_PERMISSION:
        return handleCreatePermission(state, request);
      case METHOD.CONNECT:
        return handleConnect(state, request);
      case METHOD.CONNECTION_BIND:
        return handleConnectionBind(state, request, allocation !== undefined);
      default:
        return handleChannelBind(state, request);
    }
  }

  /** RFC 8489 section 12: no authentication, the smallest answer there is. */
  #binding(client: C, message: StunMessage, nowMs: number): Action<C, R> {
    const unknown = unknownRequired(message);
    if (unknown.length > 0) {
      return refuseUnknown(this.#state, { client, message, nowMs }, unknown, 'stranger');
    }
    const { method, transactionId, fingerprint } = message;
    const bytes = buildStun(
      { class: 'success', method, transactionId },
      [mappedAddress(client, transactionId)],
      { fingerprint },
    );
    return { type: 'answer', client, bytes };
  }
}
