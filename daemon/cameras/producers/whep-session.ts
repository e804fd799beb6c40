/**
 * A media session with a camera of the second generation: POST of the offer, candidates by PATCH, DELETE
 * at the end. The media does not depend on the tunnel, so neither does the session: every exchange dials
 * the tunnel the camera has then.
 */
import type { Clock } from '../../kit/clock.ts';
import type { IceCandidateInit } from '../../contract/ice.ts';
import {
  MAX_PENDING_CANDIDATES,
  PRODUCER_TIMEOUT_MS,
  ProducerError,
  type DialProducer,
  type ProducerSession,
} from './producer.ts';
import { requestOverStream } from './stream-http.ts';
import {
  candidateFragment,
  faultOfStatus,
  readCreated,
  readEtag,
  sessionIsKnown,
  strictOffer,
  WHEP_PATH,
} from './whep-protocol.ts';

/** Candidates of this time share a PATCH: the producer takes at most 32 a second. */
const PATCH_BATCH_MS = 20;
/** A PATCH that met 409, 429 or 503 is tried so often before its candidates are given up. */
const PATCH_TRIES = 4;
const PATCH_RETRY_MS = 500;
/** A later answer is of no use: by then the SFU has missed the picture itself. */
const CHECK_TIMEOUT_MS = 5000;

export type WhepSessionOptions = {
  dial: DialProducer;
  clock: Clock;
  timeoutMs?: number;
  /** Continues this session of a former run instead of opening one. */
  resource?: { location: string; etag: string | null };
};

type State = 'new' | 'offering' | 'open' | 'closed';

export class WhepSession implements ProducerSession {
  readonly producer = 'whep';
  readonly closed: Promise<ProducerError>;
  readonly #options: WhepSessionOptions;
  readonly #resolveClosed: (reason: ProducerError) => void;
  #state: State = 'new';
  #resource: { location: string; etag: string | null } | null;
  #offer = '';
  #posting: Promise<unknown> | undefined;
  #closing: Promise<void> | undefined;
  #pending: IceCandidateInit[] = [];
  #endOfCandidates = false;
  #patching = false;
  #cancelTimer: (() => void) | undefined;

