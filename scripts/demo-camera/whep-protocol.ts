/** Producer protocol v2: WHEP on `/whep`, with the strict offers of the field's producers. */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CandidateInit, MediaSession } from './media-session.ts';

const MAX_BODY_BYTES = 128 * 1024;
const MAX_SESSIONS = 8;

type WhepSession = { media: MediaSession; etag: string };

export class WhepProtocol {
  readonly #sessions = new Map<string, WhepSession>();
  readonly #open: (onClosed: () => void) => Promise<MediaSession>;

  constructor(open: (onClosed: () => void) => Promise<MediaSession>) {
    this.#open = open;
  }

  /** Serves a request for `/whep` or `/whep/{id}`. */
  async serve(request: IncomingMessage, response: ServerResponse, id: string | undefined): Promise<void> {
    const method = request.method ?? 'GET';
    response.setHeader('cache-control', 'no-store');
    response.setHeader('accept-post', 'application/sdp');
    if (id !== undefined) {
      await this.#serveSession(request, response, id, method);
      return;
    }
    if (method === 'HEAD' || method === 'OPTIONS') response.writeHead(200).end();
    else if (method === 'GET') response.writeHead(204).end();
    else if (method === 'POST') await this.#create(request, response);
    else response.writeHead(405).end();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#sessions.values()].map((session) => session.media.close()));
  }

  async #create(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.headers['content-type'] !== 'application/sdp') {
      refuse(response, 415, 'application/sdp wanted');
      return;
    }
    if (this.#sessions.size >= MAX_SESSIONS) {
      response.setHeader('retry-after', '1');
      refuse(response, 503, 'all sessions are taken');
      return;
    }
    const offer = await body(request);
    if (offer === undefined) {
      refuse(response, 413, 'the offer is too large');
      return;
    }
    const fault = offerFault(offer);
    if (fault !== undefined) {
      refuse(response, 400, fault);
      return;
    }
    const id = randomBytes(12).toString('hex');
    const media = await this.#open(() => this.#sessions.delete(id));
    const session = { media, etag: `"${randomBytes(16).toString('hex')}"` };
    this.#sessions.set(id, session);
    try {
      const answer = await media.answer(offer, { complete: true });
      response.writeHead(201, {
        'content-type': 'application/sdp',
        etag: session.etag,
        location: `/whep/${id}`,
      });
      response.end(answer);
    } catch (error) {
      await media.close();
      refuse(response, 400, error instanceof Error ? error.message : String(error));
    }
  }

  async #serveSession(
    request: IncomingMessage,
    response: ServerResponse,
    id: string,
    method: string,
  ): Promise<void> {
    const session = this.#sessions.get(id);
    if (session === undefined) {
      refuse(response, 404, 'no such session');
      return;
    }
    if (method === 'DELETE') {
      await session.media.close();
      response.writeHead(200).end();
      return;
    }
    if (method !== 'PATCH') {
      response.writeHead(method === 'OPTIONS' ? 200 : 405).end();
      return;
    }
    if (request.headers['content-type'] !== 'application/trickle-ice-sdpfrag') {
      refuse(response, 415, 'application/trickle-ice-sdpfrag wanted');
      return;
    }
    const match = request.headers['if-match'];
    if (match === undefined) {
      refuse(response, 428, 'If-Match is required');
      return;
    }
    if (match === '*') {
      refuse(response, 409, 'this camera does not restart ICE; open a new session');
      return;
    }
    if (match !== session.etag) {
      refuse(response, 412, 'the session has changed');
      return;
    }
    const fragment = await body(request);
    if (fragment === undefined) {
      refuse(response, 413, 'the fragment is too large');
      return;
    }
    for (const candidate of candidatesOf(fragment)) await session.media.addCandidate(candidate);
    response.writeHead(204).end();
  }
}

/** The field's producers refuse offers that lack these; so does this one. @returns why, or undefined. */
function offerFault(sdp: string): string | undefined {
  const [, ...sections] = sdp.split(/^m=/m);
  const active = sections.filter(
    (section) => !section.startsWith('video 0') && !section.startsWith('audio 0'),
  );
  if (active.filter((section) => section.startsWith('video')).length !== 1)
    return 'exactly one video section is wanted';
  if (active.filter((section) => section.startsWith('audio')).length > 1)
    return 'at most one audio section is wanted';
  for (const section of active) {
    if (!/^a=rtcp-mux-only\r?$/m.test(section)) return 'a=rtcp-mux-only is missing';
    if (!/^a=msid:\S+/m.test(section)) return 'a=msid is missing';
    if (/^a=(sendonly|inactive)\r?$/m.test(section)) return 'the sections must receive';
  }
  return undefined;
}

function candidatesOf(fragment: string): CandidateInit[] {
  let sdpMid: string | null = null;
  const found: CandidateInit[] = [];
  for (const line of fragment.split(/\r?\n/)) {
    if (line.startsWith('a=mid:')) sdpMid = line.slice(6);
    if (line.startsWith('a=candidate:')) found.push({ candidate: line.slice(2), sdpMid, sdpMLineIndex: 0 });
  }
  return found;
}

async function body(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function refuse(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ error: message }));
}
