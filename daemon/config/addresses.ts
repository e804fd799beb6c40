/** Names and addresses this host is reached by, out of the configuration. Pure. */
import { splitEndpoint, type DaemonConfig } from '../contract/daemon-config.ts';
import { formatEndpoint, isLoopback, isUnspecified, parseIp } from '../kit/ip-address.ts';

/** A checked `address:port` of the configuration in parts. */
export function listenAddress(endpoint: string): { address: string; port: number } {
  const parts = splitEndpoint(endpoint);
  if (parts === undefined) throw new TypeError(`${endpoint} is no endpoint`);
  return { address: parts.host, port: parts.port };
}

/** What people and cameras type, once the real port is known. */
export function apiUrlOf(config: DaemonConfig, port: number): string {
  if (config.api.publicUrl !== null) return config.api.publicUrl.replace(/\/$/, '');
  const { address } = listenAddress(config.api.listen);
  const scheme = config.api.tls === 'off' ? 'http' : 'https';
  return `${scheme}://${formatEndpoint(reachable(address, config), port)}`;
}

/** What cameras are told to dial; undefined: the engine's own listen address. */
export function advertisedTunnel(config: DaemonConfig): string | undefined {
  const { listen, advertise } = config.tunnels.embedded;
  if (advertise !== null) return advertise;
  const { address, port } = listenAddress(listen);
  const seen = reachable(address, config);
  return seen === address ? undefined : formatEndpoint(seen, port);
}

/**
 * Who cannot watch through the relays as they are addressed, with the remedy; undefined: everybody can.
 * Firefox drops an allocation whose relayed address is a loopback one, as if the relay had not answered.
 */
export function shieldWarning(config: Pick<DaemonConfig, 'shield'>): string | undefined {
  const { address } = config.shield;
  const shield = parseIp(address);
  if (shield === undefined || !isLoopback(shield)) return undefined;
  return (
    `Firefox shows no picture while shield.address is ${address}: it takes no relay on a loopback address. ` +
    'Chrome, Chromium and Edge do. For Firefox add a private address to this host, for example ' +
    '"ip address add 10.255.255.1/32 dev lo", and name it as shield.address.'
  );
}

/** Everything the server certificate of the local CA must name. `own` are the addresses of this host. */
export function certificateSubject(
  config: DaemonConfig,
  own: { hostname: string; addresses: readonly string[] },
): { names: string[]; addresses: string[] } {
  const names = new Set(['localhost', own.hostname.toLowerCase()]);
  const addresses = new Set(['127.0.0.1', '::1', ...config.public.addresses]);
  const add = (host: string): void => {
    const address = parseIp(host);
    if (address === undefined) names.add(host.toLowerCase());
    else if (!isUnspecified(address)) addresses.add(host);
    else for (const one of own.addresses) addresses.add(one);
  };
  add(listenAddress(config.api.listen).address);
  add(listenAddress(config.tunnels.embedded.listen).address);
  if (config.api.publicUrl !== null) add(new URL(config.api.publicUrl).hostname.replaceAll(/[[\]]/g, ''));
  const tunnel = config.tunnels.embedded.advertise;
  const host = tunnel === null ? undefined : splitEndpoint(tunnel)?.host;
  if (host !== undefined) {
    add(host);
    // Published tunnels have host names of their own below it.
    if (parseIp(host) === undefined) names.add(`*.t.${host.toLowerCase()}`);
  }
  return { names: [...names].filter(isDnsName), addresses: [...addresses] };
}

/** 0.0.0.0 is no address to type: the first public one stands in. */
function reachable(address: string, config: DaemonConfig): string {
  const parsed = parseIp(address);
  return parsed !== undefined && isUnspecified(parsed) ? (config.public.addresses[0] ?? address) : address;
}

function isDnsName(name: string): boolean {
  return (
    name.length <= 253 &&
    /^(?:\*\.)?[a-z0-9](?:[a-z0-9-]{0,62})(?:\.[a-z0-9](?:[a-z0-9-]{0,62}))*$/.test(name)
  );
}
