/** A node with the real store, state file, service manager and services, on a loopback address of its own. */
import { join } from 'node:path';
import { daemonConfigSchema } from '../../contract/daemon-config.ts';
import { relayProof } from '../../health/relay-proof.ts';
import { systemClock } from '../../kit/clock.ts';
import { createLogger } from '../../kit/logger.ts';
import { Namespaces, type NamespacesOptions } from '../../namespaces/namespace-service.ts';
import { portPlanOf } from '../../namespaces/port-ledger.ts';
import { openDatabase } from '../../store/sqlite/database.ts';
import { SqliteNamespaceStore } from '../../store/sqlite/namespace-store.ts';
import { ChildProcessServices } from '../../system/child-process-services.ts';
import { UnixControlConnector } from '../../system/control-connector.ts';
import { HostKey } from '../../system/host-key.ts';
import { loadOrCreateLocalCa } from '../../system/local-ca.ts';
import { BindingPortProbe } from '../../system/port-probe.ts';
import { FileStateStore } from '../../system/state-file-store.ts';
import { FileTurnCertificates } from '../../system/turn-certificates.ts';

const daemonDir = join(import.meta.dirname, '../..');
/** Outside the ephemeral range, and apart from the product's own defaults. */
export const TEST_PORTS = daemonConfigSchema.shape.ports.parse({
  sfuSignaling: { minPort: 26000, maxPort: 26009 },
  sfuMedia: { minPort: 26100, maxPort: 26199 },
  sfuMediaPerNamespace: 20,
  turnRelay: { minPort: 26200, maxPort: 26499 },
  turnRelayPerNamespace: 50,
  turn: { minPort: 26500, maxPort: 26519 },
  turns: { minPort: 26520, maxPort: 26539 },
});

export type RealNode = {
  namespaces: Namespaces;
  services: ChildProcessServices;
  store: SqliteNamespaceStore;
  close(): Promise<void>;
};

/** The caller starts `namespaces` and closes the node. */
export async function realNode(options: {
  dataDir: string;
  address: string;
  stopServicesOnExit: boolean;
  databaseFile?: string;
  change?: Partial<NamespacesOptions>;
}): Promise<RealNode> {
  const { dataDir, address } = options;
  const log = createLogger({
    name: 'test',
    level: process.env['TEST_LOG'] === undefined ? 'silent' : 'debug',
  });
  const database = openDatabase(join(dataDir, options.databaseFile ?? 'turnkeep.db'));
  const store = new SqliteNamespaceStore(database);
  const services = new ChildProcessServices({
    dataDir,
    entries: { turn: join(daemonDir, 'turn-service.ts'), sfu: join(daemonDir, 'sfu-service.ts') },
    stopServicesOnExit: options.stopServicesOnExit,
    log,
    times: { readyTimeoutMs: 60_000 },
  });
  const namespaces = new Namespaces({
    node: 'local',
    shieldAddress: address,
    publicAddresses: [address],
    turnBindAddresses: [address],
    turnEncryptedOnly: false,
    turnCertificates: await localTurnCertificates(dataDir),
    ports: portPlanOf(TEST_PORTS),
    credentialTtlSeconds: 600,
    store,
    stateFile: new FileStateStore(join(dataDir, 'cluster_state.json')),
    services,
    connector: new UnixControlConnector(),
    sealer: await HostKey.open(join(dataDir, 'host.key')),
    portProbe: new BindingPortProbe(),
    proof: relayProof,
    log,
    clock: systemClock,
    times: {
      readyTimeoutMs: 60_000,
      bootReadyTimeoutMs: 60_000,
      drainDeadlineMs: 1000,
      probeTimeoutMs: 10_000,
    },
    ...options.change,
  });
  return {
    namespaces,
    services,
    store,
    async close() {
      await namespaces.stop();
      await services.close();
      database.close();
    },
  };
}

/** As the daemon makes them: of a local CA. */
async function localTurnCertificates(dataDir: string): Promise<FileTurnCertificates> {
  const caDirectory = join(dataDir, 'ca');
  await loadOrCreateLocalCa(caDirectory, { names: ['localhost'], addresses: [], nowMs: Date.now() });
  return new FileTurnCertificates({
    directory: join(dataDir, 'turn-certificates'),
    caDirectory,
    source: null,
    log: createLogger({ name: 'test', level: 'silent' }),
    clock: systemClock,
  });
}

/** Resolves with the operation when it has ended. */
export function ended(namespaces: Namespaces, id: string): Promise<ReturnType<Namespaces['operation']>> {
  return new Promise((resolve) => {
    const unsubscribe = namespaces.subscribe((change) => {
      if (change.type !== 'operation' || change.operation.id !== id) return;
      if (change.operation.state === 'running') return;
      unsubscribe();
      resolve(change.operation);
    });
    const now = namespaces.operation(id);
    if (now.state === 'running') return;
    unsubscribe();
    resolve(now);
  });
}
