/**
 * Proxied streams that are open. They outlive the control channel they were asked on, so that a blip of
 * it does not end signaling; a kick ends them by the tunnel's name.
 */
import type { TLSSocket } from 'node:tls';
import type { Cancel, Clock } from '../../kit/clock.ts';
import { LIMITS } from './limits.ts';
import type { Tunnel } from './tunnel.ts';

export class LiveStreams {
  readonly #clock: Clock;
  readonly #streams = new Map<TLSSocket, Tunnel>();

  constructor(options: { clock: Clock }) {
    this.#clock = options.clock;
  }

  get size(): number {
    return this.#streams.size;
  }

  count(name: string): number {
    let count = 0;
    for (const tunnel of this.#streams.values()) if (tunnel.name === name) count += 1;
    return count;
  }

  add(socket: TLSSocket, tunnel: Tunnel): void {
    let cancel: Cancel | undefined;
    this.#streams.set(socket, tunnel);
    socket.setKeepAlive(true, LIMITS.keepAliveAfterMs);
    socket.on('finish', () => {
      cancel = this.#clock.after(LIMITS.streamCloseMs, () => socket.destroy());
    });
    socket.on('close', () => {
      cancel?.();
      this.#streams.delete(socket);
    });
  }

  /** Destroys the streams that `isGone` names. */
  destroy(isGone: (tunnel: Tunnel) => boolean): void {
    for (const [socket, tunnel] of this.#streams) if (isGone(tunnel)) socket.destroy();
  }
}
