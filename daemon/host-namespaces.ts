/** The namespaces of this host: its addresses, limits and ports from the configuration, its state from the data directory. */
import { join } from 'node:path';
import type { LoadedConfig } from './config/load.ts';
import type { HostCertificates } from './host-certificates.ts';
import { openDns } from './host-dns.ts';
import { openFirewall } from './host-firewall.ts';
import { relayProof } from './health/relay-proof.ts';
import type { Clock } from './kit/clock.ts';
import type { Logger } from './kit/logger.ts';
import type { NodeSettings } from './namespaces/enabled-namespaces.ts';
import { Namespaces } from './namespaces/namespace-service.ts';
import { portPlanOf } from './namespaces/port-ledger.ts';
import type { ServiceManager } from './namespaces/system.ts';
import { SqliteNamespaceStore } from './store/sqlite/namespace-store.ts';
import { UnixControlConnector } from './system/control-connector.ts';
import { HostKey } from './system/host-key.ts';
import { BindingPortProbe } from './system/port-probe.ts';
import { FileStateStore } from './system/state-file-store.ts';

/** Makes the host's key when there is none. The caller starts them. Throws AppError or AdapterError. */
export async function openNamespaces(options: {
  config: LoadedConfig;
  database: ConstructorParameters<typeof SqliteNamespaceStore>[0];
  /** The database does not open: that one is empty, in memory. */
  databaseStandsIn: boolean;
  services: ServiceManager;
  certificates: Pick<HostCertificates, 'turn' | 'acme'>;
  log: Logger;
  clock: Clock;
}): Promise<Namespaces> {
  const { config, database, services, certificates, log, clock } = options;
  const { dataDir, turn } = config;
  const namespaces = new Namespaces({
    node: 'local',
    shieldAddress: config.shield.address,
    publicAddresses: config.public.addresses,
    turnBindAddresses: turn.bindAddresses,
    turnEncryptedOnly: turn.encryptedOnly,
    turnHostName: turn.hostName,
    turnCertificates: certificates.turn,
    sfuWorkers: config.sfu.workers,
    settings: nodeSettings(config),
    quota: config.services.quota,
    ports: portPlanOf(config.ports),
    credentialTtlSeconds: turn.credentialTtlSeconds,
    store: new SqliteNamespaceStore(database),
    storeStandsIn: options.databaseStandsIn,
    stateFile: new FileStateStore(join(dataDir, 'cluster_state.json')),
    services,
    connector: new UnixControlConnector(),
    sealer: await HostKey.open(join(dataDir, 'keys', 'host.key')),
    portProbe: new BindingPortProbe(),
    proof: relayProof,
    firewall: openFirewall(config),
    dns: openDns(config),
    log,
    clock,
  });
  certificates.acme?.onChange(() => {
    namespaces.certificateRenewal.lookSoon();
  });
  return namespaces;
}

/** What the services of all namespaces follow without a restart. */
export function nodeSettings({
  turn,
  rooms,
  sfu,
}: Pick<LoadedConfig, 'turn' | 'rooms' | 'sfu'>): NodeSettings {
  return {
    turnSession: {
      maxSeconds: turn.maxSessionSeconds,
      strictExpiry: turn.strictExpiry,
      clockSkewSeconds: turn.clockSkewSeconds,
    },
    turnLimits: turn.limits,
    sfuAlternatives: sfu.alternatives,
    rooms,
  };
}
