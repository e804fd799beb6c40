/**
 * One TURN process of one namespace: `node daemon/turn-service.ts --config FILE`. Prints one line
 * `{"ready":true}` when all listeners and the control socket are open. SIGTERM and SIGINT end it,
 * SIGHUP reads the configuration again. It needs no daemon to go on. `--compile-only` loads the program and ends.
 */
import { parseArgs } from 'node:util';
import { DRAINED_EXIT_CODE, turnControlEvents, turnControlMethods } from './contract/control.ts';
import { CleanupStack } from './kit/cleanup-stack.ts';
import { systemClock } from './kit/clock.ts';
import { messageOf } from './kit/errors.ts';
import { createLogger } from './kit/logger.ts';
import { ControlServer } from './system/control-server.ts';
import { openOnLateAddress } from './system/late-address.ts';
import { portHolder } from './system/port-holder.ts';
import { openServiceNotifier } from './system/notify/service-notifier.ts';
import { reloadConfig, turnControlHandlers } from './turn/server/control-methods.ts';
import { loadServiceConfig } from './turn/server/service-config.ts';
import { TurnServer } from './turn/server/turn-server.ts';

const { values } = parseArgs({
  options: { config: { type: 'string' }, 'compile-only': { type: 'boolean' } },
});
if (values['compile-only'] === true) process.exit(0);

/** The unit grants 30 s. */
const ADDRESS_WAIT_MS = 25_000;
const startedAtMs = systemClock.nowMs();
const log = createLogger({ name: 'turnkeep-turn', level: 'info' });
const notifier = openServiceNotifier({ environment: process.env, clock: systemClock, log });
const cleanup = new CleanupStack();
let ending: Promise<void> | undefined;

// The daemon may die before us and take the other end of our pipes along.
process.stdout.on('error', () => undefined);
process.stderr.on('error', () => undefined);

/** Closes everything, once. A closing that hangs does not keep the process. */
function end(reason: string, exitCode: number): Promise<void> {
  ending ??= (async () => {
    log.info({ reason }, 'stopping');
    notifier.stopping();
    const deadline = setTimeout(() => process.exit(exitCode === 0 ? 1 : exitCode), 5000);
    for (const { label, error } of await cleanup.run()) log.warn({ err: error, label }, 'closing failed');
    clearTimeout(deadline);
    process.exit(exitCode);
  })();
  return ending;
}

async function start(): Promise<void> {
  const configFile = values.config;
  if (configFile === undefined) throw new Error('Usage: node daemon/turn-service.ts --config FILE');
  const { config, certificate } = await loadServiceConfig(configFile);
  const server = await openOnLateAddress(
    async () => {
      const one = new TurnServer({ config, certificate, clock: systemClock, log, portHolder });
      await one.open();
      return one;
    },
    { environment: process.env, waitMs: ADDRESS_WAIT_MS, clock: systemClock, log },
  );
  cleanup.push('turn server', () => server.close());

  const drain = (deadlineMs: number): void => {
    const cancel = systemClock.after(deadlineMs, () => void end('drain deadline', DRAINED_EXIT_CODE));
    cleanup.push('drain deadline', cancel);
    // Who gave the order is answered first: the end closes the control socket, and looks like a crash to it.
    server.drain(() => setImmediate(() => void end('drained', DRAINED_EXIT_CODE)));
  };
  const control = new ControlServer({
    path: config.controlSocket,
    methods: turnControlMethods,
    events: turnControlEvents,
    handlers: turnControlHandlers({ server, configFile, startedAtMs, log, drain }),
    log,
  });
  cleanup.push('control socket', () => control.close());
  try {
    await control.open();
  } catch (cause) {
    throw new Error(
      `Cannot open the control socket ${config.controlSocket}: ${messageOf(cause)}. Check that its folder exists and belongs to this user.`,
      { cause },
    );
  }
  process.on('SIGHUP', () => {
    reloadConfig({ server, configFile, log }).catch((error: unknown) => {
      log.error({ reason: messageOf(error) }, 'configuration kept: the new one cannot be applied');
    });
  });
  log.info({ namespace: config.namespace, listeners: config.listeners }, 'ready');
  notifier.ready(`TURN of ${config.namespace}`);
  process.stdout.write('{"ready":true}\n');
}

process.on('SIGTERM', () => void end('SIGTERM', 0));
process.on('SIGINT', () => void end('SIGINT', 0));
try {
  await start();
} catch (error) {
  const sentence = messageOf(error);
  log.error({ reason: sentence }, 'cannot start');
  process.stderr.write(`${sentence}\n`);
  await end('cannot start', 1);
}
