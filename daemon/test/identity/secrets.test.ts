import fc from 'fast-check';
import t from 'tap';
import { ApiKeys } from '../../identity/api-keys.ts';
import { LoginThrottle } from '../../identity/login-throttle.ts';
import { PasswordHasher } from '../../identity/password.ts';
import { SignalTickets } from '../../identity/signal-tickets.ts';
import { canonicalTypable, typableSecret } from '../../identity/typable-secret.ts';
import { SqliteIdentityStore } from '../../store/sqlite/identity-store.ts';
import { openDatabase } from '../../store/sqlite/database.ts';
import { FakeClock } from '../helpers/fake-clock.ts';

const GRANT = { namespace: 'a', identity: 'eve', name: 'eve', role: 'viewer', rooms: null } as const;

t.test('passwords: verifies what it hashed, salts, takes no shortcut for null', async (t) => {
  const hasher = new PasswordHasher();
  const [one, two] = await Promise.all([hasher.hash('é'), hasher.hash('é')]);
  t.not(one, two);
  t.equal(await hasher.verify('e\u0301', one), true, 'the same letter, composed or not');
  t.equal(await hasher.verify('e', one), false);
  t.equal(await hasher.verify('', null), false);
  t.equal(await hasher.verify('x', 'scrypt$broken'), false);
});

t.test('passwords: a flood is refused, not queued for ever', async (t) => {
  const hasher = new PasswordHasher();
  const results = await Promise.allSettled(Array.from({ length: 40 }, () => hasher.verify('x', null)));
  const refused = results.filter((one) => one.status === 'rejected');
  t.equal(refused.length, 6, '2 run, 32 wait');
  t.match(refused[0], { reason: { code: 'unavailable', retryAfterSeconds: 5 } });
  t.equal(await hasher.verify('x', null), false, 'all slots came back');
});

t.test('typable secrets survive being typed', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 8 }), fc.boolean(), (groups, lower) => {
      const secret = typableSecret(groups);
      const plain = secret.replaceAll('-', '');
      return canonicalTypable(lower ? secret.toLowerCase() : secret) === plain && plain.length === groups * 5;
    }),
  );
  t.equal(canonicalTypable('oil-0'), '0110');
  t.end();
});

t.test('throttle: bounds one address and one name, forgets after success and time', (t) => {
  const throttle = new LoginThrottle();
  let allowed = 0;
  for (let at = 0; at < 100; at += 1) if (throttle.begin(`user${at}`, 'one-host', 0).allowed) allowed += 1;
  t.equal(allowed, 30, 'many names from one host');
  allowed = 0;
  for (let at = 0; at < 100; at += 1) if (throttle.begin('admin', `host${at}`, 0).allowed) allowed += 1;
  t.equal(allowed, 60, 'one name from many hosts');
  t.match(throttle.begin('bob', 'h', 0), { triesLeft: 4 });
  throttle.succeeded('bob', 'h');
  t.match(throttle.begin('bob', 'h', 0), { triesLeft: 4 });
  t.match(throttle.begin('bob', 'h', 1), { triesLeft: 3 });
  t.match(throttle.begin('bob', 'h', 300_002), { triesLeft: 4 });
  t.end();
});

t.test('tickets: single use, 30 s, bounded', (t) => {
  const clock = new FakeClock();
  const tickets = new SignalTickets({ clock });
  const { ticket } = tickets.issue(GRANT);
  t.strictSame(tickets.redeem(ticket), GRANT);
  t.equal(tickets.redeem(ticket), undefined);
  const late = tickets.issue(GRANT).ticket;
  clock.advance(30_000);
  t.equal(tickets.redeem(late), undefined);
  const many = Array.from({ length: 10_001 }, () => tickets.issue(GRANT).ticket);
  t.equal(tickets.redeem(many[0]!), undefined, 'the oldest made room');
  t.ok(tickets.redeem(many.at(-1)!));
  t.end();
});

t.test('viewer tokens: bound to namespace and room, until they end', (t) => {
  const clock = new FakeClock();
  const tickets = new SignalTickets({ clock });
  const grant = { ...GRANT, rooms: ['camera:1'] };
  const { token } = tickets.issueViewerToken(grant, 900);
  t.strictSame(tickets.verifyViewerToken(token), grant);
  t.strictSame(tickets.verifyViewerToken(token), grant, 'many uses');
  t.equal(tickets.verifyViewerToken(token.replace('tkv.a.', 'tkv.b.')), undefined);
  t.equal(tickets.verifyViewerToken(`${token}x`), undefined);
  t.equal(tickets.verifyViewerToken('tkv.'), undefined);
  t.equal(new SignalTickets({ clock }).verifyViewerToken(token), undefined, 'another run, another key');
  clock.advance(900_000);
  t.equal(tickets.verifyViewerToken(token), undefined);
  t.end();
});

t.test('who is forgotten keeps no ticket and no viewer token; what is issued later counts', (t) => {
  const clock = new FakeClock();
  const tickets = new SignalTickets({ clock });
  const issue = (identity: string) => ({
    ticket: tickets.issue({ ...GRANT, identity }).ticket,
    token: tickets.issueViewerToken({ ...GRANT, identity }, 900).token,
  });
  const [dana, other] = [issue('dana'), issue('other')];
  clock.advance(1000);
  tickets.forget('dana');
  t.equal(tickets.redeem(dana.ticket), undefined);
  t.equal(tickets.verifyViewerToken(dana.token), undefined);
  t.match(tickets.redeem(other.ticket), { identity: 'other' });
  t.match(tickets.verifyViewerToken(other.token), { identity: 'other' });
  clock.advance(1);
  const again = issue('dana');
  t.match(tickets.redeem(again.ticket), { identity: 'dana' });
  t.match(tickets.verifyViewerToken(again.token), { identity: 'dana' });
  t.equal(tickets.verifyViewerToken(dana.token), undefined);
  t.end();
});

t.test('API keys: one namespace, shown once, gone with it', (t) => {
  const database = openDatabase(':memory:');
  t.teardown(() => database.close());
  const keys = new ApiKeys({ store: new SqliteIdentityStore(database), clock: new FakeClock() });
  const { apiKey, key } = keys.create('a', 'shop', 'viewer');
  const caller = keys.authenticate(key)!;
  t.strictSame(caller, { kind: 'api-key', id: apiKey.id, namespace: 'a', role: 'viewer' });
  t.ok(key.startsWith(apiKey.prefix));
  t.notMatch(JSON.stringify(database.prepare('SELECT * FROM api_keys').all()), key);
  t.equal(keys.authenticate(`${key}x`), undefined);
  t.equal(keys.authenticate(`tk_${'x'.repeat(5000)}`), undefined);
  t.throws(() => keys.delete('b', apiKey.id), { code: 'not_found' });
  t.equal(keys.stands(caller), true);
  keys.delete('a', apiKey.id);
  t.equal(keys.stands(caller), false);
  t.equal(keys.authenticate(key), undefined);

  const [inA, inB] = [keys.create('a', 'x', 'viewer').key, keys.create('b', 'x', 'viewer').key];
  keys.keepOnly(['b']);
  t.equal(keys.authenticate(inA), undefined);
  keys.deleteAllOf('b');
  t.equal(keys.authenticate(inB), undefined);
  for (let at = 0; at < 100; at += 1) keys.create('c', 'x', 'viewer');
  t.throws(() => keys.create('c', 'x', 'viewer'), { code: 'conflict' });
  t.equal(keys.list('c').length, 100);
  t.end();
});
