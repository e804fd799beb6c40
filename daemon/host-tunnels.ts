/** The tunnel engine of this host, as configured: where cameras dial in. */
import { join } from 'node:path';
import { advertisedTunnel, listenAddress } from './config/addresses.ts';
import type { LoadedConfig } from './config/load.ts';
import type { Clock } from './kit/clock.ts';
import type { Logger } from './kit/logger.ts';
import type { HeldPort } from './system/held-port.ts';
import { loadOrCreateKeyFile } from './system/key-file.ts';
import type { LocalCertificate } from './system/local-ca.ts';
import { EmbeddedEngine } from './tunnels/embedded-engine/engine.ts';

/** Makes the key of its tokens when there is none. The caller starts and stops it. */
export async function openTunnelEngine(options: {
  config: LoadedConfig;
  certificate: LocalCertificate;
  log: Logger;
  clock: Clock;
  port: HeldPort;
}): Promise<EmbeddedEngine> {
  const { config, certificate, log, clock, port } = options;
  const advertise = advertisedTunnel(config);
  return new EmbeddedEngine({
    listen: listenAddress(config.tunnels.embedded.listen),
    ...(advertise === undefined ? {} : { advertise }),
    certificate,
    tokenKey: await loadOrCreateKeyFile(join(config.dataDir, 'keys', 'tunnel-token.key'), 32),
    lendPort: (server) => {
      port.lendTo(server);
    },
    log,
    clock,
  });
}
