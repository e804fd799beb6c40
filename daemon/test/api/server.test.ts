/** What holds for every route: errors, headers, bodies, the static console. */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { apiBench, errorOf, route } from '../helpers/api-bench.ts';

t.test('every refusal has the one error body', async (t) => {
  const bench = await apiBench(t);
  const send = (payload: string, type = 'application/json') =>
    bench.local.inject({ method: 'POST', url: '/v1/namespaces', headers: { 'content-type': type }, payload });
  const refusal = async (answer: ReturnType<typeof send>) => [
    (await answer).statusCode,
    errorOf(await answer),
  ];
  t.strictSame(await refusal(send('{"name":')), [400, 'invalid_json']);
  t.strictSame(await refusal(send('{"name":"x","__proto__":{}}')), [400, 'invalid_json']);
  t.strictSame(await refusal(send('{"name":"x"}', 'text/plain')), [400, 'invalid_request']);
  t.strictSame(await refusal(send(`{"name":"${'x'.repeat(70_000)}"}`)), [413, 'payload_too_large']);
  t.strictSame(await refusal(send('')), [400, 'invalid_request']);
  t.match((await send('{"name":"A","more":1}')).json(), {
    error: 'invalid_request',
    message: /^name: a namespace name has 1 to 32 characters/,
    details: { issues: [{ path: 'name' }, { message: /more/ }] },
  });
  t.match((await bench.local.inject(route('GET /v1/nothing'))).json(), { error: 'not_found' });
  t.equal((await bench.local.inject(route('PUT /v1/namespaces'))).statusCode, 404);
  t.match((await bench.local.inject(route('GET /v1/namespaces/%ff'))).json(), { error: 'invalid_request' });
  const long = await bench.local.inject(route(`GET /v1/namespaces/${'x'.repeat(300)}`));
  t.match(long.json(), { error: /invalid_request|not_found/ });
});

t.test('an unknown failure says nothing about itself', async (t) => {
  const bench = await apiBench(t);
  bench.namespaces.list = () => {
    throw new Error('password=hunter2');
  };
  const answer = await bench.local.inject(route('GET /v1/namespaces'));
  t.equal(answer.statusCode, 500);
  t.strictSame(Object.keys(answer.json<object>()), ['error', 'message']);
  t.notMatch(answer.body, 'hunter2');
});

t.test('browsers get their walls on every answer', async (t) => {
  const bench = await apiBench(t);
  for (const url of ['/healthz', '/v1/nothing', '/v1/namespaces', '/']) {
    const { headers } = await bench.network.inject(route(`GET ${url}`));
    const csp = String(headers['content-security-policy']);
    t.match(csp, "default-src 'none'", url);
    t.match(csp, "frame-ancestors 'none'", url);
    t.notMatch(csp, 'unsafe', url);
    t.notMatch(csp, 'upgrade-insecure-requests', url);
    t.match(headers['permissions-policy'], 'camera=(self), microphone=(self)');
    t.match(headers, { 'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY' });
    t.equal(headers['access-control-allow-origin'], undefined);
  }
});

t.test('a busy address is slowed down', async (t) => {
  const bench = await apiBench(t);
  const codes = [];
  for (let at = 0; at < 501; at += 1)
    codes.push((await bench.network.inject(route('GET /healthz'))).statusCode);
  t.strictSame(codes.slice(-2), [200, 429]);
  t.equal((await bench.local.inject(route('GET /healthz'))).statusCode, 200);
});

t.test('serves the built console, its page for every address, and never for the API', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'turnkeep-console-'));
  mkdirSync(join(dir, 'assets'));
  writeFileSync(join(dir, 'index.html'), '<!doctype html><title>console</title>');
  writeFileSync(join(dir, 'assets', 'app-0a1b.js'), 'export {}');
  writeFileSync(join(dir, 'icons.svg'), '<svg/>');
  mkdirSync(join(dir, 'client'));
  writeFileSync(join(dir, 'client', 'turnkeep.js'), 'export {}');
  writeFileSync(join(dir, 'client', 'turnkeep.d.ts'), 'export {}');
  const bench = await apiBench(t, { change: { consoleDir: dir } });
  const get = (url: string) => bench.network.inject(route(`GET ${url}`));
  for (const url of ['/', '/cameras/cam-1', '/sign-in?code=x', '/namespaces/a']) {
    const answer = await get(url);
    t.equal(answer.statusCode, 200, url);
    t.match(answer.headers['content-type'], 'text/html', url);
    t.equal(answer.headers['cache-control'], 'no-cache', url);
  }
  const asset = await get('/assets/app-0a1b.js');
  t.equal(asset.headers['cache-control'], 'public, max-age=31536000, immutable');
  t.match(asset.headers['content-type'], 'javascript');
  t.equal(asset.headers['access-control-allow-origin'], undefined, 'the console is for itself');
  t.equal(asset.headers['cross-origin-resource-policy'], 'same-origin');
  const client = await get('/client/turnkeep.js');
  t.match(client.headers, {
    'content-type': /javascript/,
    'cache-control': 'no-cache',
    'access-control-allow-origin': '*',
    'cross-origin-resource-policy': 'cross-origin',
  });
  t.match((await get('/client/turnkeep.d.ts')).headers, {
    'content-type': /typescript/,
    'access-control-allow-origin': '*',
  });
  t.equal((await get('/icons.svg')).headers['cache-control'], 'no-cache');
  for (const url of [
    '/assets/old-1.js',
    '/client/old-1.js',
    '/client/',
    '/v1/nothing',
    '/api/nothing',
    '/missing.png',
    '/assets/..%2f..%2fetc/passwd',
  ])
    t.ok((await get(url)).statusCode >= 400, url);
  t.equal((await bench.network.inject(route('POST /cameras'))).statusCode, 404);
});

t.test('says how to build the console when it is not there', async (t) => {
  const bench = await apiBench(t);
  const answer = await bench.network.inject(route('GET /cameras'));
  t.equal(answer.statusCode, 503);
  t.match(answer.body, 'npm run build');
  t.equal((await bench.network.inject(route('GET /healthz'))).statusCode, 200);
});

t.test('offers the local CA', async (t) => {
  const bench = await apiBench(t, { change: { caPem: '-----BEGIN CERTIFICATE-----' } });
  const answer = await bench.network.inject(route('GET /v1/ca.pem'));
  t.equal(answer.body, '-----BEGIN CERTIFICATE-----');
  t.match(answer.headers['content-disposition'], 'turnkeep-ca.pem');
});
