/**
 * HTTP on the engine's port: the lists and live events under `/api`, and the published host names of
 * tunnels. Every request needs a token whose grants allow exactly that.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../../kit/clock.ts';
import { AdapterError, messageOf } from '../../kit/errors.ts';
import type { Logger } from '../../kit/logger.ts';
import { mayConnect, mayList } from '../grants.ts';
import type { TunnelClaims, TunnelTokens } from '../tokens.ts';
import { bearerOf, HttpRefusal, targetOf, type HttpTarget } from './http-request.ts';
import { clientJson, listParams, seesClients, visibleTunnel, watchParams, type Json } from './inventory.ts';
import { LIMITS } from './limits.ts';
import { passRequest, passUpgrade } from './published-tunnel.ts';
import type { TunnelRegistry } from './tunnel-registry.ts';
import { grantedTunnel, type Tunnel } from './tunnel.ts';
import { WatchFeed } from './watch-feed.ts';

const FIRST_REQUEST_MS = 10_000;
/** A camera serves its own TURN credentials and state here, without asking who reads them. */
const NEVER_PUBLISHED = /^\/api\/(?:turn|status)\/?$/i;

export class HttpSide {
  readonly #registry: TunnelRegistry;
  readonly #tokens: TunnelTokens;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #dial: (tunnelId: string) => Promise<Duplex>;
  readonly #feed: WatchFeed;
  readonly #server: Server;
  readonly #sockets = new Set<TLSSocket>();

