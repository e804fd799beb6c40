/** The data channels of one session: opened when it asks, told of what is refused, at most once a second. */
import { AppError } from '../../contract/errors.ts';
import { DataLink } from '../media/data/data-link.ts';
import type { DataAssociation, DataAssociationEvents } from '../media/secure-transport.ts';
import type { DataRelay } from './data-relay.ts';

const REFUSAL_GAP_MS = 1000;

export class SessionData {
  readonly #sessionId: string;
  readonly #relay: DataRelay;
  readonly #nowMs: () => number;
  readonly #fail: (error: unknown) => void;
  #wanted = false;
  #link: DataLink | undefined;
  #toldAtMs = -Infinity;

  /** `fail` tells the client. */
  constructor(options: {
    sessionId: string;
    relay: DataRelay;
    nowMs: () => number;
    fail: (error: unknown) => void;
  }) {
    this.#sessionId = options.sessionId;
    this.#relay = options.relay;
    this.#nowMs = options.nowMs;
    this.#fail = options.fail;
  }

  /** The client has asked for channels: every connection of the session has a section for them. */
  get wanted(): boolean {
    return this.#wanted;
  }

  get link(): DataLink | undefined {
    return this.#link;
  }

  want(): void {
    this.#wanted = true;
  }

  /** The connection can carry channels. */
  open(open: (events: DataAssociationEvents) => DataAssociation): void {
    this.close();
    this.#link = new DataLink({
      open,
      limits: () => this.#relay.policy,
      drops: this.#relay.drops,
      nowMs: this.#nowMs,
      events: {
        message: (message, lane) => {
          try {
            this.#relay.take(this.#sessionId, message, lane);
          } catch (error) {
            this.#tell(error);
          }
        },
        channelRefused: (code, message) => {
          this.#tell(new AppError(code, message));
        },
        closed: (reason) => {
          this.#link = undefined;
          this.#tell(new AppError('unavailable', `The data channels ended. ${reason}`));
        },
      },
    });
  }

  close(): void {
    this.#link?.close();
    this.#link = undefined;
  }

  /** A sender that floods us is not flooded in turn: the counters have the rest. */
  #tell(error: unknown): void {
    const nowMs = this.#nowMs();
    if (nowMs - this.#toldAtMs < REFUSAL_GAP_MS) return;
    this.#toldAtMs = nowMs;
    this.#fail(error);
  }
}
