/** Nested counts: whose limit is reached, what the client and the operator are told, what comes back. */
import t from 'tap';
import { DEFAULT_TURN_LIMITS } from '../../../contract/turn-config.ts';
import { quotaHolder, type QuotaLimits, type QuotaName } from '../../../turn/core/quota.ts';
import { ConnectionLimits } from '../../../turn/server/connection-limits.ts';
import { Bench, PEER, settings, user, type Acts } from './harness.ts';

const bench = (limits: Partial<QuotaLimits>): Bench =>
  new Bench({
    limits: { ...settings().limits, permissionsPerAllocation: 8, channelsPerAllocation: 8, ...limits },
  });
const reached = (actions: Acts): string[] =>
  actions.flatMap((action) => (action.type === 'quota-reached' ? [action.bucket] : []));
const useOf = (of: Bench, name: QuotaName) => of.core.limits.find((one) => one.name === name);
const renewed = (ttlSeconds: number) => user({ subject: 'ann', ttlSeconds });

t.test('who holds a unit', (t) => {
  const subjectOf = (username: string): string => quotaHolder(username).subject;
  t.equal(subjectOf('1700000600:one:ann'), 'ann');
  t.equal(subjectOf('1700000600:one'), '1700000600:one', 'no subject: the credential itself');
  t.equal(subjectOf('v1:1700000600:app:one:ann'), 'app:ann', 'not the REST subject of the same name');
  t.equal(subjectOf('v1:1700000600:pat:one:0011aabb'), 'pat:0011aabb');
  t.end();
});

t.test('allocations: each bucket refuses by its name, 486 for the person, 508 for the house', (t) => {
  const wide = { allocationsPerUser: 9, allocationsPerSubject: 9, allocations: 9, allocationsOfNode: 9 };
  for (const [name, code] of [
    ['allocationsPerUser', 486],
    ['allocationsPerSubject', 486],
    ['allocations', 508],
    ['allocationsOfNode', 508],
  ] as const) {
    const one = bench({ ...wide, [name]: 2 });
    // A subject with a credential renewed each time: only the limit of the credential does not see it.
    const credentialOf = (at: number) => renewed(name === 'allocationsPerUser' ? 600 : 600 + at);
    const clients = [1, 2, 3].map((port) => one.client(port, credentialOf(port)));
    t.same(
      clients.slice(0, 2).map((client) => one.allocate(client).code),
      ['success', 'success'],
      name,
    );
    const { code: answered, actions } = one.allocate(clients[2]!);
    t.equal(answered, code, name);
    t.same(reached(actions), [name]);
    t.equal(useOf(one, name)?.refused, 1);
    t.equal(useOf(one, 'allocations')?.used, 2);
    one.advance(10_000_000);
    t.equal(one.core.sizes.quotas, 0);
    t.equal(useOf(one, 'allocations')?.used, 0);
  }
  t.end();
});

t.test('permissions and channels are counted over allocations and given back', (t) => {
  const second = { ...PEER, address: '10.0.0.10' };
  for (const [name, subject] of [
    ['permissionsPerUser', 'ann'],
    ['permissionsPerSubject', 'ann'],
    ['permissions', 'bob'],
    ['permissionsOfNode', 'bob'],
  ] as const) {
    const one = bench({ [name]: 1 });
    const a = one.client(1, user({ subject: 'ann' }));
    const b = one.client(2, user({ subject, ttlSeconds: name === 'permissionsPerSubject' ? 700 : 600 }));
    t.equal(one.allocate(a).code, 'success');
    t.equal(one.allocate(b).code, 'success');
    t.equal(one.permit(a).code, 'success');
    t.equal(one.permit(a).code, 'success', 'what is held is refreshed');
    const refused = one.permit(b);
    t.equal(refused.code, 508);
    t.same(reached(refused.actions), [name]);
    const bound = one.bind(b, 0x4000, second);
    t.same(reached(bound.actions), [name], 'a binding needs its permission');
    t.equal(useOf(one, 'channels')?.used, 0, 'and counts no channel without it');
    one.advance(300_000);
    t.equal(one.permit(b).code, 'success', 'an expired permission gives its unit back');
  }
  for (const name of ['channelsPerUser', 'channelsPerSubject', 'channels', 'channelsOfNode'] as const) {
    const one = bench({ [name]: 1 });
    const a = one.client(1);
    t.equal(one.allocate(a).code, 'success');
    t.equal(one.bind(a, 0x4000).code, 'success');
    t.equal(one.bind(a, 0x4000).code, 'success', 'what is bound is refreshed');
    const refused = one.bind(a, 0x4001, second);
    t.equal(refused.code, 508);
    t.same(reached(refused.actions), [name]);
    t.equal(one.bind(a, 0x4000).code, 'success');
    const limits = { ...settings().limits, [name]: 1, channels: 1 };
    one.core.configure(settings({ limits }), one.nowMs);
    t.equal(one.bind(a, 0x4000).code, 'success', 'a limit ends nothing that is there');
  }
  t.end();
});

t.test('what does not fit an allocation itself is counted too', (t) => {
  const one = bench({ permissionsPerAllocation: 1, channelsPerAllocation: 1 });
  const a = one.client(1);
  t.equal(one.allocate(a).code, 'success');
  t.equal(one.bind(a, 0x4000).code, 'success');
  t.equal(one.bind(a, 0x4000).code, 'success', 'what is held is refreshed');
  t.equal(one.bind(a, 0x4001, { ...PEER, port: 20001 }).code, 508);
  t.equal(one.permit(a, { address: '10.0.0.10', port: 20000 }).code, 508);
  const refused = (name: string) => one.core.limits.find((use) => use.name === name);
  t.same(refused('channelsPerAllocation'), { name: 'channelsPerAllocation', limit: 1, refused: 1 });
  t.same(refused('permissionsPerAllocation'), { name: 'permissionsPerAllocation', limit: 1, refused: 1 });
  t.match(refused('dataConnectionsPerAllocation'), { refused: 0 });
  t.end();
});

t.test('every key of turn.limits is counted, and nothing else is', (t) => {
  const limits = { ...DEFAULT_TURN_LIMITS };
  for (const name of Object.keys(limits) as (keyof typeof limits)[]) limits[name] ??= 1_000_000;
  const uses = [...new Bench({ limits }).core.limits, ...new ConnectionLimits(limits).uses()];
  t.same(uses.map(({ name }) => name).sort(), Object.keys(DEFAULT_TURN_LIMITS).sort());
  t.end();
});
