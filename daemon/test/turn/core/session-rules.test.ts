/** How long a session lasts, and revocation: on a clock of the test's own. */
import t from 'tap';
import { ATTRIBUTE, METHOD } from '../../../turn/codec/attribute-types.ts';
import { lifetime, readLifetime } from '../../../turn/codec/attributes.ts';
import { attributeOf, type StunMessage } from '../../../turn/codec/stun-message.ts';
import { NO_SESSION_RULES, subjectOf, type SessionRules } from '../../../turn/core/session-rules.ts';
import { Bench, NOW, settings, user, type Client } from './harness.ts';

function bench(rules: Partial<SessionRules>): Bench {
  return new Bench({ session: { ...NO_SESSION_RULES, ...rules } });
}

function granted(message: StunMessage | undefined): number | undefined {
  const value = message === undefined ? undefined : attributeOf(message, ATTRIBUTE.LIFETIME);
  return value === undefined ? undefined : readLifetime(value);
}

/** Refreshes and holds the core to its word: the session lives until just before the end it promised. */
function refreshed(bench: Bench, client: Client, seconds = 3600): number | undefined {
  const { code, message } = bench.request(client, METHOD.REFRESH, [lifetime(seconds)]);
  return code === 'success' ? granted(message) : undefined;
}

t.test('maxSeconds bounds what Allocate and Refresh grant', (t) => {
  const one = bench({ maxSeconds: 900 });
  const client = one.client(1, user({ ttlSeconds: 3600 }));
  t.equal(granted(one.allocate(client, [lifetime(3600)]).message), 900);
  one.advance(500_300);
  t.equal(refreshed(one, client), 399, 'less than the usual 600, rounded down');
  one.advance(399_000 - 1);
  t.equal(one.core.sizes.allocations, 1, 'what was promised is kept');
  t.equal(refreshed(one, client), 0, 'nothing is left to grant');
  t.equal(one.core.sizes.allocations, 0);
  t.equal(one.relays.size, 0);
  t.equal(granted(one.allocate(client).message), 600, 'a new session is another one');
  t.end();
});

t.test('without a bound sessions outlive their credential', (t) => {
  const one = bench({});
  const client = one.client(1, user({ ttlSeconds: 60 }));
  t.equal(granted(one.allocate(client, [lifetime(3600)]).message), 3600);
  one.advance(3_000_000);
  t.equal(refreshed(one, client), 3600);
  t.end();
});

t.test('strictExpiry ends the session with the credential', (t) => {
  const one = bench({ strictExpiry: true });
  const client = one.client(1, user({ ttlSeconds: 100 }));
  t.equal(granted(one.allocate(client).message), 100);
  one.advance(60_000);
  t.equal(refreshed(one, client), 40);
  one.advance(39_999);
  t.equal(one.core.sizes.allocations, 1);
  one.advance(1);
  t.equal(one.core.sizes.allocations, 0);
  t.equal(one.relays.size, 0);
  const late = bench({ strictExpiry: true });
  late.nowMs = NOW + 99_500;
  t.equal(late.allocate(late.client(1, user({ ttlSeconds: 100 }))).code, 401, 'under a second is nothing');
  t.end();
});

t.test('clockSkewSeconds', (t) => {
  for (const strictExpiry of [false, true]) {
    const one = bench({ clockSkewSeconds: 30, strictExpiry });
    one.nowMs = NOW + 20_000;
    const { code, message } = one.allocate(one.client(1, user({ ttlSeconds: 10 })));
    t.equal(code, 'success', 'expired, but within the skew');
    t.equal(granted(message), strictExpiry ? 20 : 600);
    one.advance(20_000);
    t.equal(one.allocate(one.client(2, user({ ttlSeconds: 10 }))).code, 401, 'not beyond it');
  }
  t.end();
});

t.test('a revoked subject loses its sessions at once and gets no more', (t) => {
  const one = bench({});
  const alice = one.client(1, user({ subject: 'alice' }));
  const bob = one.client(2, user({ subject: 'bob' }));
  const nobody = one.client(3);
  for (const client of [alice, bob, nobody]) t.equal(one.allocate(client).code, 'success');
  const revoked = new Map([['alice', NOW + 100_000]]);
  const actions = one.core.configure(settings({ session: { ...NO_SESSION_RULES, revoked } }), one.nowMs);
  t.match(actions, [{ type: 'close-relay' }, { type: 'ended', reason: 'revoked' }]);
  one.note(actions);
  t.equal(one.core.sizes.allocations, 2);
  t.equal(one.relays.size, 2);
  t.equal(one.request(alice, METHOD.REFRESH, []).code, 401);
  t.equal(one.allocate(alice).code, 401);
  t.equal(
    one.allocate(one.client(4, user({ subject: 'alice', ttlSeconds: 900 }))).code,
    401,
    'newer ones too',
  );
  t.equal(refreshed(one, bob, 600), 600);
  t.equal(refreshed(one, nobody, 600), 600, 'a name without a subject is not meant');
  one.advance(100_000);
  t.equal(one.allocate(one.client(5, user({ subject: 'alice' }))).code, 'success', 'until its time is over');
  t.end();
});

t.test('a revocation meets a session whose socket is being bound', (t) => {
  const one = bench({});
  const alice = one.client(1, user({ subject: 'alice' }));
  one.once(alice, alice.session.request(METHOD.ALLOCATE, []));
  const request = alice.session.request(METHOD.ALLOCATE, [
    { type: ATTRIBUTE.REQUESTED_TRANSPORT, value: Buffer.from([17, 0, 0, 0]) },
  ]);
  const opening = one.feed(alice, request.bytes);
  t.match(opening, [{ type: 'open-relays' }]);
  const revoked = new Map([['alice', NOW + 100_000]]);
  one.note(one.core.configure(settings({ session: { ...NO_SESSION_RULES, revoked } }), one.nowMs));
  t.match(one.openRelays(opening), [{ type: 'close-relay' }]);
  t.equal(one.relays.size, 0);
  t.end();
});

t.test('subjects', (t) => {
  t.equal(subjectOf('1700000000:one:alice'), 'alice');
  t.equal(subjectOf('1700000000:one'), undefined);
  t.equal(subjectOf('v1:1700000000:pat:demo:0a1b2c3d'), 'pat:0a1b2c3d');
  t.equal(subjectOf('v1:1700000000:app:demo:client-1'), 'app:client-1');
  t.equal(subjectOf('constructor'), undefined);
  t.end();
});
