/**
 * Cameras as the rest of the daemon sees them: inventory, provisioning, online state and media in one
 * place, with a snapshot to subscribers after every change.
 */
import type {
  CapturePolicy,
  CreateDevice,
  Device,
  DeviceMedia,
  DeviceTunnel,
  DeviceTurn,
} from '../contract/api.ts';
import { AppError } from '../contract/errors.ts';
import { systemClock, type Clock } from '../kit/clock.ts';
import { messageOf } from '../kit/errors.ts';
import { Lifecycle } from '../kit/lifecycle.ts';
import type { Logger } from '../kit/logger.ts';
import { RateLimiter } from '../kit/rate-limiter.ts';
import { randomToken } from '../kit/secret.ts';
import { deviceView } from './device-view.ts';
import { IngestService } from './ingest/ingest-service.ts';
import { Inventory } from './inventory.ts';
import { PresenceWriter, type Presence } from './presence-writer.ts';
import {
  tunnelBody,
  tunnelLabels,
  turnBody,
  TUNNEL_TOKEN_TTL_SECONDS,
  TURN_TTL_SECONDS,
} from './provisioning.ts';
import { TunnelDirectory } from './tunnel-directory.ts';
import type { DeviceRecord, DeviceStore, SfuDirectory, TunnelEngine, Unsubscribe } from './system.ts';

export const DEFAULT_CAPTURE: CapturePolicy = { mode: 'on-demand', lingerSeconds: 10 };
export const DEFAULT_MAX_DEVICES = 500;
/** A producer asks again every 5 s without backoff; this leaves room for restarts by hand. */
const TUNNEL_BUDGET = { perSecond: 0.5, burst: 10 };
/** A camera's own: its viewers draw on budgets of theirs. */
const TURN_BUDGET = { perSecond: 20 / 60, burst: 20 };
const MAX_BUDGETS = 10_000;

export type CameraChange = { type: 'device'; device: Device } | { type: 'device-removed'; id: string };

export type CameraServiceOptions = {
  store: DeviceStore;
  engine: TunnelEngine;
  sfus: SfuDirectory;
  /** Cameras are made only in namespaces that exist. */
  namespaceExists: (name: string) => boolean;
  logger: Logger;
  clock?: Clock;
  /** A number in [0, 1) for the jitter of retries. */
  random?: () => number;
  maxDevicesPerNamespace?: number;
  /** Limit of one exchange with a camera, default 15 s. */
  producerTimeoutMs?: number;
};

export class CameraService extends Lifecycle {
  readonly #options: CameraServiceOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #inventory: Inventory;
  readonly #presence: PresenceWriter;
  readonly #tunnels = new TunnelDirectory();
  readonly #ingests: IngestService;
  readonly #listeners = new Set<(change: CameraChange) => void>();
  readonly #tunnelBudget = new RateLimiter(TUNNEL_BUDGET, { maxKeys: MAX_BUDGETS });
  readonly #turnBudget = new RateLimiter(TURN_BUDGET, { maxKeys: MAX_BUDGETS });
  readonly #states = new Map<string, Device['state']>();
  #unwatch: Unsubscribe | undefined;

