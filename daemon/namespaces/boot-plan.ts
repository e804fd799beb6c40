/**
 * What a start has to do, from the state file and the database. Pure. The database is the authority when
 * it is at least as new as the file; a database that was lost or restored from an older copy (its recorded
 * generation is behind) learns from the file. "Unknown" never means "disabled".
 */
import type { OwnQuota } from '../contract/quota.ts';
import type { StateNamespace } from '../contract/state-file.ts';
import { resumeDirection } from './saga.ts';
import type { StateChoice } from './state-file.ts';
import type { TurnKeys } from './turn-access.ts';
import type { OperationRecord, PortClaim, WebrtcRecord } from './system.ts';

export type BootDatabase = {
  generation: number;
  configs: readonly WebrtcRecord[];
  claims: readonly PortClaim[];
  running: readonly OperationRecord[];
};

/** `quota`: its own as the state file has it, where the database does not know better. */
export type BootTarget = { config: WebrtcRecord; claim: PortClaim; quota?: OwnQuota };

export type BootPlan = {
  /** Namespaces whose services must run. */
  targets: BootTarget[];
  /** Those of `targets` that the database does not know and has to learn. */
  restore: BootTarget[];
  /** What the database has to learn of those it knows: their TURN secrets are newer in the file. */
  relearn: ({ namespace: string } & TurnKeys)[];
  /** Namespaces whose services must not run, although the file names them. */
  stale: string[];
  /** Configurations that an operation left behind without running on: they are disabled to the end. */
  leftovers: string[];
  /** One sentence each, for the log. */
  warnings: string[];
};

export function planBoot(node: string, choice: StateChoice, database: BootDatabase): BootPlan {
  const plan: BootPlan = {
    targets: [],
    restore: [],
    relearn: [],
    stale: [],
    leftovers: [],
    warnings: [...choice.warnings],
  };
  const ofOtherNode = choice.state !== null && choice.state.node !== node;
  if (ofOtherNode) plan.warnings.push(`The state file belongs to the node "${choice.state?.node ?? ''}".`);
  const filed = ofOtherNode ? [] : (choice.state?.namespaces ?? []);
  const fileIsNewer = !ofOtherNode && (choice.state?.generation ?? 0) > database.generation;
  // An enable that only lacks its end is one, and a rotation leaves it on: both come back like the others.
  const undecided = database.running.filter(
    ({ kind, steps }) =>
      kind === 'disable-webrtc' || (kind === 'enable-webrtc' && resumeDirection(kind, steps) === 'backward'),
  );
  const busy = new Set(undecided.map((operation) => operation.namespace));

  for (const config of database.configs) {
    const { namespace } = config;
    if (busy.has(namespace)) continue; // Its operation is resumed and decides.
    if (config.state !== 'enabled') {
      plan.leftovers.push(namespace);
      continue;
    }
    const claim = database.claims.find((one) => one.node === node && one.namespace === namespace);
    const inFile = filed.find((one) => one.name === namespace);
    if (claim !== undefined) {
      const keys = newerKeys(config, fileIsNewer ? inFile : undefined);
      if (keys !== undefined) {
        plan.warnings.push(`The TURN secrets of "${namespace}" come from the state file.`);
        plan.relearn.push({ namespace, ...keys });
      }
      plan.targets.push({ config: { ...config, ...keys }, claim });
      continue;
    }
    if (inFile === undefined) {
      plan.warnings.push(`"${namespace}" is enabled but owns no ports: disable and enable it again.`);
      continue;
    }
    plan.warnings.push(`The ports of "${namespace}" come from the state file.`);
    plan.targets.push({ config, claim: claimOf(node, inFile) });
    plan.restore.push({ config, claim: claimOf(node, inFile) });
  }

  for (const one of filed) {
    const known = database.configs.some((config) => config.namespace === one.name) || busy.has(one.name);
    if (known) continue;
    if (!fileIsNewer) {
      plan.stale.push(one.name);
      continue;
    }
    plan.warnings.push(`"${one.name}" is not in the database: taken over from the state file.`);
    const target = {
      config: configOf(one, choice.state?.saved_at),
      claim: claimOf(node, one),
      quota: one.quota,
    };
    plan.targets.push(target);
    plan.restore.push(target);
  }
  return plan;
}

/** An older copy of the database would issue what nobody takes any more, and forget who is revoked. */
function newerKeys(config: WebrtcRecord, inFile: StateNamespace | undefined): TurnKeys | undefined {
  // A namespace that was disabled and enabled meanwhile is another one: the database decides as before.
  if (inFile === undefined || inFile.sealed_ticket_key !== config.sealedTicketKey) return undefined;
  if (inFile.turn_access.revision <= config.turnAccess.revision) return undefined;
  return { sealedTurnSecret: inFile.sealed_turn_secret, turnAccess: inFile.turn_access };
}

function claimOf(node: string, one: StateNamespace): PortClaim {
  return { node, namespace: one.name, blocks: one.ports };
}

function configOf(one: StateNamespace, savedAt: string | undefined): WebrtcRecord {
  return {
    namespace: one.name,
    state: 'enabled',
    sealedTurnSecret: one.sealed_turn_secret,
    turnAccess: one.turn_access,
    sealedTicketKey: one.sealed_ticket_key,
    ttlSeconds: one.credential_ttl_seconds,
    relayScope: one.relay_scope,
    domain: one.domain,
    createdAtMs: Date.parse(savedAt ?? '') || 0,
  };
}
