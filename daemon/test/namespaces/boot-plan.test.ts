import t from 'tap';
import type { ClusterState } from '../../contract/state-file.ts';
import { NO_TURN_ACCESS } from '../../contract/turn-access.ts';
import { planBoot, type BootDatabase } from '../../namespaces/boot-plan.ts';
import { claimPorts, DEFAULT_PORT_PLAN } from '../../namespaces/port-ledger.ts';
import { pendingSteps } from '../../namespaces/saga.ts';
import type { StateChoice } from '../../namespaces/state-file.ts';
import type { OperationRecord, PortClaim, WebrtcDesire, WebrtcRecord } from '../../namespaces/system.ts';

const claim = (namespace: string): PortClaim =>
  claimPorts([], DEFAULT_PORT_PLAN, { node: 'local', namespace });
const config = (namespace: string, state: WebrtcDesire = 'enabled'): WebrtcRecord => ({
  namespace,
  state,
  sealedTurnSecret: 'v1.a',
  turnAccess: NO_TURN_ACCESS,
  sealedTicketKey: 'v1.b',
  ttlSeconds: 600,
  relayScope: 'sfu',
  domain: null,
  createdAtMs: 0,
});
const file = (generation: number, ...names: string[]): StateChoice => {
  const state: ClusterState = {
    version: 1,
    generation,
    node: 'local',
    saved_at: '2026-01-01T00:00:00.000Z',
    namespaces: names.map((name) => ({
      name,
      has_sfu: true,
      has_turn: true,
      ports: claim(name).blocks,
      domain: null,
      credential_ttl_seconds: 600,
      relay_scope: 'sfu',
      sealed_turn_secret: 'v1.a',
      sealed_ticket_key: 'v1.b',
      turn_access: NO_TURN_ACCESS,
      quota: {},
    })),
  };
  return { source: 'current', state, warnings: [] };
};
const database = (change: Partial<BootDatabase> = {}): BootDatabase => ({
  generation: 1,
  configs: [],
  claims: [],
  running: [],
  ...change,
});
const names = (targets: { config: WebrtcRecord }[]): string[] => targets.map((one) => one.config.namespace);
const operation = (kind: OperationRecord['kind'], done: boolean): OperationRecord => ({
  id: 'op',
  kind,
  namespace: 'demo',
  state: 'running',
  startedAtMs: 0,
  endedAtMs: null,
  steps: pendingSteps(kind).map((step) => ({ ...step, state: done ? 'done' : step.state })),
  error: null,
});

t.test('file and database agree', (t) => {
  const db = database({ configs: [config('demo')], claims: [claim('demo')] });
  const plan = planBoot('local', file(1, 'demo'), db);
  t.same(names(plan.targets), ['demo']);
  t.same([plan.restore, plan.stale, plan.leftovers, plan.warnings], [[], [], [], []]);
  t.end();
});

t.test('no file: the database is enough', (t) => {
  const db = database({ configs: [config('demo')], claims: [claim('demo')] });
  const plan = planBoot('local', { source: 'none', state: null, warnings: ['torn'] }, db);
  t.same(names(plan.targets), ['demo']);
  t.same(plan.warnings, ['torn']);
  t.end();
});

t.test('a database that is behind learns from the file; one that is not decides', (t) => {
  const lost = planBoot('local', file(5, 'demo'), database({ generation: 0 }));
  t.same([names(lost.targets), names(lost.restore), lost.stale], [['demo'], ['demo'], []]);
  t.match(lost.restore[0], { claim: claim('demo'), config: { state: 'enabled' } });
  const removed = planBoot('local', file(5, 'demo'), database({ generation: 5 }));
  t.same([names(removed.targets), removed.stale], [[], ['demo']]);
  t.end();
});

t.test('a file of another node is told and not used', (t) => {
  const plan = planBoot('elsewhere', file(5, 'demo'), database());
  t.same([plan.targets, plan.stale], [[], []]);
  t.match(plan.warnings[0], /belongs to the node "local"/);
  t.end();
});

t.test('lost port claims come from the file; without them nothing is spawned', (t) => {
  const db = database({ configs: [config('demo')] });
  t.same(names(planBoot('local', file(1, 'demo'), db).restore), ['demo']);
  const none = planBoot('local', file(1), db);
  t.same(none.targets, []);
  t.match(none.warnings[0], /owns no ports/);
  t.end();
});

t.test('operations decide about their namespace; what none runs on is finished', (t) => {
  const db = (running: OperationRecord[], state: WebrtcDesire): BootDatabase =>
    database({ configs: [config('demo', state)], claims: [claim('demo')], running });
  const plan = (running: OperationRecord[], state: WebrtcDesire): object =>
    planBoot('local', file(2, 'demo'), db(running, state));
  const nothing = { targets: [], stale: [], leftovers: [] };
  t.match(plan([operation('enable-webrtc', false)], 'enabling'), nothing);
  t.match(plan([operation('disable-webrtc', false)], 'disabling'), nothing);
  t.match(plan([operation('enable-webrtc', true)], 'enabled'), { targets: [{ config: {} }] });
  t.match(plan([operation('rotate-turn-secret', false)], 'enabled'), { targets: [{ config: {} }] });
  t.match(plan([], 'disabling'), { targets: [], leftovers: ['demo'] });
  t.match(plan([], 'enabling'), { targets: [], leftovers: ['demo'] });
  t.end();
});

t.test('a database that is behind learns newer TURN secrets and who is revoked', (t) => {
  const access = (revision: number, subject: string) => ({
    ...NO_TURN_ACCESS,
    revision,
    revoked: [{ subject, untilMs: null }],
  });
  const plan = (inFile: number, inDatabase: number, generation = 1, ticketKey = 'v1.b') => {
    const choice = file(5, 'demo');
    Object.assign(choice.state!.namespaces[0]!, {
      sealed_turn_secret: 'v1.new',
      sealed_ticket_key: ticketKey,
      turn_access: access(inFile, 'alice'),
    });
    const known = { ...config('demo'), turnAccess: access(inDatabase, 'bob') };
    return planBoot('local', choice, database({ generation, configs: [known], claims: [claim('demo')] }));
  };
  const learned = plan(7, 3);
  t.match(learned.targets, [{ config: { sealedTurnSecret: 'v1.new', turnAccess: access(7, 'alice') } }]);
  t.match(learned.relearn, [{ namespace: 'demo', sealedTurnSecret: 'v1.new', turnAccess: { revision: 7 } }]);
  for (const [what, other] of Object.entries({
    'the database has the last change': plan(3, 3),
    'the database is as new as the file': plan(7, 3, 5),
    'enabled anew meanwhile': plan(7, 3, 1, 'v1.other'),
  })) {
    t.same(other.relearn, [], what);
    t.match(other.targets, [{ config: { sealedTurnSecret: 'v1.a', turnAccess: access(3, 'bob') } }], what);
  }
  t.end();
});
