/**
 * Bounds on the connections of all TCP, TLS and DTLS listeners of a service: in total, of one source
 * (an IPv4 address or an IPv6 /64), and of handshakes under way. Whoever accepts a connection enters it,
 * says when its handshake is done, and leaves when it closes. How long a handshake may take, and a
 * connection live without an allocation, is kept here too: the connections have their timers.
 */
import type { LimitUse } from '../core/limit-use.ts';
import { sourcePrefix } from '../core/source-prefix.ts';

/** Names are those of the configuration's `limits`. */
export type ConnectionLimitName = 'connections' | 'connectionsPerAddress' | 'halfOpenConnections';
export type ConnectionTimeName = 'handshakeSeconds' | 'idleConnectionSeconds';
export type ConnectionBounds = Record<ConnectionLimitName | ConnectionTimeName, number>;

const NAMES = [
  'connections',
  'connectionsPerAddress',
  'halfOpenConnections',
  'handshakeSeconds',
  'idleConnectionSeconds',
] as const;

/** One counted connection. Both methods do nothing when called again. */
export type ConnectionSlot = { established: () => void; leave: () => void };

export class ConnectionLimits {
  #limits: ConnectionBounds;
  readonly #refused: ConnectionBounds = {
    connections: 0,
    connectionsPerAddress: 0,
    halfOpenConnections: 0,
    handshakeSeconds: 0,
    idleConnectionSeconds: 0,
  };
  #total = 0;
  #halfOpen = 0;
  readonly #bySource = new Map<string, number>();

  constructor(limits: ConnectionBounds) {
    this.#limits = limits;
  }

  get total(): number {
    return this.#total;
  }

  get halfOpen(): number {
    return this.#halfOpen;
  }

  get handshakeMs(): number {
    return this.#limits.handshakeSeconds * 1000;
  }

  get idleMs(): number {
    return this.#limits.idleConnectionSeconds * 1000;
  }

  /** A connection is ended because its time is up. */
  countEnded(name: ConnectionTimeName): void {
    this.#refused[name] += 1;
  }

  /** Lower bounds end nothing; they refuse what comes next. */
  configure(limits: ConnectionBounds): void {
    this.#limits = limits;
  }

  /** @returns the slot, or the name of the bound that is reached (counted as refused). */
  enter(address: string, options: { handshake: boolean }): ConnectionSlot | ConnectionLimitName {
    const source = sourcePrefix(address);
    const full = this.#full(source, options.handshake);
    if (full !== undefined) {
      this.#refused[full] += 1;
      return full;
    }
    this.#total += 1;
    this.#bySource.set(source, (this.#bySource.get(source) ?? 0) + 1);
    let state: 'half-open' | 'established' | 'left' = options.handshake ? 'half-open' : 'established';
    if (state === 'half-open') this.#halfOpen += 1;
    return {
      established: () => {
        if (state !== 'half-open') return;
        state = 'established';
        this.#halfOpen -= 1;
      },
      leave: () => {
        if (state === 'left') return;
        if (state === 'half-open') this.#halfOpen -= 1;
        state = 'left';
        this.#leave(source);
      },
    };
  }

  uses(): LimitUse[] {
    const used = {
      connections: this.#total,
      connectionsPerAddress: undefined,
      halfOpenConnections: this.#halfOpen,
      handshakeSeconds: undefined,
      idleConnectionSeconds: undefined,
    };
    return NAMES.map((name) => ({
      name,
      limit: this.#limits[name],
      used: used[name],
      refused: this.#refused[name],
    }));
  }

  #full(source: string, handshake: boolean): ConnectionLimitName | undefined {
    const limits = this.#limits;
    if (this.#total >= limits.connections) return 'connections';
    if ((this.#bySource.get(source) ?? 0) >= limits.connectionsPerAddress) return 'connectionsPerAddress';
    if (handshake && this.#halfOpen >= limits.halfOpenConnections) return 'halfOpenConnections';
    return undefined;
  }

  #leave(source: string): void {
    this.#total -= 1;
    const left = (this.#bySource.get(source) ?? 1) - 1;
    if (left > 0) this.#bySource.set(source, left);
    else this.#bySource.delete(source);
  }
}
