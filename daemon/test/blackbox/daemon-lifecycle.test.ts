/** The real daemon as a process: start, sign in, enable, be killed, stop; with its real services. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { ApiClient } from '../../../cli/api-client.ts';
import type { Operation, WebrtcStatus } from '../../contract/api.ts';
import { parseExposition, sampleOf } from '../helpers/exposition.ts';

const ADDRESS = '127.0.16.4';
const root = join(import.meta.dirname, '../../..');

type Daemon = { child: ChildProcess; url: string; output: () => string; exited: Promise<number | null> };

function environment(dataDir: string): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '',
    TURNKEEP_DATA_DIR: dataDir,
    TURNKEEP_API_LISTEN: `${ADDRESS}:0`,
    TURNKEEP_TUNNELS_LISTEN: `${ADDRESS}:0`,
    TURNKEEP_PUBLIC_ADDRESSES: ADDRESS,
    TURNKEEP_TURN_BIND_ADDRESSES: ADDRESS,
    TURNKEEP_SHIELD_ADDRESS: ADDRESS,
  };
}

/** Starts it; `url` is empty when it ended instead of getting ready. */
async function startDaemon(t: Test, env: Record<string, string>, args: string[] = []): Promise<Daemon> {
  const child = spawn(process.execPath, [join(root, 'daemon/turnkeepd.ts'), ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  t.teardown(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  const url = await new Promise<string>((resolve) => {
    const read = (chunk: Buffer): void => {
      output += chunk.toString();
      const ready = /\{"ready":true,"url":"([^"]+)"\}/.exec(output);
      if (ready !== null) resolve(ready[1]!);
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    void exited.then(() => {
      resolve('');
    });
  });
  return { child, url, output: () => output, exited };
}

/** Processes that were started for this data directory. */
function processesOf(dataDir: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(dataDir);
      } catch {
        return false;
      }
    })
    .map(Number);
}

const newDataDir = (): string => mkdtempSync(join(tmpdir(), 'tkd-'));
const clientOf = (dataDir: string): ApiClient =>
  new ApiClient({ socketPath: join(dataDir, 'run/turnkeepd.sock') });

