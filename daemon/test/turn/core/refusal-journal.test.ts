/** Why something was refused, as an operator is told it. */
import t from 'tap';
import { refusalSentence } from '../../../contract/turn-refusal.ts';
import { METHOD } from '../../../turn/codec/attribute-types.ts';
import { JOURNAL_ENTRIES } from '../../../turn/core/refusal-journal.ts';
import { Bench, settings, user } from './harness.ts';

const told = (bench: Bench): string[] =>
  bench.core.journal.map((one) => `${one.method} ${String(one.code)}: ${refusalSentence(one)}`);

t.test('a refused peer is named with the reason, newest first', (t) => {
  const bench = new Bench();
  const client = bench.client(1000);
  bench.allocate(client);
  t.same(bench.core.journal, [], 'the challenge is no refusal');
  bench.permit(client, { address: '10.0.0.5', port: 22 });
  bench.bind(client, 0x4000, { address: '::ffff:10.0.0.9', port: 20000 });
  bench.permit(client, { address: '10.0.0.5', port: 0 });
  bench.bind(client, 0x4000, { address: '10.0.0.9', port: 0 });
  t.same(told(bench), [
    'ChannelBind 403: peer 10.0.0.9 has port 0, where nothing can listen',
    'CreatePermission 403: peer 10.0.0.5 is not an SFU of this namespace',
    'ChannelBind 443: peer [::ffff:a00:9]:20000 has an address family that this session has no relay for',
    'CreatePermission 403: peer 10.0.0.5:22 is not an SFU of this namespace',
  ]);
  t.match(bench.core.journal[0], { client: '192.0.2.7:1000', username: user().username, atMs: bench.nowMs });
  t.end();
});

t.test('each refusal has its sentence', (t) => {
  const bench = new Bench({ limits: { ...settings().limits, permissionsPerAllocation: 1 } });
  const first = bench.client(1);
  bench.request(first, METHOD.REFRESH);
  bench.allocate(first);
  bench.allocate(first);
  bench.permit(first);
  bench.permit(first, { address: '10.0.0.10', port: 1 });
  for (const port of [2, 3, 4]) bench.allocate(bench.client(port));
  bench.core.drain();
  bench.allocate(bench.client(5));
  t.same(told(bench).reverse(), [
    'Refresh 437: the client has no session on this address and port',
    'Allocate 437: the client has a session on this address and port already',
    'CreatePermission 508: the limit permissionsPerAllocation is reached',
    'Allocate 486: the limit allocationsPerUser is reached',
    'Allocate 508: the service is drained: it takes no new sessions',
  ]);
  t.end();
});

t.test('a credential is told by what is wrong with it', (t) => {
  const bench = new Bench();
  const refused = (credential: { username: string; password: string }) => {
    bench.allocate(bench.client(1, credential));
    const [latest] = bench.core.journal;
    return latest?.detail.reason === 'credential' ? latest.detail.why : undefined;
  };
  t.equal(refused({ ...user(), password: 'wrong' }), 'wrong-password');
  t.equal(refused(user({ ttlSeconds: -5 })), 'expired');
  t.equal(refused(user({ namespace: 'other' })), 'unknown-username');
  t.equal(refused({ username: 'a\n\u202eb\u0000', password: 'x' }), 'unknown-username');
  t.equal(bench.core.journal[0]?.username, 'a??b?');
  refused({ username: 'x'.repeat(500), password: 'x' });
  t.equal(bench.core.journal[0]?.username?.length, 128);
  t.end();
});

t.test('strangers and refused packets cannot push the others out', (t) => {
  const bench = new Bench();
  const client = bench.client(1000);
  bench.allocate(client);
  bench.permit(client, { address: '10.0.0.5', port: 22 });
  for (let count = 0; count < 200; count += 1) {
    bench.allocate(bench.client(2000 + count, { username: `name${String(count)}`, password: 'x' }));
    bench.send(client, { address: '10.0.0.6', port: 9 });
  }
  t.equal(told(bench).at(-1), 'CreatePermission 403: peer 10.0.0.5:22 is not an SFU of this namespace');
  t.equal(told(bench).filter((one) => one.startsWith('Send 403: peer 10.0.0.6:9 is not')).length, 16);
  t.equal(bench.core.drops.get('peer-refused'), 200, 'the counter stays exact');
  t.equal(bench.core.journal.length, 1 + 16 + 16);
  for (let count = 0; count < 200; count += 1) bench.permit(client, { address: '10.0.0.7', port: count });
  t.equal(bench.core.journal.length, JOURNAL_ENTRIES);
  t.match(told(bench)[0], /10\.0\.0\.7:199/);
  t.match(told(bench).at(-1), /10\.0\.0\.7:136/);
  t.end();
});
