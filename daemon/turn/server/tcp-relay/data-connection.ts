/**
 * The sockets of one data connection (RFC 6062): the peer's from the start, the client's once it is bound.
 * Until then the peer's bytes wait in the kernel. It tells its end once, when both are closed.
 */
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Cancel, Clock } from '../../../kit/clock.ts';
import type { ServiceAllocation } from '../relay-socket.ts';
import { DataFlow } from './data-flow.ts';

/** After one end has said its last: so long without a byte from the other, and both are closed. */
const LINGER_MS = 60_000;
const KEEP_ALIVE_MS = 60_000;

export class DataConnection {
  readonly #peer: Socket;
  readonly #clock: Clock;
  readonly #onClosed: () => void;
  #client: Socket | undefined;
  #flows: readonly DataFlow[] = [];
  #moved = 0;
  #cancelLinger: Cancel | undefined;

  /** @param options.peer paused, and with `allowHalfOpen`. */
  constructor(options: { peer: Socket; clock: Clock; onClosed: () => void }) {
    this.#peer = options.peer;
    this.#clock = options.clock;
    this.#onClosed = options.onClosed;
    this.#peer.setNoDelay(true);
    this.#peer.setKeepAlive(true, KEEP_ALIVE_MS);
    this.#peer.on('error', () => undefined); // 'close' follows and is what matters.
    this.#peer.on('close', (hadError: boolean) => {
      this.#halfClosed(this.#client, hadError);
    });
  }

  /** The client's half: from now on bytes flow. */
  bind(client: Socket, allocation: ServiceAllocation): void {
    this.#client = client;
    client.allowHalfOpen = true;
    client.on('close', (hadError: boolean) => {
      this.#halfClosed(this.#peer, hadError);
    });
    for (const socket of [client, this.#peer]) {
      socket.once('end', () => {
        this.#linger();
      });
    }
    const common = { clock: this.#clock, meter: () => allocation.meter };
    this.#flows = [
      new DataFlow({
        ...common,
        from: client,
        to: this.#peer,
        onBytes: (count) => {
          this.#moved += count;
          allocation.toPeerPackets += 1;
          allocation.toPeerBytes += count;
        },
      }),
      new DataFlow({
        ...common,
        from: this.#peer,
        to: client,
        onBytes: (count) => {
          this.#moved += count;
          allocation.toClientPackets += 1;
          allocation.toClientBytes += count;
        },
      }),
    ];
  }

  /** Both at once. A second call does nothing. */
  destroy(): void {
    this.#cancelLinger?.();
    for (const flow of this.#flows) flow.stop();
    reset(this.#peer);
    if (this.#client !== undefined) reset(this.#client);
  }

  /** One socket is gone: the other one gets what it is still owed, after a clean end, and goes too. */
  #halfClosed(other: Socket | undefined, hadError: boolean): void {
    if (other === undefined || other.closed) {
      this.#cancelLinger?.();
      for (const flow of this.#flows) flow.stop();
      this.#onClosed();
    } else if (hadError) {
      reset(other);
    } else if (!other.destroyed) {
      const last = (): void => {
        other.destroy();
      };
      const flow = this.#flows.find(({ into }) => into === other);
      if (flow === undefined) last();
      else flow.end(last);
      this.#linger();
    }
  }

  #linger(): void {
    this.#cancelLinger?.();
    const moved = this.#moved;
    this.#cancelLinger = this.#clock.after(LINGER_MS, () => {
      if (this.#moved === moved) this.destroy();
      else this.#linger();
    });
  }
}

/** An end that nobody takes for a clean one, and that leaves no port in TIME_WAIT. */
export function reset(socket: Socket): void {
  // Node would first wait for one that connects.
  if (socket instanceof TLSSocket || socket.connecting) socket.destroy();
  else socket.resetAndDestroy();
}