  constructor(options: WhepSessionOptions) {
    this.#options = options;
    this.#resource = options.resource ?? null;
    if (this.#resource !== null) this.#state = 'open';
    const { promise, resolve } = Promise.withResolvers<ProducerError>();
    this.closed = promise;
    this.#resolveClosed = resolve;
  }

  get resource(): { location: string; etag: string | null } | null {
    return this.#resource;
  }

  async offer(sdp: string): Promise<string> {
    if (this.#state !== 'new') throw new ProducerError('closed', 'an offer was already made');
    this.#state = 'offering';
    this.#offer = sdp;
    const posting = this.#post(sdp);
    this.#posting = posting.catch(() => undefined);
    return posting;
  }

  addCandidate(candidate: IceCandidateInit): void {
    if (this.#state === 'closed') return;
    if (candidate.candidate === '') this.#endOfCandidates = true;
    else if (this.#pending.length < MAX_PENDING_CANDIDATES) this.#pending.push(candidate);
    this.#schedulePatch(PATCH_BATCH_MS, 1);
  }

  /** Never called: a WHEP answer carries all candidates of the camera. */
  receiveCandidates(): void {
    // Nothing will come.
  }

  async isKnown(): Promise<boolean | undefined> {
    const resource = this.#resource;
    if (this.#state !== 'open' || resource === null) return undefined;
    const timeoutMs = Math.min(CHECK_TIMEOUT_MS, this.#options.timeoutMs ?? PRODUCER_TIMEOUT_MS);
    try {
      const question = { method: 'OPTIONS', path: resource.location } as const;
      const known = sessionIsKnown(await requestOverStream({ ...this.#options, timeoutMs }, question));
      // What is gone needs no DELETE.
      if (known === false) this.#resource = null;
      return known;
    } catch {
      return undefined; // Out of reach or late: the stream itself will tell.
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  detach(): void {
    this.#end(new ProducerError('closed', 'let go'));
  }

  async #post(sdp: string): Promise<string> {
    try {
      const answer = await requestOverStream(this.#options, {
        method: 'POST',
        path: WHEP_PATH,
        headers: { 'content-type': 'application/sdp', accept: 'application/sdp' },
        body: strictOffer(sdp),
      });
      const created = readCreated(answer);
      if (created instanceof ProducerError) throw created;
      this.#resource = { location: created.location, etag: created.etag };
      if (this.#state !== 'offering') throw new ProducerError('closed', 'closed while the camera answered');
      this.#state = 'open';
      if (this.#hasUnsent()) this.#schedulePatch(0, 1);
      return created.sdp;
    } catch (error) {
      if (error instanceof ProducerError) this.#end(error);
      throw error;
    }
  }

  #schedulePatch(afterMs: number, attempt: number): void {
    if (this.#state !== 'open' || this.#patching || this.#cancelTimer !== undefined) return;
    this.#cancelTimer = this.#options.clock.after(afterMs, () => {
      this.#cancelTimer = undefined;
      void this.#patch(attempt);
    });
  }

  /** Never rejects. */
  async #patch(attempt: number): Promise<void> {
    const resource = this.#resource;
    if (this.#state !== 'open' || resource === null || resource.etag === null) return;
    const candidates = this.#pending;
    const endOfCandidates = this.#endOfCandidates;
    this.#pending = [];
    this.#endOfCandidates = false;
    const body = candidateFragment(this.#offer, candidates, { endOfCandidates });
    if (body === undefined) return;
    this.#patching = true;
    const fault = await this.#exchange('PATCH', resource.location, {
      headers: { 'content-type': 'application/trickle-ice-sdpfrag', 'if-match': resource.etag },
      body,
      accepts: [200, 204],
    });
    this.#patching = false;
    if (fault === undefined) {
      if (this.#hasUnsent()) this.#schedulePatch(PATCH_BATCH_MS, 1);
    } else if (fault.fault === 'gone' || fault.fault === 'protocol') {
      this.#end(fault);
    } else if (attempt < PATCH_TRIES) {
      this.#pending = [...candidates, ...this.#pending].slice(0, MAX_PENDING_CANDIDATES);
      if (endOfCandidates) this.#endOfCandidates = true;
      this.#schedulePatch(fault.retryAfterMs ?? PATCH_RETRY_MS, attempt + 1);
    }
  }

  #hasUnsent(): boolean {
    return this.#pending.length > 0 || this.#endOfCandidates;
  }

  async #close(): Promise<void> {
    this.#end(new ProducerError('closed', 'closed'));
    // An offer that is still on its way may yet create a session; it must not stay behind.
    await this.#posting;
    if (this.#resource !== null) {
      await this.#exchange('DELETE', this.#resource.location, { accepts: [200, 204, 404, 410] });
    }
  }

  /** One request on a stream of its own. @returns the fault, or undefined when it was accepted. */
  async #exchange(
    method: 'PATCH' | 'DELETE',
    path: string,
    options: { headers?: Record<string, string>; body?: string; accepts: number[] },
  ): Promise<ProducerError | undefined> {
    const { accepts, ...rest } = options;
    try {
      const answer = await requestOverStream(this.#options, { method, path, ...rest });
      if (accepts.includes(answer.status)) {
        const etag = readEtag(answer.headers['etag']);
        if (etag !== null && this.#resource !== null) this.#resource = { location: path, etag };
        return undefined;
      }
      // RFC 9725 section 4.3.2: another entity tag means that this session was restarted by somebody else.
      if (answer.status === 412) return new ProducerError('gone', 'the session has another entity tag');
      if (answer.status === 409) return new ProducerError('busy', 'the session is being restarted');
      return faultOfStatus(answer, method === 'PATCH' ? 'take candidates' : 'end the session');
    } catch (error) {
      return error instanceof ProducerError
        ? error
        : new ProducerError('unreachable', 'the exchange failed', { cause: error });
    }
  }

  #end(reason: ProducerError): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#pending = [];
    this.#resolveClosed(reason);
  }
}
