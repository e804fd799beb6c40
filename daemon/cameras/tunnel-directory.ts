/**
 * Which tunnel each camera has now, out of the engine's events. Sans-IO. Two tunnels of one name can
 * overlap for a moment while a camera comes back; the newest is the camera's.
 */
import type { TunnelEvent, TunnelInfo } from './system.ts';

/** Tunnels of one name that are remembered: more than two at a time is already odd. */
const MAX_PER_NAME = 8;

export class TunnelDirectory {
  #reachable = false;
  #byName = new Map<string, TunnelInfo[]>();

  /** False while the engine does not answer: then nothing is known. */
  get reachable(): boolean {
    return this.#reachable;
  }

  /** The tunnel with this name. Meaningful only while `reachable`. */
  current(name: string): TunnelInfo | undefined {
    return this.#byName.get(name)?.at(-1);
  }

  /** Takes an event in. @returns the names it may have changed, or `all`. */
  apply(event: TunnelEvent): string[] | 'all' {
    switch (event.type) {
      case 'state':
        this.#reachable = event.reachable;
        this.#byName = new Map();
        for (const tunnel of event.tunnels) this.#add(tunnel);
        return 'all';
      case 'created':
        this.#add(event.tunnel);
        return [event.tunnel.name];
      case 'deleted':
        this.#remove(event.tunnel);
        return [event.tunnel.name];
    }
  }

  #add(tunnel: TunnelInfo): void {
    const others = (this.#byName.get(tunnel.name) ?? []).filter((other) => other.id !== tunnel.id);
    // A stable sort: of two with one time, the later event wins.
    const sorted = [...others, tunnel].sort((a, b) => a.createdAtMs - b.createdAtMs);
    this.#byName.set(tunnel.name, sorted.slice(-MAX_PER_NAME));
  }

  #remove(tunnel: TunnelInfo): void {
    const rest = (this.#byName.get(tunnel.name) ?? []).filter((other) => other.id !== tunnel.id);
    if (rest.length === 0) this.#byName.delete(tunnel.name);
    else this.#byName.set(tunnel.name, rest);
  }
}
