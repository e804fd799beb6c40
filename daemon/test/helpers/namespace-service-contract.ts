/** What every service manager must do: the same tests run against each implementation. */
import type { Test } from 'tap';
import { renderTurnConfig, type ServiceInputs } from '../../namespaces/render-service-config.ts';
import type { ServiceManager, ServiceRef, ServiceReport } from '../../namespaces/system.ts';
import type { TurnServiceConfig } from '../../contract/turn-config.ts';
import { isGone } from './is-gone.ts';

export const READY_MS = 60_000;
const INPUT: ServiceInputs = {
  namespace: 'demo',
  blocks: {
    sfuSignaling: 30000,
    sfuMedia: { minPort: 20000, maxPort: 20499 },
    turnRelay: { minPort: 49152, maxPort: 49951 },
    turn: 3478,
    turns: 5349,
  },
  turnSecret: 's'.repeat(43),
  ticketKey: 'k'.repeat(43),
  ttlSeconds: 600,
  shieldAddress: '127.0.15.1',
  publicAddresses: ['127.0.15.1'],
  turnBindAddresses: ['127.0.15.1'],
  encryptedOnly: false,
  domain: null,
};

/** A manager under test. `kill` ends the daemon's side the hard way; the services go on. */
export type ManagerUnderTest = ServiceManager & { close(): Promise<void> };
export type MakeManager = (t: Test) => ManagerUnderTest;

/** A configuration the fixture service understands; `behaviour` is one of its modes. */
export function fixtureConfig(
  manager: ServiceManager,
  service: ServiceRef,
  behaviour = 'well',
): TurnServiceConfig {
  const files = { certFile: '/certificate.pem', keyFile: '/certificate.pem' };
  const input = { ...INPUT, namespace: service.namespace };
  const config = renderTurnConfig(input, manager.controlSocket(service), files);
  return { ...config, realm: behaviour };
}

/** Starts the fixture service and waits until it is ready. @returns its process. */
export async function startFixture(
  manager: ServiceManager,
  service: ServiceRef,
  behaviour = 'well',
): Promise<number> {
  await manager.writeConfig(service, fixtureConfig(manager, service, behaviour));
  await manager.start(service, { supervise: 'once-ready' });
  await manager.waitReady(service, { timeoutMs: READY_MS });
  return manager.status(service).pid ?? 0;
}

/** Waits for a report that satisfies `wanted`, without polling. */
export function nextReport(
  manager: ServiceManager,
  service: ServiceRef,
  wanted: (report: ServiceReport) => boolean,
): Promise<ServiceReport> {
  return new Promise((resolve) => {
    const done = manager.watch((changed, report) => {
      if (changed.namespace !== service.namespace || changed.kind !== service.kind || !wanted(report)) return;
      done();
      resolve(report);
    });
  });
}

export function serviceManagerContract(t: Test, make: MakeManager): void {
  const service = { kind: 'turn', namespace: 'demo' } as const;

  t.test('starts, is ready, stops and is gone', async (t) => {
    const manager = make(t);
    t.equal(manager.status(service).state, 'stopped');
    t.equal(await manager.writeConfig(service, fixtureConfig(manager, service)), true);
    t.equal(await manager.writeConfig(service, fixtureConfig(manager, service)), false, 'nothing changed');
    await manager.start(service, { supervise: 'once-ready' });
    await manager.waitReady(service, { timeoutMs: READY_MS });
    const { pid, state, restarts, sinceMs } = manager.status(service);
    t.match({ state, restarts, sinceMs }, { state: 'ready', restarts: 0, sinceMs: Number });
    await manager.start(service, { supervise: 'always' });
    t.equal(manager.status(service).pid, pid, 'a second start changes nothing');
    await manager.stop(service);
    t.ok(await isGone(pid!));
    t.match(manager.status(service), { state: 'stopped', pid: null });
    await manager.stop(service);
  });

  t.test('a start that crashes fails once, with what the service said', async (t) => {
    const manager = make(t);
    await manager.writeConfig(service, fixtureConfig(manager, service, 'crash'));
    await manager.start(service, { supervise: 'once-ready' });
    await t.rejects(manager.waitReady(service, { timeoutMs: READY_MS }), {
      code: 'service_failed',
      message: /TURN service of demo ended with exit code 3.*told to crash/,
    });
    t.equal(manager.status(service).state, 'failed');
    await manager.stop(service);
  });

  t.test('a service that dies comes back by itself', async (t) => {
    const manager = make(t);
    const pid = await startFixture(manager, service);
    const back = nextReport(manager, service, (report) => report.state === 'ready' && report.pid !== pid);
    process.kill(pid, 'SIGKILL');
    t.match(await back, { restarts: 1 });
    await manager.stop(service);
  });

  t.test('a crash loop uses up its budget and says so', async (t) => {
    const manager = make(t);
    await manager.writeConfig(service, fixtureConfig(manager, service, 'crash'));
    const failed = nextReport(manager, service, (report) => report.state === 'failed');
    await manager.start(service, { supervise: 'always' });
    t.match(await failed, { failure: /told to crash/, restarts: 2 });
    await manager.stop(service);
    t.equal(manager.status(service).state, 'stopped');
  });

  t.test('a drained service ends and is not started again', async (t) => {
    const manager = make(t);
    await manager.writeConfig(service, fixtureConfig(manager, service));
    await manager.start(service, { supervise: 'always' });
    await manager.waitReady(service, { timeoutMs: READY_MS });
    const { pid } = manager.status(service);
    await manager.drain(service, { deadlineMs: 5000 });
    t.ok(await isGone(pid!));
    await manager.stop(service);
    t.equal(manager.status(service).state, 'stopped');
  });

  t.test('a service left to drain ends by itself, says so, and can be started anew', async (t) => {
    const manager = make(t);
    await manager.writeConfig(service, fixtureConfig(manager, service));
    await t.rejects(manager.drain(service, { deadlineMs: 0, wait: false }), { code: 'service_failed' });
    await manager.start(service, { supervise: 'always' });
    await manager.waitReady(service, { timeoutMs: READY_MS });
    const drained = nextReport(manager, service, ({ state }) => state === 'stopped');
    await manager.drain(service, { deadlineMs: 5000, wait: false });
    t.match(await drained, { failure: /was drained and has ended/ });
    await manager.start(service, { supervise: 'always' });
    await manager.waitReady(service, { timeoutMs: READY_MS });
    t.equal(manager.status(service).failure, null);
    await manager.stop(service);
  });

  t.test('a wait ends when the daemon stops', async (t) => {
    const manager = make(t);
    await manager.writeConfig(service, fixtureConfig(manager, service, 'mute'));
    await manager.start(service, { supervise: 'once-ready' });
    const stop = new AbortController();
    const waiting = manager.waitReady(service, { timeoutMs: READY_MS, signal: stop.signal });
    stop.abort();
    await t.rejects(waiting, { code: 'shutting_down' });
    await manager.stop(service);
  });
}
