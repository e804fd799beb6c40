/** How this host runs TURN and SFU services: as the configuration says. */
import { join } from 'node:path';
import type { LoadedConfig } from './config/load.ts';
import type { Clock } from './kit/clock.ts';
import type { Logger } from './kit/logger.ts';
import type { ServiceManager } from './namespaces/system.ts';
import { ChildProcessServices } from './system/child-process-services.ts';
import { ProcessSystemctl } from './system/systemd/systemctl.ts';
import { SystemdServices } from './system/systemd/systemd-services.ts';

/** @param root folder of the installation: the programs of child processes are below it; units name their own. */
export function openServices(options: {
  config: LoadedConfig;
  root: string;
  log: Logger;
  clock: Clock;
}): ServiceManager & { close(): Promise<void> } {
  const { config, root, log, clock } = options;
  const { dataDir } = config;
  if (config.services.manager === 'systemd') {
    return new SystemdServices({ dataDir, systemctl: new ProcessSystemctl(), clock, log });
  }
  return new ChildProcessServices({
    dataDir,
    entries: { turn: join(root, 'daemon/turn-service.ts'), sfu: join(root, 'daemon/sfu-service.ts') },
    stopServicesOnExit: config.services.stopOnExit,
    log,
    clock,
  });
}
