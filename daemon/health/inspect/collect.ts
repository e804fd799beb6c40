/** Collects the facts, everything at once. What cannot be had is said as such, never left out. */
import { proofTarget } from '../../namespaces/enable-steps.ts';
import type { NamespaceFacts, NodeFacts } from '../../namespaces/node-facts.ts';
import type { ServiceInputs } from '../../namespaces/render-service-config.ts';
import type { HeldPort, PortUse, RelayProof } from '../../namespaces/system.ts';
import { messageOf } from '../../kit/errors.ts';
import type {
  AddressFacts,
  CertificateFacts,
  ClockFacts,
  DatabaseFacts,
  Facts,
  RelayFacts,
  ResourceFacts,
  UnitFacts,
} from './facts.ts';

const PROOF_TIMEOUT_MS = 5000;

/** Where facts come from. None of these changes anything. */
export interface FactSources {
  node(): Promise<NodeFacts>;
  /** Undefined while the namespace is not served. */
  inputs(namespace: string): ServiceInputs | undefined;
  /** Who holds each of these ports, in the same order; undefined: nobody. */
  holders(uses: readonly PortUse[]): Promise<(string | undefined)[]>;
  database(): DatabaseFacts;
  /** @param namespaces who has a certificate. */
  certificates(namespaces: readonly string[]): Promise<CertificateFacts[]>;
  /** PEM of what a client of the namespace trusts. */
  trust(namespace: string): Promise<string>;
  /** @param namespaces who is on. */
  units(namespaces: readonly string[]): Promise<UnitFacts[]>;
  addresses(): AddressFacts;
  clock(): Promise<ClockFacts>;
  resources(): Promise<ResourceFacts>;
  proof: RelayProof;
}

export async function collectFacts(sources: FactSources): Promise<Facts> {
  const node = await sources.node();
  const served = node.namespaces.filter(({ served }) => served);
  const { nowMs } = await sources.clock();
  const on = node.namespaces.filter(({ desired }) => desired === 'enabled');
  const [certificates, clock, resources, relays, holders, units] = await Promise.all([
    sources.certificates(served.map(({ namespace }) => namespace)),
    sources.clock(),
    sources.resources(),
    Promise.all(served.filter(isUp).map((one) => relayOf(one.namespace, sources, nowMs))),
    holdersOf(node, sources),
    sources.units(on.map(({ namespace }) => namespace)),
  ]);
  const [database, addresses] = [sources.database(), sources.addresses()];
  return { node, holders, database, certificates, units, addresses, clock, resources, relays };
}

/** A service that is down is told by its own check: its relay need not be tried. */
function isUp({ turn, sfu, changing }: NamespaceFacts): boolean {
  return turn.up && sfu.up && !changing;
}

async function relayOf(namespace: string, sources: FactSources, nowMs: number): Promise<RelayFacts> {
  const inputs = sources.inputs(namespace);
  if (inputs === undefined) return { namespace, rttMs: null, problem: `"${namespace}" is not served.` };
  try {
    const target = proofTarget(inputs, await sources.trust(namespace), nowMs);
    const { rttMs } = await sources.proof.prove(target, { timeoutMs: PROOF_TIMEOUT_MS });
    return { namespace, rttMs, problem: null };
  } catch (error) {
    return { namespace, rttMs: null, problem: messageOf(error) };
  }
}

async function holdersOf(node: NodeFacts, sources: FactSources): Promise<Map<string, HeldPort[]>> {
  const uses = node.namespaces.flatMap(({ sockets }) => sockets);
  const found = await sources.holders(uses);
  let at = 0;
  return new Map(
    node.namespaces.map(({ namespace, sockets }) => {
      const held = sockets.map((socket) => ({ ...socket, holder: found[at++] }));
      return [namespace, held];
    }),
  );
}
