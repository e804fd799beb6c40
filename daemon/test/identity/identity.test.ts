import t, { type Test as TestBase } from 'tap';
import { FIRST_USER, Identity } from '../../identity/identity.ts';
import { SqliteIdentityStore } from '../../store/sqlite/identity-store.ts';
import { openDatabase } from '../../store/sqlite/database.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { silentLog } from '../helpers/silent-log.ts';

const HOUR_MS = 3600_000;

function setUp(t: TestBase) {
  const database = openDatabase(':memory:');
  t.teardown(() => database.close());
  const store = new SqliteIdentityStore(database);
  const clock = new FakeClock();
  const identity = new Identity({ store, clock, log: silentLog });
  identity.ensureFirstUser();
  return { store, clock, identity };
}

t.test('the first user is an owner whom no password opens', async (t) => {
  const { identity, store } = setUp(t);
  t.strictSame(identity.listUsers(), [{ name: FIRST_USER, role: 'owner' }]);
  t.equal(store.getUser(FIRST_USER)?.passwordHash, null);
  for (const password of ['', 'null', 'admin'])
    await t.rejects(identity.signInWithPassword(FIRST_USER, password, '127.0.0.1'), {
      code: 'invalid_login',
    });
  identity.ensureFirstUser();
  t.equal(identity.listUsers().length, 1, 'made once');
});

t.test('a reset gives a password once, ends sessions and voids codes', async (t) => {
  const { identity, store } = setUp(t);
  const old = identity.signInWithCode(identity.createSignInCode(FIRST_USER).code, 'a');
  const { code } = identity.createSignInCode(FIRST_USER);
  const { password } = await identity.resetPassword(FIRST_USER);
  t.equal(identity.session(old.token), undefined);
  t.throws(() => identity.signInWithCode(code, 'a'), { code: 'invalid_login' });
  const { token, user } = await identity.signInWithPassword(FIRST_USER, password, 'a');
  t.strictSame(user, { name: FIRST_USER, role: 'owner' });
  t.match(identity.session(token)?.user, user);
  t.notMatch(JSON.stringify([store.listUsers(), store.getSession(token)]), password);
  t.equal(store.getSession(token), undefined, 'the token itself is not in the store');
  await t.rejects(identity.resetPassword('nobody'), { code: 'not_found' });
});

t.test('a code works once, within 15 minutes, however it is typed; a newer one replaces it', (t) => {
  const { identity, clock } = setUp(t);
  const first = identity.createSignInCode(FIRST_USER);
  const second = identity.createSignInCode(FIRST_USER);
  t.throws(() => identity.signInWithCode(first.code, 'a'), { code: 'invalid_login' });
  const typed = ` ${second.code.toLowerCase().replaceAll('-', ' ').replaceAll('0', 'o').replaceAll('1', 'l')} `;
  t.ok(identity.signInWithCode(typed, 'a').token);
  t.throws(() => identity.signInWithCode(second.code, 'a'), { code: 'invalid_login' });
  const late = identity.createSignInCode(FIRST_USER);
  clock.advance(15 * 60_000);
  t.throws(() => identity.signInWithCode(late.code, 'a'), { code: 'invalid_login' });
  t.throws(() => identity.createSignInCode('nobody'), { code: 'not_found' });
  t.end();
});

t.test('a session slides 12 hours while it is used, and ends after 30 days', (t) => {
  const { identity, clock } = setUp(t);
  const { token } = identity.signInWithCode(identity.createSignInCode(FIRST_USER).code, 'a');
  t.equal(identity.session(token)?.extended, false, 'no write for every request');
  for (let hours = 0; hours < 29 * 24; hours += 11) {
    clock.advance(11 * HOUR_MS);
    t.equal(identity.session(token)?.extended, true);
  }
  for (let hours = 0; hours < 48; hours += 11) {
    clock.advance(11 * HOUR_MS);
    identity.session(token);
  }
  t.equal(identity.session(token), undefined, 'ended after 30 days');

  const idle = identity.signInWithCode(identity.createSignInCode(FIRST_USER).code, 'a').token;
  clock.advance(12 * HOUR_MS);
  t.equal(identity.session(idle), undefined);
  t.end();
});

t.test('sign-out ends one session, deleting the user all of them; the last owner stays', async (t) => {
  const { identity } = setUp(t);
  const signIn = (name: string) => identity.signInWithCode(identity.createSignInCode(name).code, 'a').token;
  const { password } = await identity.createUser('eve', 'viewer');
  await t.rejects(identity.createUser('eve', 'owner'), { code: 'conflict' });
  const [one, two] = [signIn('eve'), (await identity.signInWithPassword('eve', password, 'b')).token];
  identity.signOut(identity.session(one)!.tokenHash);
  t.equal(identity.session(one), undefined);
  t.ok(identity.session(two));
  identity.deleteUser('eve');
  t.equal(identity.session(two), undefined);
  t.throws(() => identity.deleteUser(FIRST_USER), { code: 'conflict' });
  t.throws(() => identity.deleteUser('eve'), { code: 'not_found' });
});

t.test('keeps the newest 50 sessions of a user', (t) => {
  const { identity, clock } = setUp(t);
  const tokens = Array.from({ length: 52 }, () => {
    clock.advance(10_000);
    return identity.signInWithCode(identity.createSignInCode(FIRST_USER).code, 'a').token;
  });
  t.equal(tokens.filter((token) => identity.session(token) !== undefined).length, 50);
  t.equal(identity.session(tokens[0]!), undefined);
  t.end();
});

t.test('guessing is slowed down, with one answer for unknown users and wrong passwords', async (t) => {
  const { identity, clock } = setUp(t);
  const { password } = await identity.createUser('eve', 'viewer');
  const answers = async (name: string) => {
    const list: string[] = [];
    for (let tries = 0; tries < 6; tries += 1) {
      await identity
        .signInWithPassword(name, 'wrong', `of-${name}`)
        .catch((error: unknown) => list.push((error as Error).message));
    }
    return list;
  };
  const known = await answers('eve');
  t.strictSame(known, await answers('nobody'));
  t.match(known[0], '4 tries left before a 60 s pause');
  t.match(known[4], 'Try again in 60 s');
  t.match(known[5], 'Too many tries');
  await t.rejects(identity.signInWithPassword('eve', password, 'of-eve'), {
    code: 'rate_limited',
    retryAfterSeconds: 60,
  });
  t.ok(await identity.signInWithPassword('eve', password, 'elsewhere'), 'others are not kept out');
  clock.advance(60_001);
  t.ok(await identity.signInWithPassword('eve', password, 'of-eve'));
});
