/** What the console knows from live events, and how an event changes it. Pure: states are replaced, not edited. */
import type { Device, LiveEvent, Namespace, Operation, User } from '../../../daemon/contract/api.ts';
import { counted, dayAndTime, duration, shortClock } from './wording.ts';
import type { DeviceFacts, StateName } from './tile-facts.ts';
import type { Load } from '../../../daemon/contract/load.ts';
import type { RoomsLive } from '../../../daemon/contract/rooms.ts';
import type { TurnLive } from '../../../daemon/contract/turn-operations.ts';

export type LiveData = {
  seq: number;
  user: User;
  namespaces: ReadonlyMap<string, Namespace>;
  devices: ReadonlyMap<string, Device>;
  operations: ReadonlyMap<string, Operation>;
  /** When this browser learnt that a camera went offline, by device id. */
  offlineSinceMs: ReadonlyMap<string, number>;
  /** Cameras that were deleted while this page was open: a tile says so before it goes. */
  removed: ReadonlyMap<string, { device: Device; atMs: number }>;
  /** The last picture of the TURN service this stream asked for, and when this browser got it. */
  turn: { live: TurnLive; atMs: number } | null;
  /** The same of the rooms it asked for. */
  rooms: { live: RoomsLive; atMs: number } | null;
  /** The same for the load of the host. */
  load: { load: Load; atMs: number } | null;
};

export type Applied = { kind: 'applied'; data: LiveData } | { kind: 'gap' };

const MAX_REMOVED = 64;

/** @returns `gap` when an event was missed: only a new snapshot helps. */
export function applyLiveEvent(data: LiveData | null, event: LiveEvent, nowMs: number): Applied {
  if (event.type === 'snapshot') {
    const devices = new Map(event.devices.map((device) => [device.id, device]));
    const offlineSinceMs = new Map<string, number>();
    for (const device of event.devices) {
      if (device.state !== 'offline') continue;
      const known = data?.offlineSinceMs.get(device.id);
      const wasOnline = data?.devices.get(device.id)?.state === 'online';
      if (known !== undefined) offlineSinceMs.set(device.id, known);
      else if (wasOnline) offlineSinceMs.set(device.id, nowMs);
    }
    const removed = new Map(data?.removed);
    for (const [id, device] of data?.devices ?? []) {
      if (!devices.has(id)) removed.set(id, { device, atMs: nowMs });
    }
    for (const id of devices.keys()) removed.delete(id);
    return {
      kind: 'applied',
      data: {
        seq: event.seq,
        user: event.user,
        namespaces: new Map(event.namespaces.map((namespace) => [namespace.name, namespace])),
        devices,
        operations: new Map(event.operations.map((operation) => [operation.id, operation])),
        offlineSinceMs,
        removed: capped(removed),
        turn: data?.turn ?? null,
        rooms: data?.rooms ?? null,
        load: data?.load ?? null,
      },
    };
  }
  if (data === null || event.seq !== data.seq + 1) return { kind: 'gap' };
  const next = { ...data, seq: event.seq };
  switch (event.type) {
    case 'namespace':
      next.namespaces = new Map(data.namespaces).set(event.namespace.name, event.namespace);
      break;
    case 'namespace-removed':
      next.namespaces = without(data.namespaces, event.name);
      break;
    case 'operation':
      next.operations = new Map(data.operations).set(event.operation.id, event.operation);
      break;
    case 'device': {
      const { device } = event;
      next.devices = new Map(data.devices).set(device.id, device);
      const before = data.devices.get(device.id);
      if (device.state === 'offline' && before !== undefined && before.state !== 'offline') {
        next.offlineSinceMs = new Map(data.offlineSinceMs).set(device.id, nowMs);
      } else if (device.state !== 'offline') {
        next.offlineSinceMs = without(data.offlineSinceMs, device.id);
      }
      break;
    }
    case 'rooms':
      next.rooms = { live: event.data, atMs: nowMs };
      break;
    case 'turn':
      next.turn = { live: event.data, atMs: nowMs };
      break;
    case 'load':
      next.load = { load: event.load, atMs: nowMs };
      break;
    case 'device-removed': {
      const device = data.devices.get(event.id);
      next.devices = without(data.devices, event.id);
      if (device !== undefined) {
        next.removed = capped(new Map(data.removed).set(event.id, { device, atMs: nowMs }));
      }
      break;
    }
  }
  return { kind: 'applied', data: next };
}

