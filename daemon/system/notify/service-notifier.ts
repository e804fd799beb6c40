/**
 * Tells systemd how a service is (sd_notify(3)): ready, what it does, that it stops, and that it is alive. Without
 * NOTIFY_SOCKET nothing is said, so the same program runs as a child process and in a terminal.
 */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { getSystemErrorName } from 'node:util';
import type { Clock } from '../../kit/clock.ts';
import { AdapterError, messageOf } from '../../kit/errors.ts';
import type { Logger } from '../../kit/logger.ts';

/** The function of native/notify.cc: 0, or the errno of what failed. */
type Addon = { send(path: string, message: string): number };

export interface ServiceNotifier {
  /** READY=1, then WATCHDOG=1 at half of what the unit allows, from the event loop: a hung loop says nothing. */
  ready(status: string): void;
  /** One line for `systemctl status`. */
  status(text: string): void;
  /** STOPPING=1; the watchdog goes on until the process ends. */
  stopping(): void;
}

const FILE = fileURLToPath(new URL('native/build/notify.node', import.meta.url));
const MAX_STATUS = 200;

const silent: ServiceNotifier = {
  ready: () => undefined,
  status: () => undefined,
  stopping: () => undefined,
};

/**
 * @param environment NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID as systemd sets them.
 * A notification that systemd does not take is logged once.
 * Throws an AdapterError when systemd waits for notifications and the addon cannot be loaded.
 */
export function openServiceNotifier(options: {
  environment: Record<string, string | undefined>;
  clock: Clock;
  log: Logger;
}): ServiceNotifier {
  const { environment, clock, log } = options;
  const path = environment['NOTIFY_SOCKET'];
  if (path === undefined || path === '') return silent;
  const addon = loadAddon();
  const everyMs = watchdogMs(environment) / 2;
  let warned = false;
  const say = (message: string): void => {
    const error = addon.send(path, message);
    if (error === 0 || warned) return;
    warned = true;
    log.warn(`systemd does not take notifications at ${path}: ${getSystemErrorName(-error)}.`);
  };
  const alive = (): void => {
    if (everyMs === 0) return;
    say('WATCHDOG=1');
    clock.after(everyMs, alive);
  };
  return {
    ready(status) {
      say(`READY=1\nSTATUS=${oneLine(status)}`);
      alive();
    },
    status(text) {
      say(`STATUS=${oneLine(text)}`);
    },
    stopping() {
      say('STOPPING=1');
    },
  };
}

function loadAddon(): Addon {
  try {
    return createRequire(import.meta.url)(FILE) as Addon;
  } catch (cause) {
    throw new AdapterError(
      `systemd waits to be notified, and the addon for it cannot be loaded (${messageOf(cause)}). Run scripts/build-native, then start the service again.`,
      { operation: 'load', target: FILE },
    );
  }
}

/** WATCHDOG_PID names the process it is meant for: a child that inherited the environment is not. */
function watchdogMs(environment: Record<string, string | undefined>): number {
  const microseconds = Number(environment['WATCHDOG_USEC'] ?? 0);
  const forUs =
    environment['WATCHDOG_PID'] === undefined || environment['WATCHDOG_PID'] === String(process.pid);
  return forUs && Number.isSafeInteger(microseconds) && microseconds > 0 ? microseconds / 1000 : 0;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').slice(0, MAX_STATUS);
}
