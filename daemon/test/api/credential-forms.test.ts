/**
 * The five forms a tenant's application presents itself in: a key as `X-API-Key`, as `Authorization: ApiKey`, as
 * Bearer, in the URL of the signaling socket, and a token (JWT) as Bearer. Each opens what it should, and nothing when
 * it is wrong, empty, too long, doubled or of another tenant.
 */
import t from 'tap';
import { apiBench, HOST, route } from '../helpers/api-bench.ts';

type Headers = Record<string, string>;
const WEB_RTC: [string, object | undefined, number][] = [
  ['POST /v1/webrtc/turn/credentials', {}, 200],
  ['GET /v1/webrtc/rooms', undefined, 200],
  ['POST /v1/webrtc/rooms', { room_id: 'my-room' }, 201],
  ['DELETE /v1/webrtc/rooms?room_id=my-room', undefined, 204],
];

t.test('each form opens the WebRTC endpoints of its namespace', async (t) => {
  const bench = await apiBench(t);
  const forms = (key: string, token: string): Record<string, { headers: Headers; query: string }> => ({
    'X-API-Key': { headers: { 'x-api-key': key }, query: '' },
    'Authorization: ApiKey': { headers: { authorization: `ApiKey ${key}` }, query: '' },
    'Authorization: Bearer, a key': { headers: { authorization: `Bearer ${key}` }, query: '' },
    'Authorization: Bearer, a JWT': { headers: { authorization: `Bearer ${token}` }, query: '' },
    '?api_key=': { headers: {}, query: `api_key=${key}` },
  });
  const make = async (namespace: string) =>
    forms(
      bench.key(namespace, 'owner')['x-api-key']!,
      (await bench.token(namespace, 'owner'))['authorization']!.slice('Bearer '.length),
    );
  const signal = async (
    { headers, query }: { headers: Headers; query: string },
    namespace: string,
  ): Promise<number> => {
    try {
      const path = `/v1/webrtc/signal?room=lobby&namespace=${namespace}${query === '' ? '' : `&${query}`}`;
      const socket = await bench.network.injectWS(path, { headers: { host: HOST, ...headers } });
      socket.terminate();
      return 101;
    } catch (error) {
      return Number(/\d{3}/.exec(String(error))?.[0]);
    }
  };
  for (const [name, form] of Object.entries(await make('a'))) {
    t.equal(await signal(form, 'a'), 101, `${name}: the socket`);
    t.equal(await signal(form, 'b'), 403, `${name}: the socket of another tenant`);
    bench.clock.advance(60_000);
    // A key in a URL is for sockets alone: everything else can set a header.
    const inUrl = form.query !== '';
    for (const [text, payload, status] of WEB_RTC) {
      const url = inUrl ? `${text}${text.includes('?') ? '&' : '?'}${form.query}` : text;
      const answer = await bench.network.inject(
        route(url, { headers: { host: HOST, ...form.headers }, ...(payload && { payload }) }),
      );
      t.equal(answer.statusCode, inUrl ? 401 : status, `${name}: ${text} ${answer.body}`);
    }
  }
});

t.test('what is no credential opens nothing', async (t) => {
  const bench = await apiBench(t);
  const key = bench.key('a', 'owner')['x-api-key']!;
  const token = (await bench.token('a', 'owner'))['authorization']!.slice('Bearer '.length);
  const wrong: Headers[] = [
    {},
    { 'x-api-key': '' },
    { 'x-api-key': `${key}x` },
    { 'x-api-key': key.slice(0, -1) },
    { 'x-api-key': token },
    { 'x-api-key': key.repeat(40) },
    { authorization: key },
    { authorization: `Basic ${Buffer.from(`${key}:`).toString('base64')}` },
    { authorization: `ApiKey  ${key}` },
    { authorization: `ApiKey ${key} ${key}` },
    { authorization: `ApiKey ${token}` },
    { authorization: `Bearer ${key}x` },
    { authorization: `Bearer ${token}x` },
    { authorization: `Bearer ${token.split('.').slice(0, 2).join('.')}.` },
    { authorization: `Bearer, ${token}` },
  ];
  for (const headers of wrong) {
    const answer = await bench.network.inject(
      route('GET /v1/webrtc/rooms', { headers: { host: HOST, ...headers } }),
    );
    t.equal(answer.statusCode, 401, JSON.stringify(headers).slice(0, 60));
    for (const secret of [key, token]) t.notOk(answer.body.includes(secret));
    bench.clock.advance(60_000);
  }
});