  constructor(options: CameraServiceOptions) {
    super();
    const { store, engine, sfus, producerTimeoutMs } = options;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger.child({ component: 'cameras' });
    const maxPerNamespace = options.maxDevicesPerNamespace ?? DEFAULT_MAX_DEVICES;
    this.#inventory = new Inventory({ store, maxPerNamespace });
    this.#presence = new PresenceWriter({ store, clock: this.#clock, logger: this.#logger });
    this.#ingests = new IngestService({
      engine,
      sfus,
      clock: this.#clock,
      logger: this.#logger,
      random: options.random ?? Math.random,
      runId: randomToken(6),
      onMedia: (deviceId) => {
        this.#notify(deviceId);
      },
      ...(producerTimeoutMs === undefined ? {} : { producerTimeoutMs }),
    });
  }

  protected override onStart(): Promise<void> {
    this.#inventory.load();
    for (const record of this.#inventory.list()) this.#ingests.add(ingestOf(record));
    this.#unwatch = this.#options.engine.watch((event) => {
      const names = this.#tunnels.apply(event);
      if (names === 'all') for (const record of this.#inventory.list()) this.#refresh(record);
      else for (const name of names) this.#refresh(this.#inventory.findByTunnelName(name));
    });
    this.#ingests.start();
    return Promise.resolve();
  }

  /** Pictures flow on: a camera's WHEP session and its ingest are adopted by the next run. */
  protected override async onStop(): Promise<void> {
    this.#unwatch?.();
    this.#listeners.clear();
    await this.#ingests.stop();
    const lastSeenAtMs = this.#clock.nowMs();
    for (const { id, onlineSinceMs } of this.#inventory.list()) {
      if (this.#states.get(id) === 'online') this.#presence.write(id, { onlineSinceMs, lastSeenAtMs });
    }
    this.#presence.flush();
  }

  // -- Inventory ---------------------------------------------------------------------------------------

  /** In order of creation. */
  list(namespace?: string): Device[] {
    return this.#inventory.list(namespace).map((record) => this.#view(record));
  }

  /** Throws device_not_found. */
  get(id: string): Device {
    return this.#view(this.#inventory.get(id));
  }

  /** Throws namespace_not_found, device_exists or device_limit. The secret is shown this once. */
  create(options: CreateDevice & { namespace: string; owner: string }): { device: Device; secret: string } {
    const { namespace, name, owner, capture } = options;
    if (!this.#options.namespaceExists(namespace)) {
      throw new AppError('namespace_not_found', `There is no namespace "${namespace}".`);
    }
    const { record, secret } = this.#inventory.create({
      namespace,
      name,
      owner,
      capture: capture ?? DEFAULT_CAPTURE,
      nowMs: this.#clock.nowMs(),
    });
    this.#ingests.add(ingestOf(record));
    this.#refresh(record);
    return { device: this.#view(record), secret };
  }

  /** Throws device_not_found or device_exists. */
  update(id: string, change: { name?: string; capture?: CapturePolicy }): Device {
    const { name, capture } = change;
    this.#inventory.update(id, {
      ...(name === undefined ? {} : { name }),
      ...(capture === undefined ? {} : { capture }),
    });
    if (capture !== undefined) this.#ingests.setCapture(id, capture);
    this.#notify(id);
    return this.get(id);
  }

  /**
   * A new secret; the old one, and the tunnel it opened, stop working at once. A picture that flows without
   * the tunnel stays. Throws device_not_found.
   */
  rotate(id: string): { device: Device; secret: string } {
    const { record, secret } = this.#inventory.rotate(id);
    this.#options.engine.kick(record.tunnelName, 'the device secret was rotated');
    this.#notify(id);
    return { device: this.get(id), secret };
  }

  /** Kicks the tunnel, the ingest and the viewers, then forgets the camera. Throws device_not_found. */
  delete(id: string): void {
    const record = this.#inventory.delete(id);
    this.#presence.forget(id);
    this.#states.delete(id);
    this.#ingests.remove(id);
    this.#options.engine.kick(record.tunnelName, 'the camera was deleted');
    this.#publish({ type: 'device-removed', id });
  }

  /** The camera behind a device secret, or undefined. Constant time in the secret. */
  authenticate(secret: string): Device | undefined {
    const record = this.#inventory.authenticate(secret);
    return record === undefined ? undefined : this.#view(record);
  }

  // -- Provisioning --------------------------------------------------------------------------------------

  /** What a camera needs to open its tunnel. Throws device_not_found or rate_limited. */
  provisionTunnel(id: string): DeviceTunnel {
    const device = this.#inventory.get(id);
    this.#charge(this.#tunnelBudget, id);
    const { engine } = this.#options;
    const { token, expiresAtMs } = engine.mintDeviceToken({
      deviceId: id,
      tunnelName: device.tunnelName,
      labels: tunnelLabels(device),
      ttlSeconds: TUNNEL_TOKEN_TTL_SECONDS,
    });
    return tunnelBody({ device, engine: engine.endpoint, token, expiresAtMs });
  }

  /** Throws device_not_found, rate_limited, or credential_not_configured while there is no WebRTC. */
  provisionTurn(id: string): DeviceTurn {
    const device = this.#inventory.get(id);
    this.#charge(this.#turnBudget, id);
    const { sfus } = this.#options;
    return turnBody(
      sfus.turnCredentials(device.namespace, { subject: device.id, ttlSeconds: TURN_TTL_SECONDS }),
    );
  }

  // -- Live ----------------------------------------------------------------------------------------------

  /** Called with a snapshot of every camera that changed. A listener that throws is logged, others go on. */
  subscribe(listener: (change: CameraChange) => void): Unsubscribe {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Brings online state, presence and ingest of one camera in line with the tunnels. */
  #refresh(record: DeviceRecord | undefined): void {
    if (record === undefined) return;
    const { id } = record;
    const before = this.#states.get(id);
    const tunnel = this.#tunnels.current(record.tunnelName);
    const state = !this.#tunnels.reachable ? 'unknown' : tunnel === undefined ? 'offline' : 'online';
    this.#states.set(id, state);
    const nowMs = this.#clock.nowMs();
    const lastSeenAtMs = before === 'online' ? nowMs : record.lastSeenAtMs;
    if (state === 'online' && tunnel !== undefined) {
      this.#setPresence(record, { onlineSinceMs: tunnel.createdAtMs, lastSeenAtMs: nowMs });
      this.#ingests.setTunnel(id, { state, tunnelId: tunnel.id });
    } else {
      // Out of reach is not gone: the time since when it is online may still hold.
      const onlineSinceMs = state === 'unknown' ? record.onlineSinceMs : null;
      this.#setPresence(record, { onlineSinceMs, lastSeenAtMs });
      this.#ingests.setTunnel(id, state === 'unknown' ? { state } : { state: 'offline' });
    }
    if (state !== before) this.#notify(id);
  }

  #setPresence(record: DeviceRecord, presence: Presence): void {
    const same = record.onlineSinceMs === presence.onlineSinceMs;
    // While it stays online, "last seen" means now; only its end is worth a write.
    if (same && (presence.onlineSinceMs !== null || record.lastSeenAtMs === presence.lastSeenAtMs)) return;
    this.#inventory.setPresence(record.id, presence);
    this.#presence.write(record.id, presence);
  }

  #charge(budget: RateLimiter, id: string): void {
    const waitMs = budget.take(id, this.#clock.nowMs());
    if (waitMs === 0) return;
    throw new AppError('rate_limited', 'This camera asks too often.', {
      retryAfterSeconds: Math.ceil(waitMs / 1000),
    });
  }

  #view(record: DeviceRecord): Device {
    return deviceView(record, {
      state: this.#states.get(record.id) ?? 'unknown',
      media: this.#ingests.media(record.id) ?? idleMedia(record.createdAtMs),
    });
  }

  #notify(id: string): void {
    const record = this.#inventory.find(id);
    if (record === undefined || this.#listeners.size === 0) return;
    this.#publish({ type: 'device', device: this.#view(record) });
  }

  #publish(change: CameraChange): void {
    for (const listener of this.#listeners) {
      try {
        listener(change);
      } catch (error) {
        this.#logger.error({ reason: messageOf(error) }, 'a listener to camera changes failed');
      }
    }
  }
}

function ingestOf(record: DeviceRecord): { deviceId: string; namespace: string; capture: CapturePolicy } {
  return { deviceId: record.id, namespace: record.namespace, capture: record.capture };
}

function idleMedia(sinceMs: number): DeviceMedia {
  return { state: 'idle', sinceMs, message: null, producer: null, watching: 0 };
}
