import t from 'tap';
import { apiBench, HOST, ORIGIN, route } from '../helpers/api-bench.ts';

const HEADERS = { host: HOST, origin: ORIGIN };

t.test('signs in by code, shows the session, signs out', async (t) => {
  const bench = await apiBench(t);
  const made = await bench.local.inject(route('POST /v1/users/admin/sign-in-code'));
  t.match(made.json(), { user: { name: 'admin', role: 'owner' }, code: /^[0-9A-Z]{5}(-[0-9A-Z]{5}){3}$/ });
  const { code } = made.json<{ code: string }>();
  const signIn = () =>
    bench.network.inject(route('POST /v1/session', { headers: HEADERS, payload: { code } }));
  const answer = await signIn();
  t.equal(answer.statusCode, 201);
  t.strictSame(Object.keys(answer.json<object>()).sort(), ['expiresAt', 'user']);
  const cookie = String(answer.headers['set-cookie']);
  t.match(cookie, /^turnkeep_session=[^;]{43}; Path=\/; Expires=.*; HttpOnly; SameSite=Strict$/);
  t.equal((await signIn()).statusCode, 401, 'once');

  const headers = { ...HEADERS, cookie: cookie.split(';')[0]! };
  const shown = await bench.network.inject(route('GET /v1/session', { headers }));
  t.match(shown.json(), { user: { name: 'admin', role: 'owner' } });
  t.equal(shown.headers['cache-control'], 'no-store');
  const foreign = { ...headers, origin: 'http://evil.test' };
  t.equal((await bench.network.inject(route('DELETE /v1/session', { headers: foreign }))).statusCode, 403);
  const out = await bench.network.inject(route('DELETE /v1/session', { headers }));
  t.equal(out.statusCode, 204);
  t.match(String(out.headers['set-cookie']), /turnkeep_session=; /);
  t.equal((await bench.network.inject(route('GET /v1/session', { headers }))).statusCode, 401);
});

t.test('signs in by password; a wrong one and an unknown user get the same answer', async (t) => {
  const bench = await apiBench(t);
  const reset = await bench.local.inject(route('POST /v1/users/admin/reset-password'));
  const { password } = reset.json<{ password: string }>();
  const signIn = (user: string, given: string) =>
    bench.network.inject(route('POST /v1/session', { headers: HEADERS, payload: { user, password: given } }));
  const wrong = await signIn('admin', 'no');
  const unknown = await signIn('nobody', 'no');
  t.equal(wrong.statusCode, 401);
  t.equal(wrong.body, unknown.body);
  t.equal((await signIn('admin', password)).statusCode, 201);
  for (let tries = 0; tries < 5; tries += 1) await signIn('admin', 'no');
  const paused = await signIn('admin', password);
  t.equal(paused.statusCode, 429);
  t.equal(paused.headers['retry-after'], '60');
  t.match(paused.json(), { error: 'rate_limited', message: 'Too many tries. Try again in 60 s.' });
});

t.test('another site cannot sign a browser in', async (t) => {
  const bench = await apiBench(t);
  const { code } = bench.identity.createSignInCode('admin');
  const headers = { host: HOST, origin: 'http://evil.test' };
  const answer = await bench.network.inject(route('POST /v1/session', { headers, payload: { code } }));
  t.equal(answer.statusCode, 403);
  t.equal(answer.headers['set-cookie'], undefined);
});

t.test('behind a trusted proxy with TLS the cookie is Secure and host-bound', async (t) => {
  const bench = await apiBench(t, { change: { trustedProxies: ['127.0.0.1'] } });
  const { code } = bench.identity.createSignInCode('admin');
  const headers = { host: HOST, origin: `https://${HOST}`, 'x-forwarded-proto': 'https' };
  const answer = await bench.network.inject(route('POST /v1/session', { headers, payload: { code } }));
  t.match(
    String(answer.headers['set-cookie']),
    /^__Host-turnkeep_session=.*; HttpOnly; Secure; SameSite=Strict/,
  );
});

t.test('a used session slides, and its cookie with it', async (t) => {
  const bench = await apiBench(t);
  const headers = await bench.as('viewer');
  const get = () => bench.network.inject(route('GET /v1/namespaces', { headers }));
  t.equal((await get()).headers['set-cookie'], undefined);
  bench.clock.advance(3600_000);
  t.match(String((await get()).headers['set-cookie']), /turnkeep_session=/);
  bench.clock.advance(12 * 3600_000);
  t.equal((await get()).statusCode, 401);
});

t.test('while the database is shut nobody signs in, and the sentence says so', async (t) => {
  const bench = await apiBench(t, { change: { problems: () => ['The database does not open.'] } });
  const headers = await bench.as('owner');
  bench.shutDatabase();
  const answer = await bench.network.inject(route('GET /v1/namespaces', { headers }));
  t.equal(answer.statusCode, 503);
  t.match(answer.json(), { error: 'unavailable', message: /database does not open/ });
  t.equal((await bench.local.inject(route('GET /v1/namespaces'))).statusCode, 200, 'the box itself may look');
  const ready = await bench.network.inject(route('GET /readyz'));
  t.equal(ready.statusCode, 503);
  t.strictSame(ready.json(), { ready: false, problems: [] }, 'told to the operator only');
  t.strictSame((await bench.local.inject(route('GET /readyz'))).json(), {
    ready: false,
    problems: ['The database does not open.'],
  });
});
