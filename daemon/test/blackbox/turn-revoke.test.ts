/**
 * Who is revoked or deleted is out at once: its TURN sessions end, its credentials open nothing, its signaling
 * session is closed, and nobody else notices.
 */
import { once } from 'node:events';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { run } from '../../../cli/program.ts';
import type { DeviceCreated } from '../../contract/api.ts';
import { turnSessionListSchema } from '../../contract/turn-session.ts';
import { Appliance } from '../helpers/appliance.ts';
import { TurnClient } from '../helpers/turn-client.ts';

t.setTimeout(170_000);

const ADDRESS = '127.0.43.5';

type Credentials = { username: string; password: string };

const allocate = async (t: Test, port: number, credentials: Credentials) => {
  const client = await TurnClient.open(t, { transport: 'udp', address: ADDRESS, port, ...credentials });
  return { client, code: (await client.allocate()).code };
};

t.test('revoked and deleted', async (t) => {
  const appliance = await Appliance.start(t, ADDRESS);
  const { api } = appliance;
  t.match(await appliance.enableNamespace('demo'), { state: 'succeeded' });
  const port = (await appliance.status('demo')).ports!.turn;
  const issue = (subject: string) =>
    api.post<Credentials>('/v1/namespaces/demo/turn/credentials', { subject });
  const subjects = async () => {
    const list = await api.get('/v1/namespaces/demo/turn/sessions', turnSessionListSchema);
    return list.items.map(({ subject }) => subject).sort();
  };
  /** A request as a browser or an application makes it. */
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- names the shape of the answer
  const ask = async <Answer>(path: string, init: { headers: object; body?: object; method?: string }) => {
    const response = await fetch(`${appliance.url}${path}`, {
      method: init.method ?? (init.body === undefined ? 'GET' : 'POST'),
      headers: { 'content-type': 'application/json', origin: appliance.url, ...init.headers },
      ...(init.body === undefined ? {} : { body: JSON.stringify(init.body) }),
    });
    const body = (await response.json().catch(() => ({}))) as Answer & { error?: string; message?: string };
    return { status: response.status, body, cookie: response.headers.get('set-cookie')?.split(';')[0] ?? '' };
  };
  const signal = (query: string, headers = {}) => {
    const url = `${appliance.url.replace('http', 'ws')}/v1/webrtc/signal?${query}`;
    const socket = new WebSocket(url, { origin: appliance.url, headers });
    t.teardown(() => {
      socket.terminate();
    });
    const frames: string[] = [];
    socket.on('error', () => undefined);
    socket.on('message', (data: Buffer) => frames.push(data.toString('utf8')));
    return { socket, frames };
  };
  const said: string[] = [];
  const streams = { out: (text: string) => said.push(text), err: (text: string) => said.push(text) };
  const cli = (...args: string[]) =>
    run(['--socket', join(appliance.dir, 'run/turnkeepd.sock'), 'turn', ...args], streams, {});
  const who = (subject: string) => ['--namespace', 'demo', '--subject', subject];

  const bystander = await allocate(t, port, await issue('bystander'));
  t.equal(bystander.code, 'success');

  await t.test('a subject, and back', async (t) => {
    const alice = await issue('alice');
    const first = await allocate(t, port, alice);
    const second = await allocate(t, port, alice);
    t.same([first.code, second.code], ['success', 'success']);
    t.equal(await cli('revoke', ...who('alice')), 0, said.join(''));
    t.match(said.join(''), /alice is revoked in demo; 2 sessions ended/);
    t.same(await subjects(), ['bystander']);
    t.equal((await allocate(t, port, alice)).code, 401);
    await t.rejects(issue('alice'), /is revoked in "demo"/);
    t.equal(await cli('revoked', '--namespace', 'demo'), 0);
    t.match(said.join(''), /alice/);
    t.equal(await cli('unrevoke', ...who('alice')), 0, said.join(''));
    t.equal((await allocate(t, port, alice)).code, 'success');
    await api.post('/v1/namespaces/demo/turn/disconnect', { subject: 'alice' });
    t.not(await cli('unrevoke', ...who('alice')), 0);
  });

  await t.test('a user with a session opened through a ticket', async (t) => {
    const made = await api.post<{ password: string }>('/v1/users', { name: 'dana', role: 'viewer' });
    const signedIn = await ask('/v1/session', {
      headers: {},
      body: { user: 'dana', password: made.password },
    });
    const headers = { cookie: signedIn.cookie };
    const mine = (
      await ask<Credentials>('/v1/webrtc/turn/credentials', { headers, body: { namespace: 'demo' } })
    ).body;
    t.equal((await allocate(t, port, mine)).code, 'success');
    const ticket = async () =>
      (await ask<{ ticket: string }>('/v1/webrtc/tickets', { headers, body: { namespace: 'demo' } })).body
        .ticket;
    const open = signal(`namespace=demo&ticket=${await ticket()}`);
    await appliance.until('the session is open', () => Promise.resolve(open.frames.length >= 2));
    const unused = await ticket();
    const closed = once(open.socket, 'close') as Promise<[number, Buffer]>;
    await api.delete('/v1/users/dana');
    const [code, reason] = await closed;
    t.same([code, reason.toString()], [1008, 'kicked']);
    t.ok(
      open.frames.some((text) => /"kicked"/.test(text)),
      'it hears why',
    );
    t.same(await subjects(), ['bystander'], 'its TURN session has ended');
    t.equal((await allocate(t, port, mine)).code, 401);
    const late = signal(`namespace=demo&ticket=${unused}`);
    const [refusal] = (await once(late.socket, 'unexpected-response')).slice(1) as [{ statusCode: number }];
    t.equal(refusal.statusCode, 401, 'a ticket it had not used');
  });

  await t.test('an API key', async (t) => {
    const made = await api.post<{ apiKey: { id: string }; key: string }>('/v1/namespaces/demo/api-keys', {
      name: 'shop',
      role: 'viewer',
    });
    const headers = { 'x-api-key': made.key };
    const mine = (await ask<Credentials>('/v1/webrtc/turn/credentials', { headers, body: {} })).body;
    t.equal((await allocate(t, port, mine)).code, 'success');
    const open = signal('namespace=demo', headers);
    await appliance.until('the session is open', () => Promise.resolve(open.frames.length >= 2));
    const closed = once(open.socket, 'close') as Promise<[number]>;
    await api.delete(`/v1/namespaces/demo/api-keys/${made.apiKey.id}`);
    t.equal((await closed)[0], 1008);
    t.same(await subjects(), ['bystander']);
    t.equal((await allocate(t, port, mine)).code, 401);
  });

  await t.test('a camera', async (t) => {
    const made = await api.post<DeviceCreated>('/api/devices', { name: 'yard', namespace: 'demo' });
    const headers = { authorization: `Bearer ${made.secret}` };
    const { username, credential } = (
      await ask<{ username: string; credential: string }>('/api/devices/turn', { headers, body: {} })
    ).body;
    const mine = { username, password: credential };
    t.equal((await allocate(t, port, mine)).code, 'success');
    await api.delete(`/api/devices/${made.device.id}`);
    t.same(await subjects(), ['bystander']);
    t.equal((await allocate(t, port, mine)).code, 401);
  });

  t.equal((await bystander.client.refresh(600)).code, 'success', 'nobody else notices');
});
