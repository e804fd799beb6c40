/** What the daemon may ask over the control socket of an SFU service with workers: sums, or the worker it concerns. */
import { CONTROL_VERSION, type SfuStatus } from '../../contract/control.ts';
import { AppError } from '../../contract/errors.ts';
import type { IceCandidateInit } from '../../contract/ice.ts';
import type { ModerationEntry, RoomSettings } from '../../contract/rooms.ts';
import type { Kick, Mute } from '../../contract/signaling.ts';
import { processLoad } from '../../kit/process-load.ts';
import type { WorkerControl } from './system.ts';
import { callOf, type WorkerPool } from './worker-pool.ts';

const MAX_SLOW_VIEWERS = 50;
/** Shorter than what waits for our answer: a worker that hangs is not the end of all. */
const STATUS_TIMEOUT_MS = 2000;

export type FrontControlDependencies = {
  namespace: string;
  pool: WorkerPool;
  startedAtMs: number;
  sessions: { readonly size: number; kick(identity: string, reason: string): number };
  isDraining: () => boolean;
  drain: (deadlineMs: number) => void;
};

/** Handlers by method name; the caller adds `reload`, which belongs to the process. */
export function frontControlMethods(options: FrontControlDependencies) {
  const { pool, sessions } = options;
  // A worker that dies meanwhile has nothing any more that could be told.
  const all = async <Result>(ask: (control: WorkerControl) => Promise<Result>): Promise<Result[]> => {
    const answers = await Promise.allSettled(pool.controls.map(ask));
    return answers.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  };
  const ofRoom = (roomId: string): WorkerControl => {
    const worker = pool.workerOf(roomId);
    if (worker === undefined) throw new AppError('room_not_found', `There is no room "${roomId}".`);
    return callOf(worker);
  };
  const ofIngest = (ingestId: string): WorkerControl => {
    const worker = pool.workerOfIngest(ingestId);
    if (worker === undefined) throw new AppError('not_found', `There is no ingest "${ingestId}".`);
    return callOf(worker);
  };
  return {
    hello: () => ({
      service: 'sfu' as const,
      namespace: options.namespace,
      controlVersion: CONTROL_VERSION,
      pid: process.pid,
      startedAtMs: options.startedAtMs,
    }),
    status: async (): Promise<SfuStatus> => {
      const each = await all((control) => control.call('status', {}, { timeoutMs: STATUS_TIMEOUT_MS }));
      return {
        ...sumOf(each),
        ready: true,
        draining: options.isDraining(),
        sessions: sessions.size,
        process: loadOf(each),
        workers: pool.workers.map((worker) => ({
          index: worker.index,
          pid: worker.pid,
          rooms: pool.inside(worker).rooms.size,
          subscriptions: pool.inside(worker).subscriptions,
          restarts: worker.restarts,
        })),
      };
    },
    drain: ({ deadlineMs }: { deadlineMs: number }) => {
      options.drain(deadlineMs);
      return {};
    },
    'rooms.list': async () => ({
      rooms: (await all((control) => control.call('rooms.list', {}))).flatMap(({ rooms }) => rooms),
    }),
    'rooms.get': ({ roomId }: { roomId: string }) => ofRoom(roomId).call('rooms.get', { roomId }),
    'rooms.create': async ({ roomId, ...settings }: RoomSettings & { roomId: string }) => {
      if (options.isDraining()) throw new AppError('shutting_down', 'This server is about to stop.');
      await pool.make(roomId, settings);
      return ofRoom(roomId).call('rooms.get', { roomId });
    },
    'rooms.close': ({ roomId }: { roomId: string }) => ofRoom(roomId).call('rooms.close', { roomId }),
    'rooms.viewers': (params: { roomId: string; participantId?: string | undefined }) =>
      ofRoom(params.roomId).call('rooms.viewers', params),
    'rooms.kick': (params: Kick & { roomId: string }) => ofRoom(params.roomId).call('rooms.kick', params),
    'rooms.mute': (params: Mute & { roomId: string }) => ofRoom(params.roomId).call('rooms.mute', params),
    'moderation.list': async () => ({
      entries: (await all((control) => control.call('moderation.list', {}))).flatMap(
        ({ entries }) => entries,
      ),
    }),
    'moderation.restore': (params: { roomId: string; entries: Omit<ModerationEntry, 'roomId'>[] }) =>
      ofRoom(params.roomId).call('moderation.restore', params),
    'sessions.kick': ({ identity, reason }: { identity: string; reason: string }) => ({
      ended: sessions.kick(identity, reason),
    }),
    'watches.list': async () => ({
      watches: (await all((control) => control.call('watches.list', {}))).flatMap(({ watches }) => watches),
    }),
    'demand.list': async () => ({
      rooms: (await all((control) => control.call('demand.list', {}))).flatMap(({ rooms }) => rooms),
    }),
    'ingest.open': (params: {
      ingestId: string;
      roomId: string;
      identity: string;
      note: string;
      audio: boolean;
    }) => callOf(pool.place(params.roomId)).call('ingest.open', params),
    'ingest.answer': (params: { ingestId: string; sdp: string }) =>
      ofIngest(params.ingestId).call('ingest.answer', params),
    'ingest.candidate': (params: { ingestId: string; candidate: IceCandidateInit }) =>
      ofIngest(params.ingestId).call('ingest.candidate', params),
    'ingest.note': (params: { ingestId: string; note: string }) =>
      ofIngest(params.ingestId).call('ingest.note', params),
    'ingest.close': async (params: { ingestId: string }) => {
      // Closing it twice is harmless, and so is closing one that ended with its worker.
      if (pool.workerOfIngest(params.ingestId) !== undefined) {
        await ofIngest(params.ingestId).call('ingest.close', params);
      }
      return {};
    },
    'ingest.list': async () => ({
      ingests: (await all((control) => control.call('ingest.list', {}))).flatMap(({ ingests }) => ingests),
    }),
    'relays.restarted': async () => ({
      sessions: sum(
        (await all((control) => control.call('relays.restarted', {}))).map((one) => one.sessions),
      ),
    }),
    'source.state': (params: { roomId: string; lost: boolean; message: string }) =>
      ofRoom(params.roomId).call('source.state', params),
  };
}

