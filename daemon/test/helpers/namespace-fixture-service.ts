/**
 * A tiny service for tests of the service manager: it reads `--config FILE` (the TURN or the SFU contract),
 * opens its control socket, says it is ready and does as the realm tells: `crash` at start, `mute` (never
 * ready), `hung` (ready, then its event loop stands still), `deaf` (ready, but no control socket), `stubborn` (ignores SIGTERM), else it behaves.
 */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import {
  DRAINED_EXIT_CODE,
  sfuControlMethods,
  turnControlEvents,
  turnControlMethods,
} from '../../contract/control.ts';
import { createLogger } from '../../kit/logger.ts';
import { systemClock } from '../../kit/clock.ts';
import { openServiceNotifier } from '../../system/notify/service-notifier.ts';
import { ControlServer } from '../../system/control-server.ts';

const config = z
  .looseObject({ namespace: z.string(), controlSocket: z.string(), realm: z.string().optional() })
  .parse(JSON.parse(await readFile(process.argv.at(-1)!, 'utf8')));
const service = config.realm === undefined ? 'sfu' : 'turn';
const startedAtMs = Date.now();
const log = createLogger({ name: 'fixture', level: 'silent' });
const methods = (service === 'turn' ? turnControlMethods : sfuControlMethods) as typeof turnControlMethods;

if (config.realm === 'crash') {
  console.error('Error: the fixture was told to crash');
  process.exit(3);
}
const status = {
  ready: true,
  draining: false,
  listeners: [],
  allocations: 0,
  connections: 0,
  relayed: { toPeerPackets: 0, toPeerBytes: 0, toClientPackets: 0, toClientBytes: 0 },
  drops: {},
  refusals: {},
  // What the SFU answers instead.
  sessions: 0,
  rooms: 0,
  publishers: 0,
  subscriptions: 0,
  forwarded: { packets: 0, bytes: 0 },
};
const hello = {
  service,
  namespace: config.namespace,
  controlVersion: 1,
  pid: process.pid,
  startedAtMs,
} as const;
const server = new ControlServer({
  path: config.controlSocket,
  methods: { hello: methods.hello, reload: methods.reload, drain: methods.drain, status: methods.status },
  events: turnControlEvents,
  handlers: {
    hello: () => hello,
    reload: () => ({}),
    drain: () => {
      setImmediate(() => void leave(DRAINED_EXIT_CODE));
      return {};
    },
    status: () => status,
  },
  log,
});
const leave = async (code: number): Promise<void> => {
  notifier.stopping();
  clearInterval(alive);
  await server.close();
  process.exit(code);
};
const alive = setInterval(() => undefined, 60_000);
process.on('SIGTERM', () => {
  if (config.realm !== 'stubborn') void leave(0);
});
if (config.realm !== 'deaf') await server.open();
console.log(JSON.stringify({ level: 30, msg: 'not yet "ready"' }));
const notifier = openServiceNotifier({ environment: process.env, clock: systemClock, log });
if (config.realm !== 'mute') notifier.ready('fixture');
if (config.realm !== 'mute') console.log(JSON.stringify({ ready: true }));
if (config.realm === 'hung')
  setTimeout(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0), 200);
