/** The certificates this host shows: its own server's, and those of the namespaces' TURN services. */
import { hostname, networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { certificateSubject } from './config/addresses.ts';
import type { DaemonConfig } from './contract/daemon-config.ts';
import type { Clock } from './kit/clock.ts';
import type { Logger } from './kit/logger.ts';
import type { TurnCertificates } from './namespaces/system.ts';
import { loadOrCreateLocalCa, type LocalCertificate } from './system/local-ca.ts';
import { FileTurnCertificates } from './system/turn-certificates.ts';

/** Makes the local CA when there is none. Rejects with an AdapterError when it cannot be used. */
export async function openHostCertificates(options: {
  config: DaemonConfig;
  log: Logger;
  clock: Clock;
}): Promise<{ server: LocalCertificate; turn: TurnCertificates }> {
  const { config, log, clock } = options;
  const { certFile, keyFile } = config.turn.certificate;
  const caDirectory = join(config.dataDir, 'ca');
  const addresses = Object.values(networkInterfaces()).flatMap((list) =>
    (list ?? []).map((one) => one.address),
  );
  const subject = certificateSubject(config, { hostname: hostname(), addresses });
  return {
    server: await loadOrCreateLocalCa(caDirectory, { ...subject, nowMs: clock.nowMs() }),
    turn: new FileTurnCertificates({
      directory: join(config.dataDir, 'turn-certificates'),
      caDirectory,
      source: certFile === null || keyFile === null ? null : { certFile, keyFile },
      log,
      clock,
    }),
  };
}
