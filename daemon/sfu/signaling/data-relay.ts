/**
 * Data messages of a namespace: who may send, how large and how often, and to whom it goes. Each receiver gets the same
 * bytes, which name room, sender and topic.
 */
import { AppError } from '../../contract/errors.ts';
import type { DataPolicy } from '../../contract/rooms.ts';
import type { ServerFrameData } from '../../contract/signaling.ts';
import { DropCounter } from '../../kit/drop-counter.ts';
import { RateLimiter } from '../../kit/rate-limiter.ts';
import type { DataDrop, DataLink } from '../media/data/data-link.ts';
import { readEnvelope, writeEnvelope, type DataMessage } from '../media/data/envelope.ts';
import { dataAudience, type DataAudience } from '../rooms/data-audience.ts';
import type { Rooms } from '../rooms/rooms.ts';

/** Above every limit of sessions. */
const MAX_KEYS = { maxKeys: 20_000 };
/** A pause saves up so many seconds. */
const BURST_SECONDS = 2;
const NAMESPACE = '';

export type DataRelayOptions = {
  rooms: Rooms;
  policy: DataPolicy;
  /** The channels of a session; undefined while it has none. */
  linkOf: (sessionId: string) => DataLink | undefined;
  nowMs: () => number;
};

export class DataRelay {
  readonly drops = new DropCounter<DataDrop>();
  readonly #options: DataRelayOptions;
  #policy: DataPolicy;
  readonly #messages: RateLimiter;
  readonly #bytes: RateLimiter;
  readonly #copies: RateLimiter;
  #received = 0;
  #sent = 0;

  constructor(options: DataRelayOptions) {
    this.#options = options;
    this.#policy = options.policy;
    const { messages, bytes, copies } = ratesOf(options.policy);
    this.#messages = new RateLimiter(messages, MAX_KEYS);
    this.#bytes = new RateLimiter(bytes, MAX_KEYS);
    this.#copies = new RateLimiter(copies, { maxKeys: 1 });
  }

  get policy(): DataPolicy {
    return this.#policy;
  }

  /** Messages that came from participants, and copies that went to others. */
  get totals(): { received: number; sent: number } {
    return { received: this.#received, sent: this.#sent };
  }

  /** What a client is told when it opens its channels. */
  get limits(): Omit<ServerFrameData<'data-open'>, 'requestId'> {
    const { maxMessageBytes, messagesPerSecond, bytesPerSecond, channels } = this.#policy;
    return { maxMessageBytes, messagesPerSecond, bytesPerSecond, channels };
  }

  configure(policy: DataPolicy): void {
    this.#policy = policy;
    const { messages, bytes, copies } = ratesOf(policy);
    this.#messages.configure(messages, MAX_KEYS);
    this.#bytes.configure(bytes, MAX_KEYS);
    this.#copies.configure(copies, { maxKeys: 1 });
  }

  /**
   * Relays one message of a session to the others in the room that it names.
   * @throws AppError with the sentence for its sender; nothing was relayed then.
   */
  take(sessionId: string, bytes: Buffer, lane: { label: string; reliable: boolean }): void {
    const nowMs = this.#options.nowMs();
    const message = this.#read(bytes);
    this.#spend(sessionId, bytes.length, nowMs);
    const audience = this.#audienceOf(sessionId, message.roomId);
    const receivers = audience.sessionIds.flatMap((id) => this.#options.linkOf(id) ?? []);
    if (receivers.length > 0 && this.#copies.take(NAMESPACE, nowMs, receivers.length) > 0) {
      const most = String(this.#policy.copiesPerSecond);
      throw this.#refuse(
        'data-overload',
        new AppError(
          'rate_limited',
          `The rooms here relay ${most} copies a second; this one was not relayed.`,
        ),
      );
    }
    this.#received += 1;
    const { kind, topic, payload } = message;
    const { roomId, participantId } = audience;
    const copy = writeEnvelope({ kind, roomId, participantId, topic, payload });
    for (const link of receivers) if (link.deliver(copy, lane)) this.#sent += 1;
  }

  #read(bytes: Buffer): DataMessage {
    const message = readEnvelope(bytes);
    const { maxMessageBytes } = this.#policy;
    if (message === undefined) {
      const said = 'A data message starts with its envelope: kind, room, sender, topic.';
      throw this.#refuse('data-malformed', new AppError('invalid_request', said));
    }
    const { length } = message.payload;
    if (length > maxMessageBytes) {
      const said = `A data message may have ${String(maxMessageBytes)} bytes; this one has ${String(length)}.`;
      throw this.#refuse('data-too-large', new AppError('payload_too_large', said));
    }
    return message;
  }

  #spend(sessionId: string, bytes: number, nowMs: number): void {
    if (this.#messages.take(sessionId, nowMs) === 0 && this.#bytes.take(sessionId, nowMs, bytes) === 0)
      return;
    const { messagesPerSecond, bytesPerSecond } = this.#policy;
    const limits = `${String(messagesPerSecond)} data messages and ${String(bytesPerSecond)} bytes`;
    const said = `A session may send ${limits} a second; some were not relayed.`;
    throw this.#refuse('data-rate', new AppError('rate_limited', said));
  }

  #audienceOf(sessionId: string, roomId: string): DataAudience {
    try {
      return dataAudience(this.#options.rooms, sessionId, roomId);
    } catch (error) {
      throw this.#refuse('data-refused', error);
    }
  }

  #refuse(drop: DataDrop, error: unknown): unknown {
    this.drops.add(drop);
    return error;
  }
}

type Rate = { perSecond: number; burst: number };

function ratesOf(policy: DataPolicy): { messages: Rate; bytes: Rate; copies: Rate } {
  const { messagesPerSecond, bytesPerSecond, copiesPerSecond, maxMessageBytes } = policy;
  const rate = (perSecond: number, least: number): Rate => ({
    perSecond,
    burst: Math.max(perSecond * BURST_SECONDS, least),
  });
  return {
    messages: rate(messagesPerSecond, 1),
    // The largest message with its envelope must fit however low the rate is.
    bytes: rate(bytesPerSecond, maxMessageBytes + 1024),
    copies: rate(copiesPerSecond, copiesPerSecond),
  };
}
