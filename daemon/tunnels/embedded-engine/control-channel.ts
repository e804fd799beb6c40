/**
 * One control channel: the camera's first request, heartbeats, tunnels opened and closed on it. It talks
 * through a link and asks the engine for every decision; it owns its deadlines, not the registry.
 */
import { randomUUID } from 'node:crypto';
import type { Cancel, Clock } from '../../kit/clock.ts';
import { RateLimiter } from '../../kit/rate-limiter.ts';
import {
  ERROR_CODE,
  type BodyOf,
  type Liveness,
  type Message,
  type TunnelProperties,
} from '../protocol/messages.ts';
import { LIMITS } from './limits.ts';
import { isRefusal, propertiesOf, type Refusal, type Tunnel } from './tunnel.ts';
import type { EngineClient } from './tunnel-registry.ts';

/** The connection under a control channel. */
export interface ControlLink {
  send(message: Message): void;
  /** Sends what is queued, then FIN. */
  end(): void;
  destroy(): void;
}

/** What the engine decides for its control channels. */
export interface ControlAuthority {
  admit(channel: ControlChannel, request: BodyOf<'OpenControlChannelReq'>): EngineClient | Refusal;
  /** Calls `answer` with the tunnel before anybody hears of it: the camera must know it first. */
  openTunnel(client: EngineClient, asked: TunnelProperties, answer: (tunnel: Tunnel | Refusal) => void): void;
  /** The camera closed one of its tunnels. */
  tunnelClosed(client: EngineClient, tunnelId: string): void;
  /** The camera cannot open a stream. */
  streamRefused(client: EngineClient, streamId: string): void;
  /** The channel is over; its tunnels with it. */
  ended(channel: ControlChannel, reason: string): void;
}

type State = 'new' | 'open' | 'closing' | 'closed';

export class ControlChannel {
  readonly id = randomUUID();
  readonly #link: ControlLink;
  readonly #authority: ControlAuthority;
  readonly #clock: Clock;
  readonly #frames = new RateLimiter(LIMITS.controlFrames, { maxKeys: 1 });
  #state: State = 'new';
  #client: EngineClient | undefined;
  #liveness: { granted: boolean; timeoutMs: number } = { granted: false, timeoutMs: LIMITS.silenceMs };
  #acknowledged = 0n;
  #cancelDeadline: Cancel | undefined;

  constructor(options: { link: ControlLink; authority: ControlAuthority; clock: Clock }) {
    this.#link = options.link;
    this.#authority = options.authority;
    this.#clock = options.clock;
  }

  /** Undefined until the engine admitted the camera. */
  get client(): EngineClient | undefined {
    return this.#client;
  }

