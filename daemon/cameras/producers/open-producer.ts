/**
 * Finds out which generation of the protocol a camera speaks and opens a session in it: WHEP first, the
 * WebSocket when there is no WHEP endpoint. Only the protocols' own paths are requested.
 */
import type { Clock } from '../../kit/clock.ts';
import type { Logger } from '../../kit/logger.ts';
import type { DialProducer, ProducerSession } from './producer.ts';
import { requestOverStream } from './stream-http.ts';
import { faultOfStatus, isWhepEndpoint, WHEP_PATH } from './whep-protocol.ts';
import { WhepSession } from './whep-session.ts';
import { WsSession } from './ws-session.ts';

export type OpenProducerOptions = {
  dial: DialProducer;
  clock: Clock;
  logger: Logger;
  /** What this camera spoke last time on this tunnel; saves the probe. */
  known: 'whep' | 'ws' | undefined;
  timeoutMs?: number;
};

/**
 * A session that is ready for an offer; the caller closes it. Rejects with a ProducerError; after
 * `unsupported`, what was known about the camera is wrong and the next try must probe.
 */
export async function openProducer(options: OpenProducerOptions): Promise<ProducerSession> {
  if (options.known === 'ws') return WsSession.open(options);
  if (options.known === 'whep') return new WhepSession(options);
  const answer = await requestOverStream(options, { method: 'HEAD', path: WHEP_PATH });
  if (isWhepEndpoint(answer)) return new WhepSession(options);
  // An overloaded camera is not an old one.
  if (answer.status === 429 || answer.status === 503) throw faultOfStatus(answer, 'probe /whep');
  return WsSession.open(options);
}
