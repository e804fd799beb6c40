/**
 * Brings every enabled namespace back at the start of the daemon, on the same ports: state file, then its
 * previous copy, then the database; TURN services first, SFU services beside them. Services that run already are
 * adopted. A service that does not start is retried by its manager and does not keep the daemon down.
 */
import type { OwnQuota } from '../contract/quota.ts';
import { AppError } from '../contract/errors.ts';
import { messageOf } from '../kit/errors.ts';
import type { Logger } from '../kit/logger.ts';
import { planBoot, type BootPlan, type BootTarget } from './boot-plan.ts';
import { serviceRefs, type EnabledNamespaces } from './enabled-namespaces.ts';
import type { ServiceInputs } from './render-service-config.ts';
import type { StateChoice } from './state-file.ts';
import type { StateKeeper } from './state-keeper.ts';
import type { NamespaceStore, ServiceKind, ServiceManager, ServiceRef, ServiceReport } from './system.ts';

export type ColdBootOptions = {
  node: string;
  store: NamespaceStore;
  /** It is empty because the database does not open. */
  storeStandsIn: boolean;
  services: ServiceManager;
  state: StateKeeper;
  enabled: EnabledNamespaces;
  /** Holds the services of a namespace to its quota. */
  limit: (namespace: string, quota: OwnQuota | undefined) => Promise<void>;
  /** Opens the firewall for exactly these. Never rejects. */
  openFirewall: (inputs: readonly ServiceInputs[]) => Promise<void>;
  log: Logger;
  /** How long a start waits for services before the daemon goes on without them. */
  readyTimeoutMs: number;
  signal: AbortSignal;
  /** Has a running service read its file again. @returns false when none answers, or a restart is needed. */
  reload: (service: ServiceRef) => Promise<boolean>;
};

/** @returns the plan it carried out, and the namespaces whose secrets do not open, with the reason. */
export async function coldBoot(
  options: ColdBootOptions,
): Promise<{ plan: BootPlan; broken: Map<string, string> }> {
  const { node, store, storeStandsIn, state, enabled, log } = options;
  const choice = await load(state);
  const plan = planBoot(node, choice, {
    generation: store.stateGeneration(node),
    configs: store.webrtcConfigs(),
    claims: store.portClaims(),
    running: store.runningOperations(),
  });
  for (const warning of plan.warnings) log.warn(warning);
  const source = { current: 'state file', previous: 'previous state file', none: 'database' }[choice.source];
  log.info({ source, namespaces: plan.targets.map((one) => one.config.namespace) }, 'cold boot');
  const broken = new Map<string, string>();
  for (const { namespace, ...keys } of plan.relearn) {
    try {
      store.setTurnKeys(namespace, keys);
    } catch (error) {
      log.error({ err: error, namespace }, 'TURN secrets not taken over into the database');
    }
  }
  for (const target of plan.restore) {
    try {
      restore(store, target);
    } catch (error) {
      // Its services run all the same: the picture does not wait for the database.
      log.error({ err: error, namespace: target.config.namespace }, 'not taken over into the database');
    }
  }
  const booted: { inputs: ServiceInputs; changed: { turn: boolean; sfu: boolean } }[] = [];
  for (const { config, claim } of plan.targets) {
    try {
      const inputs = enabled.open(config, claim.blocks);
      booted.push({ inputs, changed: await enabled.writeConfigs(inputs) });
    } catch (error) {
      log.error({ err: error, namespace: config.namespace }, 'namespace cannot be brought back');
      broken.set(config.namespace, messageOf(error));
    }
  }
  // Whose ports are open is not known: what runs keeps them.
  const isUnknown = storeStandsIn && choice.state === null;
  if (isUnknown) log.error('neither database nor state file can be read: what runs is left as it is');
  const opened = isUnknown ? undefined : options.openFirewall(booted.map(({ inputs }) => inputs));
  await Promise.all(
    booted.map(({ inputs: { namespace } }) => {
      const target = plan.targets.find(({ config }) => config.namespace === namespace);
      return options.limit(namespace, target?.quota);
    }),
  );
  const up: Record<ServiceKind, Set<string>> = { turn: new Set(), sfu: new Set() };
  // Nobody waits for another one: each of them is a second of the time without a picture.
  await Promise.all(
    (['turn', 'sfu'] as const).flatMap((kind) =>
      booted.map(async ({ inputs: { namespace }, changed }) => {
        const isUp = await ensure(serviceRefs(namespace)[kind], changed[kind], options);
        if (isUp) up[kind].add(namespace);
      }),
    ),
  );
  await opened;
  await Promise.all(
    booted.map(({ inputs }) => {
      const { namespace } = inputs;
      return enabled.turnOn(inputs, { waitForLinks: up.turn.has(namespace) && up.sfu.has(namespace) });
    }),
  );
  for (const namespace of plan.stale) await removeStale(namespace, options);
  const outOfStep =
    choice.source !== 'current' ||
    plan.restore.length > 0 ||
    plan.relearn.length > 0 ||
    plan.stale.length > 0;
  // Written from a database that stands in, it would say "none", or seem newer than the database that comes back.
  if (
    !storeStandsIn &&
    outOfStep &&
    (plan.targets.length > 0 || choice.state !== null || plan.warnings.length > 0)
  ) {
    try {
      await state.save();
    } catch (error) {
      log.error({ err: error }, 'state file not written');
    }
  }
  return { plan, broken };
}

