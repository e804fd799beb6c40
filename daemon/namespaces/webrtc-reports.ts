/** What can be said of the WebRTC of a namespace right now: by live probes, and by what its parts last reported. */
import type { WebrtcStatus } from '../contract/api.ts';
import type { SfuStatus, TurnStatus } from '../contract/control.ts';
import type { ControlLinks } from './control-links.ts';
import { serviceRefs, type EnabledNamespaces } from './enabled-namespaces.ts';
import type { NamespaceQuotas } from './namespace-quotas.ts';
import type { NodeDns } from './node-dns.ts';
import type { NodeFirewall } from './node-firewall.ts';
import { turnUris } from './render-service-config.ts';
import type { NamespaceStore, ServiceManager, ServiceReport, WebrtcRecord } from './system.ts';
import { serviceView } from './webrtc-status.ts';

/** Each null when it does not answer in time. */
export type ServiceAnswers = { turn: TurnStatus | null; sfu: SfuStatus | null };

export type WebrtcReportsOptions = {
  node: string;
  store: Pick<NamespaceStore, 'webrtcConfig' | 'portClaims'>;
  services: Pick<ServiceManager, 'status'>;
  links: Pick<ControlLinks, 'probeTurn' | 'probeSfu' | 'servesDtls'>;
  enabled: Pick<EnabledNamespaces, 'withCertificateProblem'>;
  quotas: Pick<NamespaceQuotas, 'view'>;
  firewall: Pick<NodeFirewall, 'view'>;
  dns: Pick<NodeDns, 'view'>;
  /** Namespaces that could not be brought back, and why. */
  broken: Pick<ReadonlyMap<string, string>, 'get'>;
  publicAddresses: readonly string[];
  turnEncryptedOnly: boolean;
  credentialTtlSeconds: number;
  probeTimeoutMs: number;
};

export class WebrtcReports {
  readonly #options: WebrtcReportsOptions;

  constructor(options: WebrtcReportsOptions) {
    this.#options = options;
  }

  /** By live probes, which take at most `limitMs`. */
  async status(
    name: string,
    state: WebrtcStatus['state'],
    limitMs = this.#options.probeTimeoutMs,
  ): Promise<WebrtcStatus> {
    const { store, quotas, firewall, dns, credentialTtlSeconds } = this.#options;
    const config = store.webrtcConfig(name);
    const claim = this.#claim(name);
    const none = { turn: null, sfu: null, sessions: null, rooms: null, allocations: null };
    const common = {
      namespace: name,
      state,
      ports: claim?.blocks ?? null,
      uris: claim === undefined ? [] : this.#uris(name, config, claim.blocks),
      credentialTtlSeconds: config?.ttlSeconds ?? credentialTtlSeconds,
    };
    if (config === undefined) return { ...common, ...none };
    const { relayScope: relay } = config;
    const [{ turn: turnAnswer, sfu: sfuAnswer }, quota] = await Promise.all([
      this.ask(name, limitMs),
      quotas.view(name),
    ]);
    const { turn, sfu } = this.reports(name);
    return {
      ...common,
      turn: serviceView('turn', turn, turnAnswer),
      sfu: serviceView('sfu', sfu, sfuAnswer),
      ...(sfuAnswer?.workers && { workers: sfuAnswer.workers }),
      sessions: sfuAnswer?.sessions ?? null,
      rooms: sfuAnswer?.rooms ?? null,
      allocations: turnAnswer?.allocations ?? null,
      relay,
      firewall: firewall.view(name),
      dns: dns.view(name),
      quota,
    };
  }

  /**
   * What both services say of themselves, as it is; null while WebRTC is off. Takes at most the time
   * limit of one probe.
   */
  async probe(name: string): Promise<ServiceAnswers | null> {
    return this.#options.store.webrtcConfig(name) === undefined ? null : this.ask(name);
  }

  async ask(name: string, limitMs = this.#options.probeTimeoutMs): Promise<ServiceAnswers> {
    const { links } = this.#options;
    const [turn, sfu] = await Promise.all([this.probeTurn(name, limitMs), links.probeSfu(name, limitMs)]);
    return { turn, sfu };
  }

  async probeTurn(name: string, limitMs: number): Promise<TurnStatus | null> {
    const { enabled, links } = this.#options;
    return enabled.withCertificateProblem(name, await links.probeTurn(name, limitMs));
  }

  /** As the service manager sees them, without asking them. */
  reports(name: string): Record<'turn' | 'sfu', ServiceReport> {
    const { turn, sfu } = serviceRefs(name);
    const { services } = this.#options;
    const broken = this.#options.broken.get(name);
    const report = (service: typeof turn): ServiceReport => {
      const found = services.status(service);
      return broken === undefined ? found : { ...found, failure: found.failure ?? broken };
    };
    return { turn: report(turn), sfu: report(sfu) };
  }

  #claim(name: string): { blocks: NonNullable<WebrtcStatus['ports']> } | undefined {
    const { store, node } = this.#options;
    return store.portClaims().find((claim) => claim.node === node && claim.namespace === name);
  }

  #uris(
    name: string,
    config: WebrtcRecord | undefined,
    blocks: NonNullable<WebrtcStatus['ports']>,
  ): string[] {
    const { publicAddresses, turnEncryptedOnly: encryptedOnly, links } = this.#options;
    const inputs = { blocks, publicAddresses, encryptedOnly, domain: config?.domain ?? null };
    return turnUris(inputs, { dtls: links.servesDtls(name) });
  }
}
