/** What the API is built from. The composition root makes one and builds both listeners with it. */
import type { SfuDirectory } from '../cameras/system.ts';
import { AppError } from '../contract/errors.ts';
import type { RunningConfig } from '../config/running-config.ts';
import type { Audit } from '../identity/audit.ts';
import type { ApiKeys } from '../identity/api-keys.ts';
import type { Identity } from '../identity/identity.ts';
import type { TokenIssuers } from '../identity/token-issuers.ts';
import type { SignalTickets } from '../identity/signal-tickets.ts';
import type { Clock } from '../kit/clock.ts';
import type { Logger } from '../kit/logger.ts';
import type { Budgets } from './budgets.ts';
import type { LiveEvents } from './live-events.ts';
import type { CameraService, Diagnosis, IssuedCertificates, NamespaceService } from './services.ts';
import type { SignalingGateway } from './signaling-gateway.ts';

/** The parts that need the database: absent while it does not open. */
export type DatabaseParts = {
  identity: Identity;
  apiKeys: ApiKeys;
  tokens: TokenIssuers;
  cameras: CameraService;
  audit: Audit;
};

export type ApiContext = {
  configuration: Pick<RunningConfig, 'current' | 'reload'>;
  namespaces: NamespaceService;
  /** Undefined while the database does not open: services go on, changes are refused. */
  database: () => DatabaseParts | undefined;
  diagnosis: Diagnosis;
  /** Undefined while no authority issues certificates. */
  certificates: IssuedCertificates | undefined;
  rooms: Pick<SfuDirectory, 'sfu'>;
  tickets: SignalTickets;
  live: LiveEvents;
  gateway: SignalingGateway;
  budgets: Budgets;
  /** What people and cameras type to reach the API, for example `https://video.example.com`. */
  apiUrl: () => string;
  /** True when `apiUrl` comes from the configuration: then its origin is ours too. */
  publicUrl: string | null;
  trustedProxies: string[];
  /** PEM of this host's own CA, for download. */
  caPem: string | null;
  /** PEM of the CA that signs the tunnel endpoint; null when it is publicly trusted. */
  tunnelCaPem: string | null;
  /** Why the daemon is not ready, one sentence each; empty when it is. */
  problems: () => string[];
  /** Folder of the built console. */
  consoleDir: string;
  clock: Clock;
  log: Logger;
};

/** Where a request came in: file permissions vouch for `local`, nothing vouches for `network`. */
export type ListenerKind = 'local' | 'network';

/** The parts of the database, or the refusal callers see while it is shut. */
export function openDatabaseParts(context: ApiContext): DatabaseParts {
  const parts = context.database();
  if (parts !== undefined) return parts;
  throw new AppError(
    'unavailable',
    'The database does not open: signing in, cameras and changes are off. TURN and SFU services run on.',
    { retryAfterSeconds: 10 },
  );
}
