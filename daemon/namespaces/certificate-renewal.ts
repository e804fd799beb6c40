/**
 * Keeps the certificates of running TURN services current: looks again and again whether one has to be renewed or
 * the operator's files have changed, and has a service that shows another one than its file read it. What counts
 * is what the service says of itself, so a service that was adopted, or missed a change, is told too.
 */
import type { Cancel, Clock } from '../kit/clock.ts';
import { messageOf } from '../kit/errors.ts';
import type { Logger } from '../kit/logger.ts';
import type { ControlLinks } from './control-links.ts';
import type { EnabledNamespaces } from './enabled-namespaces.ts';
import type { RunningSettings } from './running-settings.ts';

/** A look reads a few small files per namespace; operators who replace theirs do not wait long. */
const LOOK_EVERY_MS = 60_000;

export type CertificateRenewalOptions = {
  enabled: EnabledNamespaces;
  settings: Pick<RunningSettings, 'exclusively' | 'applySoon'>;
  links: Pick<ControlLinks, 'probeTurn'>;
  clock: Clock;
  log: Logger;
  probeTimeoutMs: number;
};

export class CertificateRenewal {
  readonly #options: CertificateRenewalOptions;
  /** Fingerprints of certificates that a service was told of and did not take: it is told once. */
  readonly #refused = new Map<string, string>();
  #cancel: Cancel = () => undefined;
  #look: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: CertificateRenewalOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#stopped) return;
    this.#cancel = this.#options.clock.after(LOOK_EVERY_MS, () => {
      this.#look = this.#look
        .then(() => this.look())
        .then(() => {
          this.start();
        });
    });
  }

  /** There is something new to see: does not wait for the next look. */
  lookSoon(): void {
    if (!this.#stopped) this.#look = this.#look.then(() => this.look());
  }

  /** Resolves when no look is under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel();
    await this.#look;
  }

  /** One look at every enabled namespace. Never rejects. */
  async look(): Promise<void> {
    const { enabled, log } = this.#options;
    const names = enabled.names();
    for (const namespace of this.#refused.keys()) {
      if (!names.includes(namespace)) this.#refused.delete(namespace);
    }
    for (const namespace of names) {
      if (this.#stopped) return;
      try {
        await this.#lookAt(namespace);
      } catch (error) {
        log.error({ namespace, reason: messageOf(error) }, 'certificate not renewed');
      }
    }
  }

  async #lookAt(namespace: string): Promise<void> {
    const { enabled, settings, links, log, probeTimeoutMs } = this.#options;
    let fingerprint: string | undefined;
    await settings.exclusively(namespace, async () => {
      const inputs = enabled.get(namespace);
      if (inputs !== undefined) fingerprint = (await enabled.certificate(inputs)).fingerprint;
    });
    if (fingerprint === undefined || fingerprint === this.#refused.get(namespace)) return;
    const shown = (await links.probeTurn(namespace, probeTimeoutMs))?.certificate;
    // One that does not answer reads the file when it starts, or is told at the next look.
    if (shown === undefined || shown.fingerprint === fingerprint) return;
    if (!(await settings.applySoon('turn', namespace))) return;
    const after = (await links.probeTurn(namespace, probeTimeoutMs))?.certificate;
    if (after?.fingerprint === fingerprint) {
      this.#refused.delete(namespace);
      log.info(
        { namespace, until: new Date(after.notAfterMs).toISOString() },
        'the TURN service has a new certificate',
      );
    } else if (after !== undefined) {
      this.#refused.set(namespace, fingerprint);
      log.error({ namespace, reason: after.problem }, 'the TURN service does not take its new certificate');
    }
  }
}
