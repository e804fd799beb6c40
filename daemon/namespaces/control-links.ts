/**
 * One live control connection per running TURN and SFU service, opened again with backoff when it ends.
 * Live probes and the cameras' `SfuDirectory` stand on it.
 */
import type { SfuStatus, TurnStatus } from '../contract/control.ts';
import { backoffMs } from '../kit/backoff.ts';
import type { Cancel, Clock } from '../kit/clock.ts';
import { messageOf } from '../kit/errors.ts';
import type { Logger } from '../kit/logger.ts';
import type {
  ControlConnector,
  ControlLink,
  ReloadControl,
  ServiceKind,
  ServiceManager,
  ServiceRef,
  SfuControl,
  SfuControlEvent,
  TurnControl,
  Unsubscribe,
} from './system.ts';

const RECONNECT = { firstMs: 100, maxMs: 2000 };
const STATUS_TIMEOUT_MS = 5000;

export type SfuLinkEvent =
  | { type: 'connected'; namespace: string }
  | { type: 'disconnected'; namespace: string }
  /** The TURN service is another process: its relays, and all media over them, are gone. */
  | { type: 'relays-restarted'; namespace: string }
  | { type: 'event'; namespace: string; event: SfuControlEvent };

type LinkOptions<Control> = {
  connect: (onClose: () => void) => Promise<ControlLink<Control>>;
  clock: Clock;
  random: () => number;
  log: Logger;
  /** The connection that is there now, or that there is none any more. */
  onChange: (link: ControlLink<Control> | undefined) => void;
};

/** One connection that is wanted until `close()`. */
class KeptLink<Control> {
  readonly #options: LinkOptions<Control>;
  #link: ControlLink<Control> | undefined;
  /** There is a retry to come. */
  #cancelRetry: Cancel | undefined;
  #failures = 0;
  #wanted = true;
  /** Which connection `#link` is: an older one that ends late is not the current one. */
  #attempt: object | undefined;
  readonly #waiters = new Set<() => void>();

  constructor(options: LinkOptions<Control>) {
    this.#options = options;
    void this.#connect();
  }

  get control(): Control | undefined {
    return this.#link?.control;
  }

  /** The control as soon as it is connected; undefined when that takes longer than `timeoutMs`. */
  connected(timeoutMs: number): Promise<Control | undefined> {
    if (this.#link !== undefined || !this.#wanted) return Promise.resolve(this.control);
    return new Promise((resolve) => {
      const wake = (): void => {
        cancel();
        this.#waiters.delete(wake);
        resolve(this.control);
      };
      const cancel = this.#options.clock.after(timeoutMs, wake);
      this.#waiters.add(wake);
    });
  }

  /** Somebody answers there: the wait between tries is over. */
  hurry(): void {
    if (!this.#wanted || this.#link !== undefined) return;
    this.#failures = 0;
    if (this.#cancelRetry === undefined) return; // A try is under way.
    this.#cancelRetry();
    this.#cancelRetry = undefined;
    void this.#connect();
  }

  close(): void {
    this.#wanted = false;
    this.#cancelRetry?.();
    for (const wake of this.#waiters) wake();
    const link = this.#link;
    this.#link = undefined;
    if (link === undefined) return;
    link.close();
    this.#options.onChange(undefined);
  }

  async #connect(): Promise<void> {
    const attempt = { closed: false };
    try {
      const link = await this.#options.connect(() => {
        attempt.closed = true;
        this.#lost(attempt);
      });
      if (!this.#wanted) {
        link.close();
        return;
      }
      if (attempt.closed) {
        this.#retry();
        return;
      }
      this.#link = link;
      this.#attempt = attempt;
      this.#failures = 0;
      for (const wake of this.#waiters) wake();
      this.#options.onChange(link);
    } catch (error) {
      if (this.#failures === 0) this.#options.log.debug({ reason: messageOf(error) }, 'control link');
      this.#retry();
    }
  }

  #lost(attempt: object): void {
    if (this.#attempt !== attempt || this.#link === undefined) return;
    this.#link = undefined;
    this.#options.onChange(undefined);
    this.#retry();
  }

  #retry(): void {
    if (!this.#wanted) return;
    this.#failures += 1;
    const { clock, random } = this.#options;
    this.#cancelRetry = clock.after(backoffMs(this.#failures, RECONNECT, random()), () => {
      this.#cancelRetry = undefined;
      void this.#connect();
    });
  }
}

export class ControlLinks {
  readonly #options: {
    connector: ControlConnector;
    services: Pick<ServiceManager, 'controlSocket'>;
    clock: Clock;
    random: () => number;
    log: Logger;
  };
  readonly #turn = new Map<string, KeptLink<TurnControl>>();
  readonly #sfu = new Map<string, KeptLink<SfuControl>>();
  readonly #listeners = new Set<(event: SfuLinkEvent) => void>();
  /** Which process each namespace's TURN service was when it last answered. */
  readonly #turnProcess = new Map<string, string>();
  /** Namespaces whose SFU does not know yet that the relays are new. */
  readonly #untold = new Set<string>();
  /** Namespaces whose TURN service had an open DTLS listener when it last answered. */
  readonly #dtls = new Set<string>();

