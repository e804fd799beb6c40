/**
 * The producer's side of rstrm/1: one control connection, tunnels on it, and one new TLS connection for
 * every stream the engine asks for. It never reconnects by itself: `closed` tells why it ended and the
 * caller starts again. Used by the demo camera and by the tests of the engine.
 */
import { randomUUID } from 'node:crypto';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { systemClock, type Cancel, type Clock } from '../../kit/clock.ts';
import { AdapterError, messageOf } from '../../kit/errors.ts';
import { decodeMessage, encodeFrame, FrameReader } from '../protocol/framing.ts';
import { ERROR_CODE, PROTOCOL_VERSION, type BodyOf, type Message } from '../protocol/messages.ts';
import { parseEngineAddress, type EngineAddress } from '../engine-address.ts';
import { openEngineConnection } from './engine-connection.ts';

/** Liveness asked for: a heartbeat each interval, and the engine's answer within the timeout it grants. */
const HEARTBEAT_INTERVAL_MS = 5_000;
const ANSWER_TIMEOUT_MS = 10_000;
/** How long a goodbye may wait for its answer. */
const GOODBYE_TIMEOUT_MS = 2_000;
/** Streams being opened or alive at once; more are refused with a stream error. */
const MAX_STREAMS = 256;
/** Streams that came before `onStream` was called. */
const MAX_UNCLAIMED_STREAMS = 16;

export type AgentOptions = {
  /** `host[:port]`, default port 443. */
  engine: string;
  token: string;
  /** PEM of the only CA to trust; left out, the runtime's own list. */
  ca?: string;
  agentName: string;
  clock?: Clock;
};

export type AgentTunnelOptions = {
  name: string;
  labels: Record<string, string>;
  publish: boolean;
  protocol: 'http';
  httpVersion: 'http/1.1';
  tokenAuth: boolean;
};

export type AgentTunnel = { id: string; hostname: string; port: number };

/** The engine refused. `code` is one of the protocol's error codes (1000 = token, 2000 = request, ...). */
export class EngineRefusal extends Error {
  override readonly name = 'EngineRefusal';
  readonly code: number;

  constructor(code: number, message: string) {
    super(`The engine refused: ${message} (code ${String(code)})`);
    this.code = code;
  }
}

export interface Agent {
  readonly clientId: string;
  /** Rejects with EngineRefusal, or AdapterError when no answer comes or the channel ends. */
  openTunnel(options: AgentTunnelOptions): Promise<AgentTunnel>;
  /** Streams of all tunnels; raw HTTP/1.1 follows on each. The handler owns the stream. */
  onStream(handler: (stream: Duplex, tunnelId: string) => void): void;
  /** Why the control channel ended, as one phrase. Never rejects. Streams already open live on. */
  readonly closed: Promise<string>;
  /** Says goodbye in protocol, then ends the control channel and every stream. Twice is a no-op. */
  close(): void;
}

/** Opens the control channel. Rejects with EngineRefusal or AdapterError. */
export async function connectAgent(options: AgentOptions): Promise<Agent> {
  const address = parseEngineAddress(options.engine);
  const socket = await openEngineConnection(address, { ca: options.ca });
  const agent = new ControlClient(socket, address, options);
  await agent.open();
  return agent;
}

type Waiter<T> = { resolve: (value: T) => void; reject: (error: Error) => void };
type State = 'opening' | 'open' | 'closing' | 'closed';

class ControlClient implements Agent {
  readonly closed: Promise<string>;
  readonly #socket: TLSSocket;
  readonly #address: EngineAddress;
  readonly #options: AgentOptions;
  readonly #clock: Clock;
  readonly #frames = new FrameReader();
  readonly #opening: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly #closing: PromiseWithResolvers<string> = Promise.withResolvers();
  readonly #tunnels = new Set<string>();
  readonly #requests = new Map<string, Waiter<AgentTunnel>>();
  readonly #streams = new Set<Duplex>();
  readonly #unclaimed: { stream: Duplex; tunnelId: string }[] = [];
  readonly #dialAbort = new AbortController();
  #dialing = 0;
  #handler: ((stream: Duplex, tunnelId: string) => void) | undefined;
  #state: State = 'opening';
  #goodbyeReason: string | undefined;
  #clientId = '';
  #sequence = 0n;
  #acknowledged = 0n;
  #silenceLimitMs: number | undefined;
  #cancelHeartbeat: Cancel | undefined;
  #cancelDeadline: Cancel | undefined;

  constructor(socket: TLSSocket, address: EngineAddress, options: AgentOptions) {
    this.#socket = socket;
    this.#address = address;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.closed = this.#closing.promise;
    this.#opening.promise.catch(() => undefined);
  }

