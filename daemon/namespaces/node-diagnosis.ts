/** What this node can say of its namespaces to whoever examines it: read only. */
import type { WebrtcStatus } from '../contract/api.ts';
import type { SfuStatus, TurnStatus } from '../contract/control.ts';
import type { PortMap } from '../contract/diagnosis.ts';
import { messageOf } from '../kit/errors.ts';
import { serviceRefs, type EnabledNamespaces } from './enabled-namespaces.ts';
import type { NamespaceFacts, NodeFacts, ServiceFacts, StateCopy } from './node-facts.ts';
import type { PortPlan } from './port-ledger.ts';
import { portMap } from './port-map.ts';
import { turnListeners, type ServiceInputs } from './render-service-config.ts';
import { decodeStateFile } from './state-file.ts';
import { enabledNamespaces } from './state-keeper.ts';
import type { NamespaceStore, ServiceManager, ServiceReport, StateFileStore } from './system.ts';
import { serviceView } from './webrtc-status.ts';

export type NodeDiagnosisOptions = {
  node: string;
  plan: PortPlan;
  store: NamespaceStore;
  stateFile: Pick<StateFileStore, 'read'>;
  services: Pick<ServiceManager, 'status'>;
  enabled: EnabledNamespaces;
  /** Each null when it does not answer in time. */
  probe: (namespace: string) => Promise<{ turn: TurnStatus | null; sfu: SfuStatus | null }>;
  isChanging: (namespace: string) => boolean;
  firewallProblem: (namespace: string) => string;
  quotaProblem: (namespace: string) => Promise<string>;
  dnsProblem: (namespace: string) => Promise<string>;
  dnsDebts: () => NodeFacts['dnsDebts'];
  firewallDrift: () => Promise<string>;
  /** As far as it is known. */
  servesDtls: (namespace: string) => boolean;
  /** Why a namespace could not be brought back. */
  broken: (namespace: string) => string | undefined;
};

export class NodeDiagnosis {
  readonly #options: NodeDiagnosisOptions;

  constructor(options: NodeDiagnosisOptions) {
    this.#options = options;
  }

  /** The ledger of this node, with what the TURN services say they listen on. */
  async portMap(): Promise<PortMap> {
    const { node, plan, store, probe } = this.#options;
    const claims = store.portClaims().filter((claim) => claim.node === node);
    const map = portMap(claims, plan);
    const answers = await Promise.all(claims.map(({ namespace }) => probe(namespace)));
    return {
      ...map,
      namespaces: map.namespaces.map((one, at) => ({
        ...one,
        listeners: answers[at]?.turn?.listeners ?? [],
      })),
    };
  }

  /** What is served with: the secrets are in here. Undefined while it is not. */
  inputs(namespace: string): ServiceInputs | undefined {
    return this.#options.enabled.get(namespace);
  }

  /** Whether clients reach its TURN service over DTLS too, as far as that is known. */
  servesDtls(namespace: string): boolean {
    return this.#options.servesDtls(namespace);
  }

  /** The namespaces credentials are issued for. */
  served(): string[] {
    return this.#options.enabled.names();
  }

  /** Takes the time limit of one probe at most. */
  async facts(): Promise<NodeFacts> {
    const { node, plan, store } = this.#options;
    const stateFile = {
      ...(await this.#stateCopies()),
      wanted: enabledNamespaces(node, store),
      databaseGeneration: store.stateGeneration(node),
    };
    const names = new Set([
      ...store.namespaces().map(({ name }) => name),
      ...store.webrtcConfigs().map(({ namespace }) => namespace),
    ]);
    const [firewallDrift, ...namespaces] = await Promise.all([
      this.#options.firewallDrift(),
      ...[...names].map((name) => this.#namespace(name)),
    ]);
    const dnsDebts = this.#options.dnsDebts();
    return { node, plan, claims: store.portClaims(), namespaces, firewallDrift, dnsDebts, stateFile };
  }

  async #namespace(namespace: string): Promise<NamespaceFacts> {
    const { node, store, services, enabled, probe, isChanging, broken } = this.#options;
    const config = store.webrtcConfig(namespace);
    const claim = store.portClaims().find((one) => one.node === node && one.namespace === namespace);
    const answers = config === undefined ? { turn: null, sfu: null } : await probe(namespace);
    const [quotaProblem, dnsProblem] =
      config === undefined
        ? ['', '']
        : await Promise.all([this.#options.quotaProblem(namespace), this.#options.dnsProblem(namespace)]);
    const refs = serviceRefs(namespace);
    const inputs = enabled.get(namespace);
    return {
      namespace,
      desired: config?.state ?? null,
      changing: isChanging(namespace),
      broken: broken(namespace) ?? null,
      served: inputs !== undefined,
      firewallProblem: this.#options.firewallProblem(namespace),
      quotaProblem,
      dnsProblem,
      blocks: claim?.blocks ?? null,
      turn: facts('turn', services.status(refs.turn), answers.turn),
      sfu: facts('sfu', services.status(refs.sfu), answers.sfu),
      sockets: inputs === undefined ? [] : socketsOf(inputs),
    };
  }

  async #stateCopies(): Promise<{ current: StateCopy; previous: StateCopy }> {
    try {
      const { current, previous } = await this.#options.stateFile.read();
      return { current: judged(current), previous: judged(previous) };
    } catch (error) {
      const unreadable: StateCopy = { found: 'bad', problem: messageOf(error) };
      return { current: unreadable, previous: unreadable };
    }
  }
}

function judged(text: string | null): StateCopy {
  if (text === null) return { found: 'missing' };
  const decoded = decodeStateFile(text);
  return decoded.ok ? { found: 'good', state: decoded.state } : { found: 'bad', problem: decoded.problem };
}

function facts<Status extends TurnStatus | SfuStatus>(
  kind: 'turn' | 'sfu',
  report: ServiceReport,
  answer: Status | null,
): ServiceFacts<Status> {
  const view: NonNullable<WebrtcStatus['turn']> = serviceView(kind, report, answer);
  return { report, answer, up: view.up === 'up', sentence: view.sentence };
}

/** DTLS shares its port with TLS, and is not everywhere. */
function socketsOf(inputs: ServiceInputs): NamespaceFacts['sockets'] {
  const { shieldAddress: address, blocks } = inputs;
  const listeners = turnListeners(inputs)
    .filter(({ transport }) => transport !== 'dtls')
    .map((listener) => ({
      kind: 'turn' as const,
      title: listener.transport === 'tls' ? 'TURNS port' : 'TURN port',
      protocol: listener.transport === 'udp' ? ('udp' as const) : ('tcp' as const),
      address: listener.address,
      port: listener.port,
    }));
  return [
    ...listeners,
    { kind: 'sfu', title: 'SFU signaling port', protocol: 'tcp', address, port: blocks.sfuSignaling },
    { kind: 'sfu', title: 'SFU media port', protocol: 'udp', address, port: blocks.sfuMedia.minPort },
  ];
}
