/**
 * Everything round the cameras, in this process: a tunnel engine, one SFU per namespace and a store, as
 * plain as their interfaces allow.
 */
import type { Duplex } from 'node:stream';
import { pino } from 'pino';
import { CameraService, type CameraServiceOptions } from '../../cameras/camera-service.ts';
import type {
  DeviceRecord,
  DeviceStore,
  SfuControl,
  SfuControlEvent,
  SfuDirectory,
  TunnelEngine,
  TunnelEvent,
  TunnelInfo,
} from '../../cameras/system.ts';
import type { Ingest, IngestState } from '../../contract/control.ts';
import { AppError } from '../../contract/errors.ts';
import { AdapterError } from '../../kit/errors.ts';
import { FakeClock } from './fake-clock.ts';
import { OFFER, type FakeProducer } from './camera-producer.ts';

type Minted = Parameters<TunnelEngine['mintDeviceToken']>[0];

export class FakeEngine implements TunnelEngine {
  readonly endpoint = '127.0.0.1:8443';
  readonly caPem = null;
  readonly minted: Minted[] = [];
  readonly kicked: string[] = [];
  readonly #clock: FakeClock;
  readonly #listeners = new Set<(event: TunnelEvent) => void>();
  #tunnels: { info: TunnelInfo; producer: FakeProducer }[] = [];
  #reachable = true;
  #count = 0;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  mintDeviceToken(options: Minted): { token: string; expiresAtMs: number } {
    this.minted.push(options);
    return { token: 'token-1', expiresAtMs: this.#clock.nowMs() + options.ttlSeconds * 1000 };
  }

  listTunnels(): TunnelInfo[] {
    return this.#tunnels.map(({ info }) => info);
  }

  watch(listener: (event: TunnelEvent) => void): () => void {
    this.#listeners.add(listener);
    listener({ type: 'state', reachable: this.#reachable, tunnels: this.listTunnels() });
    return () => this.#listeners.delete(listener);
  }

  dial(tunnelId: string): Promise<Duplex> {
    const tunnel = this.#tunnels.find(({ info }) => info.id === tunnelId);
    if (tunnel !== undefined) return tunnel.producer.dial();
    return Promise.reject(new AdapterError('no such tunnel', { operation: 'dial', target: tunnelId }));
  }

  kick(tunnelName: string): void {
    this.kicked.push(tunnelName);
    this.detach(tunnelName);
  }

  /** A camera opens its tunnel. */
  attach(name: string, producer: FakeProducer): TunnelInfo {
    this.#count += 1;
    const info: TunnelInfo = {
      id: `tun-${this.#count}`,
      clientId: `cli-${this.#count}`,
      name,
      labels: {},
      hostname: 'cam.t.test',
      port: 8443,
      createdAtMs: this.#clock.nowMs(),
    };
    this.#tunnels.push({ info, producer });
    this.#emit({ type: 'created', tunnel: info });
    return info;
  }

  /** Its tunnels of this name end; streams that are open live on. */
  detach(name: string): void {
    const gone = this.#tunnels.filter(({ info }) => info.name === name);
    this.#tunnels = this.#tunnels.filter(({ info }) => info.name !== name);
    for (const { info } of gone) this.#emit({ type: 'deleted', tunnel: info, reason: 'closed' });
  }

  setReachable(reachable: boolean): void {
    this.#reachable = reachable;
    this.#emit({ type: 'state', reachable, tunnels: reachable ? this.listTunnels() : [] });
  }

  #emit(event: TunnelEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}

export class FakeSfu implements SfuControl {
  readonly calls: { method: string; params: Record<string, unknown> }[] = [];
  readonly ingests = new Map<string, Ingest>();
  readonly subscribers = new Map<string, number>();
  readonly answers = new Map<string, string>();
  readonly candidates: unknown[] = [];
  readonly closedRooms: string[] = [];
  /** Viewers were told that this room has no source. */
  readonly lost = new Map<string, string>();
  /** Makes a method fail. */
  refuse: string | undefined;
  listsFail = 0;
  #waiting: (() => void)[] = [];

  // The control client checks params and results; this double is as exact as its callers.
  call: SfuControl['call'] = ((method: string, params: Record<string, unknown>) => {
    this.calls.push({ method, params });
    const result = this.#answer(method, params);
    this.wake();
    return result;
  }) as SfuControl['call'];

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    }
  }

  wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) setImmediate(resolve);
  }

  #answer(method: string, params: Record<string, unknown>): Promise<unknown> {
    if (this.refuse === method) return Promise.reject(new AppError('internal', 'refused'));
    const ingestId = params['ingestId'] as string;
    const roomId = params['roomId'] as string;
    const ingest = this.ingests.get(ingestId);
    switch (method) {
      case 'demand.list':
        if (this.listsFail > 0) {
          this.listsFail -= 1;
          return Promise.reject(new AppError('internal', 'not yet'));
        }
        return Promise.resolve({
          rooms: [...this.subscribers].map(([room, subscribers]) => ({ roomId: room, subscribers })),
        });
      case 'ingest.list':
        return Promise.resolve({ ingests: [...this.ingests.values()] });
      case 'ingest.open': {
        for (const [id, other] of this.ingests) if (other.roomId === roomId) this.ingests.delete(id);
        const note = params['note'] as string;
        this.ingests.set(ingestId, {
          ingestId,
          roomId,
          state: 'offered',
          note,
          openedAtMs: this.calls.length,
          video: null,
        });
        return Promise.resolve({ sdp: OFFER });
      }
      case 'ingest.answer':
        this.answers.set(ingestId, params['sdp'] as string);
        return Promise.resolve({});
      case 'ingest.candidate':
        this.candidates.push(params['candidate']);
        return Promise.resolve({});
      case 'ingest.note':
        if (ingest !== undefined) ingest.note = params['note'] as string;
        return Promise.resolve({});
      case 'ingest.close':
        this.ingests.delete(ingestId);
        return Promise.resolve({});
      case 'source.state':
        if (params['lost'] === true) this.lost.set(roomId, params['message'] as string);
        else this.lost.delete(roomId);
        return Promise.resolve({});
      case 'rooms.close':
        this.closedRooms.push(roomId);
        return Promise.resolve({});
      default:
        return Promise.reject(new AppError('internal', `unexpected ${method}`));
    }
  }
}

