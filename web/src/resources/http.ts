/** One REST call of the console: time limit, JSON both ways, every refusal an ApiError with the server's sentence. */

/** `status` 0: the server was not reached. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly code: string;
  readonly details: unknown;
  readonly retryAfterSeconds: number | null;

  constructor(options: {
    status: number;
    code: string;
    message: string;
    details?: unknown;
    retryAfterSeconds?: number | null;
  }) {
    super(options.message);
    this.status = options.status;
    this.code = options.code;
    this.details = options.details;
    this.retryAfterSeconds = options.retryAfterSeconds ?? null;
  }
}

const TIME_LIMIT_MS = 15_000;

export type Fields = Record<string, unknown>;
export const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null;

/** Rejects with an ApiError, or with the signal's reason once it is aborted. `limitMs`: for answers that take long. */
export type Call = (
  method: string,
  path: string,
  body?: unknown,
  signal?: AbortSignal,
  limitMs?: number,
) => Promise<unknown>;

export function httpCall(fetchFunction: typeof fetch): Call {
  return async (method, path, body, signal, limitMs = TIME_LIMIT_MS) => {
    const limit = AbortSignal.timeout(limitMs);
    let response: Response;
    let answer: unknown;
    try {
      response = await fetchFunction(path, {
        method,
        credentials: 'same-origin',
        cache: 'no-store',
        signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
        ...(body === undefined
          ? {}
          : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
      });
      const text = await response.text();
      answer = text === '' ? null : parsed(text);
    } catch (cause) {
      if (signal?.aborted === true) throw cause;
      throw new ApiError({
        status: 0,
        code: 'not_reached',
        message: 'The server does not answer. Check your network, or wait until it is back.',
      });
    }
    if (response.ok) return answer;
    const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN);
    throw new ApiError({
      status: response.status,
      code: isObject(answer) && typeof answer['error'] === 'string' ? answer['error'] : 'internal',
      message:
        isObject(answer) && typeof answer['message'] === 'string'
          ? answer['message']
          : `The server answered with status ${String(response.status)}.`,
      details: isObject(answer) ? answer['details'] : undefined,
      retryAfterSeconds: Number.isFinite(retryAfter) ? retryAfter : null,
    });
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** The answer is not what the contract says. */
export function unreadable(): ApiError {
  return new ApiError({
    status: 502,
    code: 'internal',
    message: 'The server gave an answer this page does not understand. Load the page again.',
  });
}