  /** Takes the first frame. A refusal is answered and ends the channel. */
  open(request: BodyOf<'OpenControlChannelReq'>): void {
    const liveness = grantLiveness(request.liveness);
    if (liveness !== undefined && isRefusal(liveness)) {
      this.#refuse(liveness);
      return;
    }
    const client = this.#authority.admit(this, request);
    if (isRefusal(client)) {
      this.#refuse(client);
      return;
    }
    this.#state = 'open';
    this.#client = client;
    if (liveness !== undefined) {
      this.#liveness = { granted: true, timeoutMs: liveness.heartbeatTimeoutMs };
    }
    this.#armDeadline();
    this.#link.send({
      type: 'OpenControlChannelRsp',
      body: {
        ok: { clientId: client.id, serverDetails: { agent: 'turnkeep' }, ...(liveness && { liveness }) },
      },
    });
  }

  /** Takes a later frame; undefined for one that says nothing. */
  receive(message: Message | undefined): void {
    const client = this.#client;
    if (this.#state !== 'open' || client === undefined) return;
    if (this.#frames.take('', this.#clock.nowMs()) > 0) {
      this.fail('too many frames');
      return;
    }
    this.#armDeadline();
    switch (message?.type) {
      case 'OpenControlChannelReq':
        this.fail('a second OpenControlChannelReq');
        return;
      case 'Heartbeat':
        this.#heartbeat(message.body.sequence ?? 0n);
        return;
      case 'OpenTunnelReq':
        this.#openTunnel(client, message.body);
        return;
      case 'CloseTunnelReq': {
        const { tunnelId = '' } = message.body;
        this.#authority.tunnelClosed(client, tunnelId);
        this.#link.send({ type: 'CloseTunnelRsp', body: { tunnelId } });
        return;
      }
      case 'ProxyConnRsp':
        // "ok" is only a hint, and some producers say it before they dial: the stream itself is the proof.
        if (message.body.error !== undefined) {
          this.#authority.streamRefused(client, message.body.streamId ?? '');
        }
        return;
      case 'CloseControlChannelReq':
        this.close('closed by the camera');
        return;
      default:
        return; // Answers and notices an engine does not act on, and members it does not know.
    }
  }

  /** Asks the camera for one stream. */
  askForStream(tunnelId: string, streamId: string, secret: string): void {
    if (this.#state === 'open') {
      this.#link.send({ type: 'ProxyConnReq', body: { tunnelId, streamId, secret } });
    }
  }

  /** Tells the camera that its tunnel is over. The form without a request acts at once in every client. */
  announceTunnelClosed(tunnelId: string): void {
    if (this.#state === 'open') this.#link.send({ type: 'CloseTunnelRsp', body: { tunnelId } });
  }

  /** Says goodbye, then ends the connection. */
  close(reason: string): void {
    if (this.#state !== 'open') return;
    this.#link.send({ type: 'CloseControlChannelRsp', body: {} });
    this.#leave(reason);
  }

  /** Ends without a word: the peer broke the protocol, went silent, or is gone. */
  fail(reason: string): void {
    if (this.#state === 'closed') return;
    const wasOpen = this.#state === 'open' || this.#state === 'new';
    this.#state = 'closed';
    this.#cancelDeadline?.();
    this.#link.destroy();
    if (wasOpen) this.#authority.ended(this, reason);
  }

  #refuse(error: Refusal): void {
    this.#link.send({ type: 'OpenControlChannelRsp', body: { error } });
    this.#leave('refused');
  }

  #leave(reason: string): void {
    this.#state = 'closing';
    this.#cancelDeadline?.();
    this.#link.end();
    this.#cancelDeadline = this.#clock.after(LIMITS.goodbyeMs, () => {
      this.fail(reason);
    });
    this.#authority.ended(this, reason);
  }

  /** With liveness granted every sequence is acknowledged once, rising; without, nothing is ever sent. */
  #heartbeat(sequence: bigint): void {
    if (!this.#liveness.granted || sequence <= this.#acknowledged) return;
    this.#acknowledged = sequence;
    this.#link.send({ type: 'Heartbeat', body: { acknowledgement: sequence } });
  }

  #openTunnel(client: EngineClient, request: BodyOf<'OpenTunnelReq'>): void {
    const { requestId = '', tunnelProperties = {} } = request;
    this.#authority.openTunnel(client, tunnelProperties, (opened) => {
      this.#link.send({
        type: 'OpenTunnelRsp',
        body: isRefusal(opened)
          ? { requestId, error: opened }
          : { requestId, tunnelProperties: propertiesOf(opened) },
      });
    });
  }

  #armDeadline(): void {
    this.#cancelDeadline?.();
    this.#cancelDeadline = this.#clock.after(this.#liveness.timeoutMs, () => {
      this.fail('the camera went silent');
    });
  }
}

/** Liveness exactly as asked, with a timeout of three intervals; undefined when none was asked. */
function grantLiveness(
  asked: Liveness | undefined,
): { heartbeatIntervalMs: number; heartbeatTimeoutMs: number } | Refusal | undefined {
  if (asked === undefined) return undefined;
  const { heartbeatIntervalMs = 0 } = asked;
  if (heartbeatIntervalMs < LIMITS.minHeartbeatMs || heartbeatIntervalMs > LIMITS.maxHeartbeatMs) {
    return { code: ERROR_CODE.invalidRequest, message: 'the heartbeat interval is 1 to 300 seconds' };
  }
  const heartbeatTimeoutMs = Math.min(3 * heartbeatIntervalMs, LIMITS.maxHeartbeatTimeoutMs);
  return { heartbeatIntervalMs, heartbeatTimeoutMs };
}
