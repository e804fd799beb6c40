/** In-memory namespaces and cameras that keep the contracts of api/services.ts, for tests of the API. */
import type { Device, EnableWebrtc, Namespace, Operation } from '../../contract/api.ts';
import { DEFAULT_QUOTA, type QuotaView } from '../../contract/quota.ts';
import type { RoomSettings, RoomView, RoomViewer } from '../../contract/rooms.ts';
import type { SfuStatus, TurnStatus } from '../../contract/control.ts';
import type { Repair } from '../../contract/diagnosis.ts';
import { AppError } from '../../contract/errors.ts';
import {
  turnOperationsStatusSchema,
  type DisconnectTarget,
  type TurnRefusal,
  type TurnSession,
} from '../../contract/turn-operations.ts';
import type {
  CameraChange,
  CameraService,
  NamespaceChange,
  NamespaceService,
  RoomControl,
  TurnService,
} from '../../api/services.ts';
import { DEFAULT_PORT_PLAN } from '../../namespaces/port-ledger.ts';
import { portMap } from '../../namespaces/port-map.ts';

const AT = '2026-01-01T00:00:00.000Z';

/** Sessions by namespace; a namespace without a list has no WebRTC. */
export class FakeTurn implements TurnService {
  readonly open = new Map<string, TurnSession[]>();
  readonly drained: string[] = [];
  refused: TurnRefusal[] = [];

  status(namespace: string) {
    const allocations = this.#of(namespace).length;
    return Promise.resolve(turnOperationsStatusSchema.parse({ ...TURN_STATUS, allocations }));
  }
  sessions(namespace: string, { limit }: { limit: number }) {
    const items = this.#of(namespace);
    return Promise.resolve({ items: items.slice(0, limit), total: items.length });
  }
  refusals(namespace: string) {
    this.#of(namespace);
    return Promise.resolve({ items: this.refused });
  }
  disconnect(namespace: string, target: DisconnectTarget) {
    const items = this.#of(namespace);
    const left = items.filter((one) =>
      Object.entries(target).some(([key, is]) => one[key as 'username'] !== is),
    );
    this.open.set(namespace, left);
    return Promise.resolve({ ended: items.length - left.length });
  }
  drain(namespace: string) {
    this.#of(namespace);
    this.drained.push(namespace);
    return Promise.resolve();
  }
  #of(namespace: string): TurnSession[] {
    const items = this.open.get(namespace);
    if (items === undefined)
      throw new AppError('webrtc_not_enabled', `WebRTC is not enabled for ${namespace}.`);
    return items;
  }
}

/** Rooms by namespace, empty as they were made. */
export class FakeRooms implements RoomControl {
  readonly open = new Map<string, RoomView>();

  list(_namespace: string, { limit }: { limit: number }) {
    const rooms = [...this.open.values()];
    return Promise.resolve({ rooms: rooms.slice(0, limit), total: rooms.length, next: null });
  }
  get(_namespace: string, roomId: string) {
    const room = this.open.get(roomId);
    if (room !== undefined) return Promise.resolve(room);
    return Promise.reject(new AppError('room_not_found', `There is no room "${roomId}".`));
  }
  create(namespace: string, roomId: string, settings: RoomSettings) {
    if (this.open.has(roomId)) {
      return Promise.reject(new AppError('room_exists', `There is a room "${roomId}" already.`));
    }
    const room: RoomView = {
      ...{ namespace, roomId, settings, node: 'local', createdAtMs: 0 },
      ...{ emptySinceMs: 0, sourceLost: null, speaker: null, participants: [] },
    };
    this.open.set(roomId, room);
    return Promise.resolve(room);
  }
  async close(namespace: string, roomId: string) {
    await this.get(namespace, roomId);
    this.open.delete(roomId);
  }
  readonly asked: object[] = [];
  viewing: RoomViewer[] = [];
  async viewers(namespace: string, roomId: string) {
    await this.get(namespace, roomId);
    return { roomId, viewers: this.viewing };
  }
  async kick(namespace: string, roomId: string, kick: object) {
    await this.get(namespace, roomId);
    this.asked.push(kick);
    return { ended: 1 };
  }
  async mute(namespace: string, roomId: string, mute: object) {
    await this.get(namespace, roomId);
    this.asked.push(mute);
    return { tracks: 1 };
  }
  requireHere(_namespace: string, roomId: string) {
    if (roomId === 'elsewhere') throw new AppError('unavailable', 'Another node serves it.');
  }
}

const TURN_STATUS = {
  ready: true,
  draining: false,
  listeners: [{ transport: 'udp', address: '127.0.0.1', port: 3478, open: true }],
  connections: 0,
  relayed: { toPeerPackets: 1, toPeerBytes: 5, toClientPackets: 0, toClientBytes: 0 },
  drops: { 'no-permission': 2 },
  refusals: { 'Allocate 401': 1 },
  kernelDrops: 3,
  datagrams: 'dgram',
  sentence: 'The TURN service answers.',
};

