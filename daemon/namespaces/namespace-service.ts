/**
 * The namespaces of this node: create and delete, enable and disable WebRTC, status, credentials, and which
 * SFU serves which namespace. The only one that changes services, ports and the state file.
 */
import type { EnableWebrtc, Namespace, Operation, PlanStep, WebrtcStatus } from '../contract/api.ts';
import type { SfuStatus, TurnStatus } from '../contract/control.ts';
import type { Repair } from '../contract/diagnosis.ts';
import { AppError } from '../contract/errors.ts';
import type { TurnCredentials } from '../contract/ice.ts';
import type { Quota } from '../contract/quota.ts';
import { Lifecycle } from '../kit/lifecycle.ts';
import type { CertificateRenewal } from './certificate-renewal.ts';
import { coldBoot } from './cold-boot.ts';
import type { NodeSettings } from './enabled-namespaces.ts';
import type { EnableRequest } from './enable-steps.ts';
import type { SfuDirectory } from './namespace-access.ts';
import { makeParts, type NamespaceParts } from './namespace-parts.ts';
import type { NamespaceQuotas } from './namespace-quotas.ts';
import type { NamespaceChange } from './namespace-registry.ts';
import type { NamespacesOptions } from './namespaces-options.ts';
import { checkNode } from './node-check.ts';
import type { NodeDiagnosis } from './node-diagnosis.ts';
import { reloadOnce } from './reload-service.ts';
import type { RoomService } from './room-service.ts';
import type { Unsubscribe } from './system.ts';
import type { TurnAccessService } from './turn-access-service.ts';
import type { TurnKeyService } from './turn-key-service.ts';
import type { TurnOperations } from './turn-operations.ts';
import type { ServiceAnswers } from './webrtc-reports.ts';

export type { NamespaceChange, NamespacesOptions };

