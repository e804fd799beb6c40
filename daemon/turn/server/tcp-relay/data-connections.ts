/** Data connections of a service by what the core knows of them: carries out the core's actions about them. */
import type { Socket } from 'node:net';
import type { Clock } from '../../../kit/clock.ts';
import type { Action } from '../../core/actions.ts';
import type { ClientPath } from '../client-path.ts';
import type { ServiceConnection, ServiceCore, ServiceRelay } from '../relay-socket.ts';
import { StreamClient } from '../stream-client.ts';
import { DataConnection, reset } from './data-connection.ts';
import { TcpRelay, type PeerArrival } from './tcp-relay.ts';

export class DataConnections {
  readonly #core: ServiceCore;
  readonly #clock: Clock;
  readonly #execute: (actions: readonly Action<ClientPath, ServiceRelay>[]) => void;
  readonly #open = new Map<ServiceConnection, DataConnection>();

  constructor(options: {
    core: ServiceCore;
    clock: Clock;
    execute: (actions: readonly Action<ClientPath, ServiceRelay>[]) => void;
  }) {
    this.#core = options.core;
    this.#clock = options.clock;
    this.#execute = options.execute;
  }

  get size(): number {
    return this.#open.size;
  }

  /** Connects to the peer; the core hears of the outcome. */
  connect(connection: ServiceConnection): void {
    const { relay, address, port } = connection;
    if (!(relay instanceof TcpRelay)) return;
    relay.connect({
      address,
      port,
      socketOf: (socket) => {
        // The core may have given the connection up while the relay was busy with another one.
        if (connection.state === 'closed') reset(socket);
        else this.#add(connection, socket);
      },
      onOutcome: (connected) => {
        this.#execute(this.#core.peerConnected(connection, connected, this.#clock.nowMs()));
      },
    });
  }

  /** A peer came: the core takes it, or it is closed at once. */
  accept({ relay, allocation, socket }: PeerArrival): void {
    const from = { relay, address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 };
    const { connection, actions } = this.#core.peerArrived(allocation, from, this.#clock.nowMs());
    if (connection === undefined) reset(socket);
    else this.#add(connection, socket);
    this.#execute(actions);
  }

  /** The client's connection carries the peer's bytes from now on; the answer was written to it before. */
  bind(connection: ServiceConnection, client: ClientPath): void {
    const open = this.#open.get(connection);
    if (open === undefined || !(client instanceof StreamClient)) return;
    open.bind(client.takeOver(), connection.allocation);
  }

  close(connection: ServiceConnection): void {
    this.#open.get(connection)?.destroy();
    this.#open.delete(connection);
  }

  closeAll(): void {
    for (const connection of [...this.#open.keys()]) this.close(connection);
  }

  #add(connection: ServiceConnection, peer: Socket): void {
    const onClosed = (): void => {
      this.#open.delete(connection);
      // One that never connected is answered, and forgotten, as such.
      if (connection.state === 'connecting') return;
      this.#execute(this.#core.peerClosed(connection, this.#clock.nowMs()));
    };
    this.#open.set(connection, new DataConnection({ peer, clock: this.#clock, onClosed }));
  }
}