async function enable(api: ApiClient, namespace: string): Promise<Operation> {
  const { operationId } = await api.post<{ operationId: string }>(
    `/v1/namespaces/${namespace}/webrtc/enable`,
  );
  for (;;) {
    const operation = await api.get<Operation>(`/v1/operations/${operationId}`);
    if (operation.state !== 'running') return operation;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Enabling proved the relay: one allocation without credentials, one forbidden peer, one packet there and back. */
async function metricsShowTheProof(t: Test, url: string, api: ApiClient): Promise<void> {
  const { key } = await api.post<{ key: string }>('/v1/namespaces/demo/api-keys', {
    name: 'prometheus',
    role: 'operator',
  });
  const answer = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${key}` } });
  const { samples } = parseExposition(await answer.text());
  const value = (name: string, labels: Record<string, string>): number =>
    sampleOf(samples, `turnkeep_${name}`, { namespace: 'demo', ...labels });
  t.equal(value('service_up', { service: 'turn' }), 1);
  t.equal(value('service_up', { service: 'sfu' }), 1);
  t.equal(value('cameras', {}), 1);
  t.ok(value('turn_refusals_total', { method: 'Allocate', code: '401' }) >= 1);
  t.ok(value('turn_refusals_total', { code: '403' }) >= 1);
  t.ok(value('turn_relayed_packets_total', { direction: 'to-peer' }) >= 1);
  t.equal((await fetch(`${url}/metrics`)).status, 401);
}

/** A call that fails counts as "not yet". */
async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt += 1) {
    if (await condition().catch(() => false)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('It did not happen within a minute.');
}

t.setTimeout(170_000);

t.test('starts, signs in by code, answers both listeners, and SIGTERM leaves nothing', async (t) => {
  const dataDir = newDataDir();
  const daemon = await startDaemon(t, environment(dataDir));
  t.match(daemon.url, `http://${ADDRESS}:`);
  const socket = statSync(join(dataDir, 'run/turnkeepd.sock'));
  t.equal(socket.mode & 0o777, 0o600);
  t.equal(statSync(join(dataDir, 'turnkeep.db')).mode & 0o077, 0);
  const api = clientOf(dataDir);
  t.strictSame(await api.get('/readyz'), { ready: true, problems: [] });
  t.strictSame(await (await fetch(`${daemon.url}/readyz`)).json(), { ready: true, problems: [] });

  const { code } = await api.post<{ code: string }>('/v1/users/admin/sign-in-code');
  const signedIn = await fetch(`${daemon.url}/v1/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: daemon.url },
    body: JSON.stringify({ code }),
  });
  t.equal(signedIn.status, 201);
  const cookie = signedIn.headers.get('set-cookie')!.split(';')[0]!;
  const session = await fetch(`${daemon.url}/v1/session`, { headers: { cookie } });
  t.match(await session.json(), { user: { name: 'admin', role: 'owner' } });
  t.match(await (await fetch(`${daemon.url}/v1/ca.pem`)).text(), 'BEGIN CERTIFICATE');

  const second = await startDaemon(t, environment(dataDir));
  t.equal(await second.exited, 1);
  t.match(second.output(), 'Another turnkeepd runs already');
  t.equal((await api.get<{ ready: boolean }>('/readyz')).ready, true, 'the first one is untouched');

  daemon.child.kill('SIGTERM');
  t.equal(await daemon.exited, 0);
  t.notMatch(daemon.output(), code, 'the code is in no log');
  t.throws(() => statSync(join(dataDir, 'run/turnkeepd.sock')));
  t.strictSame(processesOf(dataDir), []);
});

t.test(
  'enables WebRTC; killed, it finds its services again; told to stop, it takes them along',
  async (t) => {
    const dataDir = newDataDir();
    const first = await startDaemon(t, environment(dataDir));
    const api = clientOf(dataDir);
    await api.post('/v1/namespaces', { name: 'demo' });
    const operation = await enable(api, 'demo');
    t.match(operation, { state: 'succeeded', error: null });
    const before = await api.get<WebrtcStatus>('/v1/namespaces/demo/webrtc/status');
    t.match(before, { state: 'enabled', turn: { up: 'up' }, sfu: { up: 'up' } });
    const { device } = await api.post<{ device: { id: string } }>('/api/devices', { name: 'Gate' });
    await metricsShowTheProof(t, first.url, api);

    first.child.kill('SIGKILL');
    await first.exited;
    const second = await startDaemon(t, environment(dataDir));
    t.ok(second.url);
    const after = await api.get<WebrtcStatus>('/v1/namespaces/demo/webrtc/status');
    t.equal(after.turn?.pid, before.turn?.pid, 'the same TURN process');
    t.equal(after.sfu?.pid, before.sfu?.pid, 'the same SFU process');
    t.strictSame(after.ports, before.ports);
    t.match(await api.get('/api/devices'), { devices: [{ id: device.id }] });

    second.child.kill('SIGKILL');
    await second.exited;
    const file = join(dataDir, 'turnkeep.db');
    renameSync(file, `${file}.good`);
    const logs = ['-wal', '-shm'].filter((suffix) => existsSync(file + suffix));
    for (const suffix of logs) renameSync(file + suffix, `${file}.good${suffix}`);
    writeFileSync(file, 'this is no database'.repeat(1000));
    const third = await startDaemon(t, environment(dataDir));
    t.match(await api.get('/readyz'), { ready: false, problems: [/database .* does not open/] });
    t.match(await api.get('/v1/namespaces/demo/webrtc/status'), { state: 'enabled', ports: before.ports });
    await t.rejects(api.post('/v1/namespaces', { name: 'new' }), { code: 'unavailable' });

    for (const suffix of [...logs, '']) renameSync(`${file}.good${suffix}`, file + suffix);
    await until(async () => (await api.get<{ ready: boolean }>('/readyz')).ready);
    t.match(await api.get('/api/devices'), { devices: [{ id: device.id }] }, 'a mended database is taken up');
    const mended = await api.get<WebrtcStatus>('/v1/namespaces/demo/webrtc/status');
    t.equal(mended.turn?.pid, before.turn?.pid, 'and the services went on all the time');
    third.child.kill('SIGINT');
    t.equal(await third.exited, 0);
    t.strictSame(processesOf(dataDir), []);
  },
);

t.test('a port that is taken and a wrong configuration are one sentence each, and exit code 1', async (t) => {
  const blocker = createServer();
  await new Promise<void>((resolve) => blocker.listen({ host: ADDRESS, port: 0 }, resolve));
  t.teardown(() => blocker.close());
  const { port } = blocker.address() as { port: number };
  const dataDir = newDataDir();
  const taken = await startDaemon(t, { ...environment(dataDir), TURNKEEP_API_LISTEN: `${ADDRESS}:${port}` });
  t.equal(await taken.exited, 1);
  t.match(taken.output(), `Port ${port} on ${ADDRESS}`);
  t.match(taken.output(), 'set api.listen to another port');
  t.strictSame(readdirSync(dataDir), [], 'nothing was changed');

  const file = join(dataDir, 'turnkeep.yaml');
  writeFileSync(file, 'api: { lisen: 1 }\nshield: { address: 0.0.0.0 }\n');
  const wrong = await startDaemon(t, { PATH: process.env['PATH'] ?? '' }, ['--config', file]);
  t.equal(await wrong.exited, 1);
  t.match(wrong.output(), 'has 2 problems');
  t.match(wrong.output(), 'did you mean "listen"?');
});
