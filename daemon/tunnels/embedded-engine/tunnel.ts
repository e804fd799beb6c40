/** A tunnel in the engine: which requests for one are accepted, and how it is shown to others. Pure. */
import { createHash } from 'node:crypto';
import type { TunnelInfo } from '../../cameras/system.ts';
import { parseIp } from '../../kit/ip-address.ts';
import type { GrantedTunnel } from '../grants.ts';
import { ERROR_CODE, type TunnelProperties } from '../protocol/messages.ts';
import { LIMITS } from './limits.ts';

/** What a camera asked for, checked. */
export type TunnelRequest = {
  name: string;
  labels: Record<string, string>;
  publish: boolean;
  tokenAuth: boolean;
};

/** An open tunnel. `owner` is the subject of the token that opened it. */
export type Tunnel = TunnelRequest & TunnelInfo & { owner: string; asked: TunnelProperties };

export type Refusal = { code: number; message: string };

/**
 * Checks the properties of an OpenTunnelReq. What this engine does not enforce is refused, never
 * ignored: an address filter that filters nothing would be an open door.
 */
export function checkRequest(asked: TunnelProperties): TunnelRequest | Refusal {
  const { name, labels = {} } = asked;
  if (name === undefined || name.trim() === '') return invalid('a tunnel needs a name');
  const texts = [name, ...Object.keys(labels), ...Object.values(labels)];
  if (Object.keys(labels).length > LIMITS.maxLabels) return invalid('too many labels');
  if (texts.some((text) => text.length > LIMITS.maxTextLength)) return invalid('a name or label is too long');
  if ((asked.type ?? 'bytestream') !== 'bytestream') return unavailable('only bytestream tunnels');
  if (asked.protocol !== 'http') return unavailable('only http tunnels');
  if ((asked.httpVersion ?? 'http/1.1') !== 'http/1.1') return unavailable('only HTTP/1.1');
  const restrictions = {
    geoip: (asked.geoIp ?? []).length > 0,
    trusted_ips: (asked.trustedIps ?? []).length > 0,
    mtls_auth: asked.mtlsAuth === true,
    rstream_auth: asked.rstreamAuth === true,
    challenge_mode: asked.challengeMode === true,
    tls_mode: (asked.tlsMode ?? 'terminated') !== 'terminated',
    upstream_tls: asked.upstreamTls === true || asked.httpUseTls === true,
  };
  const unknown = Object.entries(restrictions).find(([, wanted]) => wanted)?.[0];
  if (unknown !== undefined) return unavailable(`this engine has no ${unknown}`);
  return { name, labels, publish: asked.publish === true, tokenAuth: asked.tokenAuth === true };
}

export function isRefusal(value: object): value is Refusal {
  return 'code' in value;
}

/**
 * The domain of published host names: `t.<host>`. An IP literal is spelled as labels, because no URL may
 * have a host like `a.t.10.0.0.1`. The certificate should name `*.` before it.
 */
export function publishedDomain(host: string): string {
  const address = parseIp(host);
  if (address === undefined) return `t.${host.toLowerCase()}`;
  const bytes = Buffer.from(address.bytes);
  return `t.${address.family === 4 ? `ip4-${[...bytes].join('-')}` : `ip6-${bytes.toString('hex')}`}.internal`;
}

/**
 * The public host name of a tunnel, the same each time. The tunnel's name is the first label when it can
 * be one; else a digest of it.
 */
export function publishedHostname(name: string, host: string): string {
  const label = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(name)
    ? name
    : `t-${createHash('sha256').update(name).digest('hex').slice(0, 24)}`;
  return `${label}.${publishedDomain(host)}`;
}

/** The answer to OpenTunnelReq: what was asked, with what the engine assigned. */
export function propertiesOf(tunnel: Tunnel): TunnelProperties {
  return {
    ...tunnel.asked,
    id: tunnel.id,
    creationDate: { seconds: BigInt(Math.floor(tunnel.createdAtMs / 1000)) },
    type: 'bytestream',
    httpVersion: 'http/1.1',
    hostname: tunnel.hostname,
    port: tunnel.port,
  };
}

/** The tunnel in the spelling grants and the JSON of the list use. */
export function grantedTunnel(tunnel: TunnelRequest & Partial<TunnelInfo>): GrantedTunnel {
  return {
    ...(tunnel.id === undefined ? {} : { id: tunnel.id }),
    ...(tunnel.clientId === undefined ? {} : { client_id: tunnel.clientId }),
    ...(tunnel.hostname === undefined ? {} : { hostname: tunnel.hostname, status: 'online' as const }),
    name: tunnel.name,
    type: 'bytestream',
    publish: tunnel.publish,
    protocol: 'http',
    http_version: 'http/1.1',
    token_auth: tunnel.tokenAuth,
    labels: tunnel.labels,
  };
}

/** What cameras and the API see. */
export function infoOf(tunnel: Tunnel): TunnelInfo {
  const { id, clientId, name, labels, hostname, port, createdAtMs } = tunnel;
  return { id, clientId, name, labels, hostname, port, createdAtMs };
}

function invalid(message: string): Refusal {
  return { code: ERROR_CODE.invalidRequest, message };
}

function unavailable(message: string): Refusal {
  return { code: ERROR_CODE.featureNotAvailable, message };
}
