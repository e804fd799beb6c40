/**
 * Opens and closes relay sockets in the namespace's block. A port another program holds is set aside
 * and the next one tried. `close()` closes every socket that is still open.
 */
import { randomInt } from 'node:crypto';
import type { RelayOpened, RelayWant } from '../core/actions.ts';
import { parseIp, type IpFamily } from '../../kit/ip-address.ts';
import type { Clock } from '../../kit/clock.ts';
import { isErrno, messageOf } from '../../kit/errors.ts';
import type { Logger } from '../../kit/logger.ts';
import type { DatagramEngine } from '../../datagrams/datagram.ts';
import { PortBlock } from './port-block.ts';
import { RelaySocket, type ServiceCore, type ServiceRelay } from './relay-socket.ts';
import { TcpRelay, type PeerArrival } from './tcp-relay/tcp-relay.ts';

/** Ports tried for one socket before the client is told 508. */
const MAX_ATTEMPTS = 32;

export class RelayPool {
  readonly #blocks = new Map<IpFamily, { address: string; ports: PortBlock }>();
  readonly #open = new Set<ServiceRelay>();
  readonly #onPeer: (arrival: PeerArrival) => void;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #datagrams: DatagramEngine;
  #closed = false;

  constructor(options: {
    addresses: readonly string[];
    minPort: number;
    maxPort: number;
    clock: Clock;
    log: Logger;
    datagrams: DatagramEngine;
    /** A peer has connected to a relay of TCP. */
    onPeer: (arrival: PeerArrival) => void;
  }) {
    this.#onPeer = options.onPeer;
    this.#datagrams = options.datagrams;
    this.#clock = options.clock;
    this.#log = options.log;
    for (const address of options.addresses) {
      const family = parseIp(address)?.family;
      if (family === undefined || this.#blocks.has(family)) continue;
      const { minPort, maxPort } = options;
      this.#blocks.set(family, { address, ports: new PortBlock({ minPort, maxPort, random: randomInt }) });
    }
  }

  get families(): IpFamily[] {
    return [...this.#blocks.keys()];
  }

  get openSockets(): number {
    return this.#open.size;
  }

  /** Where the open relay sockets of UDP are bound. */
  get endpoints(): { address: string; port: number }[] {
    return [...this.#open]
      .filter((relay) => relay instanceof RelaySocket)
      .map(({ address, port }) => ({ address, port }));
  }

  /** Opens what a request wants. Never rejects: what cannot be opened is undefined. */
  async open(want: RelayWant, core: ServiceCore): Promise<RelayOpened<ServiceRelay>> {
    const block = this.#blocks.get(want.family);
    if (block === undefined) return undefined;
    for (let attempt = 0; attempt < MAX_ATTEMPTS && !this.#closed; attempt += 1) {
      const port = block.ports.take(want.parity, this.#clock.nowMs());
      if (port === undefined) return undefined;
      const relay = await this.#bind(block, want, port, core);
      if (want.parity !== 'even-pair') {
        if (relay === undefined) continue;
        return { relay, reserved: undefined };
      }
      const reserved = await this.#bind(block, want, port + 1, core);
      if (relay !== undefined && reserved !== undefined) return { relay, reserved };
      for (const one of [relay, reserved]) if (one !== undefined) await this.release(one);
    }
    return undefined;
  }

  /** Closes a socket; its port rests before it is used again. */
  async release(relay: ServiceRelay): Promise<void> {
    if (!this.#open.delete(relay)) return;
    await relay.close();
    this.#blocks.get(relay.family)?.ports.release(relay.port, this.#clock.nowMs());
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#open].map((relay) => this.release(relay)));
  }

  async #bind(
    block: { address: string; ports: PortBlock },
    { family, transport }: RelayWant,
    port: number,
    core: ServiceCore,
  ): Promise<ServiceRelay | undefined> {
    const { address } = block;
    try {
      const onError = (error: Error): void => {
        this.#log.warn({ err: error, port }, 'relay socket error');
      };
      const common = { family, address, port, core, onError };
      const relay =
        transport === 'udp'
          ? await RelaySocket.open({ ...common, datagrams: this.#datagrams })
          : await TcpRelay.open({ ...common, onPeer: this.#onPeer });
      this.#open.add(relay);
      if (this.#closed) await this.release(relay);
      return this.#closed ? undefined : relay;
    } catch (error) {
      block.ports.release(port, this.#clock.nowMs());
      if (!isErrno(error, 'EADDRINUSE')) {
        this.#log.error({ address, port, reason: messageOf(error) }, 'cannot open a relay socket');
      }
      return undefined;
    }
  }
}
