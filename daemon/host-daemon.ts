/** All parts of the daemon, in the order in which they need each other. Its life as a process is in `turnkeepd.ts`. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { openControlPlane } from './api/control-plane.ts';
import { openDatabaseOrStandIn, whenDatabaseOpens } from './api/database-or-stand-in.ts';
import { CameraService } from './cameras/camera-service.ts';
import { shieldWarning } from './config/addresses.ts';
import { reloadOnHangup, type RunningConfig } from './config/running-config.ts';
import { openHostCertificates } from './host-certificates.ts';
import { HostDiagnosis } from './host-diagnosis.ts';
import { openIdentity } from './host-identity.ts';
import { nodeSettings, openNamespaces } from './host-namespaces.ts';
import type { HostPorts } from './host-ports.ts';
import { compileServices, openServices } from './host-services.ts';
import { openTunnelEngine } from './host-tunnels.ts';
import type { CleanupStack } from './kit/cleanup-stack.ts';
import { systemClock as clock } from './kit/clock.ts';
import type { Logger } from './kit/logger.ts';
import { SqliteDeviceStore } from './store/sqlite/device-store.ts';

const root = join(import.meta.dirname, '..');

/**
 * Opens everything; what is open is on the stack, also when this rejects.
 * @param options.restart closes and opens everything again: the database can be opened now.
 * @returns the API's URL.
 */
export async function openDaemon(options: {
  configuration: RunningConfig;
  ports: HostPorts;
  stack: CleanupStack;
  log: Logger;
  restart: () => void;
  isRestarting: () => boolean;
}): Promise<string> {
  const { configuration, ports, stack, log, restart, isRestarting } = options;
  const { current: config } = configuration;
  const { dataDir } = config;
  const part = (component: string) => log.child({ component });
  const databaseFile = join(dataDir, 'turnkeep.db');
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const { database, problems } = openDatabaseOrStandIn(databaseFile);
  stack.push('database', () => void database.close());
  for (const problem of problems) log.error(problem);
  if (problems.length > 0) {
    stack.push('database retry', whenDatabaseOpens(databaseFile, { clock, then: restart }));
  }
  const warning = shieldWarning(config);
  if (warning !== undefined) log.warn(warning);

  const services = openServices({ config, root, log: part('services'), clock });
  stack.push('services', () => services.close({ leave: isRestarting() }));
  const compiled = compileServices({ config, root, log: part('services') });
  // Before the namespaces: their TURN services show certificates of this host's CA.
  const certificates = await openHostCertificates({ config, log: part('certificates'), clock });
  const namespaces = await openNamespaces({
    ...{ config, database, services, certificates, log: part('namespaces'), clock },
    databaseStandsIn: problems.length > 0,
  });
  const { acme } = certificates;
  const diagnosis = new HostDiagnosis({ config, database, problems, namespaces, acme, clock });
  stack.push('certificates', () => acme?.stop());
  stack.push('local CA', () => certificates.server.stop());
  stack.push('namespaces', () => namespaces.stop());
  await namespaces.start();
  configuration.follow((changed) => namespaces.retune(nodeSettings(changed)));
  configuration.follow(({ services: { quota } }) => namespaces.retuneQuotas(quota));
  stack.push('reload', reloadOnHangup(configuration, part('config')));

  const engine = await openTunnelEngine({
    ...{ config, certificate: certificates.server.current, log: part('tunnels'), clock, port: ports.tunnels },
  });
  stack.push('tunnel engine', () => engine.stop());
  await engine.start();
  certificates.server.onChange((renewed) => {
    engine.setCertificate(renewed);
  });

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
  return controlPlane.url;
}
