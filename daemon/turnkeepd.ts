/**
 * The daemon: `node daemon/turnkeepd.ts [--config FILE]`. Brings back what ran before, opens the tunnel
 * engine and the API, prints `{"ready":true,"url":...}`. SIGTERM or SIGINT ends it in reverse order within
 * 10 s, a second signal at once. It may be killed at any time: the next start takes up what it finds.
 */
import { parseArgs } from 'node:util';
import { loadConfig } from './config/load.ts';
import { RunningConfig } from './config/running-config.ts';
import { holdPorts } from './host-ports.ts';
import { CleanupStack } from './kit/cleanup-stack.ts';
import { systemClock as clock } from './kit/clock.ts';
import { messageOf } from './kit/errors.ts';
import { createLogger } from './kit/logger.ts';
import { openOnLateAddress } from './system/late-address.ts';
import { openServiceNotifier, type ServiceNotifier } from './system/notify/service-notifier.ts';

const STOP_DEADLINE_MS = 10_000;
/** The unit grants 90 s. */
const ADDRESS_WAIT_MS = 60_000;
const { values: args } = parseArgs({ options: { config: { type: 'string' } } });
const stack = new CleanupStack();
let stopping = false;
let restarting = false;
let notifier: ServiceNotifier | undefined;
process.umask(0o077);
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop(0));
try {
  await start();
} catch (error) {
  console.error(messageOf(error));
  await stop(1);
}

async function start(): Promise<void> {
  const configuration = new RunningConfig(() => loadConfig({ path: args.config, environment: process.env }));
  const { current: config } = configuration;
  const log = createLogger({ name: 'turnkeepd', level: () => configuration.current.logging.level });
  const ports = await openOnLateAddress(() => holdPorts(config), {
    ...{ environment: process.env, waitMs: ADDRESS_WAIT_MS, clock, log },
  });
  stack.push('ports', () => ports.close());
  notifier ??= openServiceNotifier({ environment: process.env, clock, log });
  // Most of the program is read here, while those who dial wait at the ports.
  const { openDaemon } = await import('./host-daemon.ts');
  const url = await openDaemon({
    ...{ configuration, ports, stack, log },
    restart: () => void restart(),
    isRestarting: () => restarting,
  });
  notifier.ready(`Console and API: ${url}`);
  process.stdout.write(`${JSON.stringify({ ready: true, url })}\n`);
}

/** The database can be opened now: everything of this process but its services, which go on, starts anew. */
async function restart(): Promise<void> {
  if (stopping) return;
  restarting = true;
  for (const { label, error } of await stack.run()) console.error(`${label}: ${messageOf(error)}`);
  restarting = false;
  try {
    await start();
  } catch (error) {
    console.error(messageOf(error));
    await stop(1);
  }
}

/** Ends the process: what is open is closed in reverse order, each on its own. A second signal ends it at once. */
async function stop(code: number): Promise<void> {
  if (stopping) process.exit(1);
  stopping = true;
  notifier?.stopping();
  setTimeout(() => {
    console.error('turnkeepd did not stop in 10 s and ends now.');
    process.exit(1);
  }, STOP_DEADLINE_MS).unref();
  for (const { label, error } of await stack.run()) console.error(`${label}: ${messageOf(error)}`);
  process.exit(code);
}
