/**
 * WHEP as producers of the second generation speak it: what is posted, what the answers mean. Pure.
 * HTTP status meanings: draft-ietf-wish-whep, RFC 8840 (trickle ICE fragments), RFC 9725 section 4.3.
 */
import { z } from 'zod';
import type { IceCandidateInit } from '../../contract/ice.ts';
import { MAX_RETRY_AFTER_MS, ProducerError } from './producer.ts';

export const WHEP_PATH = '/whep';

/** The resource of a session. Nothing else below the tunnel is ever requested. */
export const sessionPathSchema = z.string().regex(/^\/whep\/[A-Za-z0-9_-]{1,128}$/);

export type HttpAnswer = {
  status: number;
  /** By lower-case name; a repeated one is joined with commas. */
  headers: Record<string, string | undefined>;
  body: string;
};

/** True when `HEAD /whep` was answered by a WHEP endpoint, and not by some page that takes every path. */
export function isWhepEndpoint(answer: HttpAnswer): boolean {
  return (
    answer.status === 200 && /(^|[\s,])application\/sdp\s*($|[,;])/i.test(answer.headers['accept-post'] ?? '')
  );
}

/** What a status other than the expected one means. @param action a verb phrase for the log. */
export function faultOfStatus(answer: HttpAnswer, action: string): ProducerError {
  const { status } = answer;
  const message = `the camera answered ${String(status)} when asked to ${action}`;
  if (status === 429 || status === 503) {
    return new ProducerError('busy', message, { retryAfterMs: retryAfterMs(answer.headers['retry-after']) });
  }
  if (status === 404 || status === 410) return new ProducerError('gone', message);
  if (status === 405 || status === 501) return new ProducerError('unsupported', message);
  if (status >= 400 && status < 600) return new ProducerError('refused', message);
  // Redirects would leave the tunnel or the protocol's paths, and 1xx and other 2xx mean nothing here.
  return new ProducerError('protocol', message);
}

/**
 * Whether a camera still has a session, by its answer to OPTIONS on the session's resource. A method that
 * is not allowed there is refused for something that exists. @returns undefined when it says neither.
 */
export function sessionIsKnown(answer: HttpAnswer): boolean | undefined {
  const { status } = answer;
  if (status === 404 || status === 410) return false;
  return (status >= 200 && status < 300) || status === 405 ? true : undefined;
}

/** Retry-After in seconds (RFC 9110 section 10.2.3); the date form is not used by producers. */
export function retryAfterMs(header: string | undefined): number | null {
  if (header === undefined || !/^\d{1,9}$/.test(header.trim())) return null;
  return Math.min(MAX_RETRY_AFTER_MS, Number(header) * 1000);
}

export type CreatedSession = { sdp: string; location: string; etag: string | null };

/** Reads the answer to the POST of an offer. */
export function readCreated(answer: HttpAnswer): CreatedSession | ProducerError {
  if (answer.status === 404) return new ProducerError('unsupported', 'the camera has no /whep');
  if (answer.status !== 201) return faultOfStatus(answer, 'take an offer');
  const location = sessionPath(answer.headers['location']);
  if (location === undefined) {
    return new ProducerError('protocol', 'the Location of the created session is not below /whep/');
  }
  // Type parameters do not matter: SDP is always UTF-8.
  const type = (answer.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/sdp' || !isSdp(answer.body)) {
    return new ProducerError('protocol', 'the created session has no SDP answer');
  }
  return { sdp: answer.body, location, etag: readEtag(answer.headers['etag']) };
}

/** The path of a Location header, relative to `/whep`. @returns undefined when it leads anywhere else. */
export function sessionPath(location: string | undefined): string | undefined {
  if (location === undefined || location.length > 1024) return undefined;
  const base = 'http://camera/whep';
  if (!URL.canParse(location, base)) return undefined;
  const url = new URL(location, base);
  // A query would be an access token of the published address; the dialled stream needs none.
  return url.protocol === 'http:' || url.protocol === 'https:'
    ? sessionPathSchema.safeParse(url.pathname).data
    : undefined;
}

/** A strong or weak entity tag as sent, quotes included; null when there is none to use. */
export function readEtag(header: string | undefined): string | null {
  return header !== undefined && /^(W\/)?"[\x21\x23-\x7e]{0,200}"$/.test(header) ? header : null;
}

/** True for text that begins as SDP does (RFC 8866 section 5.1); the SFU parses the rest. */
export function isSdp(text: string): boolean {
  return /^v=0\r?\n/.test(text);
}

/**
 * The offer as strict producers want it posted: each active audio or video section says `rtcp-mux-only`
 * (RFC 8858) and names a stream and track. Our own description stays as it is: both lines only restate
 * what the offer already means.
 */
export function strictOffer(sdp: string): string {
  const lines = sdp.split(/\r?\n/).filter((line) => line !== '');
  const firstMedia = lines.findIndex((line) => line.startsWith('m='));
  if (firstMedia === -1) return sdp;
  const sections: string[][] = [];
  for (const line of lines.slice(firstMedia)) {
    if (line.startsWith('m=')) sections.push([]);
    sections.at(-1)?.push(line);
  }
  const strict = sections.flatMap((section) => {
    const active = /^m=(audio|video) (?!0[ /])/.exec(section[0] ?? '');
    if (active === null) return section;
    const missing: string[] = [];
    if (!section.includes('a=rtcp-mux-only')) missing.push('a=rtcp-mux-only');
    if (!section.some((line) => line.startsWith('a=msid:'))) {
      missing.push(`a=msid:turnkeep ${active[1] ?? 'video'}`);
    }
    return [...section, ...missing];
  });
  return [...lines.slice(0, firstMedia), ...strict, ''].join('\r\n');
}

/**
 * A trickle fragment (RFC 8840 section 9) for candidates of the offer's first bundled section, with the
 * offer's own ICE credentials. @returns undefined when the offer has no usable media section.
 */
export function candidateFragment(
  offer: string,
  candidates: IceCandidateInit[],
  options: { endOfCandidates: boolean },
): string | undefined {
  const lines = offer.split(/\r?\n/);
  const find = (prefix: string): string | undefined => lines.find((line) => line.startsWith(prefix));
  const media = find('m=');
  const mid = find('a=mid:');
  const ufrag = find('a=ice-ufrag:');
  const password = find('a=ice-pwd:');
  if (media === undefined || mid === undefined || ufrag === undefined || password === undefined)
    return undefined;
  const group = find('a=group:BUNDLE');
  const fragment = [...(group === undefined ? [] : [group]), media, mid, ufrag, password];
  for (const { candidate } of candidates) {
    // A line break would let a candidate write lines of its own.
    if (/^(a=)?candidate:[^\r\n]+$/.test(candidate)) fragment.push(`a=${candidate.replace(/^a=/, '')}`);
  }
  if (options.endOfCandidates) fragment.push('a=end-of-candidates');
  return [...fragment, ''].join('\r\n');
}
