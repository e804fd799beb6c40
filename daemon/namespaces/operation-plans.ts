/** What an enable or a disable would do, step by step and with the ports, rules and records it is about. */
import type { PlanStep, PortBlocks } from '../contract/api.ts';
import type { PortRange } from '../contract/names.ts';
import { domainOf, type EnableRequest, type StepDependencies } from './enable-steps.ts';
import { portsNote } from './port-reservation.ts';
import { planOf, type DisableStepId, type EnableStepId } from './saga.ts';

type PlanDependencies = Pick<
  StepDependencies,
  'node' | 'store' | 'reservations' | 'enabled' | 'firewall' | 'dns' | 'turnHostName' | 'times'
>;

export class OperationPlans {
  readonly #dependencies: PlanDependencies;

  constructor(dependencies: PlanDependencies) {
    this.#dependencies = dependencies;
  }

  /** Changes nothing. Rejects like `PortReservations.reserve`: the operating system is asked for the ports. */
  async enable(request: EnableRequest): Promise<PlanStep[]> {
    const { node, reservations, enabled, firewall, dns, turnHostName } = this.#dependencies;
    const { claim, skipped } = await reservations.preview({ ...request, node });
    const { namespace, relay = 'sfu' } = request;
    const notes: Partial<Record<EnableStepId, string>> = {
      'claim-ports': [portsNote(claim.blocks, enabled), allBlocks(claim.blocks), ...skipped].join(' '),
      'open-firewall': firewall.planned({
        ...enabled.addresses,
        namespace,
        blocks: claim.blocks,
        relayScope: relay,
      }),
      'publish-dns': dns.planned(domainOf(turnHostName, namespace)),
    };
    return withNotes('enable-webrtc', notes);
  }

  /** Of a namespace that has a WebRTC configuration. */
  disable(namespace: string): PlanStep[] {
    const { node, store, enabled, firewall, dns, times } = this.#dependencies;
    const blocks = store.portClaims().find((one) => one.node === node && one.namespace === namespace)?.blocks;
    const { records } = dns.view(namespace);
    const notes: Partial<Record<DisableStepId, string | undefined>> = {
      'drain-services': `Whoever is connected is told to leave, and has at most ${String(Math.ceil(times.drainDeadlineMs / 1000))} s.`,
      'close-firewall': sentence(firewall.view(namespace).open),
      'withdraw-dns': sentence(records),
      ...(blocks && { 'release-ports': `${portsNote(blocks, enabled)} ${allBlocks(blocks)}` }),
    };
    return withNotes('disable-webrtc', notes);
  }
}

function withNotes(
  kind: 'enable-webrtc' | 'disable-webrtc',
  notes: Readonly<Record<string, string | undefined>>,
): PlanStep[] {
  return planOf(kind).map((step) => ({ ...step, note: notes[step.id] ?? null }));
}

function allBlocks({ turnRelay, sfuMedia, sfuSignaling }: PortBlocks): string {
  return `Relay ${range(turnRelay)}, media ${range(sfuMedia)}, signaling ${String(sfuSignaling)}.`;
}

function range({ minPort, maxPort }: PortRange): string {
  return `${String(minPort)}-${String(maxPort)}`;
}

function sentence(parts: readonly string[]): string | undefined {
  return parts.length === 0 ? undefined : `${parts.join(', ')}.`;
}
