/**
 * From installed packages to a live camera: builds the console, starts the daemon, makes namespace `demo` with WebRTC
 * and a demo camera, prints the console's address and a one-time login. Everything it starts ends with it.
 *
 * State is kept in ./var (TURNKEEP_DATA_DIR), so a second run reuses it. Settings come from the same environment
 * variables as the daemon's (see config/turnkeep.example.yaml).
 */
import { createHash } from 'node:crypto';
import { spawn } from 'node:child_process';
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ApiClient } from '../cli/api-client.ts';
import type { Device, DeviceCreated, Namespace, Operation, WebrtcStatus } from '../daemon/contract/api.ts';
import { SupervisedProcess } from './supervised-process.ts';

const NAMESPACE = 'demo';
const CAMERA = 'Demo camera';
const READY_LIMIT_MS = 45_000;

const dataDir = resolve(process.env['TURNKEEP_DATA_DIR'] ?? 'var');
const processes: SupervisedProcess[] = [];
const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (!interrupted.signal.aborted) return interrupted.abort();
    for (const child of processes) child.kill();
    process.exit(1);
  });
}

try {
  await run();
} catch (error) {
  if (!interrupted.signal.aborted) {
    console.error(`\n${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
if (processes.length > 0) console.log('\nStopping ...');
for (const child of processes.reverse()) await child.stop();
process.exit();

async function run(): Promise<void> {
  await buildConsole();
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const socketPath = process.env['TURNKEEP_SOCKET'] ?? join(dataDir, 'run/turnkeepd.sock');
  const api = new ApiClient({ socketPath });
  const url = await startDaemon(api);
  await enableDemo(api);
  await startCamera(api, url);
  const { code } = await api.post<{ code: string }>('/v1/users/admin/sign-in-code', {});
  console.log(`
Turnkeep is running.

  Console   ${url}/sign-in#code=${code}
            This link signs you in once, within 15 minutes. Another one: ./cli/turnkeep user sign-in-code
  Stop      Ctrl-C. The state stays in ${dataDir}; logs are in ${join(dataDir, 'logs')}.
`);
  if (interrupted.signal.aborted) return;
  await new Promise<void>((done) => {
    interrupted.signal.addEventListener('abort', () => done(), { once: true });
  });
}

/** Builds web/dist unless it was built from exactly these sources. */
async function buildConsole(): Promise<void> {
  const hash = createHash('sha256');
  const sources = [
    'web/index.html',
    'web/vite*.config.ts',
    'web/{src,client,public}/**/*',
    'daemon/contract/*.ts',
  ];
  for (const file of [...globSync(sources, { withFileTypes: true })]
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()) {
    hash.update(file).update(readFileSync(file));
  }
  hash.update(readFileSync('package-lock.json'));
  const wanted = hash.digest('hex');
  const stamp = 'web/dist/.built-from';
  if (readIfThere(stamp) === wanted) return;
  await step('Building the console', async () => {
    rmSync(stamp, { force: true });
    const build = [join('node_modules', 'vite', 'bin', 'vite.js'), 'build', 'web', '--logLevel', 'warn'];
    await runTool(build);
    await runTool([...build, '--config', 'web/vite.client.config.ts']);
  });
  writeFileSync(stamp, wanted);
}

/** @returns the console's URL. */
async function startDaemon(api: ApiClient): Promise<string> {
  const logs = join(dataDir, 'logs');
  mkdirSync(logs, { recursive: true, mode: 0o700 });
  const logFile = join(logs, 'turnkeepd.log');
  let url: string | undefined;
  let ended: string | undefined;
  let output = '';
  const daemon = new SupervisedProcess({
    args: ['daemon/turnkeepd.ts'],
    env: { TURNKEEP_DATA_DIR: dataDir },
    logFile,
    restartMs: 1000,
    onStdout: (text) => {
      writeFileSync(logFile, text, { flag: 'a' });
      output = (output + text).slice(-20_000);
      url ??= /"ready":true,"url":"([^"]+)"/.exec(output)?.[1];
    },
    onExit: (code) => {
      if (url === undefined) ended = `The daemon ended with code ${code}.`;
    },
  });
  processes.push(daemon);
  await step('Starting the daemon', async () => {
    const logFrom = readIfThere(logFile)?.length ?? 0;
    daemon.start();
    await until('The daemon is not ready', () => {
      if (ended !== undefined) throw new Error(lastSentence(logFile, logFrom) ?? ended);
      return url !== undefined;
    });
    await api.get('/readyz');
  });
  return url ?? '';
}

async function enableDemo(api: ApiClient): Promise<void> {
  const { items } = await api.get<{ items: Namespace[] }>('/v1/namespaces');
  const known = items.find((one) => one.name === NAMESPACE);
  if (known === undefined) await api.post('/v1/namespaces', { name: NAMESPACE });
  if (known?.webrtc === 'enabled' || known?.webrtc === 'degraded') {
    await step(`Namespace ${NAMESPACE} is enabled already; waiting for its services`, async () => {
      let status: WebrtcStatus | undefined;
      const sentences = (): string =>
        [status?.turn, status?.sfu]
          .flatMap((one) => (one?.up === 'up' ? [] : [one?.sentence ?? '']))
          .join(' ');
      await until(sentences, async () => {
        status = await api.get<WebrtcStatus>(`/v1/namespaces/${NAMESPACE}/webrtc/status`);
        return status.turn?.up === 'up' && status.sfu?.up === 'up';
      });
    });
    return;
  }
  console.log(`Enabling WebRTC for namespace ${NAMESPACE}:`);
  const { operationId } = await api.post<{ operationId: string }>(
    `/v1/namespaces/${NAMESPACE}/webrtc/enable`,
    {},
  );
  const shown = new Set<string>();
  await until('WebRTC could not be enabled', async () => {
    const operation = await api.get<Operation>(`/v1/operations/${operationId}`);
    for (const one of operation.steps) {
      if (one.state !== 'done' || shown.has(one.id)) continue;
      shown.add(one.id);
      console.log(`  ${one.label} (${one.durationMs ?? 0} ms)`);
    }
    if (operation.state === 'failed')
      throw new Error(operation.error?.message ?? 'WebRTC could not be enabled.');
    return operation.state === 'succeeded';
  });
}

async function startCamera(api: ApiClient, url: string): Promise<void> {
  await step('Starting the demo camera', async () => {
    const { devices } = await api.get<{ devices: Device[] }>('/api/devices');
    const known = devices.find((one) => one.namespace === NAMESPACE && one.name === CAMERA);
    // The secret is shown once and kept nowhere, so a later run takes a new one.
    const created =
      known === undefined
        ? await api.post<DeviceCreated>('/api/devices', { name: CAMERA, namespace: NAMESPACE })
        : await api.post<DeviceCreated>(`/api/devices/${known.id}/rotate`, {});
    const caFile = join(dataDir, 'demo-camera-ca.pem');
    if (created.caPem !== null) writeFileSync(caFile, created.caPem);
    const camera = new SupervisedProcess({
      args: ['scripts/demo-camera/camera.ts'],
      env: {
        API_URL: url,
        DEVICE_SECRET: created.secret,
        ...(created.caPem === null ? {} : { SSL_CERT_FILE: caFile, NODE_EXTRA_CA_CERTS: caFile }),
      },
      logFile: join(dataDir, 'logs', 'demo-camera.log'),
      restartMs: 2000,
    });
    processes.push(camera);
    camera.start();
    await until('The demo camera did not come online', async () => {
      const list = await api.get<{ devices: Device[] }>('/api/devices');
      return list.devices.find((one) => one.id === created.device.id)?.online === true;
    });
  });
}

/** One line of progress: what is done, then how long it took. */
async function step(label: string, work: () => Promise<void>): Promise<void> {
  process.stdout.write(`${label} ...`);
  const startedMs = performance.now();
  await work();
  console.log(` ${((performance.now() - startedMs) / 1000).toFixed(1)} s`);
}

/** Polls `condition`. `failure` is the sentence of a time limit that passed. */
async function until(
  failure: string | (() => string),
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  const deadlineMs = performance.now() + READY_LIMIT_MS;
  while (!(await condition())) {
    interrupted.signal.throwIfAborted();
    if (performance.now() > deadlineMs) {
      const sentence =
        typeof failure === 'string' ? `${failure} within ${READY_LIMIT_MS / 1000} s.` : failure();
      throw new Error(`${sentence} Look at the logs in ${join(dataDir, 'logs')}.`);
    }
    await new Promise((done) => setTimeout(done, 100));
  }
}

function runTool(args: string[]): Promise<void> {
  return new Promise((done, reject) => {
    const tool = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] });
    tool.on('error', reject);
    tool.on('exit', (code) =>
      code === 0 ? done() : reject(new Error(`${args[0]} ended with code ${code}.`)),
    );
  });
}

/** What the daemon said last on its standard error: a sentence for people, not one of its JSON lines. */
function lastSentence(logFile: string, from: number): string | undefined {
  const lines = readIfThere(logFile)?.slice(from).trimEnd().split('\n') ?? [];
  return lines.findLast((line) => line !== '' && !line.startsWith('{') && !line.startsWith(' '));
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
