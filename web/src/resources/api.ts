/** The REST calls of the console. Every refusal is an ApiError with the server's own sentence; answers are checked. */
import type { CapturePolicy, Device, DeviceCreated, Session } from '../../../daemon/contract/api.ts';

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

export type SignIn = { user: string; password: string } | { code: string };
export type NewCamera = { name: string; namespace: string | undefined; capture: CapturePolicy };

const TIME_LIMIT_MS = 15_000;

type Fields = Record<string, unknown>;
const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null;

export class Api {
  readonly #fetch: typeof fetch;

  constructor(fetchFunction: typeof fetch) {
    this.#fetch = fetchFunction;
  }

  /** @returns null when nobody is signed in. */
  async session(): Promise<Session | null> {
    try {
      return await this.#session('GET');
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) return null;
      throw error;
    }
  }

  signIn(credentials: SignIn): Promise<Session> {
    return this.#session('POST', credentials);
  }

  async signOut(): Promise<void> {
    await this.#call('DELETE', '/v1/session');
  }

  async createCamera(camera: NewCamera): Promise<DeviceCreated> {
    const { name, namespace, capture } = camera;
    const body = namespace === undefined ? { name, capture } : { name, namespace, capture };
    const answer = await this.#call('POST', '/api/devices', body);
    if (
      isObject(answer) &&
      isObject(answer['device']) &&
      typeof answer['device']['id'] === 'string' &&
      typeof answer['secret'] === 'string' &&
      typeof answer['apiUrl'] === 'string'
    ) {
      return answer as DeviceCreated;
    }
    throw unreadable();
  }

  async deleteCamera(device: Pick<Device, 'id'>): Promise<void> {
    await this.#call('DELETE', `/api/devices/${encodeURIComponent(device.id)}`);
  }

  /** A ticket opens one signaling socket within 30 s. */
  async signalTicket(namespace: string, signal: AbortSignal): Promise<string> {
    const answer = await this.#call('POST', '/v1/webrtc/tickets', { namespace }, signal);
    if (isObject(answer) && typeof answer['ticket'] === 'string') return answer['ticket'];
    throw unreadable();
  }

  async #session(method: 'GET' | 'POST', body?: unknown): Promise<Session> {
    const answer = await this.#call(method, '/v1/session', body);
    if (isObject(answer) && isObject(answer['user']) && typeof answer['user']['name'] === 'string') {
      return answer as Session;
    }
    throw unreadable();
  }

  async #call(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<unknown> {
    const limit = AbortSignal.timeout(TIME_LIMIT_MS);
    let response: Response;
    let answer: unknown;
    try {
      response = await this.#fetch(path, {
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
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function unreadable(): ApiError {
  return new ApiError({
    status: 502,
    code: 'internal',
    message: 'The server gave an answer this page does not understand. Load the page again.',
  });
}
