import t, { type Test as TestBase } from 'tap';
import { ApiKeys } from '../../identity/api-keys.ts';
import { FIRST_USER, Identity } from '../../identity/identity.ts';
import { SqliteIdentityStore } from '../../store/sqlite/identity-store.ts';
import { openDatabase } from '../../store/sqlite/database.ts';
import { messageOf } from '../../kit/errors.ts';
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

t.test(
  'a disabled user is out at once and cannot come in; enabled again, the password is the same',
  async (t) => {
    const { identity } = setUp(t);
    const { password } = await identity.createUser('guard', 'viewer');
    const { token } = await identity.signInWithPassword('guard', password, 'a');
    const { code } = identity.createSignInCode('guard');
    const { before, after } = identity.changeUser('guard', { disabled: true });
    t.match([before, after], [{ disabled: false }, { disabled: true, lastActiveAt: null }]);
    t.equal(identity.session(token), undefined, 'its session has ended');
    t.throws(() => identity.signInWithCode(code, 'a'), { code: 'invalid_login' });
    const wrong = await identity.signInWithPassword('guard', 'wrong', 'b').catch(messageOf);
    const right = await identity.signInWithPassword('guard', password, 'c').catch(messageOf);
    t.equal(right, wrong, 'nobody learns that the password is right');
    t.throws(() => identity.createSignInCode('guard'), {
      code: 'conflict',
      message: /turnkeep user enable guard/,
    });
    identity.changeUser('guard', { disabled: false });
    t.equal(identity.session(token), undefined, 'old sessions stay ended');
    t.ok((await identity.signInWithPassword('guard', password, 'd')).token);
    t.throws(() => identity.changeUser('nobody', { disabled: true }), { code: 'not_found' });
  },
);

t.test('a role changes at once; somebody stays owner', async (t) => {
  const { identity } = setUp(t);
  const { token } = identity.signInWithCode(identity.createSignInCode(FIRST_USER).code, 'a');
  for (const change of [{ role: 'viewer' }, { disabled: true }] as const) {
    t.throws(() => identity.changeUser(FIRST_USER, change), { code: 'conflict', message: /the last owner/ });
  }
  t.equal(identity.changeUser(FIRST_USER, { role: 'owner' }).after.role, 'owner', 'no change is none');
  await identity.createUser('mara', 'owner');
  identity.changeUser('mara', { disabled: true });
  t.throws(
    () => identity.changeUser(FIRST_USER, { role: 'viewer' }),
    { code: 'conflict' },
    'disabled owners are none',
  );
  t.throws(() => identity.deleteUser(FIRST_USER), { code: 'conflict' });
  t.doesNotThrow(() => identity.changeUser('mara', { role: 'viewer' }), 'who is none already may be less');
  identity.changeUser('mara', { role: 'owner', disabled: false });
  identity.changeUser(FIRST_USER, { role: 'viewer' });
  t.match(
    identity.session(token)?.user,
    { name: FIRST_USER, role: 'viewer' },
    'the open session has the new role',
  );
});

t.test('sessions are listed without what opens them, and ended one by one', (t) => {
  const { identity, store, clock } = setUp(t);
  const one = identity.signInWithCode(identity.createSignInCode(FIRST_USER).code, 'a');
  clock.advance(HOUR_MS);
  const two = identity.signInWithCode(identity.createSignInCode(FIRST_USER).code, 'b');
  const current = identity.session(two.token)?.tokenHash;
  const views = identity.sessionViews(current);
  t.match(views, [
    { user: FIRST_USER, current: true },
    { user: FIRST_USER, current: false },
  ]);
  for (const secret of [one.token, two.token, ...store.listSessions().map(({ tokenHash }) => tokenHash)]) {
    t.notOk(JSON.stringify(views).includes(secret));
  }
  t.equal(Date.parse(views[0]!.lastActiveAt) - Date.parse(views[1]!.lastActiveAt), HOUR_MS);
  clock.advance(HOUR_MS);
  identity.session(one.token);
  t.equal(identity.userViews()[0]?.lastActiveAt, new Date(clock.nowMs()).toISOString(), 'used just now');
  t.equal(identity.endSession(views[1]!.id), FIRST_USER);
  t.equal(identity.session(one.token), undefined);
  t.ok(identity.session(two.token), 'the other one stays');
  t.throws(() => identity.endSession(views[1]!.id), { code: 'not_found' });
  clock.advance(13 * HOUR_MS);
  t.same(identity.sessionViews(undefined), [], 'what has expired is not there');
  t.end();
});

t.test('an API key says when it was used, to the minute', (t) => {
  const { store, clock } = setUp(t);
  const keys = new ApiKeys({ store, clock });
  const { key } = keys.create('a', 'shop', 'viewer');
  const used = (): string | null | undefined => keys.list('a')[0]?.lastUsedAt;
  t.equal(used(), null);
  const firstMs = clock.nowMs();
  keys.authenticate(key);
  clock.advance(30_000);
  keys.authenticate(key);
  t.equal(used(), new Date(firstMs).toISOString(), 'not written at every request');
  clock.advance(30_000);
  keys.authenticate(key);
  t.equal(used(), new Date(firstMs + 60_000).toISOString());
  t.end();
});
