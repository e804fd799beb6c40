/** What each step of an enable does and how it is taken back. Every undo is harmless when repeated. */
import { NO_TURN_ACCESS } from '../contract/turn-access.ts';
import { issueRestCredential } from '../credentials/turn-rest.ts';
import { NAMESPACE_PLACEHOLDER } from '../contract/daemon-config.ts';
import type { RelayScope } from '../contract/names.ts';
import { InvalidStateError } from '../kit/errors.ts';
import { randomToken } from '../kit/secret.ts';
import type { Clock } from '../kit/clock.ts';
import { serviceRefs, type EnabledNamespaces } from './enabled-namespaces.ts';
import { reachableAt } from './listener-address.ts';
import type { NodeDns } from './node-dns.ts';
import type { NamespaceQuotas } from './namespace-quotas.ts';
import type { NodeFirewall } from './node-firewall.ts';
import { portsNote, type PortReservations } from './port-reservation.ts';
import { turnHosts, turnListeners, type ServiceInputs } from './render-service-config.ts';
import type { RunningSettings } from './running-settings.ts';
import type { SagaStep } from './saga-runner.ts';
import type { EnableStepId } from './saga.ts';
import type { StateKeeper } from './state-keeper.ts';
import type { NamespaceStore, RelayProof, RelayProofTarget, Sealer, ServiceManager } from './system.ts';

export type StepDependencies = {
  node: string;
  store: NamespaceStore;
  services: ServiceManager;
  sealer: Sealer;
  proof: RelayProof;
  reservations: PortReservations;
  state: StateKeeper;
  enabled: EnabledNamespaces;
  settings: RunningSettings;
  quotas: Pick<NamespaceQuotas, 'apply'>;
  firewall: NodeFirewall;
  dns: NodeDns;
  clock: Clock;
  credentialTtlSeconds: number;
  turnHostName: string | null;
  times: { readyTimeoutMs: number; proofTimeoutMs: number; drainDeadlineMs: number };
  /** Aborted when the daemon stops. */
  signal: AbortSignal;
};

const SECRET_BYTES = 32;
/** A credential that serves one proof. */
const PROOF_TTL_SECONDS = 60;
/** RFC 5737 and RFC 3849: addresses nobody has, so nobody is bothered if the relay were open. */
const FORBIDDEN_PEER = { 4: '192.0.2.1', 6: '2001:db8::1' } as const;
const FORBIDDEN_PORT = 9;

export type EnableRequest = {
  namespace: string;
  turnPort?: number | undefined;
  turnsPort?: number | undefined;
  relay?: RelayScope | undefined;
};

/** The DNS name of its TURN service; null without one. */
export function domainOf(turnHostName: string | null, namespace: string): string | null {
  return turnHostName?.replace(NAMESPACE_PLACEHOLDER, namespace) ?? null;
}

