/**
 * The certificates of the TURN services, one PEM file (0600) per namespace with key and chain, so that a
 * change is one rename and no process ever reads half of it. They are of the local CA, or copies of the
 * operator's files, or of what an authority issued: a copy is replaced by files that can be used only, so a bad
 * change keeps the old ones. Until the authority's first one is there, the local CA's serves.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import type { Clock } from '../kit/clock.ts';
import { AdapterError, isErrno, messageOf } from '../kit/errors.ts';
import type { Logger } from '../kit/logger.ts';
import type { CertificateFiles, TurnCertificate, TurnCertificates } from '../namespaces/system.ts';
import { replaceFile } from './atomic-file.ts';
import { issueFromLocalCa, type Pair } from './local-ca.ts';

/** Certificates that come when they come: see acme/acme-certificates.ts. */
export interface IssuedCertificates {
  want(owner: string, name: string): Promise<{ pair: Pair | undefined; problem: string }>;
  release(owner: string): void;
}

export type FileTurnCertificatesOptions = {
  /** Made with mode 0700 when missing. */
  directory: string;
  /** Where the local CA is. */
  caDirectory: string;
  /** The operator's PEM files; null: an authority issues, or the local CA. */
  source: CertificateFiles | null;
  /** For namespaces whose TURN service has one DNS name. */
  issued?: IssuedCertificates | null;
  log: Logger;
  clock: Clock;
};

export class FileTurnCertificates implements TurnCertificates {
  readonly #options: FileTurnCertificatesOptions;
  /** The last complaint of each namespace: it is told when it changes, not every hour. */
  readonly #told = new Map<string, string>();

  constructor(options: FileTurnCertificatesOptions) {
    this.#options = options;
  }

  async ensure(namespace: string, hosts: readonly string[]): Promise<TurnCertificate> {
    const { directory, source } = this.#options;
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const file = this.#file(namespace);
    const known = await readPair(file);
    const wanted =
      source === null
        ? ((await this.#issued(namespace, hosts)) ?? (await this.#issue(known, hosts)))
        : await this.#copy(namespace, source, known, hosts);
    const changed = known?.certPem !== wanted.certPem || known.keyPem !== wanted.keyPem;
    if (changed) await replaceFile(file, wanted.keyPem + wanted.certPem);
    const fingerprint = new X509Certificate(wanted.certPem).fingerprint256;
    const problem = this.#told.get(namespace) ?? '';
    return { certFile: file, keyFile: file, trustPem: wanted.trustPem, changed, fingerprint, problem };
  }

  async remove(namespace: string): Promise<void> {
    this.#told.delete(namespace);
    this.#options.issued?.release(turnOwner(namespace));
    await rm(this.#file(namespace), { force: true });
  }

  #file(namespace: string): string {
    return join(this.#options.directory, `${namespace}.pem`);
  }

  /** The authority's; undefined while there is none. Its own chain is what is trusted. */
  async #issued(
    namespace: string,
    hosts: readonly string[],
  ): Promise<(Pair & { trustPem: string }) | undefined> {
    const { issued } = this.#options;
    if (issued === undefined || issued === null) return undefined;
    const [name, ...more] = hosts;
    if (name === undefined || more.length > 0 || isIP(name) !== 0) {
      this.#tell(namespace, NO_NAME);
      return undefined;
    }
    const { pair, problem } = await issued.want(turnOwner(namespace), name);
    const meanwhile =
      pair === undefined ? `${problem} Meanwhile the local CA's certificate is shown.` : problem;
    this.#tell(namespace, meanwhile === '' ? undefined : meanwhile);
    return pair === undefined ? undefined : { ...pair, trustPem: pair.certPem };
  }

  async #issue(known: Pair | undefined, hosts: readonly string[]): Promise<Pair & { trustPem: string }> {
    const { caDirectory, clock } = this.#options;
    const { certPem, keyPem, caPem } = await issueFromLocalCa(caDirectory, known, {
      names: hosts.filter((host) => isIP(host) === 0),
      addresses: hosts.filter((host) => isIP(host) !== 0),
      nowMs: clock.nowMs(),
    });
    return { certPem, keyPem, trustPem: caPem };
  }

  /** The operator's pair, or the copy of the last one that could be used. Its own chain is what is trusted. */
  async #copy(
    namespace: string,
    source: CertificateFiles,
    known: Pair | undefined,
    hosts: readonly string[],
  ): Promise<Pair & { trustPem: string }> {
    try {
      const pair = await readOperatorPair(source, this.#options.clock.nowMs());
      const missing = hosts.filter((host) => !isLoopback(host) && !names(pair.certPem, host));
      this.#tell(
        namespace,
        missing.length === 0
          ? undefined
          : `turn.certificate does not name ${missing.join(', ')}: clients that dial it over TLS refuse it.`,
      );
      return { ...pair, trustPem: pair.certPem };
    } catch (cause) {
      const sentence = `turn.certificate: ${source.certFile} with ${source.keyFile} cannot be used: ${messageOf(cause)}.`;
      if (known === undefined) {
        throw new AdapterError(sentence, { operation: 'turn-certificate', target: source.certFile, cause });
      }
      this.#tell(namespace, `${sentence} The one before stays in use.`);
      return { ...known, trustPem: known.certPem };
    }
  }

