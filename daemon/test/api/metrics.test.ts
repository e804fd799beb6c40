/** What a scraper gets, and what no service can make it store. */
import t from 'tap';
import { MAX_NAMESPACES, metricFamilies, type NamespaceReport } from '../../api/metrics/families.ts';
import type { SfuStatus, TurnStatus } from '../../contract/control.ts';
import { apiBench } from '../helpers/api-bench.ts';
import { parseExposition, sampleOf } from '../helpers/exposition.ts';

const turn = (change: Partial<TurnStatus> = {}): TurnStatus => ({
  ready: true,
  draining: false,
  listeners: [
    { transport: 'udp', address: '192.0.2.1', port: 3478, open: true },
    { transport: 'tcp', address: '192.0.2.1', port: 3478, open: false },
  ],
  allocations: 3,
  connections: 1,
  relayed: { toPeerPackets: 10, toPeerBytes: 1000, toClientPackets: 20, toClientBytes: 2000 },
  drops: { 'no-permission': 4 },
  refusals: { 'Allocate 401': 5, 'CreatePermission 403': 2 },
  kernelDrops: 9,
  limits: [
    { name: 'allocations', limit: 700, used: 3, refused: 1 },
    { name: 'unauthorizedAnswersPerSecond', limit: 200, refused: 8 },
  ],
  ...change,
});
const sfu: SfuStatus = {
  ready: true,
  draining: false,
  sessions: 2,
  rooms: 1,
  publishers: 1,
  subscriptions: 2,
  forwarded: { packets: 7, bytes: 700 },
  drops: { 'not-a-relay': 6 },
};
const report = (namespace: string, status: TurnStatus): NamespaceReport => ({
  namespace,
  webrtc: { turn: status, sfu: null },
  cameras: 0,
  camerasOnline: 0,
});

t.test('a scrape shows what the services report', async (t) => {
  const { local, namespaces, cameras } = await apiBench(t);
  namespaces.reports.set('a', { turn: turn(), sfu });
  cameras.create({ name: 'door', namespace: 'a', owner: 'x' });
  const answer = await local.inject({ method: 'GET', url: '/metrics' });
  t.match(answer.headers, { 'content-type': /^text\/plain; version=0\.0\.4/, 'cache-control': 'no-store' });
  const { types, samples } = parseExposition(answer.body);
  t.equal(types.get('turnkeep_turn_drops_total'), 'counter');
  t.equal(types.get('turnkeep_turn_allocations'), 'gauge');
  const value = (name: string, labels = {}): number =>
    sampleOf(samples, `turnkeep_${name}`, { namespace: 'a', ...labels });
  t.equal(value('turn_allocations'), 3);
  t.equal(value('turn_relayed_packets_total', { direction: 'to-peer' }), 10);
  t.equal(value('turn_relayed_bytes_total', { direction: 'to-client' }), 2000);
  t.equal(value('turn_drops_total', { reason: 'no-permission' }), 4);
  t.equal(value('turn_kernel_drops_total'), 9);
  t.equal(value('turn_refusals_total', { method: 'Allocate', code: '401' }), 5);
  t.equal(value('turn_limit', { limit: 'allocations' }), 700);
  t.equal(value('turn_limit_used', { limit: 'allocations' }), 3);
  t.equal(value('turn_limit_refused_total', { limit: 'unauthorizedAnswersPerSecond' }), 8);
  t.equal(value('turn_listeners_open', { transport: 'udp' }), 1);
  t.equal(value('turn_listeners_open', { transport: 'tcp' }), 0);
  t.equal(value('sfu_forwarded_bytes_total'), 700);
  t.equal(value('sfu_drops_total', { reason: 'not-a-relay' }), 6);
  t.equal(value('cameras'), 1);
  t.equal(value('service_up', { service: 'turn' }), 1);
  t.equal(sampleOf(samples, 'turnkeep_namespaces'), 2);
  t.throws(
    () => sampleOf(samples, 'turnkeep_service_up', { namespace: 'b' }),
    /^0 samples|/,
    'b has no WebRTC',
  );
});

t.test('a service that does not answer is down and fails nothing', async (t) => {
  const { local, namespaces } = await apiBench(t);
  namespaces.reports.set('a', { turn: null, sfu });
  const { samples } = parseExposition((await local.inject({ method: 'GET', url: '/metrics' })).body);
  t.equal(sampleOf(samples, 'turnkeep_service_up', { namespace: 'a', service: 'turn' }), 0);
  t.equal(sampleOf(samples, 'turnkeep_service_up', { namespace: 'a', service: 'sfu' }), 1);
});

t.test('scrapes at the same time ask the services once', async (t) => {
  const { local, namespaces } = await apiBench(t);
  await Promise.all(Array.from({ length: 20 }, () => local.inject({ method: 'GET', url: '/metrics' })));
  t.equal(namespaces.probes, namespaces.list().length);
});

t.test('an API key sees its own namespace and no other', async (t) => {
  const { network, namespaces, key } = await apiBench(t);
  namespaces.reports.set('a', { turn: turn(), sfu });
  namespaces.reports.set('b', { turn: turn(), sfu });
  const answer = await network.inject({ method: 'GET', url: '/metrics', headers: key('b', 'operator') });
  const { samples } = parseExposition(answer.body);
  const named = new Set(samples.flatMap(({ labels }) => labels.namespace ?? []));
  t.same([...named], ['b']);
});

t.test('no service can make a scraper store more series', (t) => {
  const many = (text: (at: number) => string): Record<string, number> =>
    Object.fromEntries(Array.from({ length: 1000 }, (_, at) => [text(at), 1]));
  const hostile = turn({
    drops: { ...many((at) => `reason-${at}`), 'a"} 1\nevil{x="': 3 },
    refusals: many((at) => `Method${at} ${at}`),
    listeners: [{ transport: 'carrier-pigeon', address: '192.0.2.1', port: 1, open: true }],
  });
  const families = metricFamilies(
    Array.from({ length: 500 }, (_, at) => report(`n${at}`, at < 2 ? hostile : turn())),
  );
  const samplesOf = (name: string): { labels: Record<string, string>; value: number }[] =>
    families.find((one) => one.name === name)?.samples ?? [];
  const drops = samplesOf('turnkeep_turn_drops_total').filter(({ labels }) => labels.namespace === 'n0');
  t.equal(drops.length, 65, '64 reasons and other');
  t.equal(drops.find(({ labels }) => labels.reason === 'other')?.value, 1000 - 64 + 3, 'nothing is lost');
  const refusals = samplesOf('turnkeep_turn_refusals_total').filter(
    ({ labels }) => labels.namespace === 'n0',
  );
  t.ok(refusals.length <= 16 * 33 + 33, `${refusals.length} series of refusals`);
  t.equal(
    refusals.reduce((sum, { value }) => sum + value, 0),
    1000,
  );
  t.equal(samplesOf('turnkeep_turn_allocations').length, MAX_NAMESPACES);
  t.equal(
    samplesOf('turnkeep_turn_listeners_open').every(({ labels }) =>
      ['udp', 'tcp', 'tls', 'dtls'].includes(labels.transport!),
    ),
    true,
  );
  t.end();
});
