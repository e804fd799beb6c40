/**
 * Stands in for the daemon while the console is tested: serves web/dist under the product's own CSP and plays
 * REST and live events from a script. Signaling is the SFU's double; pictures come from the stage page through a
 * real relay.
 */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { WebSocketServer, type WebSocket } from 'ws';
import type { Device, LiveEvent, Namespace, Role } from '../../../daemon/contract/api.ts';
import { signInSchema, createDeviceSchema, liveEventSchema } from '../../../daemon/contract/api.ts';
import { SfuDouble, type Camera } from './sfu-double.ts';
import { STAGE_SCRIPT } from './stage-page.ts';

const DIST = join(import.meta.dirname, '../../dist');
export const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self'; font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
};

export const PASSWORD = 'correct horse battery';
export const CODE = 'one-time-code';

export class ConsoleDouble {
  readonly #server: Server;
  readonly #sockets = new WebSocketServer({ noServer: true });
  readonly #cameras = new Map<string, Camera>();
  readonly #readers = new Map<WebSocket, { seq: number }>();
  /** The namespaces' SFUs, all in one. */
  readonly sfu = new SfuDouble(this.#cameras);
  /** Requests for anything that is not this server would be refused by the CSP; these were asked of it. */
  readonly requests: string[] = [];
  role: Role = 'owner';
  signedIn = true;
  /** Beside those of its cameras. */
  namespaces = ['nordwerk'];
  /** Live events and signaling sockets are refused while false. */
  daemonUp = true;
  #count = 0;

  constructor() {
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch((error: unknown) => {
        response.writeHead(500).end(String(error));
      });
    });
    this.#server.on('upgrade', (request, socket, head) => {
      const url = new URL(request.url ?? '/', 'http://double');
      if (url.pathname !== '/stage' && (!this.daemonUp || !this.signedIn)) {
        socket.destroy();
        return;
      }
      this.#sockets.handleUpgrade(request, socket, head, (client) => {
        if (url.pathname === '/stage') this.sfu.openStage(client);
        else if (url.pathname === '/v1/events') this.#openEvents(client);
        else this.sfu.open(client);
      });
    });
  }

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    return `http://127.0.0.1:${address.port}`;
  }

  async close(): Promise<void> {
    for (const client of this.#sockets.clients) client.terminate();
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close').catch(() => undefined);
  }

  // -- The script ----------------------------------------------------------------------------------

  add(
    name: string,
    change: Partial<Device> = {},
    options: { mimeType?: string; published?: boolean } = {},
  ): string {
    const id = change.id ?? `cam${String(++this.#count).padStart(2, '0')}`;
    const at = Date.now();
    const device: Device = {
      id,
      namespace: 'nordwerk',
      name,
      owner: 'mara',
      secretPrefix: 'dev_4pQ9',
      tunnelName: `device-${id}`,
      online: (change.state ?? 'online') === 'online',
      state: 'online',
      onlineSince: new Date(at - 21 * 60_000).toISOString(),
      lastSeenAt: new Date(at).toISOString(),
      createdAt: new Date(at - 86_400_000 + this.#count * 1000).toISOString(),
      capture: { mode: 'on-demand', lingerSeconds: 30 },
      media: { state: 'live', sinceMs: at - 60_000, message: null, producer: 'whep', watching: 1 },
      ...change,
    };
    this.#cameras.set(id, {
      device,
      mimeType: options.mimeType ?? 'video/VP8',
      published: options.published ?? device.state === 'online',
    });
    return id;
  }

  /** The id of the camera that was added last. */
  get newest(): string {
    return [...this.#cameras.keys()].at(-1) ?? '';
  }

  update(id: string, change: Partial<Device>): void {
    const camera = this.#cameras.get(id);
    if (camera === undefined) throw new Error(`no camera ${id}`);
    camera.device = { ...camera.device, ...change };
    this.#publish({ type: 'device', device: camera.device });
  }

  announce(id: string): void {
    const camera = this.#cameras.get(id);
    if (camera !== undefined) this.#publish({ type: 'device', device: camera.device });
  }

  /** The daemon ends: sockets break, nothing new is accepted; media goes on. */
  killDaemon(): void {
    this.daemonUp = false;
    for (const reader of this.#readers.keys()) reader.terminate();
    this.sfu.dropSockets();
  }

  /** An event is lost on the way: the next one has a gap. */
  loseEvent(): void {
    for (const reader of this.#readers.values()) reader.seq++;
  }

  // -- HTTP ----------------------------------------------------------------------------------------

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://double');
    const { method = 'GET' } = request;
    this.requests.push(`${method} ${url.pathname}`);
    if (url.pathname === '/stage.html') {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<script src="/stage.js"></script>');
      return;
    }
    if (url.pathname === '/stage.js') {
      response.writeHead(200, { 'content-type': 'text/javascript' }).end(STAGE_SCRIPT);
      return;
    }
    if (/^\/(v1|api)\//.test(url.pathname)) {
      if (!this.daemonUp) {
        response.destroy();
        return;
      }
      await this.#api(method, url, request, response);
      return;
    }
    await this.#file(url.pathname, response);
  }

  async #file(path: string, response: ServerResponse): Promise<void> {
    const file = extname(path) === '' ? '/index.html' : normalize(path);
    try {
      const body = await readFile(join(DIST, file));
      response
        .writeHead(200, {
          'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
          'content-security-policy': CSP,
          'x-content-type-options': 'nosniff',
        })
        .end(body);
    } catch {
      response.writeHead(404).end();
    }
  }

  async #api(method: string, url: URL, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const answer = (status: number, body: unknown, headers: Record<string, string> = {}): void => {
      response
        .writeHead(status, { 'content-type': 'application/json', ...headers })
        .end(JSON.stringify(body));
    };
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const body: unknown = text === '' ? {} : JSON.parse(text);
    const route = `${method} ${url.pathname}`;
    if (route === 'POST /v1/session') {
      const input = signInSchema.parse(body);
      const good = 'code' in input ? input.code === CODE : input.password === PASSWORD;
      if (!good) {
        const message =
          'code' in input
            ? 'This sign-in code was used or is too old.'
            : 'User name or password is wrong. 3 tries left before a 60 s pause.';
        answer(401, { error: 'invalid_login', message });
        return;
      }
      this.signedIn = true;
      answer(201, this.#session());
      return;
    }
    if (!this.signedIn) {
      answer(401, { error: 'unauthorized', message: 'Sign in first.' });
      return;
    }
    if (route === 'GET /v1/session') answer(200, this.#session());
    else if (route === 'DELETE /v1/session') {
      this.signedIn = false;
      response.writeHead(204).end();
    } else if (route === 'POST /v1/webrtc/tickets') {
      answer(200, { ticket: 'ticket', expiresAt: new Date(Date.now() + 30_000).toISOString() });
    } else if (route === 'POST /api/devices') {
      const input = createDeviceSchema.parse(body);
      const id = this.add(input.name, {
        namespace: input.namespace ?? 'nordwerk',
        state: 'offline',
        onlineSince: null,
        lastSeenAt: null,
        createdAt: new Date().toISOString(),
        capture: input.capture ?? { mode: 'always' },
        media: { state: 'idle', sinceMs: Date.now(), message: null, producer: null, watching: 0 },
      });
      this.announce(id);
      answer(201, {
        device: this.#cameras.get(id)?.device,
        secret: 'dev_NOT-a-real-one-3kQ8vXw2LrT5yBn0HcZ7mPa',
        apiUrl: 'https://keep.nordwerk.example',
        caPem: '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n',
      });
    } else if (method === 'DELETE' && url.pathname.startsWith('/api/devices/')) {
      const id = decodeURIComponent(url.pathname.slice('/api/devices/'.length));
      this.#cameras.delete(id);
      this.#publish({ type: 'device-removed', id });
      response.writeHead(204).end();
    } else answer(404, { error: 'not_found', message: 'There is nothing at this address.' });
  }

  #session(): unknown {
    return {
      user: { name: 'mara', role: this.role },
      expiresAt: new Date(Date.now() + 3_600_000).toISOString(),
    };
  }

  // -- Live events ---------------------------------------------------------------------------------

  #openEvents(client: WebSocket): void {
    const reader = { seq: 1 };
    this.#readers.set(client, reader);
    client.on('close', () => this.#readers.delete(client));
    const devices = [...this.#cameras.values()].map((camera) => camera.device);
    const snapshot: LiveEvent = {
      type: 'snapshot',
      seq: 1,
      serverTime: new Date().toISOString(),
      user: { name: 'mara', role: this.role },
      namespaces: [...new Set([...this.namespaces, ...devices.map((one) => one.namespace)])].map(
        (name): Namespace => ({
          name,
          createdAt: new Date().toISOString(),
          webrtc: 'enabled',
          operationId: null,
        }),
      ),
      devices,
      operations: [],
    };
    client.send(JSON.stringify(liveEventSchema.parse(snapshot)));
  }

  #publish(event: { type: 'device'; device: Device } | { type: 'device-removed'; id: string }): void {
    for (const [client, reader] of this.#readers) {
      client.send(JSON.stringify(liveEventSchema.parse({ ...event, seq: ++reader.seq })));
    }
  }
}
