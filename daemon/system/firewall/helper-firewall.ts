/**
 * The firewall of a daemon without rights: it writes what has to be open and has systemd run the helper unit,
 * which alone may change the firewall.
 */
import type { FirewallManager, FirewallOpening } from '../../contract/firewall.ts';
import { AdapterError, messageOf } from '../../kit/errors.ts';
import type { Firewall } from '../../namespaces/system.ts';
import type { Systemctl } from '../systemd/systemctl.ts';
import { writeFirewallRequest } from './request-file.ts';

export const FIREWALL_UNIT = 'turnkeep-firewall.service';
/** Below the daemon's runtime directory, as the helper unit names it. */
export const FIREWALL_REQUEST = '/run/turnkeep/firewall.json';

/** What the helper ends with when there is nothing to remark. */
export const FIREWALL_DONE = 'The firewall is as asked.';

export class HelperFirewall implements Firewall {
  readonly manager: FirewallManager;
  readonly #systemctl: Pick<Systemctl, 'run' | 'lastWords'>;
  readonly #path: string;

  constructor(options: {
    manager: FirewallManager;
    systemctl: Pick<Systemctl, 'run' | 'lastWords'>;
    path?: string;
  }) {
    this.manager = options.manager;
    this.#systemctl = options.systemctl;
    this.#path = options.path ?? FIREWALL_REQUEST;
  }

  apply(openings: readonly FirewallOpening[]): Promise<string> {
    return this.#ask(openings, false);
  }

  check(openings: readonly FirewallOpening[]): Promise<string> {
    return this.#ask(openings, true);
  }

  async #ask(openings: readonly FirewallOpening[], check: boolean): Promise<string> {
    await writeFirewallRequest(this.#path, openings, { check });
    try {
      await this.#systemctl.run('start', FIREWALL_UNIT);
    } catch (error) {
      const words = await this.#systemctl.lastWords(FIREWALL_UNIT);
      // It did not run at all, then: these are of its last run.
      throw new AdapterError(words === '' || words === FIREWALL_DONE ? messageOf(error) : words, {
        operation: 'firewall',
        target: FIREWALL_UNIT,
        retryable: true,
        cause: error,
      });
    }
    const words = await this.#systemctl.lastWords(FIREWALL_UNIT);
    return words === FIREWALL_DONE ? '' : words;
  }
}