export class FakeNamespaces implements NamespaceService {
  readonly turn = new FakeTurn();
  readonly turnAccess = {
    rotateSecret: (name: string) => this.#start(this.get(name).name, 'rotate-turn-secret'),
    revoked: (name: string) => {
      this.get(name);
      return { items: [{ subject: 'x', until: null }] };
    },
    revoke: (_name: string, subject: string) => Promise.resolve({ subject, ended: 1 }),
    unrevoke: () => Promise.resolve(),
    depart: (identity: string, namespace?: string) => {
      this.departed.push([identity, namespace]);
      return Promise.resolve();
    },
    refuseRevoked: () => undefined,
  };
  readonly rooms = new FakeRooms();
  readonly quotas = {
    view: async (name: string): Promise<QuotaView> => {
      this.get(name);
      return Promise.resolve({ quota: DEFAULT_QUOTA, own: {}, problem: '', used: null });
    },
    change: (name: string) => this.quotas.view(name),
  };
  readonly turnKeys = {
    list: (name: string) => ({ realm: `${name}.test`, endpoint: name, serverPublicKey: null, items: [] }),
    register: () => Promise.resolve({ kind: 'pat' as const, subject: '0badc0de', until: null }),
    remove: (): Promise<{ ended: number }> =>
      Promise.reject(new AppError('not_found', 'There is no such key.')),
    publicKeyOf: (realm: string) => (realm === 'a.test' ? '3081' : undefined),
  };
  /** Who was deleted, and where. */
  readonly departed: [identity: string, namespace: string | undefined][] = [];
  readonly spaces = new Map<string, Namespace>();
  readonly running = new Map<string, Operation>();
  readonly targets = new Map<string, { address: string; port: number; ticketKey: string }>();
  readonly #listeners = new Set<(change: NamespaceChange) => void>();

  constructor(names: string[] = []) {
    for (const name of names) this.create(name);
  }
  list = () => [...this.spaces.values()];
  get(name: string): Namespace {
    const found = this.spaces.get(name);
    if (found === undefined) throw new AppError('namespace_not_found', `There is no namespace ${name}.`);
    return found;
  }
  create(name: string): Namespace {
    if (this.spaces.has(name))
      throw new AppError('namespace_exists', `There is a namespace ${name} already.`);
    const namespace: Namespace = { name, createdAt: AT, webrtc: 'disabled', operationId: null };
    this.spaces.set(name, namespace);
    this.emit({ type: 'namespace', namespace });
    return namespace;
  }
  delete(name: string): void {
    if (this.get(name).webrtc !== 'disabled') throw new AppError('namespace_in_use', 'Disable WebRTC first.');
    this.spaces.delete(name);
    this.emit({ type: 'namespace-removed', name });
  }
  /** What the last enable asked for. */
  enableAsked: Omit<EnableWebrtc, 'dryRun'> | undefined;
  enableWebrtc(name: string, options: Omit<EnableWebrtc, 'dryRun'>) {
    this.enableAsked = options;
    if (this.get(name).webrtc !== 'disabled')
      throw new AppError('webrtc_already_enabled', `WebRTC is enabled for ${name} already.`);
    return this.#start(name, 'enable-webrtc');
  }
  planEnable(name: string) {
    this.get(name);
    return Promise.resolve([{ id: 'ports', label: 'Claim the ports', note: 'TURN port 3478.' }]);
  }
  planDisable(name: string) {
    this.get(name);
    return [{ id: 'stop-sfu', label: 'Stop the SFU service', note: null }];
  }
  disableWebrtc(name: string) {
    this.get(name);
    return this.#start(name, 'disable-webrtc');
  }
  status(name: string) {
    return Promise.resolve({
      namespace: this.get(name).name,
      state: this.get(name).webrtc,
      turn: null,
      sfu: null,
      ports: null,
      uris: [],
      sessions: null,
      rooms: null,
      allocations: null,
      credentialTtlSeconds: 600,
    });
  }
  readonly reports = new Map<string, { turn: TurnStatus | null; sfu: SfuStatus | null }>();
  probes = 0;
  probe(name: string) {
    this.probes += 1;
    return Promise.resolve(this.reports.get(name) ?? null);
  }
  probeTurn = (name: string) => Promise.resolve(this.reports.get(name)?.turn ?? null);
  probeSfu = (name: string) => Promise.resolve(this.reports.get(name)?.sfu ?? null);
  repairs: Repair[] = [];
  repair = () => Promise.resolve(this.repairs);
  readonly diagnosis = { portMap: () => Promise.resolve(portMap([], DEFAULT_PORT_PLAN)) };
  operation(id: string): Operation {
    const found = this.running.get(id);
    if (found === undefined) throw new AppError('operation_not_found', 'There is no such operation.');
    return found;
  }
  operations = () => [...this.running.values()];
  subscribe(listener: (change: NamespaceChange) => void) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
  turnCredentials(name: string, { subject, ttlSeconds = 600 }: { subject: string; ttlSeconds?: number }) {
    if (!this.targets.has(name))
      throw new AppError('webrtc_not_enabled', `WebRTC is not enabled for ${name}.`);
    const uris = [`turn:127.0.0.1:3478?transport=udp`];
    const username = `${1_800_000_000 + ttlSeconds}:${name}:${subject}`;
    return { uris, username, password: 'p', ttl: ttlSeconds, urls: uris, credential: 'p' };
  }
  signaling = (name: string) => this.targets.get(name);
  emit(change: NamespaceChange): void {
    for (const listener of this.#listeners) listener(change);
  }
  /** Moves an operation on, as the reconciler would. */
  progress(id: string, change: Partial<Operation>): void {
    const operation = { ...this.operation(id), ...change };
    this.running.set(id, operation);
    this.emit({ type: 'operation', operation });
  }

  #start(namespace: string, kind: Operation['kind']): { operationId: string } {
    const id = `op-${this.running.size + 1}`;
    const operation: Operation = {
      id,
      kind,
      namespace,
      state: 'running',
      startedAt: AT,
      endedAt: null,
      steps: [{ id: 'ports', label: 'Claim the ports', state: 'running', durationMs: null, note: null }],
      error: null,
    };
    this.running.set(id, operation);
    this.emit({ type: 'operation', operation });
    return { operationId: id };
  }
}

