/**
 * Who may have a control channel, and which tunnel on it: tokens and grants, revocations, names and
 * caps. It decides and changes nothing but the list of revocations.
 */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../../kit/clock.ts';
import { DEFAULT_ENGINE_PORT, parseEngineAddress } from '../engine-address.ts';
import { mayCreate, mayCreateAny } from '../grants.ts';
import { ERROR_CODE, type ClientDetails, type TunnelProperties } from '../protocol/messages.ts';
import type { TunnelTokens } from '../tokens.ts';
import { LIMITS } from './limits.ts';
import { Revocations } from './revocations.ts';
import type { EngineClient, TunnelRegistry } from './tunnel-registry.ts';
import {
  checkRequest,
  grantedTunnel,
  isRefusal,
  publishedHostname,
  type Refusal,
  type Tunnel,
} from './tunnel.ts';

const PERMISSION = 'tunnels.tunnels.create-delete';

export class Admission {
  readonly #clock: Clock;
  readonly #tokens: TunnelTokens;
  readonly #registry: TunnelRegistry;
  readonly #revocations = new Revocations();

  constructor(options: { clock: Clock; tokens: TunnelTokens; registry: TunnelRegistry }) {
    this.#clock = options.clock;
    this.#tokens = options.tokens;
    this.#registry = options.registry;
  }

  /** From now on no token minted before opens a tunnel of this name. */
  revoke(tunnelName: string): void {
    const nowMs = this.#clock.nowMs();
    this.#revocations.revoke(tunnelName, this.#tokens.stamp(nowMs), nowMs);
  }

  /** Decides on a control channel. @returns the client, and the one of the same device that gives way. */
  client(
    id: string,
    given: ClientDetails,
  ): { client: EngineClient; replaces: EngineClient | undefined } | Refusal {
    const { token = '', protocolVersion = '1', ...details } = given;
    if (token === '') return unauthorized('a token is required');
    const nowMs = this.#clock.nowMs();
    const check = this.#tokens.check(token, nowMs);
    if (!check.ok) return unauthorized(check.reason);
    const { claims } = check;
    const permitted = claims.permissions === null || claims.permissions.includes(PERMISSION);
    if (!permitted || !mayCreateAny(claims.resources.tunnels)) {
      return unauthorized('the token does not allow tunnels');
    }
    if (!/^1(?:\.|$)/.test(protocolVersion)) {
      return {
        code: ERROR_CODE.protocolVersionIncompatible,
        message: 'this engine speaks protocol version 1',
      };
    }
    const own = this.#registry.clientsOf(claims.sub);
    const replaces = own.length >= LIMITS.maxClientsPerDevice ? own[0] : undefined;
    if (replaces === undefined && this.#registry.clients.length >= LIMITS.maxClients) {
      return full('the engine has no room for another camera');
    }
    const client = { id, claims, details: { ...details, protocolVersion }, connectedAtMs: nowMs };
    return { client, replaces };
  }

  /**
   * Decides on a tunnel. The same device replaces its own tunnel of that name: after a power cut the old
   * connection still looks alive when the camera is back. Another device is refused.
   * @param endpoint `host[:port]` under which the engine is reached.
   */
  tunnel(
    client: EngineClient,
    asked: TunnelProperties,
    endpoint: string,
  ): { tunnel: Tunnel; replaces: Tunnel | undefined } | Refusal {
    const { claims } = client;
    const nowMs = this.#clock.nowMs();
    if (claims.exp * 1000 <= nowMs) return unauthorized('token has expired');
    const request = checkRequest(asked);
    if (isRefusal(request)) return request;
    if (!mayCreate(claims.resources.tunnels, grantedTunnel(request))) {
      return unauthorized('the token does not allow this tunnel');
    }
    if (this.#revocations.isRevoked(request.name, claims.metadata.issuedAt)) {
      return unauthorized('the token was revoked');
    }
    const replaces = this.#registry.tunnelNamed(request.name);
    if (replaces !== undefined && replaces.owner !== claims.sub) {
      return { code: ERROR_CODE.invalidRequest, message: 'the tunnel name is taken' };
    }
    const others = this.#registry.tunnels.filter((tunnel) => tunnel !== replaces);
    if (others.length >= LIMITS.maxTunnels) return full('the engine has no room for another tunnel');
    if (others.filter((tunnel) => tunnel.clientId === client.id).length >= LIMITS.maxTunnelsPerClient) {
      return full('too many tunnels on one control channel');
    }
    const { host, port = DEFAULT_ENGINE_PORT } = parseEngineAddress(endpoint);
    const tunnel: Tunnel = {
      ...request,
      id: randomUUID(),
      clientId: client.id,
      owner: claims.sub,
      hostname: publishedHostname(request.name, host),
      port,
      createdAtMs: nowMs,
      asked,
    };
    return { tunnel, replaces };
  }
}

function unauthorized(message: string): Refusal {
  return { code: ERROR_CODE.unauthorized, message };
}

function full(message: string): Refusal {
  return { code: ERROR_CODE.capacityExhausted, message };
}
