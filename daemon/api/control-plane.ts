/**
 * Puts the API together: identity, live events, the signaling gateway and both listeners. While the
 * database does not open (`database` undefined) it answers what it can and refuses the rest.
 */
import { apiUrlOf } from '../config/addresses.ts';
import type { RunningConfig } from '../config/running-config.ts';
import type { Audit } from '../identity/audit.ts';
import type { SfuDirectory } from '../cameras/system.ts';
import { ApiKeys } from '../identity/api-keys.ts';
import { Identity } from '../identity/identity.ts';
import { SignalTickets } from '../identity/signal-tickets.ts';
import type { IdentityStore } from '../identity/system.ts';
import type { TokenIssuers } from '../identity/token-issuers.ts';
import type { Clock } from '../kit/clock.ts';
import type { Logger } from '../kit/logger.ts';
import { Budgets } from './budgets.ts';
import type { ApiContext, DatabaseParts } from './context.ts';
import type { HeldPort } from '../system/held-port.ts';
import { hostLoad } from '../system/host-load.ts';
import { LiveEvents } from './live-events.ts';
import { openListeners } from './listeners.ts';
import type { TlsMaterial } from './server.ts';
import type { CameraService, Diagnosis, IssuedCertificates, NamespaceService } from './services.ts';
import { SignalingGateway } from './signaling-gateway.ts';
import { ModerationTrail } from './moderation-trail.ts';
import { WatchTrail } from './watch-trail.ts';

export type ControlPlaneOptions = {
  configuration: RunningConfig;
  namespaces: NamespaceService;
  diagnosis: Diagnosis;
  rooms: SfuDirectory;
  /** Cameras that have started; the caller stops them. */
  database:
    { cameras: CameraService; identityStore: IdentityStore; tokens: TokenIssuers; audit: Audit } | undefined;
  certificates: {
    server: { current: { caPem: string } };
    /** Undefined without TLS. */
    api: { current: TlsMaterial; onChange: (listener: (material: TlsMaterial) => void) => void } | undefined;
    /** Undefined while no authority issues certificates. */
    acme: IssuedCertificates | undefined;
  };
  tunnelCaPem: string | null;
  problems: () => string[];
  consoleDir: string;
  /** Of `api.listen`, opened when the daemon began to start. */
  port: HeldPort;
  clock: Clock;
  log: Logger;
};

/** Opens the API. Rejects, and leaves nothing open, when a listener does not open. */
export async function openControlPlane(
  options: ControlPlaneOptions,
): Promise<{ url: string; close: () => Promise<void> }> {
  const { configuration, namespaces, clock, certificates } = options;
  const { current: config } = configuration;
  const part = (component: string): Logger => options.log.child({ component });
  const live = new LiveEvents({
    namespaces,
    clock,
    log: part('live-events'),
    hostLoad: () => hostLoad(config.dataDir),
  });
  live.recordLoad();
  const gateway = new SignalingGateway({ namespaces, clock, log: part('gateway') });
  const parts = openParts(options, part('identity'));
  if (parts !== undefined) live.attachCameras(parts.cameras);
  const watches = parts && openWatchTrail(options, parts.audit, part('audit'));
  const moderation =
    parts && new ModerationTrail({ audit: parts.audit, sfus: options.rooms, log: part('audit') });
  const { port } = options.port;
  const context: ApiContext = {
    configuration,
    namespaces,
    database: () => parts,
    diagnosis: options.diagnosis,
    rooms: options.rooms,
    tickets: new SignalTickets({ clock }),
    live,
    gateway,
    budgets: new Budgets({ clock }),
    apiUrl: () => apiUrlOf(config, port),
    publicUrl: config.api.publicUrl,
    trustedProxies: config.api.trustedProxies,
    caPem: certificates.server.current.caPem,
    certificates: certificates.acme,
    tunnelCaPem: options.tunnelCaPem,
    problems: options.problems,
    consoleDir: options.consoleDir,
    clock,
    log: part('api'),
  };
  const closeSockets = (): void => {
    watches?.close();
    moderation?.close();
    live.close();
    gateway.close();
  };
  try {
    const tls = certificates.api?.current;
    const { socket: socketPath } = config.api;
    const listeners = await openListeners(context, { socketPath, tls, held: options.port });
    certificates.api?.onChange((material) => {
      listeners.setCertificate(material);
    });
    return {
      url: context.apiUrl(),
      async close() {
        closeSockets();
        await listeners.close();
      },
    };
  } catch (error) {
    closeSockets();
    throw error;
  }
}

function openWatchTrail(options: ControlPlaneOptions, audit: Audit, log: Logger): WatchTrail {
  const namespaces = options.namespaces.list().map(({ name }) => name);
  return new WatchTrail({ audit, sfus: options.rooms, namespaces, log });
}

function openParts(options: ControlPlaneOptions, log: Logger): DatabaseParts | undefined {
  if (options.database === undefined) return undefined;
  const { cameras, audit, tokens, identityStore: store } = options.database;
  const identity = new Identity({ store, clock: options.clock, log });
  identity.ensureFirstUser();
  const apiKeys = new ApiKeys({ store, clock: options.clock });
  apiKeys.keepOnly(options.namespaces.list().map(({ name }) => name));
  return { identity, apiKeys, tokens, cameras, audit };
}
