/** The REST calls of the console. Every refusal is an ApiError with the server's own sentence; answers are checked. */
import type { CapturePolicy, Device, DeviceCreated, Session } from '../../../daemon/contract/api.ts';
import { ApiError, httpCall, isObject, unreadable, type Call } from './http.ts';
import { AccessApi } from './access-api.ts';
import { HostApi } from './host-api.ts';
import { NamespaceApi } from './namespace-api.ts';
import { RoomApi } from './room-api.ts';

export { ApiError } from './http.ts';

export type SignIn = { user: string; password: string } | { code: string };
export type NewCamera = { name: string; namespace: string | undefined; capture: CapturePolicy };

export class Api {
  readonly #call: Call;
  readonly namespaces: NamespaceApi;
  readonly rooms: RoomApi;
  readonly host: HostApi;
  readonly access: AccessApi;

  constructor(fetchFunction: typeof fetch) {
    this.#call = httpCall(fetchFunction);
    this.namespaces = new NamespaceApi(this.#call);
    this.rooms = new RoomApi(this.#call);
    this.host = new HostApi(this.#call);
    this.access = new AccessApi(this.#call);
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
    return withSecret(await this.#call('POST', '/api/devices', body));
  }

  async changeCamera(id: string, change: { name: string; capture: CapturePolicy }): Promise<void> {
    await this.#call('PATCH', cameraUrl(id), change);
  }

  /** The secret of before opens nothing any more. */
  async rotateCamera(id: string): Promise<DeviceCreated> {
    return withSecret(await this.#call('POST', `${cameraUrl(id)}/rotate`));
  }

  async deleteCamera(device: Pick<Device, 'id'>): Promise<void> {
    await this.#call('DELETE', cameraUrl(device.id));
  }

  /** The server's sentence for this browser and one camera. */
  async whyBlack(deviceId: string): Promise<string> {
    const answer = await this.#call('GET', `${cameraUrl(deviceId)}/explain`);
    if (isObject(answer) && typeof answer['sentence'] === 'string') return answer['sentence'];
    throw unreadable();
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
}

function cameraUrl(id: string): string {
  return `/api/devices/${encodeURIComponent(id)}`;
}

function withSecret(answer: unknown): DeviceCreated {
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
