/**
 * The certificates that an ACME authority issues for this host: which names have one, on disk as key and chain in one
 * file (0600) that is replaced in one step, and when the next is ordered. What is in use stays until there is a newer
 * one, whatever an order ends with. Nobody waits for an order.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CertificateView } from '../../contract/certificates.ts';
import { AppError } from '../../contract/errors.ts';
import type { Cancel, Clock } from '../../kit/clock.ts';
import { isErrno, messageOf } from '../../kit/errors.ts';
import type { Logger } from '../../kit/logger.ts';
import { replaceFile } from '../atomic-file.ts';
import type { Pair } from '../local-ca.ts';
import { renewalAtMs, retryMs } from './renewal-time.ts';

/** A name that is new may still be on its way: its listener, its DNS record. */
const FIRST_ORDER_MS = 5000;
/** The clock of the host may be set meanwhile; timers do not see that. */
const LOOK_EVERY_MS = 10 * 60_000;
const FILE_NAME = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;

export interface Authority {
  /** Rejects with a sentence for the operator. */
  obtain(name: string, signal: AbortSignal): Promise<Pair>;
}

type Issued = Pair & { notBeforeMs: number; notAfterMs: number; fingerprint: string; issuer: string };
type Wanted = {
  name: string;
  owners: Set<string>;
  issued: Issued | undefined;
  ordering: boolean;
  dueAtMs: number;
  failures: number;
  problem: string;
};

export type AcmeCertificatesOptions = {
  /** Made with mode 0700 when missing. */
  directory: string;
  /** Set before the names of files: other authorities' certificates are not taken for this one's. */
  prefix: string;
  authority: Authority;
  clock: Clock;
  /** In [0, 1). */
  random: () => number;
  log: Logger;
};

export class AcmeCertificates {
  readonly #options: AcmeCertificatesOptions;
  readonly #wanted = new Map<string, Wanted>();
  readonly #listeners = new Set<(name: string) => void>();
  readonly #stop = new AbortController();
  #queue: Promise<void> = Promise.resolve();
  #cancelLook: Cancel = () => undefined;

  constructor(options: AcmeCertificatesOptions) {
    this.#options = options;
  }

  /**
   * Somebody shows the certificate of `name`: it is ordered if there is none, and kept current.
   * @returns the one in use, and why it is not the newest there could be.
   */
  async want(owner: string, name: string): Promise<{ pair: Pair | undefined; problem: string }> {
    for (const one of this.#wanted.values()) if (one.name !== name) one.owners.delete(owner);
    this.#forgetUnused();
    const wanted = this.#wanted.get(name) ?? (await this.#load(owner, name));
    wanted.owners.add(owner);
    return { pair: wanted.issued, problem: problemOf(wanted) };
  }

  release(owner: string): void {
    for (const { owners } of this.#wanted.values()) owners.delete(owner);
    this.#forgetUnused();
  }

  /** Called with a name whose new certificate is on the disk. */
  onChange(listener: (name: string) => void): void {
    this.#listeners.add(listener);
  }

  fileOf(name: string): string {
    if (!FILE_NAME.test(name)) throw new RangeError(`${name} is no DNS name`);
    return join(this.#options.directory, `${this.#options.prefix}-${name}.pem`);
  }

  list(): CertificateView[] {
    return [...this.#wanted.values()]
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map((one) => {
        const { issued } = one;
        const state = one.ordering ? 'ordering' : issued === undefined ? 'waiting' : 'valid';
        return {
          name: one.name,
          usedBy: [...one.owners].sort(),
          state,
          issuer: issued?.issuer ?? null,
          fingerprint: issued?.fingerprint ?? null,
          notBefore: issued === undefined ? null : new Date(issued.notBeforeMs).toISOString(),
          notAfter: issued === undefined ? null : new Date(issued.notAfterMs).toISOString(),
          nextOrderAt: new Date(one.dueAtMs).toISOString(),
          problem: one.problem,
        };
      });
  }

  /** Orders now, whatever is due when. Throws not_found. @returns the names. */
  renew(name?: string): string[] {
    const chosen = [...this.#wanted.values()].filter((one) => name === undefined || one.name === name);
    if (chosen.length === 0) {
      throw new AppError(
        'not_found',
        name === undefined ? 'No certificate is in use.' : `No certificate for ${name} is in use.`,
      );
    }
    for (const one of chosen) this.#order(one);
    return chosen.map((one) => one.name);
  }

  /** Gives up what is under way. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#cancelLook();
    await this.#queue;
  }

  /** Resolves when no order is under way. */
  async idle(): Promise<void> {
    await this.#queue;
  }

  async #load(owner: string, name: string): Promise<Wanted> {
    const issued = await this.#read(name);
    const known = this.#wanted.get(name); // Somebody else may have been faster.
    if (known !== undefined) return known;
    const { clock, random } = this.#options;
    const dueAtMs = issued === undefined ? clock.nowMs() + FIRST_ORDER_MS : renewalAtMs(issued, random());
    const wanted = {
      name,
      owners: new Set([owner]),
      issued,
      ordering: false,
      dueAtMs,
      failures: 0,
      problem: '',
    };
    this.#wanted.set(name, wanted);
    this.#look();
    return wanted;
  }

  async #read(name: string): Promise<Issued | undefined> {
    const file = this.fileOf(name);
    try {
      return describe(splitPem(await readFile(file, 'utf8')));
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) {
        this.#options.log.warn(
          { file, reason: messageOf(error) },
          'a certificate cannot be used and is ordered anew',
        );
      }
      return undefined;
    }
  }

  #forgetUnused(): void {
    for (const [name, { owners, ordering }] of this.#wanted) {
      if (owners.size === 0 && !ordering) this.#wanted.delete(name);
    }
  }

