/** Runs in a box as the user `turnkeep`: the service manager's contract, and what only systemd can do. */
import { execFileSync } from 'node:child_process';
import t, { type Test } from 'tap';
import { systemClock } from '../../../kit/clock.ts';
import { createLogger } from '../../../kit/logger.ts';
import { ProcessSystemctl } from '../../../system/systemd/systemctl.ts';
import { SystemdServices } from '../../../system/systemd/systemd-services.ts';
import {
  fixtureConfig,
  nextReport,
  READY_MS,
  serviceManagerContract,
  startFixture,
} from '../../helpers/namespace-service-contract.ts';

const service = { kind: 'turn', namespace: 'cam-one' } as const;
const make = (t: Test): SystemdServices => {
  const manager = new SystemdServices({
    dataDir: '/var/lib/turnkeep',
    systemctl: new ProcessSystemctl(),
    clock: systemClock,
    log: createLogger({ name: 'test', level: 'silent' }),
  });
  t.teardown(() => manager.close());
  return manager;
};

serviceManagerContract(t, make);

t.test('a hung service is ended by the watchdog and is back', async (t) => {
  const manager = make(t);
  const pid = await startFixture(manager, service, 'hung');
  const told = nextReport(manager, service, ({ failure }) => failure !== null);
  const back = nextReport(manager, service, (report) => report.state === 'ready' && report.pid !== pid);
  t.match(await told, { failure: /hung: it no longer answered the watchdog/ });
  t.ok((await back).restarts >= 1);
  await manager.stop(service);
});

t.test('a service that crashes on and on is left alone, and the operator is told how to go on', async (t) => {
  const manager = make(t);
  await manager.writeConfig(service, fixtureConfig(manager, service, 'crash'));
  const failed = nextReport(manager, service, ({ state }) => state === 'failed');
  await manager.start(service, { supervise: 'always' });
  t.match(await failed, {
    failure:
      /ended with exit code 3 again after 2 restarts and is left alone \(systemctl reset-failed 'turnkeep-turn@cam\\x2done\.service'; .*told to crash/,
  });
  await manager.stop(service);
});

t.test('another manager finds what runs, and close leaves it alone', async (t) => {
  const first = make(t);
  const pid = await startFixture(first, service);
  await first.close();
  const second = make(t);
  await second.start(service, { supervise: 'always' });
  await second.waitReady(service, { timeoutMs: READY_MS });
  t.equal(second.status(service).pid, pid);
  await second.stop(service);
});

t.test('a stranger that ends it with SIGTERM does not keep it down', async (t) => {
  const manager = make(t);
  const pid = await startFixture(manager, service);
  const back = nextReport(manager, service, (report) => report.state === 'ready' && report.pid !== pid);
  process.kill(pid, 'SIGTERM');
  await back;
  const stopped = nextReport(manager, service, ({ state }) => state === 'stopped');
  execFileSync('systemctl', ['stop', 'turnkeep-turn@cam\\x2done.service']);
  t.match(await stopped, { failure: /was stopped by somebody/ }, 'an operator may stop it');
  await manager.stop(service);
});

t.test('the daemon may touch its own units and no other', (t) => {
  for (const [verb, unit] of [
    ['stop', 'dbus.service'],
    ['start', 'turnkeepd.service'],
    ['start', 'turnkeep-turn@../../etc.service'],
  ] as const) {
    t.throws(
      () => execFileSync('systemctl', ['--no-ask-password', verb, unit], { stdio: 'pipe' }),
      /Access denied|authentication|Interactive|not valid|Invalid/,
      `${verb} ${unit}`,
    );
  }
  t.end();
});