/** A file that cannot be read at all (permissions, a failing disk) counts like none, and is told. */
async function load(state: StateKeeper): Promise<StateChoice> {
  try {
    return await state.load();
  } catch (error) {
    return { source: 'none', state: null, warnings: [`${messageOf(error)} The database is used instead.`] };
  }
}

/** A lost database learns what the state file knows. */
function restore(store: NamespaceStore, { config, claim, quota }: BootTarget): void {
  const known = store.namespaces().some((one) => one.name === config.namespace);
  if (!known) store.insertNamespace({ name: config.namespace, createdAtMs: config.createdAtMs });
  if (store.webrtcConfig(config.namespace) === undefined) store.insertWebrtcConfig(config);
  store.insertPortClaim(claim);
  if (quota !== undefined) store.setQuota(config.namespace, quota);
}

/** @returns whether it is up. */
async function ensure(service: ServiceRef, changed: boolean, options: ColdBootOptions): Promise<boolean> {
  const { services, log, reload } = options;
  try {
    // Also without a change: a daemon that was killed may have written the file and not told the service. One
    // that still runs on other addresses has to begin anew.
    const reloaded = await reload(service);
    if (changed && !reloaded) await services.stop(service);
    await services.start(service, { supervise: 'always' });
    await readyOrDead(service, options);
    return true;
  } catch (error) {
    log.error({ err: error, ...service }, 'service is not up; it is tried again');
    return false;
  }
}

/**
 * Rejects as soon as it has died once: whatever it died of, a port that another program holds above all, may
 * last, and everything else of this node is kept waiting meanwhile.
 */
async function readyOrDead(service: ServiceRef, options: ColdBootOptions): Promise<void> {
  const { services, readyTimeoutMs } = options;
  const waited = new AbortController();
  let unwatch = (): void => undefined;
  const died = new Promise<never>((_, reject) => {
    const look = ({ state, failure }: ServiceReport): void => {
      if (state !== 'waiting' && state !== 'failed') return;
      reject(new AppError('service_failed', failure ?? 'It died.'));
    };
    unwatch = services.watch((changed, report) => {
      if (changed.kind === service.kind && changed.namespace === service.namespace) look(report);
    });
    look(services.status(service));
  });
  const signal = AbortSignal.any([options.signal, waited.signal]);
  const ready = services.waitReady(service, { timeoutMs: readyTimeoutMs, signal });
  ready.catch(() => undefined);
  try {
    await Promise.race([ready, died]);
  } finally {
    unwatch();
    waited.abort();
  }
}

async function removeStale(namespace: string, options: ColdBootOptions): Promise<void> {
  const { services, enabled, log } = options;
  log.warn({ namespace }, 'not enabled any more: its services are stopped');
  const { turn, sfu } = serviceRefs(namespace);
  try {
    await services.stop(sfu);
    await services.stop(turn);
    await enabled.removeConfigs(namespace);
  } catch (error) {
    log.error({ err: error, namespace }, 'stale services are not stopped');
  }
}
