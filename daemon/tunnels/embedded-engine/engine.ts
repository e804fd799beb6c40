/**
 * The embedded tunnel engine: cameras connect to its TLS port, it decides what they may open and reaches
 * their HTTP servers through the streams they open back. It owns the port and every connection on it.
 */
import type { Duplex } from 'node:stream';
import type { Server as TlsServer, TLSSocket } from 'node:tls';
import type { TunnelEngine, TunnelEvent, TunnelInfo, Unsubscribe } from '../../cameras/system.ts';
import { systemClock, type Clock } from '../../kit/clock.ts';
import { AdapterError, InvalidStateError, messageOf } from '../../kit/errors.ts';
import { formatEndpoint } from '../../kit/ip-address.ts';
import { Lifecycle } from '../../kit/lifecycle.ts';
import type { Logger } from '../../kit/logger.ts';
import { parseEngineAddress } from '../engine-address.ts';
import type { StringMatch } from '../grants.ts';
import { encodeFrame, type FrameReader } from '../protocol/framing.ts';
import { ERROR_CODE, type BodyOf, type Message, type TunnelProperties } from '../protocol/messages.ts';
import { deviceGrants, TunnelTokens, viewerGrants, watchGrants } from '../tokens.ts';
import { Admission } from './admission.ts';
import type { ControlAuthority, ControlChannel } from './control-channel.ts';
import { serveControl } from './control-connection.ts';
import { HttpSide } from './http-side.ts';
import { LIMITS } from './limits.ts';
import { LiveStreams } from './live-streams.ts';
import { StreamRequests } from './stream-requests.ts';
import { TlsListener, type EngineCertificate } from './tls-listener.ts';
import { TunnelRegistry, type EngineClient, type RegistryEvent } from './tunnel-registry.ts';
import { infoOf, isRefusal, type Refusal, type Tunnel } from './tunnel.ts';

const REPLACED = 'replaced by a newer connection of the camera';
const SHUTTING_DOWN = 'the engine is shutting down';

export type EmbeddedEngineOptions = {
  listen: { address: string; port: number };
  /** See `TlsListener`. */
  lendPort?: ((server: TlsServer) => void) | undefined;
  /** `host[:port]` cameras are told to dial; left out, the listen address and port. */
  advertise?: string;
  certificate: EngineCertificate;
  /** At least 32 random bytes. Keep it across restarts: tokens minted before stay valid. */
  tokenKey: Buffer;
  log: Logger;
  clock?: Clock;
};

export class EmbeddedEngine extends Lifecycle implements TunnelEngine {
  readonly #options: EmbeddedEngineOptions;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #tokens: TunnelTokens;
  readonly #registry = new TunnelRegistry();
  readonly #admission: Admission;
  readonly #channels = new Map<string, ControlChannel>();
  readonly #controlSockets = new Set<TLSSocket>();
  readonly #requests: StreamRequests;
  readonly #live: LiveStreams;
  readonly #watchers = new Set<(event: TunnelEvent) => void>();
  readonly #authority: ControlAuthority;
  readonly #http: HttpSide;
  #listener: TlsListener | undefined;
  #certificate: EngineCertificate;
  #port: number | undefined;
  #reachable = false;