  #tell(namespace: string, complaint: string | undefined): void {
    const before = this.#told.get(namespace);
    if (complaint === before) return;
    if (complaint === undefined) {
      this.#told.delete(namespace);
      return;
    }
    this.#told.set(namespace, complaint);
    this.#options.log.warn({ namespace }, complaint);
  }
}

const NO_NAME =
  "An authority issues certificates for names, and this namespace was enabled without one: the local CA's is shown. Set turn.hostName, then disable and enable WebRTC.";

/** How the users of issued certificates call a namespace's TURN service. */
export function turnOwner(namespace: string): string {
  return `turn:${namespace}`;
}

/** @returns undefined when there is no file, or none that can be used: it is made anew. */
async function readPair(file: string): Promise<Pair | undefined> {
  try {
    const text = await readFile(file, 'utf8');
    const at = text.indexOf('-----BEGIN CERTIFICATE-----');
    const pair = { keyPem: text.slice(0, at), certPem: text.slice(at) };
    createSecureContext({ cert: pair.certPem, key: pair.keyPem });
    return pair;
  } catch (error) {
    if (isErrno(error, 'EACCES') || isErrno(error, 'EIO')) throw error;
    return undefined;
  }
}

/** Normalised: the key in PKCS #8, the chain's certificates only. Throws for what a server cannot use. */
async function readOperatorPair(source: CertificateFiles, nowMs: number): Promise<Pair> {
  const [cert, key] = await Promise.all([
    readFile(source.certFile, 'utf8'),
    readFile(source.keyFile, 'utf8'),
  ]);
  const chain = cert.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
  if (chain === null) throw new Error('there is no PEM certificate in it');
  const certPem = `${chain.join('\n')}\n`;
  const keyPem = createPrivateKey(key).export({ format: 'pem', type: 'pkcs8' }).toString();
  createSecureContext({ cert: certPem, key: keyPem }); // Throws when they do not belong together.
  const leaf = new X509Certificate(certPem);
  if (leaf.validToDate.getTime() <= nowMs) throw new Error(`it expired on ${leaf.validTo}`);
  return { certPem, keyPem };
}

function names(certPem: string, host: string): boolean {
  const leaf = new X509Certificate(certPem);
  return (isIP(host) === 0 ? leaf.checkHost(host) : leaf.checkIP(host)) !== undefined;
}

/** What only this host dials. */
function isLoopback(host: string): boolean {
  return host === '::1' || host.startsWith('127.');
}