function sumOf(each: readonly SfuStatus[]): Omit<SfuStatus, 'ready' | 'draining' | 'sessions'> {
  const drops: Record<string, number> = {};
  for (const one of each) {
    for (const [reason, count] of Object.entries(one.drops)) drops[reason] = (drops[reason] ?? 0) + count;
  }
  const datagrams = each[0]?.datagrams;
  return {
    rooms: sum(each.map((one) => one.rooms)),
    publishers: sum(each.map((one) => one.publishers)),
    subscriptions: sum(each.map((one) => one.subscriptions)),
    forwarded: {
      packets: sum(each.map((one) => one.forwarded.packets)),
      bytes: sum(each.map((one) => one.forwarded.bytes)),
    },
    drops,
    data: {
      channels: sum(each.map((one) => one.data?.channels ?? 0)),
      received: sum(each.map((one) => one.data?.received ?? 0)),
      sent: sum(each.map((one) => one.data?.sent ?? 0)),
    },
    ...(datagrams !== undefined && { datagrams }),
    slowViewers: each.flatMap((one) => one.slowViewers ?? []).slice(0, MAX_SLOW_VIEWERS),
  };
}

/** This process and its workers. */
function loadOf(each: readonly SfuStatus[]): { cpuSeconds: number; rssBytes: number } {
  const loads = [processLoad(), ...each.flatMap((one) => one.process ?? [])];
  return {
    cpuSeconds: sum(loads.map((one) => one.cpuSeconds)),
    rssBytes: sum(loads.map((one) => one.rssBytes)),
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
