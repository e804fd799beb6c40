/**
 * The namespaces of this node: create and delete, enable and disable WebRTC, status, credentials, and which
 * SFU serves which namespace. The only one that changes services, ports and the state file.
 */
import type { EnableWebrtc, Namespace, Operation, WebrtcStatus } from '../contract/api.ts';
import type { SfuStatus, TurnStatus } from '../contract/control.ts';
import { AppError } from '../contract/errors.ts';
import type { TurnCredentials } from '../contract/ice.ts';
import { DEFAULT_QUOTA } from '../contract/quota.ts';
import { namespaceNameSchema } from '../contract/names.ts';
import { issueRestCredential } from '../credentials/turn-rest.ts';
import { Lifecycle } from '../kit/lifecycle.ts';
import { CertificateRenewal } from './certificate-renewal.ts';
import { coldBoot } from './cold-boot.ts';
import { ControlLinks, type SfuLinkEvent } from './control-links.ts';
import { EnabledNamespaces, notEnabled, serviceRefs, type NodeSettings } from './enabled-namespaces.ts';
import type { EnableRequest } from './enable-steps.ts';
import { NamespaceQuotas } from './namespace-quotas.ts';
import { NodeDiagnosis } from './node-diagnosis.ts';
import { NO_DNS, NodeDns } from './node-dns.ts';
import { NO_FIREWALL, NodeFirewall } from './node-firewall.ts';
import { Operations, type OperationsOptions } from './operations.ts';
import { checkNode } from './node-check.ts';
import { PortReservations } from './port-reservation.ts';
import { reloadOnce } from './reload-service.ts';
import { turnUris } from './render-service-config.ts';
import { RoomService } from './room-service.ts';
import { RunningSettings } from './running-settings.ts';
import { planOf } from './saga.ts';
import { StateKeeper } from './state-keeper.ts';
import type { NamespaceStore, ServiceManager, SfuControl, Unsubscribe, WebrtcRecord } from './system.ts';
import { DEFAULT_NAMESPACE_TIMES, type NamespaceTimes } from './namespace-times.ts';
import type { NamespacesOptions } from './namespaces-options.ts';
import { TurnAccessService } from './turn-access-service.ts';
import { TurnKeyService } from './turn-key-service.ts';
import { TurnOperations } from './turn-operations.ts';
import { serviceView, webrtcState } from './webrtc-status.ts';

/** Shortest and longest life of a credential that a caller may ask for, in seconds. */
const MIN_TTL_SECONDS = 30;
const MAX_TTL_SECONDS = 86_400;

export type { NamespacesOptions };

export type NamespaceChange =
  | { type: 'namespace'; namespace: Namespace }
  | { type: 'namespace-removed'; name: string }
  | { type: 'operation'; operation: Operation };

export class Namespaces extends Lifecycle {
  /** What operators do with the TURN services. */
  readonly turn: TurnOperations;
  /** Who may use them. */
  readonly turnAccess: TurnAccessService;
  /** Who may derive credentials of them. */
  readonly turnKeys: TurnKeyService;
  readonly diagnosis: NodeDiagnosis;
  /** What each may take of the host. */
  readonly quotas: NamespaceQuotas;
  /** The rooms of the SFUs. */
  readonly rooms: RoomService;
  readonly #options: NamespacesOptions;
  readonly #times: NamespaceTimes;
  readonly #store: NamespaceStore;
  readonly #links: ControlLinks;
  readonly #enabled: EnabledNamespaces;
  readonly #state: StateKeeper;
  readonly #reservations: PortReservations;
  readonly #settings: RunningSettings;
  readonly #operations: Operations;
  readonly certificateRenewal: CertificateRenewal;
  readonly #firewall: NodeFirewall;
  readonly #dns: NodeDns;
  readonly #listeners = new Set<(change: NamespaceChange) => void>();
  /** What was last told of each namespace, so that nothing is told twice. */
  readonly #told = new Map<string, string>();
  /** Namespaces that could not be brought back, and why. */
  #broken = new Map<string, string>();
  #unwatchServices: Unsubscribe = () => undefined;

