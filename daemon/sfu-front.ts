/**
 * The SFU service with `workers` above 1: this process has the signaling port and the control socket, and no media;
 * rooms are in worker processes of the same program (decisions/0010-sfu-workers.md).
 */
import { sfuControlEvents, sfuControlMethods } from './contract/control.ts';
import type { SfuServiceConfig } from './contract/sfu-config.ts';
import type { CleanupStack } from './kit/cleanup-stack.ts';
import { systemClock } from './kit/clock.ts';
import type { Logger } from './kit/logger.ts';
import { assertReloadable, readServiceConfig } from './sfu/signaling/service-config.ts';
import { Sessions } from './sfu/signaling/sessions.ts';
import { SignalingServer } from './sfu/signaling/signaling-server.ts';
import { frontControlMethods } from './sfu/workers/front-control.ts';
import { FrontSession } from './sfu/workers/front-session.ts';
import { WorkerPool } from './sfu/workers/worker-pool.ts';
import { workerConfig } from './sfu/workers/worker-config.ts';
import { ControlServer } from './system/control-server.ts';
import { SfuWorkerProcess } from './system/sfu-worker-process.ts';

const TICK_MS = 1000;
/** How long a client that is sent away waits before it comes back. */
const RETRY_AFTER_MS = 1000;

/** @param onDrained nothing is left to wait for after a drain. */
export async function startFront(options: {
  path: string;
  config: SfuServiceConfig;
  program: string;
  stack: CleanupStack;
  log: Logger;
  onDrained: () => void;
}): Promise<void> {
  const { path, program, stack, log } = options;
  let { config } = options;
  let drainUntilMs: number | undefined;
  const ports = config.media.maxPort - config.media.minPort + 1;
  if (ports < config.workers) {
    throw new Error(
      `The media block has ${String(ports)} ports, and each of ${String(config.workers)} workers needs one: lower sfu.workers, or raise ports.sfuMediaPerNamespace before the namespace is enabled.`,
    );
  }
  const workers = Array.from({ length: config.workers }, (_, index): SfuWorkerProcess => {
    const worker: SfuWorkerProcess = new SfuWorkerProcess({
      index,
      program,
      config: () => workerConfig(config, index),
      clock: systemClock,
      log,
      onEvent: (event) => {
        pool.take(worker, event);
      },
      onBegan: () => {
        pool.began();
      },
      onEnded: () => {
        pool.ended(worker);
      },
    });
    return worker;
  });
  const pool = new WorkerPool({
    workers,
    maxRooms: () => config.limits.rooms,
    nowMs: () => systemClock.nowMs(),
    emit: (event) => {
      control.emit(event.name, event.data);
    },
    log,
  });
  const sessions: Sessions<FrontSession> = new Sessions<FrontSession>({
    namespace: config.namespace,
    turn: config.turn,
    nowMs: () => systemClock.nowMs(),
    makeSession: (session) =>
      new FrontSession({
        ...session,
        pool,
        ticketKey: () => config.signaling.ticketKey,
        draining: () => drainUntilMs !== undefined,
        nowMs: () => systemClock.nowMs(),
        after: (delayMs, act) => {
          systemClock.after(delayMs, act);
        },
        giveUp: (sessionId) => {
          sessions.giveUp(sessionId);
        },
      }),
  });
  const control = new ControlServer({
    path: config.controlSocket,
    methods: sfuControlMethods,
    events: sfuControlEvents,
    log,
    handlers: {
      ...frontControlMethods({
        namespace: config.namespace,
        pool,
        startedAtMs: systemClock.nowMs(),
        sessions,
        isDraining: () => drainUntilMs !== undefined,
        drain: (deadlineMs) => {
          drainUntilMs = systemClock.nowMs() + deadlineMs;
          sessions.announceDrain(RETRY_AFTER_MS, config.alternatives);
        },
      }),
      reload: async () => {
        const next = await readServiceConfig(path);
        assertReloadable(config, next);
        config = next;
        sessions.setTurn(next.turn);
        await Promise.all(workers.map((worker) => worker.reload()));
        return {};
      },
    },
  });
  const signaling = new SignalingServer({
    listen: { address: config.shield, port: config.signaling.port },
    namespace: config.namespace,
    ticketKey: () => config.signaling.ticketKey,
    maxSessions: () => config.limits.sessions,
    draining: () => drainUntilMs !== undefined,
    nowMs: () => systemClock.nowMs(),
    sessions,
    log,
  });
  stack.push('workers', async () => {
    await Promise.all(workers.map((worker) => worker.stop()));
  });
  stack.push('control socket', () => control.close());
  stack.push('signaling', () => signaling.close());
  stack.push('sessions', () => {
    sessions.closeAll();
  });
  await Promise.all(workers.map((worker) => worker.start()));
  await signaling.open();
  await control.open();
  const timer = setInterval(() => {
    const nowMs = systemClock.nowMs();
    sessions.tick(nowMs);
    pool.tick();
    if (drainUntilMs !== undefined && (sessions.size === 0 || nowMs >= drainUntilMs)) options.onDrained();
  }, TICK_MS);
  stack.push('timer', () => {
    clearInterval(timer);
  });
}
