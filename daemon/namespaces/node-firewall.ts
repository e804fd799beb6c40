/**
 * Keeps the host's firewall open for exactly the namespaces that are on. One change after the other; each sets
 * all rules of the node anew, so what an earlier one missed is made good by the next. What failed is tried
 * again every minute. Rules that somebody else changed are set anew within two minutes.
 */
import type { Repair } from '../contract/diagnosis.ts';
import type { FirewallManager, FirewallOpening } from '../contract/firewall.ts';
import type { Cancel, Clock } from '../kit/clock.ts';
import { messageOf } from '../kit/errors.ts';
import type { Logger } from '../kit/logger.ts';
import { firewallOpenings, openingText } from './firewall-openings.ts';
import type { ServiceInputs } from './render-service-config.ts';
import type { Firewall } from './system.ts';

const RETRY_MS = 60_000;
const LOOK_MS = 120_000;

/** Of a host whose firewall is somebody else's: nothing is changed. */
export const NO_FIREWALL: Firewall = {
  manager: 'none',
  apply: () => Promise.resolve(''),
  check: () => Promise.resolve(''),
};

const UNKNOWN =
  'Left as it is: whose ports have to be open is not known. Restore the database or the state file first.';

export class NodeFirewall {
  readonly #options: { firewall: Firewall; clock: Clock; log: Logger };
  readonly #open = new Map<string, FirewallOpening[]>();
  #queue: Promise<unknown> = Promise.resolve();
  #problem = '';
  /** Whose ports have to be open is known: somebody has set rules since the start. */
  #isKnown = false;
  #stopped = false;
  /** Of the next try, or the next look. */
  #cancelNext: Cancel = () => undefined;

  constructor(options: { firewall: Firewall; clock: Clock; log: Logger }) {
    this.#options = options;
  }

  /** Which ports of a namespace have to be open, and why they may not be; an empty problem when all is well. */
  view(namespace: string): { manager: FirewallManager; open: string[]; problem: string } {
    const open = (this.#open.get(namespace) ?? []).map(openingText);
    return { manager: this.#options.firewall.manager, open, problem: this.#problem };
  }

  /** Rejects with an AdapterError when the rules cannot be set. @returns a note: what was opened. */
  async open(inputs: ServiceInputs): Promise<string> {
    const openings = firewallOpenings(inputs);
    this.#open.set(inputs.namespace, openings);
    const remark = await this.#apply();
    return [this.#note(openings), remark].filter((one) => one !== '').join(' ');
  }

  /** The note of `open`, without opening anything. */
  planned(inputs: Parameters<typeof firewallOpenings>[0]): string {
    return this.#note(firewallOpenings(inputs));
  }

  #note(openings: readonly FirewallOpening[]): string {
    const { manager } = this.#options.firewall;
    if (openings.length === 0) return 'Everything is bound to loopback: no port has to be open.';
    const list = openings.map(openingText).join(', ');
    if (manager === 'none') return `No firewall is managed. If this host has one, open: ${list}.`;
    return `Open in ${manager}: ${list}.`;
  }

  /** Never rejects: what is not closed now is closed by a later try. @returns the problem, or empty. */
  async close(namespace: string): Promise<string> {
    this.#open.delete(namespace);
    return this.#applySoon();
  }

  /** At the start of the daemon: exactly these are open. Never rejects. */
  async reconcile(enabled: readonly ServiceInputs[]): Promise<void> {
    this.#open.clear();
    for (const inputs of enabled) this.#open.set(inputs.namespace, firewallOpenings(inputs));
    await this.#applySoon();
  }

  /** Looks now and changes nothing. @returns how the rules differ from what they have to be; empty when they do not. */
  drift(): Promise<string> {
    const next = this.#queue.then(() => this.#options.firewall.check([...this.#open.values()].flat()));
    this.#queue = next.catch(() => undefined);
    return next.catch(messageOf);
  }

  /** Looks now, and sets the rules anew if they are not as they have to be. Never rejects. @returns what was wrong. */
  async repair(): Promise<Repair[]> {
    const found = await this.drift();
    if (found === '') return [];
    if (!this.#isKnown) return [{ what: 'firewall', subject: 'host', found, problem: UNKNOWN }];
    this.#options.log.warn({ reason: found }, 'firewall rules are not as they have to be: they are set anew');
    return [{ what: 'firewall', subject: 'host', found, problem: await this.#applySoon() }];
  }

  /** Resolves when nothing is under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelNext();
    await this.#queue;
  }

  async #applySoon(): Promise<string> {
    try {
      await this.#apply();
      return '';
    } catch (error) {
      return messageOf(error);
    }
  }

  #apply(): Promise<string> {
    this.#isKnown = true;
    const next = this.#queue.then(async () => {
      const { firewall, log } = this.#options;
      this.#cancelNext();
      try {
        const remark = await firewall.apply([...this.#open.values()].flat());
        this.#problem = remark;
        if (firewall.manager !== 'none') this.#after(LOOK_MS, () => void this.#look());
        return remark;
      } catch (error) {
        this.#problem = messageOf(error);
        log.error({ manager: firewall.manager, reason: this.#problem }, 'firewall rules not set');
        this.#after(RETRY_MS, () => void this.#applySoon());
        throw error;
      }
    });
    this.#queue = next.catch(() => undefined);
    return next;
  }

  async #look(): Promise<void> {
    // What is set anew arms the next look itself.
    if ((await this.repair()).length === 0) this.#after(LOOK_MS, () => void this.#look());
  }

  #after(ms: number, act: () => void): void {
    this.#cancelNext();
    if (!this.#stopped) this.#cancelNext = this.#options.clock.after(ms, act);
  }
}
