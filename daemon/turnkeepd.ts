/**
 * The daemon: `node daemon/turnkeepd.ts [--config FILE]`. Brings back what ran before, opens the tunnel
 * engine and the API, prints `{"ready":true,"url":...}`. SIGTERM or SIGINT ends it in reverse order within
 * 10 s, a second signal at once. It may be killed at any time: the next start takes up what it finds.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openControlPlane } from './api/control-plane.ts';
import { openDatabaseOrStandIn, whenDatabaseOpens } from './api/database-or-stand-in.ts';
import { assertOnlyDaemon } from './api/listeners.ts';
import { CameraService } from './cameras/camera-service.ts';
import { shieldWarning } from './config/addresses.ts';
import { loadConfig } from './config/load.ts';
import { reloadOnHangup, RunningConfig } from './config/running-config.ts';
import { openHostCertificates } from './host-certificates.ts';
import { HostDiagnosis } from './host-diagnosis.ts';
import { openIdentity } from './host-identity.ts';
import { nodeSettings, openNamespaces } from './host-namespaces.ts';
import { holdPorts } from './host-ports.ts';
import { compileServices, openServices } from './host-services.ts';
import { openTunnelEngine } from './host-tunnels.ts';
import { CleanupStack } from './kit/cleanup-stack.ts';
import { systemClock as clock } from './kit/clock.ts';
import { messageOf } from './kit/errors.ts';
import { createLogger } from './kit/logger.ts';
import { SqliteDeviceStore } from './store/sqlite/device-store.ts';
import { openServiceNotifier, type ServiceNotifier } from './system/notify/service-notifier.ts';

const STOP_DEADLINE_MS = 10_000;
const root = join(import.meta.dirname, '..');
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
  const { dataDir } = config;
  const log = createLogger({ name: 'turnkeepd', level: () => configuration.current.logging.level });
  const part = (component: string) => log.child({ component });
  const databaseFile = join(dataDir, 'turnkeep.db');
  await assertOnlyDaemon(config.api.socket);
  const ports = await holdPorts(config);
  stack.push('ports', () => ports.close());
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  notifier ??= openServiceNotifier({ environment: process.env, clock, log });

  const { database, problems } = openDatabaseOrStandIn(databaseFile);
  stack.push('database', () => void database.close());
  for (const problem of problems) log.error(problem);
  if (problems.length > 0) {
    stack.push('database retry', whenDatabaseOpens(databaseFile, { clock, then: () => void restart() }));
  }
  const warning = shieldWarning(config);
  if (warning !== undefined) log.warn(warning);

  const services = openServices({ config, root, log: part('services'), clock });
  stack.push('services', () => services.close({ leave: restarting }));
  const compiled = compileServices({ config, root, log: part('services') });
  // Before the namespaces: their TURN services show certificates of this host's CA.
  const certificates = await openHostCertificates({ config, log: part('certificates'), clock });
  const namespaces = await openNamespaces({
    ...{ config, database, services, certificates, log: part('namespaces'), clock },
  });
  const { acme } = certificates;
  const diagnosis = new HostDiagnosis({ config, database, problems, namespaces, acme, clock });
  stack.push('certificates', () => acme?.stop());
  stack.push('namespaces', () => namespaces.stop());
  await namespaces.start();
  configuration.follow((changed) => namespaces.retune(nodeSettings(changed)));
  stack.push('reload', reloadOnHangup(configuration, part('config')));

  const engine = await openTunnelEngine({
    ...{ config, certificate: certificates.server, log: part('tunnels'), clock, port: ports.tunnels },
  });
  stack.push('tunnel engine', () => engine.stop());
  await engine.start();

  const sfus = namespaces.sfuDirectory();
  const identity = await openIdentity({ dataDir, database, namespaces, clock });
  let cameras: CameraService | undefined;
  if (problems.length === 0) {
    cameras = new CameraService({
      store: new SqliteDeviceStore(database),
      engine,
      sfus,
      namespaceExists: (name) => namespaces.list().some((one) => one.name === name),
      logger: log,
      clock,
    });
    const opened = cameras;
    stack.push('cameras', () => opened.stop());
    await cameras.start();
  }
  await compiled; // Before anybody can enable a namespace.
  const controlPlane = await openControlPlane({
    configuration,
    namespaces,
    diagnosis,
    rooms: sfus,
    database: cameras && { cameras, ...identity },
    certificates,
    tunnelCaPem: engine.caPem,
    problems: () => problems,
    consoleDir: join(root, 'web', 'dist'),
    ...{ port: ports.api, clock, log },
  });
  stack.push('API', () => controlPlane.close());
  notifier.ready(`Console and API: ${controlPlane.url}`);
  process.stdout.write(`${JSON.stringify({ ready: true, url: controlPlane.url })}\n`);
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