type EnableOptions = Omit<EnableWebrtc, 'dryRun'>;

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
  readonly certificateRenewal: CertificateRenewal;
  readonly #options: NamespacesOptions;
  readonly #parts: NamespaceParts;
  #unwatchServices: Unsubscribe = () => undefined;

  /** Throws AppError invalid_request when the node's addresses or port ranges cannot work. */
  constructor(options: NamespacesOptions) {
    super();
    checkNode(options);
    this.#options = options;
    const parts = (this.#parts = makeParts(options, this.stopSignal));
    this.turn = parts.turn;
    this.turnAccess = parts.turnAccess;
    this.turnKeys = parts.turnKeys;
    this.diagnosis = parts.diagnosis;
    this.quotas = parts.quotas;
    this.rooms = parts.rooms;
    this.certificateRenewal = parts.certificateRenewal;
  }

  // -- Namespaces ------------------------------------------------------------------------------------

  list(): Namespace[] {
    return this.#parts.registry.list();
  }

  /** Throws namespace_not_found. */
  get(name: string): Namespace {
    return this.#parts.registry.get(name);
  }

  /** Throws namespace_exists, or invalid_request for a name outside the grammar. */
  create(name: string): Namespace {
    return this.#parts.registry.create(name);
  }

  /** Throws namespace_in_use while WebRTC is set up or an operation runs. Cameras are not known here. */
  delete(name: string): void {
    this.#parts.registry.delete(name);
  }

  subscribe(listener: (change: NamespaceChange) => void): Unsubscribe {
    return this.#parts.registry.subscribe(listener);
  }

  // -- Enable and disable ------------------------------------------------------------------------------

  /**
   * Checks what can be checked, then starts the operation and returns. Throws namespace_not_found,
   * operation_in_progress, webrtc_already_enabled, ports_exhausted or port_taken, before anything is written.
   */
  enableWebrtc(name: string, options: EnableOptions = {}): { operationId: string } {
    const request = this.#enableRequest(name, options);
    return { operationId: this.#parts.operations.begin('enable-webrtc', request).id };
  }

  /** What that would do; nothing changes. Rejects where it would be refused, also by the operating system. */
  async planEnable(name: string, options: EnableOptions = {}): Promise<PlanStep[]> {
    return this.#parts.plans.enable(this.#enableRequest(name, options));
  }

  #enableRequest(name: string, { turnPort, turnsPort, relay }: EnableOptions): EnableRequest {
    const { registry, operations, reservations } = this.#parts;
    registry.get(name);
    operations.refuseWhileRunning(name);
    if (this.#options.store.webrtcConfig(name) !== undefined) {
      throw new AppError('webrtc_already_enabled', `WebRTC is already enabled for "${name}".`);
    }
    const request: EnableRequest = { namespace: name, turnPort, turnsPort, relay };
    reservations.check({ ...request, node: this.#options.node });
    return request;
  }

  /** Throws webrtc_not_enabled or operation_in_progress. Run again, it finishes what was left behind. */
  disableWebrtc(name: string): { operationId: string } {
    this.#requireDisableable(name);
    return { operationId: this.#parts.operations.begin('disable-webrtc', { namespace: name }).id };
  }

  /** What that would do; nothing changes. Throws where it would. */
  planDisable(name: string): PlanStep[] {
    this.#requireDisableable(name);
    return this.#parts.plans.disable(name);
  }

  #requireDisableable(name: string): void {
    const { registry, operations } = this.#parts;
    registry.get(name);
    operations.refuseWhileRunning(name);
    registry.requireEnabled(name);
  }

  /** Throws operation_not_found. */
  operation(id: string): Operation {
    return this.#parts.operations.get(id);
  }

  /** The latest ones, newest first. */
  operations(): Operation[] {
    return this.#parts.operations.list();
  }

  /** Settings of the whole node, as the configuration has them now. Resolves when the running services were told. */
  retune(settings: NodeSettings): Promise<void> {
    return this.#parts.settings.retune(settings);
  }

  /** What a namespace without a quota of its own may take, as the configuration has it now. Never rejects. */
  retuneQuotas(quota: Quota): Promise<void> {
    return this.quotas.retune(quota, this.#parts.enabled.names());
  }

  // -- What others ask ---------------------------------------------------------------------------------

  /** By live probes, which take at most `limitMs`. Rejects with namespace_not_found. */
  async status(name: string, limitMs?: number): Promise<WebrtcStatus> {
    return await this.#parts.reports.status(name, this.get(name).webrtc, limitMs);
  }

  /**
   * Sets anew what of this node's firewall rules and DNS records somebody else changed. Never rejects.
   * @returns what was not as it has to be.
   */
  async repair(): Promise<Repair[]> {
    const { firewall, dns } = this.#parts;
    return (await Promise.all([firewall.repair(), dns.repair()])).flat();
  }

  /** See `WebrtcReports`. */
  probe(name: string): Promise<ServiceAnswers | null> {
    return this.#parts.reports.probe(name);
  }

  /** One of the two; null while WebRTC is off, and when it does not answer in time. */
  probeTurn(name: string, limitMs: number): Promise<TurnStatus | null> {
    return this.#parts.reports.probeTurn(name, limitMs);
  }

  probeSfu(name: string, limitMs: number): Promise<SfuStatus | null> {
    return this.#parts.links.probeSfu(name, limitMs);
  }

  /** See `NamespaceAccess`. Throws namespace_not_found too. */
  turnCredentials(
    name: string,
    options: { subject: string; ttlSeconds?: number; browser?: boolean },
  ): TurnCredentials {
    // Only what is not enabled is looked up: credentials are to be had without a database.
    if (this.signaling(name) === undefined) this.get(name);
    return this.#parts.access.turnCredentials(name, options);
  }

  /** Where the namespace's SFU takes signaling, and the key of its tickets; undefined when not enabled. */
  signaling(name: string): { address: string; port: number; ticketKey: string } | undefined {
    return this.#parts.access.signaling(name);
  }

  /** The namespaces as the cameras see them. */
  sfuDirectory(): SfuDirectory {
    return this.#parts.access.sfuDirectory();
  }

  // -- Life ----------------------------------------------------------------------------------------------

  protected override async onStart(): Promise<void> {
    const { node, services, store, log } = this.#options;
    const { registry, links, state, enabled, quotas, times, operations } = this.#parts;
    this.rooms.start();
    this.#unwatchServices = services.watch((service, report) => {
      if (report.state === 'ready') links.hurry(service);
      registry.tell(service.namespace);
    });
    const { plan, broken } = await coldBoot({
      ...{ node, services, log, store, state, enabled },
      storeStandsIn: this.#options.storeStandsIn ?? false,
      readyTimeoutMs: times.bootReadyTimeoutMs,
      signal: this.stopSignal,
      limit: (namespace, quota) => quotas.apply(namespace, quota),
      openFirewall: (inputs) => this.#parts.firewall.reconcile(inputs),
      reload: (service) => reloadOnce(service, this.#options),
    });
    for (const [namespace, reason] of broken) this.#parts.broken.set(namespace, reason);
    this.#parts.dns.start();
    await operations.resume();
    this.turnAccess.start();
    this.certificateRenewal.start();
    for (const namespace of plan.leftovers) {
      if (this.stopSignal.aborted) break;
      log.warn({ namespace }, 'left half done: it is disabled to the end');
      operations.begin('disable-webrtc', { namespace });
    }
  }

  /** Services go on: whoever made the service manager decides about them. */
  protected override async onStop(): Promise<void> {
    const { operations, firewall, dns, links, registry } = this.#parts;
    this.#unwatchServices();
    this.rooms.stop();
    await this.certificateRenewal.stop();
    await this.turnAccess.stop();
    await operations.idle();
    await Promise.all([firewall.stop(), dns.stop()]);
    links.closeAll();
    registry.close();
  }
}
