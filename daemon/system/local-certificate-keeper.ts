/**
 * Keeps the local CA's server certificate good while the daemon runs: looks twice a day, and has it made anew when it
 * has less than 30 days or the host has other addresses. Who shows it is told, and shows it to new connections.
 */
import type { Cancel, Clock } from '../kit/clock.ts';
import { messageOf } from '../kit/errors.ts';
import type { Logger } from '../kit/logger.ts';
import { loadOrCreateLocalCa, type LocalCertificate, type Subject } from './local-ca.ts';

const LOOK_MS = 12 * 60 * 60 * 1000;

type Options = {
  /** Of the CA. */
  directory: string;
  /** How the host is called now. */
  names: () => Omit<Subject, 'nowMs'>;
  clock: Clock;
  log: Logger;
};

export class LocalCertificateKeeper {
  readonly #options: Options;
  readonly #listeners: ((certificate: LocalCertificate) => void)[] = [];
  #current: LocalCertificate;
  #cancel: Cancel = () => undefined;
  #looking: Promise<void> = Promise.resolve();
  #stopped = false;

  private constructor(options: Options, current: LocalCertificate) {
    this.#options = options;
    this.#current = current;
    this.#lookLater();
  }

  /** Makes the CA when there is none. Rejects with an AdapterError when it cannot be used. */
  static async open(options: Options): Promise<LocalCertificateKeeper> {
    return new LocalCertificateKeeper(options, await load(options));
  }

  get current(): LocalCertificate {
    return this.#current;
  }

  onChange(listener: (certificate: LocalCertificate) => void): void {
    this.#listeners.push(listener);
  }

  /** Resolves when nothing is under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel();
    await this.#looking;
  }

  #lookLater(): void {
    if (this.#stopped) return;
    this.#cancel = this.#options.clock.after(LOOK_MS, () => {
      this.#looking = this.#look();
    });
  }

  /** What it has goes on being shown when there is no better one. */
  async #look(): Promise<void> {
    const { log } = this.#options;
    try {
      const next = await load(this.#options);
      if (next.certPem !== this.#current.certPem) {
        this.#current = next;
        log.info('the server certificate of the local CA was made anew');
        for (const listener of this.#listeners) listener(next);
      }
    } catch (error) {
      log.error({ reason: messageOf(error) }, 'the server certificate of the local CA is not renewed');
    }
    this.#lookLater();
  }
}

function load({ directory, names, clock }: Options): Promise<LocalCertificate> {
  return loadOrCreateLocalCa(directory, { ...names(), nowMs: clock.nowMs() });
}
