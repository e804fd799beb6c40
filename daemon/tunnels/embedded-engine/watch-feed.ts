/**
 * Live events for holders of a list grant, over Server-Sent Events or WebSocket: the whole state first,
 * then changes. A watcher that does not read, or whose token has ended, is cut off.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { Clock } from '../../kit/clock.ts';
import type { TunnelClaims } from '../tokens.ts';
import { HttpRefusal } from './http-request.ts';
import { clientJson, seesClients, visibleTunnel, type Json, type WatchParams } from './inventory.ts';
import { LIMITS } from './limits.ts';
import type { RegistryEvent, TunnelRegistry } from './tunnel-registry.ts';

/** One transport of a watcher. */
type Sink = {
  send: (event: string) => void;
  ping: () => void;
  unreadBytes: () => number;
  destroy: () => void;
};

export class WatchFeed {
  readonly #registry: TunnelRegistry;
  readonly #clock: Clock;
  readonly #webSockets = new WebSocketServer({ noServer: true, maxPayload: 1024, perMessageDeflate: false });
  readonly #ends = new Set<() => void>();

  constructor(options: { registry: TunnelRegistry; clock: Clock }) {
    this.#registry = options.registry;
    this.#clock = options.clock;
  }

  /** Answers `GET /api/sse`. Throws HttpRefusal 503 when there are too many watchers. */
  serveSse(response: ServerResponse, claims: TunnelClaims, params: WatchParams): void {
    this.#admit();
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    const end = this.#watch(claims, params, {
      send: (event) => response.write(`data: ${event}\n\n`),
      ping: () => response.write(': ping\n\n'),
      unreadBytes: () => response.writableLength,
      destroy: () => response.destroy(),
    });
    response.on('close', end);
  }

  /** Takes the upgrade of `GET /api/websocket`. Throws HttpRefusal 503 when there are too many watchers. */
  serveWebSocket(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    claims: TunnelClaims,
    params: WatchParams,
  ): void {
    this.#admit();
    this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      webSocket.on('error', () => undefined); // 'close' follows and is what matters.
      const end = this.#watch(claims, params, {
        send: (event) => {
          webSocket.send(event);
        },
        ping: () => {
          webSocket.ping();
        },
        unreadBytes: () => webSocket.bufferedAmount,
        destroy: () => {
          webSocket.terminate();
        },
      });
      webSocket.on('close', end);
    });
  }

  /** Ends every watcher. */
  close(): void {
    for (const end of [...this.#ends]) end();
  }

  #admit(): void {
    if (this.#ends.size >= LIMITS.maxWatchers) throw new HttpRefusal(503, 'too many watchers');
  }

  #watch(claims: TunnelClaims, params: WatchParams, sink: Sink): () => void {
    const send = (event: Json): void => {
      sink.send(JSON.stringify(event));
      if (sink.unreadBytes() > LIMITS.maxWatcherUnreadBytes) end();
    };
    const beat = (): void => {
      sink.ping();
      cancelPing = this.#clock.after(LIMITS.watchPingMs, beat);
    };
    const end = (): void => {
      if (!this.#ends.delete(end)) return;
      unwatch();
      cancelPing();
      cancelExpiry();
      sink.destroy();
    };
    const unwatch = this.#registry.watch((event) => {
      const json = this.#visible(event, claims, params);
      if (json !== undefined) send(json);
    });
    let cancelPing = this.#clock.after(LIMITS.watchPingMs, beat);
    const cancelExpiry = this.#clock.after(claims.exp * 1000 - this.#clock.nowMs(), end);
    this.#ends.add(end);
    send(this.#initial(claims, params));
    return end;
  }

  #initial(claims: TunnelClaims, params: WatchParams): Json {
    const grants = claims.resources.tunnels;
    const { tunnels, clients } = this.#registry;
    return {
      type: 'state.initial',
      object: {
        snapshot_at: new Date(this.#clock.nowMs()).toISOString(),
        clients: seesClients(grants) ? clients.map(clientJson) : [],
        tunnels: tunnels.flatMap((tunnel) => visibleTunnel(tunnel, grants, params.tunnels) ?? []),
      },
    };
  }

  #visible(event: RegistryEvent, claims: TunnelClaims, params: WatchParams): Json | undefined {
    const grants = claims.resources.tunnels;
    const object =
      'tunnel' in event
        ? visibleTunnel(event.tunnel, grants, params.tunnels)
        : seesClients(grants)
          ? clientJson(event.client)
          : undefined;
    if (object === undefined) return undefined;
    if (event.type.endsWith('.deleted') && 'status' in object) object['status'] = 'offline';
    const created_at = new Date(this.#clock.nowMs()).toISOString();
    return { id: `evt_${randomUUID()}`, type: event.type, created_at, object };
  }
}