  constructor(options: {
    registry: TunnelRegistry;
    tokens: TunnelTokens;
    clock: Clock;
    log: Logger;
    dial: (tunnelId: string) => Promise<Duplex>;
  }) {
    this.#registry = options.registry;
    this.#tokens = options.tokens;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#dial = options.dial;
    this.#feed = new WatchFeed(options);
    this.#server = createServer();
    this.#server.timeout = LIMITS.httpIdleMs;
    this.#server.on('request', (request, response) => {
      // One request a connection: the deadline of the first request then bounds every request.
      response.shouldKeepAlive = false;
      this.#answer(request, response).catch((error: unknown) => {
        this.#refuse(response, error);
      });
    });
    this.#server.on('upgrade', (request, socket, head) => {
      socket.on('error', () => undefined); // 'close' follows and is what matters.
      this.#upgrade(request, socket, head).catch((error: unknown) => {
        const { status, message } = this.#refusalOf(error);
        const body = JSON.stringify({ error: message });
        socket.end(
          `HTTP/1.1 ${String(status)} Refused\r\ncontent-type: application/json\r\n` +
            `content-length: ${String(Buffer.byteLength(body))}\r\nconnection: close\r\n\r\n${body}`,
        );
      });
    });
  }

  /** Takes over a connection whose first bytes are an HTTP request. */
  serve(socket: TLSSocket): void {
    if (this.#sockets.size >= LIMITS.maxHttpConnections) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    const cancel = this.#clock.after(FIRST_REQUEST_MS, () => socket.destroy());
    this.#cancelDeadline.set(socket, cancel);
    socket.on('close', () => {
      cancel();
      this.#sockets.delete(socket);
    });
    this.#server.emit('connection', socket);
  }

  close(): void {
    this.#feed.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  readonly #cancelDeadline = new WeakMap<Duplex, () => void>();

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { target, tunnel } = this.#route(request, request.socket);
    if (tunnel !== undefined) {
      const stream = await this.#stream(request, target, tunnel);
      if (response.destroyed) stream.destroy();
      else passRequest(stream, request, response, target);
      return;
    }
    if (request.method !== 'GET') throw new HttpRefusal(405, 'only GET');
    if (target.path === '/api/sse') {
      const claims = this.#lister(request, target.queryToken);
      this.#feed.serveSse(response, claims, watchParams(target.query.get('params')));
      return;
    }
    const body = JSON.stringify(this.#list(request, target));
    response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' }).end(body);
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const { target, tunnel } = this.#route(request, socket);
    if (tunnel !== undefined) {
      const stream = await this.#stream(request, target, tunnel);
      if (socket.destroyed) stream.destroy();
      else passUpgrade(stream, request, socket, head, target);
      return;
    }
    if (target.path !== '/api/websocket') throw new HttpRefusal(404, 'not found');
    const claims = this.#lister(request, target.queryToken);
    this.#feed.serveWebSocket(request, socket, head, claims, watchParams(target.query.get('params')));
  }

  /** Which tunnel is meant; none for the engine's own API. */
  #route(request: IncomingMessage, socket: Duplex): { target: HttpTarget; tunnel: Tunnel | undefined } {
    this.#cancelDeadline.get(socket)?.();
    const target = targetOf(request);
    if (target === undefined) throw new HttpRefusal(400, 'host or path is not in canonical form');
    const named = 'servername' in request.socket ? request.socket.servername : undefined;
    if (typeof named === 'string' && named !== '' && named.toLowerCase() !== target.hostname) {
      throw new HttpRefusal(421, 'the host is not the one of the TLS handshake');
    }
    if (!/^[^.]+\.t\./.test(target.hostname)) return { target, tunnel: undefined };
    const tunnel = this.#registry.tunnelAt(target.hostname);
    if (tunnel?.publish !== true) throw new HttpRefusal(404, 'no such tunnel is online');
    return { target, tunnel };
  }

  /** A stream to a published tunnel, when the token allows this path. */
  #stream(request: IncomingMessage, target: HttpTarget, tunnel: Tunnel): Promise<Duplex> {
    if (tunnel.tokenAuth) {
      const claims = this.#bearer(bearerOf(request) ?? target.queryToken, 'tunnels.streams.create-delete');
      if (!mayConnect(claims.resources.tunnels, grantedTunnel(tunnel), target.path)) {
        throw new HttpRefusal(403, 'the token does not allow this');
      }
    }
    if (NEVER_PUBLISHED.test(target.path)) throw new HttpRefusal(404, 'not found');
    return this.#dial(tunnel.id);
  }

  #list(request: IncomingMessage, target: HttpTarget): Json | Json[] {
    const [, api, kind, id, extra] = target.path.split('/');
    if (api !== 'api' || (kind !== 'tunnels' && kind !== 'clients') || extra !== undefined) {
      throw new HttpRefusal(404, 'not found');
    }
    const grants = this.#lister(request, undefined).resources.tunnels;
    const { limit, filters } = listParams(target.query.get('params'));
    let items: Json[];
    if (kind === 'tunnels') {
      const tunnels = this.#registry.tunnels.filter((tunnel) => id === undefined || tunnel.id === id);
      items = tunnels
        .map((tunnel) => visibleTunnel(tunnel, grants, filters))
        .filter((item) => item !== undefined);
    } else {
      const clients = seesClients(grants) ? this.#registry.clients : [];
      items = clients.filter((client) => id === undefined || client.id === id).map(clientJson);
    }
    if (id === undefined) return items.slice(0, limit);
    const [item] = items;
    if (item === undefined) throw new HttpRefusal(404, 'not found');
    return item;
  }

  /** The claims of a token with a list grant. Only the streaming endpoints take it from the query. */
  #lister(request: IncomingMessage, queryToken: string | undefined): TunnelClaims {
    const claims = this.#bearer(bearerOf(request) ?? queryToken, 'tunnels.resources.read-only');
    if (!mayList(claims.resources.tunnels)) throw new HttpRefusal(403, 'the token does not allow lists');
    return claims;
  }

  #bearer(token: string | undefined, permission: string): TunnelClaims {
    if (token === undefined) throw new HttpRefusal(401, 'a token is required');
    const check = this.#tokens.check(token, this.#clock.nowMs());
    if (!check.ok) throw new HttpRefusal(401, check.reason);
    const { permissions } = check.claims;
    if (permissions !== null && !permissions.includes(permission)) {
      throw new HttpRefusal(403, 'the token does not have this permission');
    }
    return check.claims;
  }

  #refusalOf(error: unknown): { status: number; message: string } {
    if (error instanceof HttpRefusal) return error;
    if (error instanceof AdapterError) return { status: 502, message: error.message };
    this.#log.error({ reason: messageOf(error) }, 'tunnel request failed');
    return { status: 500, message: 'internal error' };
  }

  #refuse(response: ServerResponse, error: unknown): void {
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    const { status, message } = this.#refusalOf(error);
    const headers: Record<string, string> = {
      'content-type': 'application/json',
      'cache-control': 'no-store',
    };
    if (status === 401) headers['www-authenticate'] = 'Bearer';
    response.writeHead(status, headers).end(JSON.stringify({ error: message }));
  }
}
