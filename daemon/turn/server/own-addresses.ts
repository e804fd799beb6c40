/** What the kernel says this host is: addresses a public relay never takes for peers. */
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
