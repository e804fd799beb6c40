/** The certificates this host shows: its own server's, and those of the namespaces' TURN services. */
import { createHash, randomInt } from 'node:crypto';
import { hostname, networkInterfaces } from 'node:os';
import { join } from 'node:path';
import type { TlsMaterial } from './api/server.ts';
import { certificateSubject, listenAddress } from './config/addresses.ts';
import { splitEndpoint, type DaemonConfig } from './contract/daemon-config.ts';
import type { Clock } from './kit/clock.ts';
import type { Logger } from './kit/logger.ts';
import type { TurnCertificates } from './namespaces/system.ts';
import { AcmeAuthority } from './system/acme/acme-authority.ts';
import { AcmeCertificates } from './system/acme/acme-certificates.ts';
import { Dns01Responder } from './system/acme/dns01-responder.ts';
import { Http01Responder } from './system/acme/http01-responder.ts';
import { LocalCertificateKeeper } from './system/local-certificate-keeper.ts';
import { FileTurnCertificates } from './system/turn-certificates.ts';

/** How the users of issued certificates call the API. */
export const API_OWNER = 'api';

export type HostCertificates = {
  /** Of the local CA, renewed while the daemon runs: the tunnel engine's. */
  server: LocalCertificateKeeper;
  turn: TurnCertificates;
  /** Undefined while no authority issues. */
  acme: AcmeCertificates | undefined;
  /**
   * What the API shows now, and whenever that changes; undefined without TLS. A listener is told at once, too: what came
   * since `current` was read would be shown at the next renewal only.
   */
  api: { current: TlsMaterial; onChange: (listener: (material: TlsMaterial) => void) => void } | undefined;
};

type Options = { config: DaemonConfig; log: Logger; clock: Clock };

/** Makes the local CA when there is none. Rejects with an AdapterError when it cannot be used. */
export async function openHostCertificates(options: Options): Promise<HostCertificates> {
  const { config, log, clock } = options;
  const { certFile, keyFile } = config.turn.certificate;
  const caDirectory = join(config.dataDir, 'ca');
  const names = () => {
    const addresses = Object.values(networkInterfaces()).flatMap((list) =>
      (list ?? []).map((one) => one.address),
    );
    return certificateSubject(config, { hostname: hostname(), addresses });
  };
  const server = await LocalCertificateKeeper.open({ directory: caDirectory, names, clock, log });
  const acme = config.certificates.source === 'acme' ? openAcme(options) : undefined;
  return {
    server,
    turn: new FileTurnCertificates({
      directory: join(config.dataDir, 'turn-certificates'),
      caDirectory,
      source: certFile === null || keyFile === null ? null : { certFile, keyFile },
      issued: acme ?? null,
      log,
      clock,
    }),
    acme,
    api: await apiCertificate(config, server, acme),
  };
}

/** The local CA's serves until the authority's first one is there: the console opens, with a warning. */
async function apiCertificate(
  { api }: DaemonConfig,
  server: LocalCertificateKeeper,
  acme: AcmeCertificates | undefined,
): Promise<HostCertificates['api']> {
  if (api.tls === 'off') return undefined;
  const local = (): TlsMaterial => ({ cert: server.current.certPem, key: server.current.keyPem });
  if (api.tls === 'local-ca' || acme === undefined || api.publicUrl === null) {
    return {
      current: local(),
      onChange(listener) {
        const tell = (): void => {
          listener(local());
        };
        server.onChange(tell);
        tell();
      },
    };
  }
  const name = new URL(api.publicUrl).hostname;
  const material = async (): Promise<TlsMaterial> => {
    const { pair } = await acme.want(API_OWNER, name);
    return pair === undefined ? local() : { cert: pair.certPem, key: pair.keyPem };
  };
  return {
    current: await material(),
    onChange(listener) {
      const tell = (): void => void material().then(listener);
      acme.onChange((changed) => {
        if (changed === name) tell();
      });
      server.onChange(tell);
      tell();
    },
  };
}

function openAcme({ config, log, clock }: Options): AcmeCertificates {
  const { directory, directoryCaFile, email } = config.certificates;
  const folder = join(config.dataDir, 'acme');
  const prefix = createHash('sha256').update(directory).digest('hex').slice(0, 8);
  const accountKeyFile = join(folder, `${prefix}-account.key`);
  const responder = responderOf(config);
  return new AcmeCertificates({
    directory: folder,
    prefix,
    authority: new AcmeAuthority({ directory, directoryCaFile, email, accountKeyFile, responder }),
    clock,
    random: () => randomInt(2 ** 32) / 2 ** 32,
    log,
  });
}

function responderOf({ certificates, dns }: DaemonConfig): Dns01Responder | Http01Responder {
  const server = splitEndpoint(dns.server ?? '');
  const { zone, keyFile, ttlSeconds } = dns;
  // The schema refuses dns-01 without these.
  if (certificates.challenge === 'dns-01' && server !== undefined && zone !== null && keyFile !== null) {
    return new Dns01Responder({ server, zone, keyFile, ttlSeconds });
  }
  const { httpListen } = certificates;
  return new Http01Responder(httpListen === null ? null : listenAddress(httpListen));
}