export function enableSteps(
  request: EnableRequest,
  dependencies: StepDependencies,
): Record<EnableStepId, SagaStep> {
  const { node, store, services, sealer, reservations, state, enabled, settings, clock, times, signal } =
    dependencies;
  const { firewall, dns } = dependencies;
  const { namespace } = request;
  const { turnHostName } = dependencies;
  const { turn, sfu } = serviceRefs(namespace);
  let secrets: { turnSecret: string; ticketKey: string } | undefined;
  const inputs = (): ServiceInputs => {
    const config = store.webrtcConfig(namespace);
    const claim = store.portClaims().find((one) => one.node === node && one.namespace === namespace);
    if (config === undefined || claim === undefined) throw new InvalidStateError('step out of order');
    return enabled.open(config, claim.blocks);
  };
  const awaitService = async (service: typeof turn): Promise<undefined> => {
    await services.waitReady(service, { timeoutMs: times.readyTimeoutMs, signal });
  };
  return {
    'make-secrets': {
      run: () => {
        secrets = { turnSecret: randomToken(SECRET_BYTES), ticketKey: randomToken(SECRET_BYTES) };
        return undefined;
      },
    },
    'write-config': {
      run: () => {
        if (secrets === undefined) throw new InvalidStateError('step out of order');
        store.insertWebrtcConfig({
          namespace,
          state: 'enabling',
          sealedTurnSecret: sealer.seal('turn-secret', namespace, secrets.turnSecret),
          turnAccess: NO_TURN_ACCESS,
          sealedTicketKey: sealer.seal('sfu-ticket-key', namespace, secrets.ticketKey),
          ttlSeconds: dependencies.credentialTtlSeconds,
          relayScope: request.relay ?? 'sfu',
          domain: domainOf(turnHostName, namespace),
          createdAtMs: clock.nowMs(),
        });
        return undefined;
      },
      undo: async () => {
        store.deleteWebrtcConfig(namespace);
        await settings.shareNode();
      },
    },
    'claim-ports': {
      run: async () => {
        const { claim, skipped } = await reservations.reserve({ ...request, node });
        return [portsNote(claim.blocks, enabled), ...skipped].join(' ');
      },
      undo: () => {
        store.deletePortClaim(node, namespace);
      },
    },
    'render-configs': {
      run: async () => {
        await enabled.writeConfigs(inputs());
        // The others give up their part before this one takes it.
        await settings.shareNode();
        await dependencies.quotas.apply(namespace);
        return undefined;
      },
      undo: () => enabled.removeConfigs(namespace),
    },
    'start-turn': {
      run: async () => {
        await services.start(turn, { supervise: 'once-ready' });
        return undefined;
      },
      undo: () => services.stop(turn),
    },
    'await-turn': { run: () => awaitService(turn) },
    'start-sfu': {
      run: async () => {
        await services.start(sfu, { supervise: 'once-ready' });
        return undefined;
      },
      undo: () => services.stop(sfu),
    },
    'await-sfu': { run: () => awaitService(sfu) },
    'open-firewall': {
      run: () => firewall.open(inputs()),
      undo: async () => {
        await firewall.close(namespace);
      },
    },
    'publish-dns': {
      run: () => dns.publish(namespace),
      undo: async () => {
        await dns.withdraw(namespace);
      },
    },
    'save-state': {
      run: async () => {
        await state.save(namespace);
        return undefined;
      },
      undo: () => state.withdraw(namespace),
    },
    'prove-relay': {
      run: async () => {
        const { trustPem } = await enabled.certificate(inputs());
        const target = proofTarget(inputs(), trustPem, clock.nowMs());
        const { rttMs } = await dependencies.proof.prove(target, { timeoutMs: times.proofTimeoutMs, signal });
        return `The SFU answered through the relay in ${rttMs.toFixed(1)} ms.`;
      },
    },
    'mark-enabled': {
      run: async () => {
        await enabled.turnOn(inputs());
        // Others may have come or gone since its configuration was written.
        await settings.shareNode();
        store.setWebrtcState(namespace, 'enabled');
        return undefined;
      },
      undo: () => {
        enabled.turnOff(namespace);
        store.setWebrtcState(namespace, 'enabling');
      },
    },
  };
}

/** Where and with what the relay is proven: on the first listener, verified like by a client. Pure. */
export function proofTarget(inputs: ServiceInputs, trustPem: string, nowMs: number): RelayProofTarget {
  const { namespace, blocks, shieldAddress, turnSecret, ticketKey } = inputs;
  const listener = turnListeners(inputs).find(({ transport }) => transport === 'udp' || transport === 'tls');
  if (listener === undefined) throw new InvalidStateError('a TURN service without listeners');
  const address = reachableAt(listener.address);
  const { port } = listener;
  const credential = issueRestCredential({
    secret: turnSecret,
    namespace,
    subject: 'relay-proof',
    ttlSeconds: PROOF_TTL_SECONDS,
    nowMs,
  });
  return {
    namespace,
    turn:
      listener.transport === 'udp'
        ? { transport: 'udp', address, port }
        : { transport: 'tls', address, port, tls: { trustPem, host: turnHosts(inputs)[0] ?? address } },
    username: credential.username,
    password: credential.password,
    peer: { address: shieldAddress, port: blocks.sfuMedia.minPort },
    ticketKey,
    forbiddenPeer: forbiddenPeer(inputs),
  };
}

/** What the relay must refuse: for a public relay, which may go out, an address of this node. */
function forbiddenPeer({
  relayScope,
  shieldAddress,
  blocks,
}: ServiceInputs): RelayProofTarget['forbiddenPeer'] {
  if (relayScope === 'public') return { address: shieldAddress, port: blocks.sfuSignaling };
  return { address: FORBIDDEN_PEER[shieldAddress.includes(':') ? 6 : 4], port: FORBIDDEN_PORT };
}