  get clientId(): string {
    return this.#clientId;
  }

  open(): Promise<void> {
    this.#socket.on('data', (chunk: Buffer) => {
      this.#receive(chunk);
    });
    this.#socket.on('close', () => {
      this.#end(this.#goodbyeReason ?? 'connection lost');
    });
    this.#send({
      type: 'OpenControlChannelReq',
      body: {
        clientDetails: this.#details(this.#options.token),
        liveness: { heartbeatIntervalMs: HEARTBEAT_INTERVAL_MS },
      },
    });
    this.#deadline(ANSWER_TIMEOUT_MS, 'no answer to the control channel request');
    return this.#opening.promise;
  }

  openTunnel(options: AgentTunnelOptions): Promise<AgentTunnel> {
    if (this.#state !== 'open') return Promise.reject(this.#lost('the control channel is not open'));
    const requestId = randomUUID();
    return new Promise((resolve, reject) => {
      const cancel = this.#clock.after(ANSWER_TIMEOUT_MS, () => {
        this.#requests.delete(requestId);
        reject(this.#lost('no answer to the tunnel request'));
      });
      this.#requests.set(requestId, {
        resolve: (tunnel) => {
          cancel();
          resolve(tunnel);
        },
        reject: (error) => {
          cancel();
          reject(error);
        },
      });
      this.#send({ type: 'OpenTunnelReq', body: { requestId, tunnelProperties: options } });
    });
  }

  onStream(handler: (stream: Duplex, tunnelId: string) => void): void {
    this.#handler = handler;
    for (const { stream, tunnelId } of this.#unclaimed.splice(0)) {
      if (!stream.destroyed) handler(stream, tunnelId);
    }
  }

  close(): void {
    this.#dialAbort.abort();
    for (const stream of this.#streams) stream.destroy();
    this.#goodbye('closed by us');
  }

  #goodbye(reason: string): void {
    if (this.#state === 'closing' || this.#state === 'closed') return;
    this.#state = 'closing';
    this.#goodbyeReason = reason;
    for (const tunnelId of this.#tunnels) this.#send({ type: 'CloseTunnelReq', body: { tunnelId } });
    this.#send({ type: 'CloseControlChannelReq', body: {} });
    this.#cancelHeartbeat?.();
    this.#cancelDeadline?.();
    const cancel = this.#clock.after(GOODBYE_TIMEOUT_MS, () => {
      this.#end(reason);
    });
    void this.closed.then(cancel);
  }

  #receive(chunk: Buffer): void {
    this.#frames.push(chunk);
    for (let frame = this.#frames.next(); frame !== undefined; frame = this.#frames.next()) {
      if (frame === 'too-long') {
        this.#end('the engine sent a frame above 65535 bytes');
        return;
      }
      const decoded = decodeMessage(frame);
      if (!decoded.ok) {
        this.#end(`the engine sent an unreadable frame: ${decoded.reason}`);
        return;
      }
      if (this.#state === 'open') this.#deadline(this.#silenceLimitMs, 'the engine went silent');
      if (decoded.message !== undefined) this.#handle(decoded.message);
      if (this.#socket.destroyed) return;
    }
  }

  #handle(message: Message): void {
    switch (message.type) {
      case 'OpenControlChannelRsp':
        this.#opened(message.body);
        return;
      case 'OpenTunnelRsp':
        this.#tunnelOpened(message.body);
        return;
      case 'ProxyConnReq':
        if (this.#state === 'open') void this.#openStream(message.body);
        return;
      case 'Heartbeat':
        this.#acknowledge(message.body.acknowledgement ?? 0n);
        return;
      case 'CloseTunnelRsp':
        this.#tunnels.delete(message.body.tunnelId ?? '');
        if (this.#tunnels.size === 0) this.#goodbye('the engine closed the tunnel');
        return;
      case 'CloseControlChannelRsp':
        this.#end(this.#goodbyeReason ?? 'the engine closed the control channel');
        return;
      default:
        return; // Requests and notices an agent does not act on.
    }
  }

  #opened(body: BodyOf<'OpenControlChannelRsp'>): void {
    if (this.#state !== 'opening') return;
    const { ok, error } = body;
    const refusal = error === undefined ? undefined : refused(error);
    const granted = ok?.liveness;
    const intervalMs = granted?.heartbeatIntervalMs;
    if (ok === undefined || (granted !== undefined && intervalMs !== HEARTBEAT_INTERVAL_MS)) {
      this.#end('the engine refused', refusal);
      return;
    }
    this.#cancelDeadline?.();
    this.#state = 'open';
    this.#clientId = ok.clientId ?? '';
    this.#silenceLimitMs = granted?.heartbeatTimeoutMs;
    this.#deadline(this.#silenceLimitMs, 'the engine went silent');
    this.#beat(granted !== undefined);
    this.#opening.resolve();
  }

  #beat(counted: boolean): void {
    if (counted) this.#sequence += 1n;
    this.#send({ type: 'Heartbeat', body: { sequence: this.#sequence } });
    this.#cancelHeartbeat = this.#clock.after(HEARTBEAT_INTERVAL_MS, () => {
      this.#beat(counted);
    });
  }

  /** Acknowledgements rise strictly and never pass what was sent. */
  #acknowledge(acknowledgement: bigint): void {
    if (acknowledgement <= this.#acknowledged || acknowledgement > this.#sequence) {
      this.#end('the engine broke the heartbeat order');
      return;
    }
    this.#acknowledged = acknowledgement;
  }

  #tunnelOpened(body: BodyOf<'OpenTunnelRsp'>): void {
    const waiter = this.#requests.get(body.requestId ?? '');
    if (waiter === undefined) return;
    this.#requests.delete(body.requestId ?? '');
    const { id, hostname = '', port = 0 } = body.tunnelProperties ?? {};
    if (id === undefined) {
      waiter.reject(refused(body.error ?? {}));
      return;
    }
    this.#tunnels.add(id);
    waiter.resolve({ id, hostname, port });
  }

  async #openStream(request: BodyOf<'ProxyConnReq'>): Promise<void> {
    const { tunnelId = '', streamId = '', secret = '' } = request;
    const refuse = (reason: string): void => {
      this.#send({
        type: 'ProxyConnRsp',
        body: { streamId, error: { code: ERROR_CODE.invalidStream, message: reason } },
      });
    };
    if (!this.#tunnels.has(tunnelId)) {
      refuse('unknown tunnel');
      return;
    }
    if (this.#dialing + this.#streams.size >= MAX_STREAMS) {
      refuse('too many streams');
      return;
    }
    this.#dialing += 1;
    try {
      const address =
        request.proxyEndpoint === undefined ? this.#address : parseEngineAddress(request.proxyEndpoint);
      const stream = await openEngineConnection(address, {
        ca: this.#options.ca,
        signal: this.#dialAbort.signal,
      });
      this.#streams.add(stream);
      stream.on('close', () => this.#streams.delete(stream));
      stream.write(
        encodeFrame({
          type: 'ProxyReq',
          body: { clientDetails: this.#details(secret), streamId, zeroRtt: true },
        }),
      );
      this.#send({ type: 'ProxyConnRsp', body: { streamId } });
      this.#deliver(stream, tunnelId);
    } catch (error) {
      refuse(messageOf(error));
    } finally {
      this.#dialing -= 1;
    }
  }

  #deliver(stream: Duplex, tunnelId: string): void {
    if (this.#handler !== undefined) this.#handler(stream, tunnelId);
    else if (this.#unclaimed.length < MAX_UNCLAIMED_STREAMS) this.#unclaimed.push({ stream, tunnelId });
    else stream.destroy();
  }

  #deadline(afterMs: number | undefined, reason: string): void {
    this.#cancelDeadline?.();
    this.#cancelDeadline =
      afterMs === undefined
        ? undefined
        : this.#clock.after(afterMs, () => {
            this.#end(reason);
          });
  }

  #end(reason: string, refusal?: Error): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#cancelHeartbeat?.();
    this.#cancelDeadline?.();
    const error = refusal ?? this.#lost(reason);
    this.#opening.reject(error);
    for (const waiter of this.#requests.values()) waiter.reject(error);
    this.#requests.clear();
    for (const { stream } of this.#unclaimed.splice(0)) stream.destroy();
    this.#socket.destroy();
    this.#closing.resolve(reason);
  }

  #lost(reason: string): AdapterError {
    return new AdapterError(`The tunnel's control channel ended: ${reason}`, {
      operation: 'tunnel.control',
      target: this.#options.engine,
      retryable: true,
    });
  }

  #details(token: string): BodyOf<'ProxyReq'>['clientDetails'] {
    return {
      agent: this.#options.agentName,
      os: process.platform,
      arch: process.arch,
      token,
      protocolVersion: PROTOCOL_VERSION,
    };
  }

  #send(message: Message): void {
    if (this.#socket.writable) this.#socket.write(encodeFrame(message));
  }
}

function refused(error: { code?: number | undefined; message?: string | undefined }): EngineRefusal {
  return new EngineRefusal(error.code ?? 0, error.message ?? 'no reason given');
}
