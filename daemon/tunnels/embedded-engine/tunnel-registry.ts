/** The clients and tunnels of the engine, and who is told when they come and go. No I/O. */
import type { ClientDetails } from '../protocol/messages.ts';
import type { TunnelClaims } from '../tokens.ts';
import type { Tunnel } from './tunnel.ts';

export type EngineClient = {
  id: string;
  claims: TunnelClaims;
  details: ClientDetails;
  connectedAtMs: number;
};

export type RegistryEvent =
  | { type: 'client.created' | 'client.deleted'; client: EngineClient }
  | { type: 'tunnel.created'; tunnel: Tunnel }
  | { type: 'tunnel.deleted'; tunnel: Tunnel; reason: string };

export class TunnelRegistry {
  readonly #clients = new Map<string, EngineClient>();
  readonly #tunnels = new Map<string, Tunnel>();
  readonly #byName = new Map<string, Tunnel>();
  readonly #listeners = new Set<(event: RegistryEvent) => void>();

  get clients(): EngineClient[] {
    return [...this.#clients.values()];
  }

  get tunnels(): Tunnel[] {
    return [...this.#tunnels.values()];
  }

  tunnel(id: string): Tunnel | undefined {
    return this.#tunnels.get(id);
  }

  tunnelNamed(name: string): Tunnel | undefined {
    return this.#byName.get(name);
  }

  tunnelAt(hostname: string): Tunnel | undefined {
    for (const tunnel of this.#tunnels.values()) if (tunnel.hostname === hostname) return tunnel;
    return undefined;
  }

  tunnelsOf(clientId: string): Tunnel[] {
    return this.tunnels.filter((tunnel) => tunnel.clientId === clientId);
  }

  /** Clients of one token subject, the oldest first. */
  clientsOf(subject: string): EngineClient[] {
    return this.clients.filter((client) => client.claims.sub === subject);
  }

  watch(listener: (event: RegistryEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  addClient(client: EngineClient): void {
    this.#clients.set(client.id, client);
    this.#emit({ type: 'client.created', client });
  }

  /** Removes a client and its tunnels. */
  removeClient(id: string, reason: string): void {
    for (const tunnel of this.tunnelsOf(id)) this.removeTunnel(tunnel.id, reason);
    const client = this.#clients.get(id);
    if (client === undefined) return;
    this.#clients.delete(id);
    this.#emit({ type: 'client.deleted', client });
  }

  addTunnel(tunnel: Tunnel): void {
    this.#tunnels.set(tunnel.id, tunnel);
    this.#byName.set(tunnel.name, tunnel);
    this.#emit({ type: 'tunnel.created', tunnel });
  }

  /** @returns false when there is none. */
  removeTunnel(id: string, reason: string): boolean {
    const tunnel = this.#tunnels.get(id);
    if (tunnel === undefined) return false;
    this.#tunnels.delete(id);
    if (this.#byName.get(tunnel.name) === tunnel) this.#byName.delete(tunnel.name);
    this.#emit({ type: 'tunnel.deleted', tunnel, reason });
    return true;
  }

  #emit(event: RegistryEvent): void {
    for (const listener of [...this.#listeners]) listener(event);
  }
}
