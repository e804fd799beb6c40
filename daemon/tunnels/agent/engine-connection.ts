/** Opens one TLS connection to an engine, as control channel or as proxied stream. */
import { isIP } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { AdapterError } from '../../kit/errors.ts';
import { formatEndpoint } from '../../kit/ip-address.ts';
import { DEFAULT_ENGINE_PORT, type EngineAddress } from '../engine-address.ts';
import { ALPN } from '../protocol/messages.ts';

const CONNECT_TIMEOUT_MS = 15_000;
/** A dead peer is noticed in about 20 s: this idle time, then ten probes a second apart. */
const KEEP_ALIVE_AFTER_MS = 10_000;

/**
 * Connects with TLS 1.3 and ALPN `rstrm/1`. The server certificate must name the host, or the address
 * when the host is an IP literal. The caller ends the socket.
 */
export function openEngineConnection(
  address: EngineAddress,
  options: { ca?: string | undefined; signal?: AbortSignal },
): Promise<TLSSocket> {
  const { host, port = DEFAULT_ENGINE_PORT } = address;
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port,
      ALPNProtocols: [ALPN],
      minVersion: 'TLSv1.3',
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ...(options.ca === undefined ? {} : { ca: options.ca }),
    });
    const fail = (cause: unknown): void => {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', abort);
      socket.destroy();
      reject(
        new AdapterError('The engine cannot be reached', {
          operation: 'tunnel.connect',
          target: formatEndpoint(host, port),
          retryable: true,
          cause,
        }),
      );
    };
    const abort = (): void => {
      fail(new Error('cancelled'));
    };
    const timer = setTimeout(() => {
      fail(new Error('no TLS connection in time'));
    }, CONNECT_TIMEOUT_MS);
    const closed = (): void => {
      fail(new Error('connection closed during the handshake'));
    };
    options.signal?.addEventListener('abort', abort, { once: true });
    socket.once('error', fail);
    socket.once('close', closed);
    socket.once('secureConnect', () => {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', abort);
      socket.off('error', fail);
      socket.off('close', closed);
      socket.on('error', () => undefined); // 'close' follows and is what matters.
      socket.setNoDelay(true);
      socket.setKeepAlive(true, KEEP_ALIVE_AFTER_MS);
      resolve(socket);
    });
    if (options.signal?.aborted === true) abort();
  });
}
