/**
 * Answers HTTP-01 challenges (RFC 8555 section 8.3): a small server on port 80 that is open only while an authority
 * asks, knows one path at a time, and has no other answer than 404.
 */
import { createServer, type Server } from 'node:http';
import { AdapterError, isErrno, messageOf } from '../../kit/errors.ts';
import { portHolder } from '../port-holder.ts';
import type { ChallengeResponder } from './acme-authority.ts';

const PREFIX = '/.well-known/acme-challenge/';
/** An authority asks from a handful of places at once; whoever else comes finds nothing here. */
const MAX_CONNECTIONS = 64;
const REQUEST_MS = 10_000;
const DEFAULT_PORT = 80;

export class Http01Responder implements ChallengeResponder {
  readonly type = 'http-01';
  readonly #listen: { address: string; port: number } | null;

  /** @param listen null: port 80 of every address this host has. */
  constructor(listen: { address: string; port: number } | null) {
    this.#listen = listen;
  }

  /** Rejects with an AdapterError when the port cannot be opened. */
  async answer(challenge: { token: string; answer: string }): Promise<() => Promise<void>> {
    const path = PREFIX + challenge.token;
    const server = createServer(
      { requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS },
      (request, reply) => {
        const known = request.url === path && (request.method === 'GET' || request.method === 'HEAD');
        reply.writeHead(known ? 200 : 404, { 'content-type': 'text/plain', connection: 'close' });
        reply.end(known ? challenge.answer : 'Not found\n');
      },
    );
    server.maxConnections = MAX_CONNECTIONS;
    try {
      await this.#open(server);
    } catch (cause) {
      throw await this.#openError(cause);
    }
    server.on('error', () => undefined);
    return () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      });
  }

  #open(server: Server): Promise<void> {
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      const { address, port } = this.#listen ?? { port: DEFAULT_PORT };
      server.listen(address === undefined ? { port } : { host: address, port }, () => {
        server.off('error', reject);
        resolve();
      });
    });
  }

  async #openError(cause: unknown): Promise<AdapterError> {
    const { address = '0.0.0.0', port } = this.#listen ?? { port: DEFAULT_PORT };
    const taken = isErrno(cause, 'EADDRINUSE');
    const holder = taken ? await portHolder({ protocol: 'tcp', address, port }) : undefined;
    const why = taken
      ? `another program${holder === undefined ? '' : ` (${holder})`} has it. Have that one pass ${PREFIX} on to another port and set certificates.httpListen to it, or use certificates.challenge: dns-01`
      : isErrno(cause, 'EACCES')
        ? 'this user may not. Set certificates.httpListen to a port above 1023 that port 80 is forwarded to, or use certificates.challenge: dns-01'
        : messageOf(cause);
    return new AdapterError(`Port ${String(port)} for the challenge cannot be opened: ${why}.`, {
      operation: 'acme-http-01',
      target: String(port),
      retryable: true,
      cause,
    });
  }
}