function without<Value>(map: ReadonlyMap<string, Value>, key: string): ReadonlyMap<string, Value> {
  const copy = new Map(map);
  copy.delete(key);
  return copy;
}

function capped<Value>(map: Map<string, Value>): Map<string, Value> {
  for (const key of map.keys()) {
    if (map.size <= MAX_REMOVED) break;
    map.delete(key);
  }
  return map;
}

/** Cameras in the order of the wall: new ones last. */
export function sortedDevices(data: LiveData): Device[] {
  return [...data.devices.values()].sort(
    (a, b) => a.createdAt.localeCompare(b.createdAt) || a.id.localeCompare(b.id),
  );
}

const timeOf = (iso: string | null): number | null => {
  const ms = iso === null ? Number.NaN : Date.parse(iso);
  return Number.isFinite(ms) ? ms : null;
};

/** The live event's device in the words of the tile. */
export function deviceFacts(data: LiveData, id: string): DeviceFacts | null {
  const removed = data.removed.get(id);
  const device = data.devices.get(id) ?? removed?.device;
  if (device === undefined) return null;
  return {
    name: device.name,
    gone: removed === undefined ? null : { reason: 'deleted', atMs: removed.atMs },
    state: device.state,
    lastSeenAtMs: timeOf(device.lastSeenAt),
    offlineSinceMs: data.offlineSinceMs.get(id) ?? null,
    noVideo:
      device.state === 'online' && device.media.state === 'no-picture'
        ? { sinceMs: device.media.sinceMs, message: device.media.message }
        : null,
  };
}

export type DeviceState = { state: StateName; label: string };

/** One camera in shape and word, for lists and for cameras that no tile shows. */
export function deviceState(device: Device, nowMs: number): DeviceState {
  const lastSeenAtMs = timeOf(device.lastSeenAt);
  switch (device.state) {
    case 'unknown':
      return { state: 'unknown', label: 'Unknown' };
    case 'offline':
      return lastSeenAtMs === null
        ? { state: 'idle', label: 'Never connected' }
        : { state: 'offline', label: `Offline since ${offlineTime(lastSeenAtMs, nowMs)}` };
    case 'online':
      switch (device.media.state) {
        case 'idle':
          return { state: 'idle', label: 'Ready' };
        case 'live':
          return { state: 'live', label: 'Live' };
        case 'connecting':
          return { state: 'connecting', label: 'Connecting' };
        case 'reconnecting':
          return { state: 'connecting', label: 'Reconnecting' };
        case 'no-picture':
          return { state: 'degraded', label: 'Online, no picture' };
      }
  }
}

/** Of a camera that no tile plays, as its tile says it: one that never connected is offline there, not ready. */
export function wallState(device: Device, nowMs: number): StateName {
  return device.state === 'offline' ? 'offline' : deviceState(device, nowMs).state;
}

function offlineTime(atMs: number, nowMs: number): string {
  return nowMs - atMs < 20 * 3_600_000 ? shortClock(atMs) : dayAndTime(atMs, nowMs);
}

/** `on demand, 30 s` or `always`. */
export function captureText(device: Device): string {
  return device.capture.mode === 'always'
    ? 'always'
    : `on demand, ${duration(device.capture.lingerSeconds * 1000)}`;
}

/** `today 09:41, 4 h 21 min ago`; `now` while it is online. */
export function lastSeenText(device: Device, nowMs: number): string {
  if (device.state === 'online') return 'now';
  const atMs = timeOf(device.lastSeenAt);
  return atMs === null ? 'never' : `${dayAndTime(atMs, nowMs)}, ${duration(nowMs - atMs)} ago`;
}

/** The sentence of the delete question: what ends at once, and that it cannot be undone. */
export function deleteConsequence(device: Device): string {
  const viewers =
    device.media.watching === 0
      ? ''
      : ` ${counted(device.media.watching, 'viewer is', 'viewers are')} disconnected,`;
  return `Its secret stops working at once,${viewers} and its events are gone. This is permanent.`;
}