  /** Throws AppError invalid_request when the node's addresses or port ranges cannot work. */
  constructor(options: NamespacesOptions) {
    super();
    checkNode(options);
    const { node, store, services, clock, log, sealer } = options;
    const { shieldAddress, publicAddresses, turnBindAddresses } = options;
    this.#options = options;
    this.#times = { ...DEFAULT_NAMESPACE_TIMES, ...options.times };
    this.#store = store;
    this.#links = new ControlLinks({
      connector: options.connector,
      services,
      clock,
      random: options.random ?? Math.random,
      log,
    });
    this.#enabled = new EnabledNamespaces({
      sealer,
      services,
      links: this.#links,
      certificates: options.turnCertificates,
      addresses: {
        shieldAddress,
        publicAddresses,
        turnBindAddresses,
        encryptedOnly: options.turnEncryptedOnly,
        sfuWorkers: options.sfuWorkers,
      },
      settings: options.settings ?? {},
      // One that is being enabled already counts, one that is being disabled still does.
      sharers: () => store.webrtcConfigs().length,
    });
    this.#state = new StateKeeper({ node, store, file: options.stateFile, clock });
    this.#reservations = new PortReservations({
      store,
      probe: options.portProbe,
      plan: options.ports,
      shieldAddress,
      publicAddresses,
      turnBindAddresses,
    });
    const settings = (this.#settings = new RunningSettings({
      node,
      store,
      services,
      links: this.#links,
      enabled: this.#enabled,
      log,
      reloadTimeoutMs: this.#times.reloadTimeoutMs,
    }));
    this.certificateRenewal = new CertificateRenewal({
      enabled: this.#enabled,
      settings,
      links: this.#links,
      clock,
      log,
      probeTimeoutMs: this.#times.probeTimeoutMs,
    });
    this.#firewall = new NodeFirewall({ firewall: options.firewall ?? NO_FIREWALL, clock, log });
    this.#dns = new NodeDns({ dns: options.dns ?? NO_DNS, store, publicAddresses, clock, log });
    this.quotas = new NamespaceQuotas({
      ...{ store, services, log, state: this.#state },
      defaults: options.quota ?? DEFAULT_QUOTA,
      requireNamespace: (name) => void this.get(name),
    });
    const skewSeconds = options.settings?.turnSession?.clockSkewSeconds ?? 0;
    const dependencies: OperationsOptions['dependencies'] = {
      node,
      store,
      services,
      sealer,
      clock,
      proof: options.proof,
      reservations: this.#reservations,
      state: this.#state,
      enabled: this.#enabled,
      settings,
      quotas: this.quotas,
      firewall: this.#firewall,
      dns: this.#dns,
      longestCredentialMs: (MAX_TTL_SECONDS + skewSeconds) * 1000,
      log,
      credentialTtlSeconds: options.credentialTtlSeconds,
      turnHostName: options.turnHostName ?? null,
      times: this.#times,
      signal: this.stopSignal,
    };
    this.#operations = new Operations({
      dependencies,
      log,
      onOperation: (operation) => {
        this.#emit({ type: 'operation', operation });
      },
      onNamespace: (namespace, ended) => {
        if (ended?.state === 'succeeded') this.#broken.delete(namespace);
        this.#tell(namespace);
      },
    });
    const requireEnabled = (name: string): void => {
      this.get(name);
      if (this.#store.webrtcConfig(name) === undefined) throw notEnabled(name);
    };
    const requireIdle = (name: string): void => {
      requireEnabled(name);
      this.#operations.refuseWhileRunning(name);
    };
    this.turn = new TurnOperations({
      links: {
        turn: (name, limitMs) => this.#links.turn(name, limitMs),
        probeTurn: (name, limitMs) => this.#probeTurn(name, limitMs),
      },
      services,
      requireEnabled,
      requireIdle,
      probeTimeoutMs: this.#times.probeTimeoutMs,
    });
    this.diagnosis = new NodeDiagnosis({
      node,
      plan: options.ports,
      store,
      services,
      stateFile: options.stateFile,
      enabled: this.#enabled,
      probe: (name) => this.#ask(name),
      isChanging: (name) => this.#operations.running(name) !== undefined,
      broken: (name) => this.#broken.get(name),
      firewallProblem: (name) => this.#firewall.view(name).problem,
      quotaProblem: (name) => this.quotas.drift(name),
      dnsProblem: (name) => this.#dns.check(name),
      firewallDrift: () => this.#firewall.drift(),
    });
    this.turnKeys = new TurnKeyService({
      store,
      sealer,
      state: this.#state,
      settings,
      links: this.#links,
      requireEnabled,
      controlTimeoutMs: this.#times.reloadTimeoutMs,
      clock,
      log,
    });
    this.rooms = new RoomService({
      ...{ node, store, clock, log, requireEnabled },
      turn: this.turn,
      links: this.#links,
      controlTimeoutMs: this.#times.reloadTimeoutMs,
    });
    this.turnAccess = new TurnAccessService({
      store,
      state: this.#state,
      settings,
      operations: this.#operations,
      enabled: this.#enabled,
      links: this.#links,
      longestCredentialMs: dependencies.longestCredentialMs,
      controlTimeoutMs: this.#times.reloadTimeoutMs,
      requireEnabled,
      requireIdle,
      clock,
      log,
    });
  }

  // -- Namespaces ------------------------------------------------------------------------------------

  list(): Namespace[] {
    return this.#store.namespaces().map((record) => this.#view(record.name, record.createdAtMs));
  }

  /** Throws namespace_not_found. */
  get(name: string): Namespace {
    const record = this.#store.namespaces().find((one) => one.name === name);
    if (record === undefined) {
      throw new AppError('namespace_not_found', `There is no namespace "${name}".`);
    }
    return this.#view(record.name, record.createdAtMs);
  }

  /** Throws namespace_exists, or invalid_request for a name outside the grammar. */
  create(name: string): Namespace {
    const parsed = namespaceNameSchema.safeParse(name);
    if (!parsed.success) {
      throw new AppError('invalid_request', parsed.error.issues[0]?.message ?? 'not a namespace name');
    }
    this.#store.insertNamespace({ name, createdAtMs: this.#options.clock.nowMs() });
    this.#tell(name);
    return this.get(name);
  }

  /** Throws namespace_in_use while WebRTC is set up or an operation runs. Cameras are not known here. */
  delete(name: string): void {
    this.get(name);
    if (this.#operations.running(name) !== undefined || this.#store.webrtcConfig(name) !== undefined) {
      throw new AppError('namespace_in_use', `WebRTC is enabled for "${name}": disable it first.`);
    }
    this.#store.deleteNamespace(name);
    this.#told.delete(name);
    this.#emit({ type: 'namespace-removed', name });
  }

  subscribe(listener: (change: NamespaceChange) => void): Unsubscribe {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  // -- Enable and disable ------------------------------------------------------------------------------

  /**
   * Checks what can be checked, then starts the operation and returns. Throws namespace_not_found,
   * operation_in_progress, webrtc_already_enabled, ports_exhausted or port_taken, before anything is written.
   */
  enableWebrtc(
    name: string,
    options: EnableWebrtc,
  ): { operationId: string } | { plan: { id: string; label: string }[] } {
    this.get(name);
    this.#operations.refuseWhileRunning(name);
    if (this.#store.webrtcConfig(name) !== undefined) {
      throw new AppError('webrtc_already_enabled', `WebRTC is already enabled for "${name}".`);
    }
    const { turnPort, turnsPort, relay } = options;
    const request: EnableRequest = { namespace: name, turnPort, turnsPort, relay };
    this.#reservations.check({ ...request, node: this.#options.node });
    if (options.dryRun) return { plan: planOf('enable-webrtc') };
    return { operationId: this.#operations.begin('enable-webrtc', request).id };
  }

  /** Throws webrtc_not_enabled or operation_in_progress. Run again, it finishes what was left behind. */
  disableWebrtc(name: string): { operationId: string } {
    this.get(name);
    this.#operations.refuseWhileRunning(name);
    if (this.#store.webrtcConfig(name) === undefined) throw notEnabled(name);
    return { operationId: this.#operations.begin('disable-webrtc', { namespace: name }).id };
  }

  /** Throws operation_not_found. */
  operation(id: string): Operation {
    return this.#operations.get(id);
  }

  /** The latest ones, newest first. */
  operations(): Operation[] {
    return this.#operations.list();
  }

  /** Settings of the whole node, as the configuration has them now. Resolves when the running services were told. */
  retune(settings: NodeSettings): Promise<void> {
    return this.#settings.retune(settings);
  }

  // -- What others ask ---------------------------------------------------------------------------------

  /** By live probes; takes at most the time limit of one probe. */
  async status(name: string): Promise<WebrtcStatus> {
    const { webrtc } = this.get(name);
    const config = this.#store.webrtcConfig(name);
    const claim = this.#claim(name);
    const none = { turn: null, sfu: null, sessions: null, rooms: null, allocations: null };
    const common = {
      namespace: name,
      state: webrtc,
      ports: claim?.blocks ?? null,
      uris: claim === undefined ? [] : this.#uris(name, config, claim.blocks),
      credentialTtlSeconds: config?.ttlSeconds ?? this.#options.credentialTtlSeconds,
    };
    if (config === undefined) return { ...common, ...none };
    const { relayScope: relay } = config;
    const [{ turn: turnAnswer, sfu: sfuAnswer }, quota] = await Promise.all([
      this.#ask(name),
      this.quotas.view(name),
    ]);
    const { turn, sfu } = this.#reports(name);
    return {
      ...common,
      turn: serviceView('turn', turn, turnAnswer),
      sfu: serviceView('sfu', sfu, sfuAnswer),
      sessions: sfuAnswer?.sessions ?? null,
      rooms: sfuAnswer?.rooms ?? null,
      allocations: turnAnswer?.allocations ?? null,
      relay,
      firewall: this.#firewall.view(name),
      dns: this.#dns.view(name),
      quota,
    };
  }

  /**
   * What both services say of themselves, as it is; null while WebRTC is off. Takes at most the time
   * limit of one probe.
   */
  async probe(name: string): Promise<{ turn: TurnStatus | null; sfu: SfuStatus | null } | null> {
    return this.#store.webrtcConfig(name) === undefined ? null : this.#ask(name);
  }

  /**
   * TURN REST credentials, as the callers of the API and the cameras get them. Throws webrtc_not_enabled, or
   * forbidden for a revoked subject.
   * @param options.ttlSeconds is brought within 30 s and a day; without it the configured life counts.
   * @param options.browser leaves out the URIs of DTLS, which browsers do not speak.
   */
  turnCredentials(
    name: string,
    options: { subject: string; ttlSeconds?: number; browser?: boolean },
  ): TurnCredentials {
    const inputs = this.#enabled.get(name);
    if (inputs === undefined) throw notEnabled(name);
    this.turnAccess.refuseRevoked(name, options.subject);
    const ttl = Math.min(
      MAX_TTL_SECONDS,
      Math.max(MIN_TTL_SECONDS, Math.floor(options.ttlSeconds ?? inputs.ttlSeconds)),
    );
    const { username, password } = issueRestCredential({
      secret: inputs.turnSecret,
      namespace: name,
      subject: options.subject,
      ttlSeconds: ttl,
      nowMs: this.#options.clock.nowMs(),
    });
    const dtls = options.browser !== true && this.#links.servesDtls(name);
    const uris = turnUris(inputs, { dtls });
    return { uris, username, password, ttl, urls: uris, credential: password };
  }

  /** Where the namespace's SFU takes signaling, and the key of its tickets; undefined when not enabled. */
  signaling(name: string): { address: string; port: number; ticketKey: string } | undefined {
    const inputs = this.#enabled.get(name);
    if (inputs === undefined) return undefined;
    const { shieldAddress, blocks, ticketKey } = inputs;
    return { address: shieldAddress, port: blocks.sfuSignaling, ticketKey };
  }

  /**
   * The namespaces as the cameras see them: which SFU answers now and what all of them say. Its credentials
   * are refused with credential_not_configured while the namespace has no WebRTC.
   */
  sfuDirectory(): {
    sfu(namespace: string): SfuControl | undefined;
    watch(listener: (event: SfuLinkEvent) => void): Unsubscribe;
    turnCredentials(namespace: string, options: { subject: string; ttlSeconds?: number }): TurnCredentials;
  } {
    return {
      sfu: (namespace) => this.#links.sfu(namespace),
      watch: (listener) => this.#links.watch(listener),
      turnCredentials: (namespace, options) => {
        if (this.#enabled.get(namespace) === undefined) {
          const sentence = `WebRTC is not enabled for the namespace "${namespace}".`;
          throw new AppError('credential_not_configured', sentence);
        }
        return this.turnCredentials(namespace, options);
      },
    };
  }

  // -- Life ----------------------------------------------------------------------------------------------

  protected override async onStart(): Promise<void> {
    const { node, services, log } = this.#options;
    this.rooms.start();
    this.#unwatchServices = services.watch((service, { state }) => {
      if (state === 'ready') this.#links.hurry(service);
      this.#tell(service.namespace);
    });
    const { plan, broken } = await coldBoot({
      node,
      services,
      log,
      store: this.#store,
      state: this.#state,
      enabled: this.#enabled,
      readyTimeoutMs: this.#times.bootReadyTimeoutMs,
      signal: this.stopSignal,
      limit: (namespace, quota) => this.quotas.apply(namespace, quota),
      reload: (service) => reloadOnce(service, this.#options),
    });
    this.#broken = broken;
    await this.#firewall.reconcile(this.#enabled.all());
    this.#dns.reconcile(this.#enabled.all().map(({ domain }) => domain));
    await this.#operations.resume();
    this.turnAccess.start();
    this.certificateRenewal.start();
    for (const namespace of plan.leftovers) {
      if (this.stopSignal.aborted) break;
      log.warn({ namespace }, 'left half done: it is disabled to the end');
      this.#operations.begin('disable-webrtc', { namespace });
    }
  }

  /** Services go on: whoever made the service manager decides about them. */
  protected override async onStop(): Promise<void> {
    this.#unwatchServices();
    this.rooms.stop();
    await this.certificateRenewal.stop();
    await this.turnAccess.stop();
    await this.#operations.idle();
    await Promise.all([this.#firewall.stop(), this.#dns.stop()]);
    this.#links.closeAll();
    this.#listeners.clear();
  }

  // -- Inside --------------------------------------------------------------------------------------------

  #view(name: string, createdAtMs: number): Namespace {
    const running = this.#operations.running(name);
    return {
      name,
      createdAt: new Date(createdAtMs).toISOString(),
      webrtc: webrtcState({
        config: this.#store.webrtcConfig(name),
        running: running?.kind,
        broken: this.#broken.has(name),
        ...this.#reports(name),
      }),
      operationId: running?.id ?? null,
    };
  }

  async #ask(name: string): Promise<{ turn: TurnStatus | null; sfu: SfuStatus | null }> {
    const limitMs = this.#times.probeTimeoutMs;
    const [turn, sfu] = await Promise.all([
      this.#probeTurn(name, limitMs),
      this.#links.probeSfu(name, limitMs),
    ]);
    return { turn, sfu };
  }

  async #probeTurn(name: string, limitMs: number): Promise<TurnStatus | null> {
    return this.#enabled.withCertificateProblem(name, await this.#links.probeTurn(name, limitMs));
  }

  #reports(name: string): Record<'turn' | 'sfu', ReturnType<ServiceManager['status']>> {
    const { turn, sfu } = serviceRefs(name);
    const { services } = this.#options;
    const broken = this.#broken.get(name);
    const report = (service: typeof turn): ReturnType<ServiceManager['status']> => {
      const found = services.status(service);
      return broken === undefined ? found : { ...found, failure: found.failure ?? broken };
    };
    return { turn: report(turn), sfu: report(sfu) };
  }

  #claim(name: string): { blocks: NonNullable<WebrtcStatus['ports']> } | undefined {
    return this.#store
      .portClaims()
      .find((claim) => claim.node === this.#options.node && claim.namespace === name);
  }

  #uris(
    name: string,
    config: WebrtcRecord | undefined,
    blocks: NonNullable<WebrtcStatus['ports']>,
  ): string[] {
    const { publicAddresses, turnEncryptedOnly: encryptedOnly } = this.#options;
    const inputs = { blocks, publicAddresses, encryptedOnly, domain: config?.domain ?? null };
    return turnUris(inputs, { dtls: this.#links.servesDtls(name) });
  }

  /** Tells the listeners what changed about a namespace, if anything did. */
  #tell(name: string): void {
    const record = this.#store.namespaces().find((one) => one.name === name);
    if (record === undefined) return;
    const namespace = this.#view(name, record.createdAtMs);
    const text = JSON.stringify(namespace);
    if (this.#told.get(name) === text) return;
    this.#told.set(name, text);
    this.#emit({ type: 'namespace', namespace });
  }

  #emit(change: NamespaceChange): void {
    for (const listener of this.#listeners) {
      try {
        listener(change);
      } catch (error) {
        this.#options.log.error({ err: error }, 'listener of namespace changes failed');
      }
    }
  }
}
