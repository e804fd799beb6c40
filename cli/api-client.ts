/** Talks to the daemon over its unix socket. Answers are bounded, timed, and checked where a schema is given. */
import { existsSync } from 'node:fs';
import { request } from 'node:http';
import { resolve } from 'node:path';
import type { z } from 'zod';
import { errorBodySchema } from '../daemon/contract/errors.ts';

const TIMEOUT_MS = 30_000;
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
const SYSTEM_SOCKET = '/run/turnkeep/turnkeepd.sock';
/** There since install.sh, whether or not the daemon runs. */
const INSTALLED = '/etc/turnkeep';
const DEVELOPMENT_SOCKET = 'var/run/turnkeepd.sock';

/** The daemon refused: `code` and `message` are the API's. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly code: string;
  readonly details: unknown;

  constructor(status: number, code: string, message: string, details: unknown) {
    super(message);
    this.status = status;
    this.code = code;
    this.details = details;
  }
}

/** Nobody answers at the socket. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError';
}

/** The socket to use: given, from the environment, the installed daemon's, or that of ./var. @param exists for tests. */
export function findSocket(
  given: string | undefined,
  environment: Record<string, string | undefined>,
  exists: (path: string) => boolean = existsSync,
): string {
  const named = given ?? environment['TURNKEEP_SOCKET'];
  if (named !== undefined && named !== '') return resolve(named);
  const development = resolve(DEVELOPMENT_SOCKET);
  if (exists(SYSTEM_SOCKET)) return SYSTEM_SOCKET;
  // The folder of the system's socket is gone while the daemon is stopped, and closed to users who need sudo.
  return exists(INSTALLED) && !exists(development) ? SYSTEM_SOCKET : development;
}

export class ApiClient {
  readonly socketPath: string;
  readonly #timeoutMs: number;

  constructor(options: { socketPath: string; timeoutMs?: number }) {
    this.socketPath = options.socketPath;
    this.#timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  }

  /** The answer as it came; with `schema` it is checked first. Rejects with ApiError or UnreachableError. */
  get<T = unknown>(path: string, schema?: z.ZodType<T>): Promise<T> {
    return this.#call('GET', path, undefined, schema);
  }

  /** @param timeoutMs for answers that take longer than most. */
  post<T = unknown>(path: string, body: object = {}, schema?: z.ZodType<T>, timeoutMs?: number): Promise<T> {
    return this.#call('POST', path, body, schema, timeoutMs);
  }

  patch<T = unknown>(path: string, body: object, schema?: z.ZodType<T>): Promise<T> {
    return this.#call('PATCH', path, body, schema);
  }

  delete<T = unknown>(path: string, schema?: z.ZodType<T>): Promise<T> {
    return this.#call('DELETE', path, undefined, schema);
  }

  async #call<T>(
    method: string,
    path: string,
    body: object | undefined,
    schema?: z.ZodType<T>,
    timeoutMs = this.#timeoutMs,
  ): Promise<T> {
    const { status, text } = await this.#exchange(method, path, { body, timeoutMs });
    const value = parseJson(text);
    // A daemon that is not ready answers /readyz with 503 and its reasons: that is no refusal.
    if (status >= 400 && !(path === '/readyz' && status === 503)) throw refusal(status, value);
    if (schema !== undefined && !schema.safeParse(value).success) {
      throw new ApiError(
        status,
        'internal',
        `The daemon's answer to ${method} ${path} is not understood. Do the versions of turnkeep and turnkeepd match?`,
        undefined,
      );
    }
    return value as T;
  }

  #exchange(
    method: string,
    path: string,
    { body, timeoutMs }: { body: object | undefined; timeoutMs: number },
  ): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      const payload = body === undefined ? undefined : JSON.stringify(body);
      const outgoing = request(
        {
          socketPath: this.socketPath,
          method,
          path,
          timeout: timeoutMs,
          headers:
            payload === undefined
              ? {}
              : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) },
        },
        (answer) => {
          const chunks: Buffer[] = [];
          let bytes = 0;
          answer.on('data', (chunk: Buffer) => {
            bytes += chunk.length;
            if (bytes > MAX_ANSWER_BYTES) outgoing.destroy(new Error('the answer is too long'));
            else chunks.push(chunk);
          });
          answer.on('error', fail);
          answer.on('end', () => {
            resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') });
          });
        },
      );
      const fail = (error: Error): void => {
        reject(this.#unreachable(error));
      };
      outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer in ${String(timeoutMs / 1000)} s`)));
      outgoing.on('error', fail);
      outgoing.end(payload);
    });
  }

  #unreachable(cause: Error): UnreachableError {
    const code = (cause as NodeJS.ErrnoException).code;
    const start =
      this.socketPath === SYSTEM_SOCKET
        ? 'Start it with `sudo systemctl start turnkeepd`; `systemctl status turnkeepd` says why it ended'
        : 'Start it with `node daemon/turnkeepd.ts`';
    const known: Record<string, string> = {
      ENOENT: `Nothing is there. ${start}, or name its socket with --socket.`,
      ECONNREFUSED: `The socket is a leftover: the daemon does not run. ${start}.`,
      EACCES: 'You may not open it. Use sudo, or the user the daemon runs as.',
    };
    const why = (code === undefined ? undefined : known[code]) ?? `${cause.message}.`;
    return new UnreachableError(`The daemon cannot be reached at ${this.socketPath}. ${why}`, { cause });
  }
}

function parseJson(text: string): unknown {
  if (text === '') return null;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function refusal(status: number, value: unknown): ApiError {
  const body = errorBodySchema.safeParse(value);
  if (!body.success)
    return new ApiError(status, 'internal', `The daemon answered ${String(status)}.`, undefined);
  return new ApiError(status, body.data.error, body.data.message, body.data.details);
}
