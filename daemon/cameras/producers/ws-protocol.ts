/**
 * The JSON protocol of first-generation producers (`/ws`): we offer, the camera answers, candidates go both
 * ways, and the socket is the session. Sans-IO: frames in, meanings out.
 */
import { z } from 'zod';
import { iceCandidateInitSchema, sdpSchema, type IceCandidateInit } from '../../contract/ice.ts';
import { RateLimiter } from '../../kit/rate-limiter.ts';
import { MAX_SESSION_CANDIDATES, ProducerError, quotable } from './producer.ts';
import { isSdp } from './whep-protocol.ts';

export const WS_PATH = '/ws';
/** The producer replays up to 256 log lines at once, and sends statistics every second. */
const FRAME_LIMIT = { perSecond: 100, burst: 600 };

const frameSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('session.ready') }),
  z.object({ type: z.literal('webrtc.answer'), sdp: sdpSchema }),
  z.object({
    type: z.literal('webrtc.candidate'),
    candidate: z.string().max(2048),
    sdpMid: z.string().max(64).nullish(),
    sdpMLineIndex: z.number().int().min(0).max(511).nullish(),
  }),
  z.object({ type: z.literal('error'), message: z.string().optional() }),
]);
const typedSchema = z.object({ type: z.string().max(64) });

/** What a frame means to the session. `ended`: the protocol is broken or the camera gave up. */
export type WsMeaning =
  | { type: 'ready' }
  | { type: 'answer'; sdp: string }
  | { type: 'candidate'; candidate: IceCandidateInit }
  /** A complaint after the answer: the session goes on. */
  | { type: 'complaint'; text: string }
  | { type: 'ended'; error: ProducerError };

type State = 'waiting' | 'ready' | 'offered' | 'answered' | 'ended';

export class WsProtocol {
  readonly #frames = new RateLimiter(FRAME_LIMIT, { maxKeys: 1 });
  #state: State = 'waiting';
  #candidates = 0;

  get state(): State {
    return this.#state;
  }

  /** Reads one text frame. @returns undefined when it says nothing to us (log, statistics, pong, unknown). */
  receive(text: string, nowMs: number): WsMeaning | undefined {
    if (this.#state === 'ended') return undefined;
    if (this.#frames.take('', nowMs) > 0) return this.#end('protocol', 'it sends too many frames');
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return this.#end('protocol', 'it sent a frame that is not JSON');
    }
    const typed = typedSchema.safeParse(value);
    if (!typed.success) return this.#end('protocol', 'it sent a frame without a type');
    if (!KNOWN_TYPES.has(typed.data.type)) return undefined;
    const frame = frameSchema.safeParse(value);
    if (!frame.success) return this.#end('protocol', `its ${typed.data.type} frame is malformed`);
    return this.#mean(frame.data);
  }

  /** Our offer as a frame. To be called once, after `ready`. */
  offer(sdp: string): string {
    this.#state = 'offered';
    return JSON.stringify({ type: 'webrtc.offer', sdp });
  }

  /** A candidate of ours as a frame; undefined for the end mark, which producers answer with an error. */
  candidate(init: IceCandidateInit): string | undefined {
    if (init.candidate === '') return undefined;
    const given = Object.entries(iceCandidateInitSchema.parse(init)).filter(([, value]) => value !== null);
    return JSON.stringify({ type: 'webrtc.candidate', ...Object.fromEntries(given) });
  }

  ping(): string {
    return JSON.stringify({ type: 'ping' });
  }

  #mean(frame: z.infer<typeof frameSchema>): WsMeaning | undefined {
    switch (frame.type) {
      case 'session.ready':
        if (this.#state !== 'waiting') return undefined;
        this.#state = 'ready';
        return { type: 'ready' };
      case 'webrtc.answer':
        if (this.#state !== 'offered') return this.#end('protocol', 'it answered without an offer');
        if (!isSdp(frame.sdp)) return this.#end('protocol', 'its answer is not SDP');
        this.#state = 'answered';
        return { type: 'answer', sdp: frame.sdp };
      case 'webrtc.candidate': {
        this.#candidates += 1;
        if (this.#candidates > MAX_SESSION_CANDIDATES)
          return this.#end('protocol', 'it sent too many candidates');
        if (frame.candidate === '') return undefined;
        const { candidate, sdpMid, sdpMLineIndex } = frame;
        return { type: 'candidate', candidate: { candidate, sdpMid, sdpMLineIndex } };
      }
      case 'error': {
        const text = quotable(frame.message ?? '');
        if (this.#state === 'answered') return { type: 'complaint', text };
        const busy = /limited to \d+ concurrent/.test(text);
        return this.#end(busy ? 'busy' : 'refused', `it said "${text}"`);
      }
    }
  }

  #end(fault: 'protocol' | 'busy' | 'refused', reason: string): WsMeaning {
    this.#state = 'ended';
    return { type: 'ended', error: new ProducerError(fault, `the camera's session failed: ${reason}`) };
  }
}

const KNOWN_TYPES = new Set<string>(frameSchema.options.map((option) => option.shape.type.value));