  /** Orders what is due, and comes back when the next is. */
  #look(): void {
    this.#cancelLook();
    if (this.#stop.signal.aborted) return;
    const nowMs = this.#options.clock.nowMs();
    for (const one of this.#wanted.values()) if (one.dueAtMs <= nowMs) this.#order(one);
    const waiting = [...this.#wanted.values()].filter(({ ordering }) => !ordering);
    const nextMs = Math.min(LOOK_EVERY_MS, ...waiting.map(({ dueAtMs }) => dueAtMs - nowMs));
    this.#cancelLook = this.#options.clock.after(nextMs, () => {
      this.#look();
    });
  }

  #order(wanted: Wanted): void {
    if (wanted.ordering || this.#stop.signal.aborted) return;
    wanted.ordering = true;
    this.#queue = this.#queue.then(() => this.#obtain(wanted));
  }

  /** Never rejects. */
  async #obtain(wanted: Wanted): Promise<void> {
    const { authority, clock, random, log } = this.#options;
    const { name } = wanted;
    try {
      if (this.#stop.signal.aborted) return;
      const issued = describe(await authority.obtain(name, this.#stop.signal));
      await mkdir(this.#options.directory, { recursive: true, mode: 0o700 });
      await replaceFile(this.fileOf(name), issued.keyPem + issued.certPem);
      Object.assign(wanted, { issued, failures: 0, problem: '', dueAtMs: renewalAtMs(issued, random()) });
      log.info({ name, until: new Date(issued.notAfterMs).toISOString() }, 'new certificate');
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      wanted.failures += 1;
      wanted.problem = messageOf(error);
      wanted.dueAtMs = clock.nowMs() + retryMs(wanted.failures, random());
      log.error(
        { name, again: new Date(wanted.dueAtMs).toISOString(), reason: wanted.problem },
        'no new certificate',
      );
    } finally {
      wanted.ordering = false;
    }
    this.#forgetUnused();
    if (wanted.problem === '') for (const listener of this.#listeners) listener(name);
    this.#look();
  }
}

function problemOf({ name, issued, problem }: Wanted): string {
  if (problem !== '') return issued === undefined ? problem : `${problem} The one before stays in use.`;
  return issued === undefined ? `The certificate for ${name} is being ordered.` : '';
}

function splitPem(text: string): Pair {
  const at = text.indexOf('-----BEGIN CERTIFICATE-----');
  if (at === -1) throw new Error('there is no certificate in it');
  return { keyPem: text.slice(0, at), certPem: text.slice(at) };
}

/** Throws when the key does not belong to the chain's first certificate. */
function describe({ certPem, keyPem }: Pair): Issued {
  const leaf = new X509Certificate(certPem);
  if (!leaf.checkPrivateKey(createPrivateKey(keyPem)))
    throw new Error('its key belongs to another certificate');
  return {
    certPem,
    keyPem,
    notBeforeMs: leaf.validFromDate.getTime(),
    notAfterMs: leaf.validToDate.getTime(),
    fingerprint: leaf.fingerprint256,
    issuer: leaf.issuer.replaceAll('\n', ', '),
  };
}
