/** What this node can say of its namespaces to whoever examines it: read only. */
import type { PortMap } from '../contract/diagnosis.ts';
import type { TurnStatus } from '../contract/control.ts';
import type { PortPlan } from './port-ledger.ts';
import { portMap } from './port-map.ts';
import type { NamespaceStore } from './system.ts';

export type NodeDiagnosisOptions = {
  node: string;
  plan: PortPlan;
  store: Pick<NamespaceStore, 'portClaims'>;
  /** Null when it does not answer in time. */
  probeTurn: (namespace: string) => Promise<TurnStatus | null>;
};

export class NodeDiagnosis {
  readonly #options: NodeDiagnosisOptions;

  constructor(options: NodeDiagnosisOptions) {
    this.#options = options;
  }

  /** The ledger of this node, with what the TURN services say they listen on. */
  async portMap(): Promise<PortMap> {
    const { node, plan, store, probeTurn } = this.#options;
    const claims = store.portClaims().filter((claim) => claim.node === node);
    const map = portMap(claims, plan);
    const answers = await Promise.all(claims.map(({ namespace }) => probeTurn(namespace)));
    return {
      ...map,
      namespaces: map.namespaces.map((one, at) => ({ ...one, listeners: answers[at]?.listeners ?? [] })),
    };
  }
}
