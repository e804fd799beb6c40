/** What the namespaces of a node are made of. */
import type { Quota } from '../contract/quota.ts';
import type { Clock } from '../kit/clock.ts';
import type { Logger } from '../kit/logger.ts';
import type { NodeSettings } from './enabled-namespaces.ts';
import type { NamespaceTimes } from './namespace-times.ts';
import type { PortPlan } from './port-ledger.ts';
import type {
  ControlConnector,
  DnsRecords,
  Firewall,
  NamespaceStore,
  PortProbe,
  RelayProof,
  Sealer,
  ServiceManager,
  StateFileStore,
  TurnCertificates,
} from './system.ts';

export type NamespacesOptions = {
  node: string;
  /** Where SFU sockets and relays are bound: one private address. */
  shieldAddress: string;
  /** Host parts of the TURN URIs, as clients reach this node. */
  publicAddresses: readonly string[];
  turnBindAddresses: readonly string[];
  /** TURN over TLS only: no listeners and no URIs in the clear. */
  turnEncryptedOnly: boolean;
  /** Processes of each SFU service; without it one. */
  sfuWorkers?: number;
  /** DNS name of the TURN services enabled from now on, with the placeholder of daemon-config.ts; null: none. */
  turnHostName?: string | null;
  turnCertificates: TurnCertificates;
  /** Limits of TURN sessions and services, and how rooms come and go; without them the defaults count. */
  settings?: NodeSettings;
  /** What each namespace may take of the host, unless it has a quota of its own. */
  quota?: Quota;
  ports: PortPlan;
  credentialTtlSeconds: number;
  store: NamespaceStore;
  /** The database does not open and `store` is an empty one in memory: it knows of nothing, which is no "none". */
  storeStandsIn?: boolean;
  stateFile: StateFileStore;
  services: ServiceManager;
  connector: ControlConnector;
  sealer: Sealer;
  portProbe: PortProbe;
  proof: RelayProof;
  /** Without it nothing is opened and nothing closed. */
  firewall?: Firewall;
  /** Without it no records are made. */
  dns?: DnsRecords;
  log: Logger;
  clock: Clock;
  random?: () => number;
  times?: Partial<NamespaceTimes>;
};
