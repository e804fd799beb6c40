/** A daemon to be killed: starts one fixture service, prints its pid and waits. */
import { createLogger } from '../../kit/logger.ts';
import { ChildProcessServices } from '../../system/child-process-services.ts';
import { fixtureConfig, READY_MS } from './namespace-service-contract.ts';

const [dataDir = '', entry = ''] = process.argv.slice(2);
const service = { kind: 'turn', namespace: 'demo' } as const;
const services = new ChildProcessServices({
  dataDir,
  entries: { turn: entry, sfu: entry },
  stopServicesOnExit: false,
  log: createLogger({ name: 'test', level: 'silent' }),
});
await services.writeConfig(service, fixtureConfig(services, service));
await services.start(service, { supervise: 'always' });
await services.waitReady(service, { timeoutMs: READY_MS });
console.log(JSON.stringify({ pid: services.status(service).pid }));
setInterval(() => undefined, 60_000);