export class FakeDirectory implements SfuDirectory {
  readonly #sfus = new Map<string, FakeSfu>();
  readonly #listeners = new Set<Parameters<SfuDirectory['watch']>[0]>();
  readonly asked: { namespace: string; subject: string; ttlSeconds?: number }[] = [];

  sfu(namespace: string): FakeSfu | undefined {
    return this.#sfus.get(namespace);
  }

  watch(listener: Parameters<SfuDirectory['watch']>[0]): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  turnCredentials: SfuDirectory['turnCredentials'] = (namespace, options) => {
    if (!this.#sfus.has(namespace)) {
      throw new AppError('credential_not_configured', 'The namespace has no WebRTC.');
    }
    this.asked.push({ namespace, ...options });
    const urls = ['turn:127.0.0.1:3478?transport=udp'];
    const ttl = options.ttlSeconds ?? 3600;
    return { uris: urls, username: 'u', password: 'p', ttl, urls, credential: 'p' };
  };

  connect(namespace: string, sfu: FakeSfu): void {
    this.#sfus.set(namespace, sfu);
    for (const listener of this.#listeners) listener({ type: 'connected', namespace });
  }

  disconnect(namespace: string): void {
    this.#sfus.delete(namespace);
    for (const listener of this.#listeners) listener({ type: 'disconnected', namespace });
  }

  /** The TURN service of the namespace is another process now. */
  relaysRestarted(namespace: string): void {
    for (const listener of this.#listeners) listener({ type: 'relays-restarted', namespace });
  }

  demand(namespace: string, roomId: string, subscribers: number): void {
    this.#sfus.get(namespace)?.subscribers.set(roomId, subscribers);
    this.#emit(namespace, { name: 'demand', data: { roomId, subscribers } });
  }

  /** The SFU reports the room's ingest in this state. */
  ingest(namespace: string, roomId: string, state: IngestState): void {
    const sfu = this.#sfus.get(namespace);
    const found = [...(sfu?.ingests.values() ?? [])].find((ingest) => ingest.roomId === roomId);
    if (sfu === undefined || found === undefined) throw new Error(`no ingest in ${roomId}`);
    found.state = state;
    if (state === 'closed') sfu.ingests.delete(found.ingestId);
    this.#emit(namespace, { name: 'ingest', data: { ingestId: found.ingestId, roomId, state, reason: '' } });
  }

  #emit(namespace: string, event: SfuControlEvent): void {
    for (const listener of this.#listeners) listener({ type: 'event', namespace, event });
  }
}

/** What the SQLite store does, without SQLite. */
export class MemoryDeviceStore implements DeviceStore {
  readonly records = new Map<string, DeviceRecord>();
  writes = 0;

  list(): DeviceRecord[] {
    return [...this.records.values()];
  }

  insert(record: DeviceRecord): void {
    this.writes += 1;
    this.records.set(record.id, record);
  }

  update(id: string, change: Partial<DeviceRecord>): void {
    this.writes += 1;
    const record = this.records.get(id);
    if (record !== undefined) this.records.set(id, { ...record, ...change });
  }

  updateMany(updates: { id: string; change: Partial<DeviceRecord> }[]): void {
    this.writes += 1;
    for (const { id, change } of updates) {
      const record = this.records.get(id);
      if (record !== undefined) this.records.set(id, { ...record, ...change });
    }
  }

  delete(id: string): void {
    this.records.delete(id);
  }
}

export type CameraWorld = {
  clock: FakeClock;
  engine: FakeEngine;
  sfus: FakeDirectory;
  sfu: FakeSfu;
  store: MemoryDeviceStore;
  service: CameraService;
  /** Another run of the daemon over the same store, engine and SFUs. */
  restart(): Promise<CameraService>;
};

/** A running service with the namespace `demo` and its SFU. The test's teardown stops it. */
export async function startCameraWorld(
  t: { teardown(fn: () => Promise<void>): void },
  change: Partial<CameraServiceOptions> & { connected?: boolean } = {},
): Promise<CameraWorld> {
  const { connected = true, ...rest } = change;
  const clock = new FakeClock();
  const engine = new FakeEngine(clock);
  const sfus = new FakeDirectory();
  const sfu = new FakeSfu();
  const store = new MemoryDeviceStore();
  const make = (): CameraService =>
    new CameraService({
      store,
      engine,
      sfus,
      clock,
      namespaceExists: (name) => name === 'demo' || name === 'other',
      logger: pino({ level: process.env['LOG'] ?? 'silent' }),
      random: () => 0,
      ...rest,
    });
  const world: CameraWorld = {
    clock,
    engine,
    sfus,
    sfu,
    store,
    service: make(),
    restart: async () => {
      await world.service.stop();
      world.service = make();
      await world.service.start();
      return world.service;
    },
  };
  await world.service.start();
  if (connected) sfus.connect('demo', sfu);
  t.teardown(async () => {
    await world.service.stop();
  });
  return world;
}
