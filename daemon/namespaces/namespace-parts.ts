/** What the namespaces of a node are made of, put together. */
import { DEFAULT_QUOTA } from '../contract/quota.ts';
import { CertificateRenewal } from './certificate-renewal.ts';
import { ControlLinks } from './control-links.ts';
import { EnabledNamespaces } from './enabled-namespaces.ts';
import { MAX_TTL_SECONDS, NamespaceAccess } from './namespace-access.ts';
import { NamespaceQuotas } from './namespace-quotas.ts';
import { NamespaceRegistry } from './namespace-registry.ts';
import { DEFAULT_NAMESPACE_TIMES } from './namespace-times.ts';
import type { NamespacesOptions } from './namespaces-options.ts';
import { NodeDiagnosis } from './node-diagnosis.ts';
import { NO_DNS, NodeDns } from './node-dns.ts';
import { NO_FIREWALL, NodeFirewall } from './node-firewall.ts';
import { OperationPlans } from './operation-plans.ts';
import { Operations } from './operations.ts';
import { PortReservations } from './port-reservation.ts';
import { RoomService } from './room-service.ts';
import { RunningSettings } from './running-settings.ts';
import { StateKeeper } from './state-keeper.ts';
import { TurnAccessService } from './turn-access-service.ts';
import { TurnKeyService } from './turn-key-service.ts';
import { TurnOperations } from './turn-operations.ts';
import { WebrtcReports } from './webrtc-reports.ts';

export type NamespaceParts = ReturnType<typeof makeParts>;

/** Starts nothing. @param stopSignal is aborted when the daemon stops. */
export function makeParts(options: NamespacesOptions, stopSignal: AbortSignal) {
  const { node, store, services, clock, log, sealer, publicAddresses, credentialTtlSeconds } = options;
  const times = { ...DEFAULT_NAMESPACE_TIMES, ...options.times };
  const { probeTimeoutMs, reloadTimeoutMs } = times;
  const random = options.random ?? Math.random;
  /** Namespaces that could not be brought back, and why. */
  const broken = new Map<string, string>();
  const links = new ControlLinks({
    connector: options.connector,
    services,
    clock,
    random,
    log,
  });
  const enabled = new EnabledNamespaces({
    sealer,
    services,
    links,
    certificates: options.turnCertificates,
    addresses: {
      shieldAddress: options.shieldAddress,
      publicAddresses,
      turnBindAddresses: options.turnBindAddresses,
      encryptedOnly: options.turnEncryptedOnly,
      sfuWorkers: options.sfuWorkers,
    },
    settings: options.settings ?? {},
    // One that is being enabled already counts, one that is being disabled still does.
    sharers: () => store.webrtcConfigs().length,
  });
  const state = new StateKeeper({ node, store, file: options.stateFile, clock });
  const reservations = new PortReservations({
    store,
    probe: options.portProbe,
    plan: options.ports,
    shieldAddress: options.shieldAddress,
    publicAddresses,
    turnBindAddresses: options.turnBindAddresses,
  });
  const settings = new RunningSettings({ node, store, services, links, enabled, log, reloadTimeoutMs });
  const certificateRenewal = new CertificateRenewal({
    ...{ enabled, settings, links, clock, log, probeTimeoutMs },
  });
  const firewall = new NodeFirewall({ firewall: options.firewall ?? NO_FIREWALL, clock, log });
  const dns = new NodeDns({
    ...{ store, publicAddresses, clock, random, log },
    dns: options.dns ?? NO_DNS,
    wanted: () => enabled.all().map(({ domain }) => domain),
  });
  const quotas = new NamespaceQuotas({
    ...{ store, services, log, state },
    defaults: options.quota ?? DEFAULT_QUOTA,
    sfuWorkers: options.sfuWorkers ?? 1,
    requireNamespace: (name) => void registry.get(name),
  });
  const reports = new WebrtcReports({
    ...{ node, store, services, links, enabled, quotas, firewall, dns, broken },
    ...{ publicAddresses, credentialTtlSeconds, probeTimeoutMs },
    turnEncryptedOnly: options.turnEncryptedOnly,
  });
  const registry: NamespaceRegistry = new NamespaceRegistry({
    store,
    running: (name) => operations.running(name),
    reports: (name) => reports.reports(name),
    broken,
    clock,
    log,
  });
  const skewSeconds = options.settings?.turnSession?.clockSkewSeconds ?? 0;
  const longestCredentialMs = (MAX_TTL_SECONDS + skewSeconds) * 1000;
  const operations = new Operations({
    dependencies: {
      ...{ node, store, services, sealer, clock, log, reservations, state, enabled, settings, quotas },
      ...{ firewall, dns, longestCredentialMs, credentialTtlSeconds, times },
      proof: options.proof,
      turnHostName: options.turnHostName ?? null,
      signal: stopSignal,
    },
    log,
    onOperation: (operation) => {
      registry.emit({ type: 'operation', operation });
    },
    onNamespace: (namespace, ended) => {
      if (ended?.state === 'succeeded') broken.delete(namespace);
      registry.tell(namespace);
    },
  });
  const plans = new OperationPlans({
    ...{ node, store, reservations, enabled, firewall, dns, times },
    turnHostName: options.turnHostName ?? null,
  });
  const requireEnabled = (name: string): void => {
    registry.requireEnabled(name);
  };
  const requireIdle = (name: string): void => {
    requireEnabled(name);
    operations.refuseWhileRunning(name);
  };
  const turn = new TurnOperations({
    links: {
      turn: (name, limitMs) => links.turn(name, limitMs),
      probeTurn: (name, limitMs) => reports.probeTurn(name, limitMs),
    },
    ...{ services, requireEnabled, requireIdle, probeTimeoutMs },
  });
  const diagnosis = new NodeDiagnosis({
    ...{ node, store, services, enabled },
    plan: options.ports,
    stateFile: options.stateFile,
    probe: (name) => reports.ask(name),
    servesDtls: (name) => links.servesDtls(name),
    isChanging: (name) => operations.running(name) !== undefined,
    broken: (name) => broken.get(name),
    firewallProblem: (name) => firewall.view(name).problem,
    quotaProblem: (name) => quotas.drift(name),
    dnsProblem: (name) => dns.check(name),
    dnsDebts: () => dns.debts(),
    firewallDrift: () => firewall.drift(),
  });
  const turnKeys = new TurnKeyService({
    ...{ store, sealer, state, settings, links, requireEnabled, clock, log },
    controlTimeoutMs: reloadTimeoutMs,
  });
  const rooms = new RoomService({
    ...{ node, store, clock, log, requireEnabled, turn, links },
    controlTimeoutMs: reloadTimeoutMs,
  });
  const turnAccess = new TurnAccessService({
    ...{ store, state, settings, operations, enabled, links, longestCredentialMs },
    ...{ requireEnabled, requireIdle, clock, log },
    controlTimeoutMs: reloadTimeoutMs,
  });
  const access = new NamespaceAccess({
    enabled,
    links,
    refuseRevoked: (name, subject) => {
      turnAccess.refuseRevoked(name, subject);
    },
    clock,
  });
  return {
    ...{ times, broken, links, enabled, state, reservations, settings, certificateRenewal, firewall, dns },
    ...{ quotas, reports, registry, operations, plans, turn, diagnosis, turnKeys, rooms, turnAccess, access },
  };
}
