/**
 * The cameras that exist, in memory and in the store: names, caps, secrets. Every change is on disk before
 * it is visible. Knows nothing of tunnels and media.
 */
import { randomUUID } from 'node:crypto';
import type { CapturePolicy } from '../contract/api.ts';
import { AppError } from '../contract/errors.ts';
import { createDeviceSecret, hashDeviceSecret, isDeviceSecret } from './device-secret.ts';
import type { DeviceRecord, DeviceStore } from './system.ts';

export type DeviceChange = Partial<Omit<DeviceRecord, 'id' | 'namespace' | 'createdAtMs'>>;

export class Inventory {
  readonly #store: DeviceStore;
  readonly #maxPerNamespace: number;
  readonly #byId = new Map<string, DeviceRecord>();
  readonly #byHash = new Map<string, string>();
  readonly #byTunnelName = new Map<string, string>();

  constructor(options: { store: DeviceStore; maxPerNamespace: number }) {
    this.#store = options.store;
    this.#maxPerNamespace = options.maxPerNamespace;
  }

  /** Reads all cameras from the store. */
  load(): void {
    for (const record of this.#store.list()) this.#index(record);
  }

  /** In order of creation. */
  list(namespace?: string): DeviceRecord[] {
    const all = [...this.#byId.values()];
    return namespace === undefined ? all : all.filter((record) => record.namespace === namespace);
  }

  find(id: string): DeviceRecord | undefined {
    return this.#byId.get(id);
  }

  /** Throws device_not_found. */
  get(id: string): DeviceRecord {
    const record = this.#byId.get(id);
    if (record === undefined) throw new AppError('device_not_found', 'There is no camera with this id.');
    return record;
  }

  findByTunnelName(tunnelName: string): DeviceRecord | undefined {
    const id = this.#byTunnelName.get(tunnelName);
    return id === undefined ? undefined : this.#byId.get(id);
  }

  /**
   * The camera behind a secret. The map is asked by hash, so the time it takes tells nothing about how near
   * a guess came.
   */
  authenticate(secret: string): DeviceRecord | undefined {
    if (!isDeviceSecret(secret)) return undefined;
    const id = this.#byHash.get(hashDeviceSecret(secret));
    return id === undefined ? undefined : this.#byId.get(id);
  }

  /** Throws device_exists or device_limit. The secret is returned once and kept nowhere. */
  create(options: {
    namespace: string;
    name: string;
    owner: string;
    capture: CapturePolicy;
    nowMs: number;
  }): { record: DeviceRecord; secret: string } {
    const { namespace, name, owner, capture, nowMs } = options;
    const here = this.list(namespace);
    if (here.length >= this.#maxPerNamespace) {
      throw new AppError(
        'device_limit',
        `Namespace "${namespace}" has ${String(this.#maxPerNamespace)} cameras, which is the limit. Delete one first.`,
      );
    }
    this.#requireFreeName(namespace, name);
    const id = randomUUID();
    const { secret, secretHash, secretPrefix } = createDeviceSecret();
    const record: DeviceRecord = {
      id,
      namespace,
      name,
      owner,
      secretHash,
      secretPrefix,
      tunnelName: `device-${id}`,
      capture,
      onlineSinceMs: null,
      lastSeenAtMs: null,
      createdAtMs: nowMs,
    };
    this.#store.insert(record);
    this.#index(record);
    return { record, secret };
  }

  /** Throws device_not_found or device_exists. */
  update(id: string, change: { name?: string; capture?: CapturePolicy }): DeviceRecord {
    const record = this.get(id);
    if (change.name !== undefined && change.name !== record.name) {
      this.#requireFreeName(record.namespace, change.name);
    }
    return this.#change(record, change);
  }

  /** A new secret; the old one stops working at once. Throws device_not_found. */
  rotate(id: string): { record: DeviceRecord; secret: string } {
    const { secret, secretHash, secretPrefix } = createDeviceSecret();
    return { record: this.#change(this.get(id), { secretHash, secretPrefix }), secret };
  }

  /** Throws device_not_found. */
  delete(id: string): DeviceRecord {
    const record = this.get(id);
    this.#store.delete(id);
    this.#byId.delete(id);
    this.#byHash.delete(record.secretHash);
    this.#byTunnelName.delete(record.tunnelName);
    return record;
  }

  /** Changes the record in memory only; `presence.ts` writes such changes in groups. */
  setPresence(id: string, presence: { onlineSinceMs: number | null; lastSeenAtMs: number | null }): void {
    const record = this.#byId.get(id);
    if (record !== undefined) this.#byId.set(id, { ...record, ...presence });
  }

  #change(record: DeviceRecord, change: DeviceChange): DeviceRecord {
    this.#store.update(record.id, change);
    const changed = { ...record, ...change };
    if (changed.secretHash !== record.secretHash) this.#byHash.delete(record.secretHash);
    this.#index(changed);
    return changed;
  }

  #index(record: DeviceRecord): void {
    this.#byId.set(record.id, record);
    this.#byHash.set(record.secretHash, record.id);
    this.#byTunnelName.set(record.tunnelName, record.id);
  }

  #requireFreeName(namespace: string, name: string): void {
    if (this.list(namespace).some((other) => other.name === name)) {
      throw new AppError('device_exists', `Namespace "${namespace}" already has a camera named "${name}".`);
    }
  }
}