export class FakeCameras implements CameraService {
  readonly devices = new Map<string, Device>();
  readonly secrets = new Map<string, string>();
  readonly #listeners = new Set<(change: CameraChange) => void>();

  list = (namespace?: string) =>
    [...this.devices.values()].filter((one) => namespace === undefined || one.namespace === namespace);
  get(id: string): Device {
    const found = this.devices.get(id);
    if (found === undefined) throw new AppError('device_not_found', 'There is no such camera.');
    return found;
  }
  create(options: {
    name: string;
    namespace: string;
    owner: string;
    capture?: Device['capture'] | undefined;
  }) {
    if (this.list(options.namespace).some(({ name }) => name === options.name))
      throw new AppError('device_exists', `There is a camera ${options.name} already.`);
    const id = `cam-${this.devices.size + 1}`;
    const device: Device = {
      id,
      namespace: options.namespace,
      name: options.name,
      owner: options.owner,
      secretPrefix: 'dev_AAAAAAAA',
      tunnelName: `device-${id}`,
      online: false,
      state: 'offline',
      onlineSince: null,
      lastSeenAt: null,
      createdAt: AT,
      capture: options.capture ?? { mode: 'on-demand', lingerSeconds: 15 },
      media: { state: 'idle', sinceMs: 0, message: null, producer: null, watching: 0 },
    };
    this.put(device);
    return { device, secret: this.#newSecret(id) };
  }
  update(id: string, change: { name?: string; capture?: Device['capture'] }): Device {
    const device = { ...this.get(id), ...change };
    this.put(device);
    return device;
  }
  rotate(id: string) {
    return { device: this.get(id), secret: this.#newSecret(id) };
  }
  delete(id: string): void {
    this.get(id);
    this.devices.delete(id);
    this.secrets.delete(id);
    this.emit({ type: 'device-removed', id });
  }
  authenticate(secret: string): Device | undefined {
    const id = [...this.secrets].find(([, known]) => known === secret)?.[0];
    return id === undefined ? undefined : this.get(id);
  }
  provisionTunnel(id: string) {
    const { tunnelName, namespace } = this.get(id);
    return {
      device: id,
      engine: '127.0.0.1:8443',
      token: 'token',
      name: tunnelName,
      labels: { app: 'turnkeep', namespace },
      expires: AT,
    };
  }
  provisionTurn(id: string) {
    return { username: this.get(id).id, credential: 'c', urls: ['turn:127.0.0.1:3478'], ttl: 600 };
  }
  subscribe(listener: (change: CameraChange) => void) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
  put(device: Device): void {
    this.devices.set(device.id, device);
    this.emit({ type: 'device', device });
  }
  emit(change: CameraChange): void {
    for (const listener of this.#listeners) listener(change);
  }
  #newSecret(id: string): string {
    const secret = `dev_${id}-${Math.random()}`;
    this.secrets.set(id, secret);
    return secret;
  }
}