  constructor(options: EmbeddedEngineOptions) {
    super();
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#log = options.log;
    this.#certificate = options.certificate;
    this.#tokens = new TunnelTokens(options.tokenKey);
    this.#admission = new Admission({
      clock: this.#clock,
      tokens: this.#tokens,
      registry: this.#registry,
    });
    if (options.advertise !== undefined) parseEngineAddress(options.advertise);
    this.#live = new LiveStreams({ clock: this.#clock });
    this.#requests = new StreamRequests({
      clock: this.#clock,
      ask: (tunnel, streamId, secret) => {
        this.#channels.get(tunnel.clientId)?.askForStream(tunnel.id, streamId, secret);
      },
    });
    this.#authority = {
      admit: (channel, request) => this.#admit(channel, request),
      openTunnel: (client, asked, answer) => {
        this.#openTunnel(client, asked, answer);
      },
      tunnelClosed: (client, tunnelId) => {
        if (this.#registry.tunnel(tunnelId)?.clientId !== client.id) return;
        this.#registry.removeTunnel(tunnelId, 'closed by the camera');
      },
      streamRefused: (client, streamId) => {
        this.#requests.refuse(client.id, streamId);
      },
      ended: (channel, reason) => {
        this.#channelEnded(channel, reason);
      },
    };
    this.#http = new HttpSide({
      registry: this.#registry,
      tokens: this.#tokens,
      clock: this.#clock,
      log: this.#log,
      dial: (tunnelId) => this.dial(tunnelId),
    });
    this.#registry.watch((event) => {
      this.#registryChanged(event);
    });
  }

  /** Throws InvalidStateError before the start when the port is chosen by the system. */
  get endpoint(): string {
    const { advertise, listen } = this.#options;
    const { host, port } = advertise === undefined ? { host: listen.address } : parseEngineAddress(advertise);
    const known = port ?? this.#port ?? listen.port;
    if (known === 0) throw new InvalidStateError('The tunnel engine has no port before it is started');
    return formatEndpoint(host, known);
  }

  get caPem(): string | null {
    return this.#certificate.caPem;
  }

  /** Counters for status and metrics. */
  get counts(): Record<string, number> {
    return {
      clients: this.#registry.clients.length,
      tunnels: this.#registry.tunnels.length,
      streams: this.#live.size,
      ...this.#listener?.refused.totals(),
    };
  }

  /** New connections get this certificate. Throws when key and certificate do not fit; the old one stays. */
  setCertificate(certificate: EngineCertificate): void {
    this.#listener?.setCertificate(certificate);
    this.#certificate = certificate;
  }

  mintDeviceToken(options: {
    deviceId: string;
    tunnelName: string;
    labels: Record<string, string>;
    ttlSeconds: number;
  }): { token: string; expiresAtMs: number } {
    const { deviceId: subject, tunnelName, labels, ttlSeconds } = options;
    const grants = deviceGrants(tunnelName, labels);
    return this.#tokens.mint({ subject, grants, ttlSeconds }, this.#clock.nowMs());
  }

  /** A token for the published host name of one tunnel and the paths (without query) that match. */
  mintConnectToken(options: { subject: string; tunnelId: string; path: StringMatch; ttlSeconds: number }): {
    token: string;
    expiresAtMs: number;
  } {
    const { subject, tunnelId, path, ttlSeconds } = options;
    const grants = viewerGrants(tunnelId, path);
    return this.#tokens.mint({ subject, grants, ttlSeconds }, this.#clock.nowMs());
  }

  /** A token that lists and watches the published tunnels with these labels. */
  mintWatchToken(options: { subject: string; labels: Record<string, string>; ttlSeconds: number }): {
    token: string;
    expiresAtMs: number;
  } {
    const { subject, labels, ttlSeconds } = options;
    const permissions = ['tunnels.resources.read-only'];
    return this.#tokens.mint(
      { subject, grants: watchGrants(labels), ttlSeconds, permissions },
      this.#clock.nowMs(),
    );
  }

  listTunnels(): TunnelInfo[] {
    return this.#registry.tunnels.map(infoOf);
  }

  watch(listener: (event: TunnelEvent) => void): Unsubscribe {
    this.#watchers.add(listener);
    listener({ type: 'state', reachable: this.#reachable, tunnels: this.listTunnels() });
    return () => {
      this.#watchers.delete(listener);
    };
  }

  dial(tunnelId: string, options: { timeoutMs?: number } = {}): Promise<Duplex> {
    const refuse = (message: string): Promise<never> =>
      Promise.reject(
        new AdapterError(`No stream to the camera: ${message}`, {
          operation: 'tunnel.dial',
          target: tunnelId,
          retryable: true,
        }),
      );
    const tunnel = this.#registry.tunnel(tunnelId);
    if (tunnel === undefined) return refuse('the tunnel is not open');
    if (this.#live.count(tunnel.name) + this.#requests.count(tunnel) >= LIMITS.maxStreamsPerTunnel) {
      return refuse('too many streams are open on its tunnel');
    }
    return this.#requests.request(
      tunnel,
      Math.min(options.timeoutMs ?? LIMITS.streamDeadlineMs, LIMITS.streamDeadlineMs),
    );
  }

  /** Also refuses every token for this name that was minted before: the camera has to ask for a new one. */
  kick(tunnelName: string, reason: string): void {
    this.#admission.revoke(tunnelName);
    const tunnel = this.#registry.tunnelNamed(tunnelName);
    if (tunnel !== undefined) this.#closeTunnel(tunnel, reason);
    this.#live.destroy((gone) => gone.name === tunnelName);
  }

  protected async onStart(): Promise<void> {
    const { address, port } = this.#options.listen;
    const listener = new TlsListener({
      certificate: this.#certificate,
      clock: this.#clock,
      log: this.#log,
      lendPort: this.#options.lendPort,
      handlers: {
        framed: (socket, first, frames) => {
          this.#framed(socket, first, frames);
        },
        http: (socket) => {
          this.#http.serve(socket);
        },
      },
    });
    try {
      this.#port = await listener.open(address, port);
    } catch (error) {
      throw new AdapterError(
        `The tunnel engine cannot listen on ${formatEndpoint(address, port)}: ${messageOf(error)}`,
        {
          operation: 'tunnel.listen',
          target: formatEndpoint(address, port),
          cause: error,
        },
      );
    }
    this.#listener = listener;
    this.#reachable = true;
    this.#log.info({ endpoint: this.endpoint }, 'tunnel engine listens');
    this.#tell({ type: 'state', reachable: true, tunnels: this.listTunnels() });
  }

  protected async onStop(): Promise<void> {
    const listener = this.#listener;
    listener?.stopAccepting();
    this.#reachable = false;
    for (const channel of [...this.#channels.values()]) channel.close(SHUTTING_DOWN);
    this.#tell({ type: 'state', reachable: false, tunnels: [] });
    this.#http.close();
    await allClosed([...this.#controlSockets], LIMITS.goodbyeMs);
    this.#live.destroy(() => true);
    await listener?.close();
  }

  #framed(socket: TLSSocket, first: Message, frames: FrameReader): void {
    switch (first.type) {
      case 'OpenControlChannelReq':
        this.#controlSockets.add(socket);
        socket.on('close', () => this.#controlSockets.delete(socket));
        serveControl({ socket, request: first.body, frames, authority: this.#authority, clock: this.#clock });
        return;
      case 'ProxyReq':
        this.#acceptStream(socket, first.body, frames);
        return;
      case 'StreamReq': {
        const error = { code: ERROR_CODE.featureNotAvailable, message: 'this engine has no private streams' };
        if (first.body.zeroRtt === false) this.#endWith(socket, { type: 'StreamRsp', body: { error } });
        else socket.destroy();
        return;
      }
      default:
        socket.destroy();
    }
  }

  /**
   * A camera brings a stream. With `zero_rtt` (also when it says nothing) raw bytes follow at once; with
   * an explicit false it waits for one ProxyRsp, which goes alone: older producers lose what comes with it.
   */
  #acceptStream(socket: TLSSocket, request: BodyOf<'ProxyReq'>, frames: FrameReader): void {
    const { streamId = '', zeroRtt = true } = request;
    const claim = this.#requests.claim(streamId, request.clientDetails?.token ?? '');
    if (claim === undefined) {
      const error = { code: ERROR_CODE.invalidStream, message: 'unknown stream or secret' };
      if (zeroRtt) socket.destroy();
      else this.#endWith(socket, { type: 'ProxyRsp', body: { error } });
      return;
    }
    const rest = frames.takeRest();
    if (rest.length > 0) socket.unshift(rest);
    this.#live.add(socket, claim.tunnel);
    if (zeroRtt) {
      claim.accept(socket);
      return;
    }
    socket.write(encodeFrame({ type: 'ProxyRsp', body: {} }), () => {
      claim.accept(socket);
    });
  }

  #endWith(socket: TLSSocket, message: Message): void {
    socket.end(encodeFrame(message));
    const cancel = this.#clock.after(LIMITS.goodbyeMs, () => socket.destroy());
    socket.on('close', cancel);
  }

  #admit(channel: ControlChannel, request: BodyOf<'OpenControlChannelReq'>): EngineClient | Refusal {
    const admitted = this.#reachable
      ? this.#admission.client(channel.id, request.clientDetails ?? {})
      : { code: ERROR_CODE.serviceUnavailable, message: SHUTTING_DOWN };
    if (isRefusal(admitted)) {
      this.#log.info({ reason: admitted.message }, 'control channel refused');
      return admitted;
    }
    const { client, replaces } = admitted;
    if (replaces !== undefined) this.#channels.get(replaces.id)?.close(REPLACED);
    this.#channels.set(client.id, channel);
    this.#registry.addClient(client);
    return client;
  }

  #openTunnel(
    client: EngineClient,
    asked: TunnelProperties,
    answer: (tunnel: Tunnel | Refusal) => void,
  ): void {
    const admitted = this.#admission.tunnel(client, asked, this.endpoint);
    if (isRefusal(admitted)) {
      this.#log.info(
        { client: client.id, subject: client.claims.sub, reason: admitted.message },
        'tunnel refused',
      );
      answer(admitted);
      return;
    }
    const { tunnel, replaces } = admitted;
    if (replaces !== undefined) this.#closeTunnel(replaces, REPLACED, client.id);
    answer(tunnel);
    this.#registry.addTunnel(tunnel);
  }

  /** Closes a tunnel and its streams, and its control channel too unless that serves other tunnels. */
  #closeTunnel(tunnel: Tunnel, reason: string, keepClientId?: string): void {
    const channel = this.#channels.get(tunnel.clientId);
    channel?.announceTunnelClosed(tunnel.id);
    this.#registry.removeTunnel(tunnel.id, reason);
    this.#live.destroy((gone) => gone.id === tunnel.id);
    if (tunnel.clientId !== keepClientId && this.#registry.tunnelsOf(tunnel.clientId).length === 0) {
      channel?.close(reason);
    }
  }

  #channelEnded(channel: ControlChannel, reason: string): void {
    if (!this.#channels.delete(channel.id)) return;
    this.#log.info({ client: channel.id, reason }, 'control channel closed');
    this.#registry.removeClient(channel.id, reason);
  }

  #registryChanged(event: RegistryEvent): void {
    if (event.type === 'tunnel.created') {
      const tunnel = infoOf(event.tunnel);
      this.#log.info({ tunnel: tunnel.id, name: tunnel.name, client: tunnel.clientId }, 'tunnel opened');
      this.#tell({ type: 'created', tunnel });
    } else if (event.type === 'tunnel.deleted') {
      const tunnel = infoOf(event.tunnel);
      this.#log.info({ tunnel: tunnel.id, name: tunnel.name, reason: event.reason }, 'tunnel closed');
      this.#requests.dropTunnel(event.tunnel);
      this.#tell({ type: 'deleted', tunnel, reason: event.reason });
    }
  }

  #tell(event: TunnelEvent): void {
    for (const watcher of [...this.#watchers]) {
      try {
        watcher(event);
      } catch (error) {
        // A fault of a listener may not end the connection on which its event came in.
        this.#log.error({ err: error, event: event.type }, 'a tunnel listener failed');
      }
    }
  }
}

/** Waits until all sockets are closed, at most `timeoutMs`. */
async function allClosed(sockets: TLSSocket[], timeoutMs: number): Promise<void> {
  const open = sockets.filter((socket) => !socket.closed);
  if (open.length === 0) return;
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([
    Promise.all(
      open.map(
        (socket) =>
          new Promise<void>((resolve) => {
            socket.once('close', () => {
              resolve();
            });
          }),
      ),
    ),
    new Promise<void>((resolve) => {
      timer = setTimeout(resolve, timeoutMs);
    }),
  ]);
  clearTimeout(timer);
}
