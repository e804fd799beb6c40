/**
 * Five-tuple to value, by listener, client address and client port. Nested maps: a lookup allocates
 * nothing, not even a key.
 */
import type { ClientRef } from './endpoints.ts';

export class FiveTupleTable<Value> {
  readonly #listeners: (Map<string, Map<number, Value>> | undefined)[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(listener: number, address: string, port: number): Value | undefined {
    return this.#listeners[listener]?.get(address)?.get(port);
  }

  of(client: ClientRef): Value | undefined {
    return this.get(client.listener, client.address, client.port);
  }

  /** Adds or replaces the value of a client. */
  set(client: ClientRef, value: Value): void {
    const addresses = (this.#listeners[client.listener] ??= new Map<string, Map<number, Value>>());
    let ports = addresses.get(client.address);
    if (ports === undefined) {
      ports = new Map();
      addresses.set(client.address, ports);
    }
    if (!ports.has(client.port)) this.#size += 1;
    ports.set(client.port, value);
  }

  delete(client: ClientRef): void {
    const addresses = this.#listeners[client.listener];
    const ports = addresses?.get(client.address);
    if (ports?.delete(client.port) !== true) return;
    this.#size -= 1;
    if (ports.size === 0) addresses?.delete(client.address);
  }

  *values(): Generator<Value> {
    for (const addresses of this.#listeners) {
      for (const ports of addresses?.values() ?? []) yield* ports.values();
    }
  }
}
