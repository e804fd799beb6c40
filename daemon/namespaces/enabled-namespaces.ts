/**
 * The namespaces whose WebRTC is on in this process, with their opened secrets, and the configurations of
 * their services. What is not in here has no credentials and no signaling.
 */
import type { PortBlocks } from '../contract/api.ts';
import type { TurnStatus } from '../contract/control.ts';
import { AppError } from '../contract/errors.ts';
import type { ControlLinks } from './control-links.ts';
import { reachableAt } from './listener-address.ts';
import {
  renderSfuConfig,
  renderTurnConfig,
  turnHosts,
  type ServiceInputs,
  turnRealm,
} from './render-service-config.ts';
import { acceptedSecrets } from './turn-access.ts';
import { openDerivedKeys } from './turn-keys.ts';
import type {
  Sealer,
  ServiceManager,
  ServiceRef,
  TurnCertificate,
  TurnCertificates,
  WebrtcRecord,
} from './system.ts';

/** What does not differ between namespaces. */
export type NodeAddresses = {
  shieldAddress: string;
  publicAddresses: readonly string[];
  turnBindAddresses: readonly string[];
  encryptedOnly: boolean;
  sfuWorkers?: number | undefined;
};

/** What does not differ between namespaces either, and may change while they run; the defaults stand in. */
export type NodeSettings = Pick<ServiceInputs, 'turnSession' | 'turnLimits' | 'rooms' | 'sfuAlternatives'>;

const CONNECT_WAIT_MS = 3000;

type SealedNamespace = Pick<
  WebrtcRecord,
  'namespace' | 'sealedTurnSecret' | 'turnAccess' | 'sealedTicketKey' | 'ttlSeconds' | 'domain' | 'relayScope'
>;

export class EnabledNamespaces {
  readonly #options: {
    sealer: Sealer;
    services: ServiceManager;
    links: ControlLinks;
    certificates: TurnCertificates;
    addresses: NodeAddresses;
    settings: NodeSettings;
    /** How many namespaces may use the node right now. */
    sharers: () => number;
  };
  readonly #inputs = new Map<string, ServiceInputs>();
  readonly #certificateProblems = new Map<string, string>();
  #settings: NodeSettings;

  constructor(options: {
    sealer: Sealer;
    services: ServiceManager;
    links: ControlLinks;
    certificates: TurnCertificates;
    addresses: NodeAddresses;
    settings: NodeSettings;
    /** How many namespaces may use the node right now. */
    sharers: () => number;
  }) {
    this.#options = options;
    this.#settings = options.settings;
  }

  /** For what is rendered from now on. */
  retune(settings: NodeSettings): void {
    this.#settings = settings;
  }

  get addresses(): NodeAddresses {
    return this.#options.addresses;
  }

  /** No TURN in the clear. */
  get encryptedOnly(): boolean {
    return this.#options.addresses.encryptedOnly;
  }

  get(namespace: string): ServiceInputs | undefined {
    return this.#inputs.get(namespace);
  }

  all(): ServiceInputs[] {
    return [...this.#inputs.values()];
  }

  names(): string[] {
    return [...this.#inputs.keys()];
  }

  /** Opens the secrets. Throws an AdapterError when they were sealed with another key. */
  open(sealed: SealedNamespace, blocks: PortBlocks): ServiceInputs {
    const { sealer, addresses } = this.#options;
    const { namespace, ttlSeconds, domain, relayScope } = sealed;
    const openSecret = (text: string): string => sealer.unseal('turn-secret', namespace, text);
    return {
      namespace,
      blocks,
      turnSecret: openSecret(sealed.sealedTurnSecret),
      acceptedTurnSecrets: acceptedSecrets(sealed).map(openSecret),
      revoked: sealed.turnAccess.revoked,
      derived: openDerivedKeys({ sealer, namespace, realm: turnRealm(sealed), access: sealed.turnAccess }),
      ticketKey: sealer.unseal('sfu-ticket-key', namespace, sealed.sealedTicketKey),
      ttlSeconds,
      domain,
      relayScope,
      ...addresses,
      ...this.#settings,
    };
  }

  /** The certificate of its TURN service, made or renewed when it has to be. */
  async certificate(inputs: ServiceInputs): Promise<TurnCertificate> {
    // What clients dial. Without a name also what this host dials itself.
    const own = inputs.domain === null ? inputs.turnBindAddresses.map(reachableAt) : [];
    const hosts = [...turnHosts(inputs), ...own];
    const certificate = await this.#options.certificates.ensure(inputs.namespace, hosts);
    this.#certificateProblems.set(inputs.namespace, certificate.problem);
    return certificate;
  }

  /** The service's status with what it cannot know: why the operator's newest files did not come to it. */
  withCertificateProblem(namespace: string, status: TurnStatus | null): TurnStatus | null {
    const ours = this.#certificateProblems.get(namespace) ?? '';
    if (status?.certificate === undefined || ours === '') return status;
    const problem = [status.certificate.problem, ours].filter((one) => one !== '').join(' ');
    return { ...status, certificate: { ...status.certificate, problem } };
  }

  /** @returns which of the two differ from what the service was last started with. */
  async writeConfigs(inputs: ServiceInputs): Promise<{ turn: boolean; sfu: boolean }> {
    return { turn: await this.writeTurnConfig(inputs), sfu: await this.writeSfuConfig(inputs) };
  }

  async writeTurnConfig(inputs: ServiceInputs): Promise<boolean> {
    const { services, sharers } = this.#options;
    const { turn } = serviceRefs(inputs.namespace);
    const certificate = await this.certificate(inputs);
    const shared = { ...inputs, nodeSharers: sharers() };
    return services.writeConfig(turn, renderTurnConfig(shared, services.controlSocket(turn), certificate));
  }

  writeSfuConfig(inputs: ServiceInputs): Promise<boolean> {
    const { services } = this.#options;
    const { sfu } = serviceRefs(inputs.namespace);
    return services.writeConfig(sfu, renderSfuConfig(inputs, services.controlSocket(sfu)));
  }

  async removeConfigs(namespace: string): Promise<void> {
    const { turn, sfu } = serviceRefs(namespace);
    await this.#options.services.removeConfig(sfu);
    await this.#options.services.removeConfig(turn);
    await this.#options.certificates.remove(namespace);
    this.#certificateProblems.delete(namespace);
  }

  /**
   * Resolves when its services are connected; late ones are waited for in the background.
   * @param options.waitForLinks false: all are waited for in the background, because they are known to be down.
   */
  async turnOn(
    inputs: ServiceInputs,
    options: { waitForLinks: boolean } = { waitForLinks: true },
  ): Promise<void> {
    this.#inputs.set(inputs.namespace, inputs);
    this.#options.links.open(inputs.namespace);
    if (options.waitForLinks) await this.#options.links.connected(inputs.namespace, CONNECT_WAIT_MS);
  }

  /** What is issued from now on; nothing for a namespace that is off. */
  replace(inputs: ServiceInputs): void {
    if (this.#inputs.has(inputs.namespace)) this.#inputs.set(inputs.namespace, inputs);
  }

  turnOff(namespace: string): void {
    this.#inputs.delete(namespace);
    this.#options.links.close(namespace);
  }
}

export function serviceRefs(namespace: string): { turn: ServiceRef; sfu: ServiceRef } {
  return { turn: { kind: 'turn', namespace }, sfu: { kind: 'sfu', namespace } };
}

export function notEnabled(name: string): AppError {
  return new AppError('webrtc_not_enabled', `WebRTC is not enabled for the namespace "${name}".`);
}
