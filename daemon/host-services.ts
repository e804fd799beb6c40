/** How this host runs TURN and SFU services: as the configuration says. */
import { join } from 'node:path';
import type { LoadedConfig } from './config/load.ts';
import type { Clock } from './kit/clock.ts';
import type { Logger } from './kit/logger.ts';
import type { ServiceManager } from './namespaces/system.ts';
import { ChildProcessServices } from './system/child-process-services.ts';
import { compileCacheIn, fillCompileCache } from './system/compile-cache.ts';
import { ProcessSystemctl } from './system/systemd/systemctl.ts';
import { SystemdServices } from './system/systemd/systemd-services.ts';

/** `root`: folder of the installation: the programs of child processes are below it; units name their own. */
type HostServices = { config: LoadedConfig; root: string; log: Logger; clock: Clock };

export function openServices(
  options: HostServices,
): ServiceManager & { close(options?: { leave?: boolean }): Promise<void> } {
  const { config, root, log, clock } = options;
  const { dataDir } = config;
  if (config.services.manager === 'systemd') {
    return new SystemdServices({ dataDir, systemctl: new ProcessSystemctl(), clock, log });
  }
  return new ChildProcessServices({
    dataDir,
    entries: programsIn(root),
    stopServicesOnExit: config.services.stopOnExit,
    log,
    clock,
  });
}

/** Resolves when services would find their programs compiled; on every start but the first that is at once. */
export async function compileServices({ config, root, log }: Omit<HostServices, 'clock'>): Promise<void> {
  // Under systemd the units of the daemon and of the services name the same folder.
  const { NODE_COMPILE_CACHE: folder } =
    config.services.manager === 'systemd' ? process.env : compileCacheIn(config.dataDir);
  const { turn, sfu } = programsIn(root);
  if (folder !== undefined) await fillCompileCache({ folder, programs: [turn, sfu], log });
}

function programsIn(root: string): { turn: string; sfu: string } {
  return { turn: join(root, 'daemon/turn-service.ts'), sfu: join(root, 'daemon/sfu-service.ts') };
}
