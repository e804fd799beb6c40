/** What both generations of the producer protocol have in common: the session, its limits, its faults. */
import type { Duplex } from 'node:stream';
import type { IceCandidateInit } from '../../contract/ice.ts';

/** Opens a byte stream to the camera's HTTP server, through the tunnel it has at that moment. */
export type DialProducer = () => Promise<Duplex>;

/** Limit of every single exchange with a camera: it has 12 s to gather and answer. */
export const PRODUCER_TIMEOUT_MS = 15_000;
/** The largest body or frame a camera may send. */
export const PRODUCER_MAX_BYTES = 256 * 1024;
/** Candidates held for the other side; the producers themselves hold 64. */
export const MAX_PENDING_CANDIDATES = 64;
/** Candidates a camera may send in one session; a restart of ICE needs a few dozen. */
export const MAX_SESSION_CANDIDATES = 512;
/** The longest wait a camera can ask us for. */
export const MAX_RETRY_AFTER_MS = 60_000;
/** Name in the Host header: the stream is the address, so it only has to be well-formed. */
export const PRODUCER_HOST = 'camera';

export type ProducerFault =
  /** The stream could not be opened, or broke. */
  | 'unreachable'
  | 'timeout'
  /** At capacity or rate limited; `retryAfterMs` says when to come back. */
  | 'busy'
  | 'refused'
  /** It does not speak this generation of the protocol (any more). */
  | 'unsupported'
  /** It said something the protocol does not allow. */
  | 'protocol'
  /** The session does not exist any more. */
  | 'gone'
  /** We closed it. */
  | 'closed';

/** A camera did not do its part. The message may quote the camera: log it, do not show it to viewers. */
export class ProducerError extends Error {
  override readonly name = 'ProducerError';
  readonly fault: ProducerFault;
  readonly retryAfterMs: number | null;

  constructor(
    fault: ProducerFault,
    message: string,
    options: { retryAfterMs?: number | null; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.fault = fault;
    this.retryAfterMs = options.retryAfterMs ?? null;
  }
}

/** One media session with a camera, in either generation of the protocol. */
export interface ProducerSession {
  readonly producer: 'whep' | 'ws';
  /** Sends our offer. Resolves with the answer's SDP; rejects with a ProducerError. To be called once. */
  offer(sdp: string): Promise<string>;
  /** Sends one of our candidates. The end-of-candidates mark (empty) is passed on only where it is allowed. */
  addCandidate(candidate: IceCandidateInit): void;
  /** Names the receiver of the camera's candidates; those that came earlier are handed over at once. */
  receiveCandidates(listener: (candidate: IceCandidateInit) => void): void;
  /** Where a WHEP session lives, once there is an answer; null for a WebSocket session. */
  readonly resource: { location: string; etag: string | null } | null;
  /**
   * Asks the camera, through the tunnel it has now, whether it still has this session. Never rejects;
   * undefined when it does not say so within a few seconds, or has no way to say.
   */
  isKnown(): Promise<boolean | undefined>;
  /** Resolves, never rejects, with the reason the session ended; after `close` with fault `closed`. */
  readonly closed: Promise<ProducerError>;
  /** Ends the session with the camera. Never rejects; a second call returns the same promise. */
  close(): Promise<void>;
  /** Lets go without a word where the session can live on without us (WHEP); closes it where not. */
  detach(): void;
}

/** What a camera wrote, safe for one log line: bounded and without control characters. */
export function quotable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ').slice(0, 200);
}
