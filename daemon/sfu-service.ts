/**
 * The SFU process of one namespace: `node daemon/sfu-service.ts --config FILE`. Reads its file, opens the
 * media port, the signaling listener and the control socket, prints `{"ready":true}`, ends on SIGTERM.
 * `--compile-only` loads the program and ends.
 */
import { parseArgs } from 'node:util';
import { DRAINED_EXIT_CODE, sfuControlEvents, sfuControlMethods } from './contract/control.ts';
import { probePassword } from './credentials/probe.ts';
import { CleanupStack } from './kit/cleanup-stack.ts';
import { systemClock } from './kit/clock.ts';
import { messageOf } from './kit/errors.ts';
import { createLogger } from './kit/logger.ts';
import { loadDatagramEngine } from './datagrams/load-engine.ts';
import { createMediaCore } from './sfu/media/core/media-core.ts';
import { nativeCiphers } from './sfu/media/native-cipher.ts';
import { MediaEngine } from './sfu/media/media-engine.ts';
import { RelaySet } from './sfu/media/relay-set.ts';
import { runTransportSelfTest } from './sfu/media/self-test.ts';
import { UdpMux } from './sfu/media/udp-mux.ts';
import { WeriftTransportFactory } from './sfu/media/werift-transport.ts';
import { controlMethods } from './sfu/signaling/control-methods.ts';
import { startFront } from './sfu-front.ts';
import { NamespaceSfu } from './sfu/signaling/namespace-sfu.ts';
import { assertReloadable, readServiceConfig } from './sfu/signaling/service-config.ts';
import { SignalingServer } from './sfu/signaling/signaling-server.ts';
import { ControlServer } from './system/control-server.ts';
import { openServiceNotifier } from './system/notify/service-notifier.ts';

const TICK_MS = 1000;

const { values } = parseArgs({
  options: { config: { type: 'string' }, 'compile-only': { type: 'boolean' } },
});
if (values['compile-only'] === true) process.exit(0);

const log = createLogger({ name: 'turnkeep-sfu', level: 'info' });
const notifier = openServiceNotifier({ environment: process.env, clock: systemClock, log });
const stack = new CleanupStack();
let stopping = false;

// The daemon may die before us and take the other end of our pipes along.
process.stdout.on('error', () => undefined);
process.stderr.on('error', () => undefined);
process.on('unhandledRejection', (error) => {
  log.error({ err: error }, 'a promise was left without a handler');
});
process.on('uncaughtException', (error) => {
  // One peer's library timer must not take every other peer's picture with it; our own faults must show.
  const fromLibrary = /node_modules[\\/]werift[\\/]/.test(error.stack ?? '');
  log.error({ err: error }, fromLibrary ? 'a peer connection failed' : 'the SFU service failed');
  if (!fromLibrary) process.exit(1);
});
process.on('SIGTERM', () => void stop(0));
process.on('SIGINT', () => void stop(0));

try {
  if (values.config === undefined) throw new Error('Say which file to read: --config FILE.');
  const namespace = await start(values.config);
  notifier.ready(`SFU of ${namespace}`);
  process.stdout.write('{"ready":true}\n');
} catch (error) {
  log.fatal(messageOf(error));
  await stop(1);
}

/** @returns the namespace it serves. */
async function start(path: string): Promise<string> {
  let config = await readServiceConfig(path);
  if (config.workers > 1) {
    const onDrained = (): void => void stop(DRAINED_EXIT_CODE);
    await startFront({ path, config, program: import.meta.filename, stack, log, onDrained });
    return config.namespace;
  }
  // A worker does not outlive the process that leads it.
  if (config.worker !== null) process.stdin.on('close', () => void stop(0)).resume();
  await runTransportSelfTest(log);
  const mux = await UdpMux.open({
    address: config.shield,
    port: config.media.minPort,
    relays: new RelaySet(config.relays),
    probePassword: probePassword(config.signaling.ticketKey),
    log,
  });
  stack.push('media port', () => {
    mux.close();
  });
  const engine = new MediaEngine({
    createCore: (events) =>
      createMediaCore({ events, createCipher: nativeCiphers(loadDatagramEngine().engine) }),
    transports: await WeriftTransportFactory.open({ mux, clock: systemClock, log }),
    relays: () => mux.demux.relays,
    clock: systemClock,
    log,
  });
  stack.push('media engine', () => {
    engine.close();
  });
  const sfu: NamespaceSfu = new NamespaceSfu({
    config,
    engine,
    log,
    emit: (event, data) => {
      control.emit(event, data);
    },
  });
  const control = new ControlServer({
    path: config.controlSocket,
    methods: sfuControlMethods,
    events: sfuControlEvents,
    log,
    handlers: {
      ...controlMethods({
        namespace: config.namespace,
        engine,
        sfu,
        muxDrops: () => mux.drops.totals(),
        datagrams: mux.datagrams,
      }),
      reload: async () => {
        const next = await readServiceConfig(path);
        assertReloadable(config, next);
        config = next;
        mux.demux.configure(new RelaySet(next.relays), probePassword(next.signaling.ticketKey));
        sfu.configure(next);
        return {};
      },
    },
  });
  const signaling = new SignalingServer({
    listen:
      config.worker === null
        ? { address: config.shield, port: config.signaling.port }
        : { path: config.worker.signalingSocket },
    namespace: config.namespace,
    ticketKey: () => config.signaling.ticketKey,
    maxSessions: () => config.limits.sessions,
    draining: () => sfu.draining,
    nowMs: () => systemClock.nowMs(),
    sessions: sfu.sessions,
    log,
  });
  stack.push('control socket', () => control.close());
  stack.push('signaling', () => signaling.close());
  stack.push('sessions', () => {
    sfu.close();
  });
  await signaling.open();
  await control.open();
  const timer = setInterval(() => {
    sfu.tick();
    if (sfu.drained) void stop(DRAINED_EXIT_CODE);
  }, TICK_MS);
  stack.push('timer', () => {
    clearInterval(timer);
  });
  return config.namespace;
}

/** Closes everything and ends the process: the library may hold timers of peers that are gone. */
async function stop(code: number): Promise<void> {
  if (stopping) return;
  stopping = true;
  notifier.stopping();
  for (const { label, error } of await stack.run()) log.warn({ err: error }, `closing the ${label} failed`);
  process.exit(code);
}
