/** Why a listener could not be opened: one sentence with address, port and remedy. Pure. */
import type { TurnTransport } from '../../contract/turn-config.ts';
import { AdapterError, isErrno, messageOf } from '../../kit/errors.ts';
import { formatEndpoint } from '../../kit/ip-address.ts';

/** @param holder who has the port, where that is known: `coturn, process 4711`. */
export function listenFailure(
  listener: { transport: TurnTransport; address: string; port: number },
  cause: unknown,
  holder?: string,
): AdapterError {
  const target = `${listener.transport} ${formatEndpoint(listener.address, listener.port)}`;
  return new AdapterError(`Cannot listen on ${target}: ${reasonAndRemedy(listener, cause, holder)}`, {
    operation: 'listen',
    target,
    retryable: isErrno(cause, 'EADDRINUSE') || isErrno(cause, 'EADDRNOTAVAIL'),
    cause,
  });
}

function reasonAndRemedy(
  listener: { transport: TurnTransport; address: string; port: number },
  cause: unknown,
  holder: string | undefined,
): string {
  if (isErrno(cause, 'EADDRINUSE')) {
    const who = holder === undefined ? 'another program' : `another program (${holder})`;
    return `${who} uses this port; stop it, or give the namespace another TURN port.`;
  }
  if (isErrno(cause, 'EADDRNOTAVAIL')) {
    return 'this host does not have the address; correct the public address in the configuration.';
  }
  if (isErrno(cause, 'EACCES')) {
    return `ports below 1024 need a privilege; choose a port above 1023 or grant CAP_NET_BIND_SERVICE.`;
  }
  if (listener.transport === 'tls' || listener.transport === 'dtls') {
    return `${messageOf(cause)}; check the certificate and key files.`;
  }
  return `${messageOf(cause)}.`;
}
