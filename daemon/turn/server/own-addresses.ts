/** What the kernel says this host is: addresses a public relay never takes for peers, and how much its links carry. */
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { AppError } from '../../contract/errors.ts';
import { messageOf } from '../../kit/errors.ts';

/**
 * Addresses of all interfaces as they are now, without zones. An interface that comes later needs a reload.
 * Throws AppError `invalid_request`: a public relay that does not know its own addresses may not run.
 */
export function interfaceAddresses(): string[] {
  let interfaces: ReturnType<typeof networkInterfaces>;
  try {
    interfaces = networkInterfaces();
  } catch (cause) {
    throw new AppError(
      'invalid_request',
      `Cannot read the addresses of this host, which a public relay must refuse as peers: ${messageOf(cause)}. Allow the service AF_NETLINK sockets, or set peers.scope to sfu.`,
      { cause },
    );
  }
  return Object.values(interfaces).flatMap((list) =>
    (list ?? []).map(({ address }) => address.split('%', 1)[0] ?? address),
  );
}

/** MTU of the interface that has an address; undefined where the system does not tell. */
export function interfaceMtu(address: string): number | undefined {
  // All of 127.0.0.0/8 is there, and one address of it is listed.
  const listed = address.startsWith('127.') ? '127.0.0.1' : address;
  try {
    const [name] =
      Object.entries(networkInterfaces()).find(([, list]) => list?.some((one) => one.address === listed)) ??
      [];
    return name === undefined ? undefined : linkMtu(name);
  } catch {
    return undefined; // Nobody is refused a relay for that.
  }
}

/** The first is of our network namespace, the second of whoever mounted /sys, and there without IPv6 too. */
function linkMtu(name: string): number | undefined {
  const read = [`/proc/sys/net/ipv6/conf/${name}/mtu`, `/sys/class/net/${name}/mtu`].flatMap((file) => {
    try {
      return [Number(readFileSync(file, 'utf8'))];
    } catch {
      return [];
    }
  });
  const known = read.filter((mtu) => mtu > 0);
  return known.length === 0 ? undefined : Math.min(...known);
}
