/** The child-process service manager against real processes of the fixture service. */
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import { createLogger } from '../../kit/logger.ts';
import {
  ChildProcessServices,
  type ChildProcessServicesOptions,
} from '../../system/child-process-services.ts';
import { temporaryDirectory } from '../helpers/namespace-directory.ts';
import {
  fixtureConfig,
  nextReport,
  READY_MS,
  serviceManagerContract,
} from '../helpers/namespace-service-contract.ts';

const entry = join(import.meta.dirname, '../helpers/namespace-fixture-service.ts');
const service = { kind: 'turn', namespace: 'demo' } as const;
const make = (dataDir: string, more: Partial<ChildProcessServicesOptions> = {}): ChildProcessServices =>
  new ChildProcessServices({
    dataDir,
    entries: { turn: entry, sfu: entry },
    stopServicesOnExit: true,
    log: createLogger({ name: 'test', level: 'silent' }),
    times: { restart: { firstMs: 20, maxMs: 50 }, budget: { crashes: 2, perMs: 60_000 } },
    ...more,
  });
const owned = (t: Test, manager: ChildProcessServices): ChildProcessServices => {
  t.teardown(() => manager.close());
  return manager;
};

serviceManagerContract(t, (t) => owned(t, make(temporaryDirectory(t))));

t.test('a service outlives a killed daemon and is adopted by the next', async (t) => {
  const dataDir = temporaryDirectory(t);
  const daemon = spawn(
    process.execPath,
    [join(import.meta.dirname, '../helpers/namespace-fixture-daemon.ts'), dataDir, entry],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const exited = once(daemon, 'exit');
  const [line] = (await once(daemon.stdout, 'data')) as [Buffer];
  const { pid } = JSON.parse(line.toString()) as { pid: number };
  daemon.kill('SIGKILL');
  await exited;
  const next = owned(t, make(dataDir));
  await next.start(service, { supervise: 'always' });
  await next.waitReady(service, { timeoutMs: READY_MS });
  t.equal(next.status(service).pid, pid, 'adopted, not started twice');
  const back = nextReport(next, service, (report) => report.state === 'ready' && report.pid !== pid);
  process.kill(pid, 'SIGKILL');
  t.match(await back, { restarts: 1 }, 'an adopted service is watched too');
});

t.test('without its pid file a service is still found', async (t) => {
  const dataDir = temporaryDirectory(t);
  const first = make(dataDir, { stopServicesOnExit: false });
  await first.writeConfig(service, fixtureConfig(first, service));
  await first.start(service, { supervise: 'always' });
  await first.waitReady(service, { timeoutMs: READY_MS });
  const { pid } = first.status(service);
  await first.close();
  const path = join(dataDir, 'run', 'turn-demo.pid');
  t.match(JSON.parse(readFileSync(path, 'utf8')), { pid });
  rmSync(path);
  const second = owned(t, make(dataDir));
  await second.start(service, { supervise: 'always' });
  t.equal(second.status(service).pid, pid);
});

t.test('a stale pid file never gets a stranger killed', async (t) => {
  const dataDir = temporaryDirectory(t);
  const manager = owned(t, make(dataDir));
  const stranger = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  t.teardown(() => stranger.kill('SIGKILL'));
  await once(stranger, 'spawn');
  const startTicks = readFileSync(`/proc/${stranger.pid}/stat`, 'utf8').split(') ')[1]!.split(' ')[19];
  writeFileSync(join(dataDir, 'run', 'turn-demo.pid'), JSON.stringify({ pid: stranger.pid, startTicks }));
  await manager.stop(service);
  t.equal(stranger.exitCode, null);
  t.equal(stranger.signalCode, null);
});

t.test('a service that ignores SIGTERM is killed', async (t) => {
  const manager = owned(t, make(temporaryDirectory(t), { times: { termTimeoutMs: 100 } }));
  await manager.writeConfig(service, fixtureConfig(manager, service, 'stubborn'));
  await manager.start(service, { supervise: 'once-ready' });
  await manager.waitReady(service, { timeoutMs: READY_MS });
  await manager.stop(service);
  t.equal(manager.status(service).state, 'stopped');
});

t.test('a service that is never ready, or deaf, is ended with a sentence', async (t) => {
  for (const [behaviour, sentence] of [
    ['mute', /is not ready after/],
    ['deaf', /does not answer on its control socket/],
  ] as const) {
    const manager = owned(t, make(temporaryDirectory(t), { times: { readyTimeoutMs: 3000 } }));
    await manager.writeConfig(service, fixtureConfig(manager, service, behaviour));
    await manager.start(service, { supervise: 'once-ready' });
    await t.rejects(manager.waitReady(service, { timeoutMs: READY_MS }), { message: sentence }, behaviour);
  }
});

t.test('logs are cut and configurations are private', async (t) => {
  const dataDir = temporaryDirectory(t);
  mkdirSync(join(dataDir, 'logs'));
  writeFileSync(join(dataDir, 'logs/turn-demo.log'), 'x'.repeat(5000));
  const manager = owned(t, make(dataDir, { maxLogBytes: 1000 }));
  await manager.writeConfig(service, fixtureConfig(manager, service));
  await manager.start(service, { supervise: 'once-ready' });
  await manager.waitReady(service, { timeoutMs: READY_MS });
  t.ok(statSync(join(dataDir, 'logs/turn-demo.log')).size < 1000);
  t.equal(statSync(join(dataDir, 'logs/turn-demo.log.1')).size, 5000);
  t.equal(statSync(join(dataDir, 'services/turn-demo.json')).mode & 0o777, 0o600);
  await manager.stop(service);
});

t.test('a service leaves its compiled program in a private folder', async (t) => {
  const dataDir = temporaryDirectory(t);
  const manager = owned(t, make(dataDir));
  await manager.writeConfig(service, fixtureConfig(manager, service));
  await manager.start(service, { supervise: 'once-ready' });
  await manager.waitReady(service, { timeoutMs: READY_MS });
  await manager.stop(service);
  const cache = join(dataDir, 'cache/compile');
  t.equal(statSync(cache).mode & 0o777, 0o700, 'what lies here is run: nobody else may write it');
  const compiled = (): number =>
    readdirSync(cache, { recursive: true, withFileTypes: true }).filter((one) => one.isFile()).length;
  const first = compiled();
  t.ok(first > 0, 'the next start finds it');
  await manager.start(service, { supervise: 'once-ready' });
  await manager.waitReady(service, { timeoutMs: READY_MS });
  await manager.stop(service);
  t.equal(compiled(), first, 'and adds nothing');
});

t.test('a data directory too deep for a socket name still works', async (t) => {
  const dataDir = join(temporaryDirectory(t), 'deep'.repeat(30));
  const manager = owned(t, make(dataDir));
  t.ok(manager.controlSocket({ kind: 'turn', namespace: 'n'.repeat(32) }).length < 108);
  t.teardown(() => {
    rmSync(dirname(manager.controlSocket(service)), { recursive: true, force: true });
  });
  await manager.writeConfig(service, fixtureConfig(manager, service));
  await manager.start(service, { supervise: 'once-ready' });
  await manager.waitReady(service, { timeoutMs: READY_MS });
  await manager.stop(service);
});
