/**
 * The configuration this process works with, and what a changed file does to it: what can be followed while
 * everything goes on is followed at once, the rest is named and waits for the next start.
 */
import type { ConfigChange } from '../contract/config-view.ts';
import { messageOf } from '../kit/errors.ts';
import type { Logger } from '../kit/logger.ts';
import { configChanges, withValues } from './compare.ts';
import type { LoadedConfig } from './load.ts';

/** Takes the new configuration up. It may take its time, and it may not reject: what it cannot do it says itself. */
type Follower = (config: LoadedConfig) => void | Promise<void>;

export type ConfigReload = {
  /** In force now. */
  applied: ConfigChange[];
  /** In the file, and not in force before the restart each of them names. */
  waiting: ConfigChange[];
};

export class RunningConfig {
  readonly #read: () => LoadedConfig;
  readonly #followers: Follower[] = [];
  #current: LoadedConfig;
  #turn: Promise<unknown> = Promise.resolve();

  /**
   * @param read the file and the environment as they are now. Throws ConfigError with every problem.
   * Reads once; throws what `read` throws.
   */
  constructor(read: () => LoadedConfig) {
    this.#read = read;
    this.#current = read();
  }

  get current(): LoadedConfig {
    return this.#current;
  }

  follow(follower: Follower): void {
    this.#followers.push(follower);
  }

  /** One after the other. Rejects with ConfigError, and changes nothing, when the file has a problem. */
  reload(): Promise<ConfigReload> {
    const turn = this.#turn.then(() => this.#reload());
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #reload(): Promise<ConfigReload> {
    const file = this.#read();
    const changes = configChanges(this.#current, file);
    const applied = changes.filter(({ restarts }) => restarts === 'nothing');
    if (applied.length > 0) {
      this.#current = withValues(
        this.#current,
        applied.map(({ key, file: value }) => ({ key, value })),
      );
      for (const follow of this.#followers) await follow(this.#current);
    }
    return { applied, waiting: changes.filter(({ restarts }) => restarts !== 'nothing') };
  }
}

/** SIGHUP reloads, as it does for every service of a Linux host. @returns what ends that. */
export function reloadOnHangup(configuration: RunningConfig, log: Logger): () => void {
  const reload = (): void => {
    configuration.reload().then(
      ({ applied, waiting }) => {
        log.info(
          { applied: applied.map(keyOf), waiting: waiting.map(restartOf) },
          'configuration read again',
        );
      },
      (error: unknown) => {
        log.error({ reason: messageOf(error) }, 'the configuration is not taken up; the old one counts on');
      },
    );
  };
  process.on('SIGHUP', reload);
  return () => void process.off('SIGHUP', reload);
}

const keyOf = ({ key }: ConfigChange): string => key;
const restartOf = ({ key, restarts }: ConfigChange): string => `${key} (restarts: ${restarts})`;