  constructor(options: {
    connector: ControlConnector;
    services: Pick<ServiceManager, 'controlSocket'>;
    clock: Clock;
    random: () => number;
    log: Logger;
  }) {
    this.#options = options;
  }

  /** From now on both services of the namespace should be connected. */
  open(namespace: string): void {
    const { connector, services, clock, random, log } = this.#options;
    const common = { clock, random, log: log.child({ namespace }) };
    const path = (kind: ServiceKind): string => services.controlSocket({ kind, namespace });
    if (!this.#turn.has(namespace)) {
      const link = new KeptLink<TurnControl>({
        ...common,
        connect: (onClose) => connector.turn(path('turn'), { namespace, onClose }),
        onChange: (connected) => {
          if (connected !== undefined) this.#onTurn(namespace, connected);
        },
      });
      this.#turn.set(namespace, link);
    }
    if (this.#sfu.has(namespace)) return;
    const link = new KeptLink<SfuControl>({
      ...common,
      connect: (onClose) => {
        const onEvent = (event: SfuControlEvent): void => {
          this.#emit({ type: 'event', namespace, event });
        };
        return connector.sfu(path('sfu'), { namespace, onClose, onEvent });
      },
      onChange: (connected) => {
        this.#emit({ type: connected === undefined ? 'disconnected' : 'connected', namespace });
        if (connected !== undefined) this.#tellRelaysRestarted(namespace);
      },
    });
    this.#sfu.set(namespace, link);
  }

  close(namespace: string): void {
    this.#turn.get(namespace)?.close();
    this.#turn.delete(namespace);
    this.#turnProcess.delete(namespace);
    this.#dtls.delete(namespace);
    this.#untold.delete(namespace);
    this.#sfu.get(namespace)?.close();
    this.#sfu.delete(namespace);
  }

  /** The service is known to be ready: it is connected now instead of at the next retry. */
  hurry({ kind, namespace }: ServiceRef): void {
    (kind === 'turn' ? this.#turn : this.#sfu).get(namespace)?.hurry();
  }

  closeAll(): void {
    for (const namespace of [...this.#turn.keys()]) this.close(namespace);
  }

  /** Undefined while the SFU is not connected. */
  sfu(namespace: string): SfuControl | undefined {
    return this.#sfu.get(namespace)?.control;
  }

  watch(listener: (event: SfuLinkEvent) => void): Unsubscribe {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /**
   * Resolves when both services of an opened namespace are connected and the TURN service has said what it
   * serves, or after `timeoutMs`.
   */
  async connected(namespace: string, timeoutMs: number): Promise<void> {
    await Promise.all([this.probeTurn(namespace, timeoutMs), this.#sfu.get(namespace)?.connected(timeoutMs)]);
  }

  /**
   * Has a service read its file again. Rejects when it refuses what it reads, or answers too late.
   * @returns false when it is not connected in time.
   */
  async reload({ kind, namespace }: ServiceRef, timeoutMs: number): Promise<boolean> {
    const control: ReloadControl | undefined =
      kind === 'turn'
        ? await this.#turn.get(namespace)?.connected(timeoutMs)
        : await this.#sfu.get(namespace)?.connected(timeoutMs);
    if (control === undefined) return false;
    await control.call('reload', {}, { timeoutMs });
    return true;
  }

  /** The TURN service's control as soon as it is connected; undefined when that takes too long. */
  async turn(namespace: string, timeoutMs: number): Promise<TurnControl | undefined> {
    return this.#turn.get(namespace)?.connected(timeoutMs);
  }

  /** @returns null when the service does not answer in time. */
  async probeTurn(namespace: string, timeoutMs: number): Promise<TurnStatus | null> {
    const startedMs = performance.now();
    const control = await this.#turn.get(namespace)?.connected(timeoutMs);
    if (control === undefined) return null;
    const left = { timeoutMs: leftOf(timeoutMs, startedMs) };
    const answer = await answerOrNull(control.call('status', {}, left));
    if (answer !== null && this.#turn.has(namespace)) this.#learn(namespace, answer);
    return answer;
  }

  /** Whether clients can reach the TURN service over DTLS, as far as it is known. */
  servesDtls(namespace: string): boolean {
    return this.#dtls.has(namespace);
  }

  /** @returns null when the service does not answer in time. */
  async probeSfu(namespace: string, timeoutMs: number): Promise<SfuStatus | null> {
    const startedMs = performance.now();
    const control = await this.#sfu.get(namespace)?.connected(timeoutMs);
    if (control === undefined) return null;
    return answerOrNull(control.call('status', {}, { timeoutMs: leftOf(timeoutMs, startedMs) }));
  }

  #learn(namespace: string, { listeners }: TurnStatus): void {
    if (listeners.some(({ transport, open }) => transport === 'dtls' && open)) this.#dtls.add(namespace);
    else this.#dtls.delete(namespace);
  }

  #onTurn(namespace: string, link: ControlLink<TurnControl>): void {
    void this.probeTurn(namespace, STATUS_TIMEOUT_MS);
    const process = `${String(link.pid)} ${String(link.startedAtMs)}`;
    const before = this.#turnProcess.get(namespace);
    this.#turnProcess.set(namespace, process);
    if (before === undefined || before === process) return;
    this.#options.log.info({ namespace, pid: link.pid }, 'the relays were restarted');
    this.#untold.add(namespace);
    this.#tellRelaysRestarted(namespace);
    this.#emit({ type: 'relays-restarted', namespace });
  }

  #tellRelaysRestarted(namespace: string): void {
    const sfu = this.sfu(namespace);
    if (sfu === undefined || !this.#untold.delete(namespace)) return;
    sfu.call('relays.restarted', {}).catch((error: unknown) => {
      // Its viewers find out themselves, only later.
      this.#options.log.warn({ namespace, reason: messageOf(error) }, 'the SFU was not told of new relays');
    });
  }

  #emit(event: SfuLinkEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        this.#options.log.error({ err: error }, 'listener of SFU events failed');
      }
    }
  }
}

/** Connecting and asking share one limit. */
function leftOf(timeoutMs: number, startedMs: number): number {
  return Math.max(1, Math.ceil(timeoutMs - (performance.now() - startedMs)));
}

async function answerOrNull<Answer>(answer: Promise<Answer>): Promise<Answer | null> {
  try {
    return await answer;
  } catch {
    return null; // No answer is an answer here: "unknown".
  }
}
