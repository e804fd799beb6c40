/**
 * A client's path to a TURN server, UDP, TCP, TLS or DTLS, that hands over whole frames. It owns one socket;
 * failures close it and are told once.
 */
import { createSocket } from 'node:dgram';
import { connect, isIP, isIPv6, type Socket } from 'node:net';
import { checkServerIdentity, connect as connectTls, type ConnectionOptions } from 'node:tls';
import { StreamFramer } from '../turn/codec/stream-framer.ts';
import { openDtlsLink, type ConnectDtls } from './relay-probe-dtls.ts';
import type { TurnLink } from './turn-link.ts';

const MAX_FRAME_BYTES = 65_600;

/** How a TLS server is verified: the chain ends at a certificate of `trustPem` and names `host`. */
export type TlsTrust = { trustPem: string; host: string };

/**
 * Opens a link. Rejects with the system error, or with the signal's reason when it is aborted first; once
 * open the link lives until `close()`.
 * @param options.tls for `tls`; without it the system's authorities and `address` count.
 * @param options.dtls for `dtls`, which cannot be without it.
 * @param options.onClosed the link broke or the server closed it; never called after `close()`.
 */
export function openTurnLink(options: {
  transport: 'udp' | 'tcp' | 'tls' | 'dtls';
  address: string;
  port: number;
  tls?: TlsTrust;
  dtls?: ConnectDtls;
  signal: AbortSignal;
  onFrame: (frame: Buffer) => void;
  onClosed: (error: Error) => void;
}): Promise<TurnLink> {
  const { transport, dtls } = options;
  if (transport === 'udp') return openUdp(options);
  if (transport !== 'dtls') return openStream(options);
  if (dtls === undefined) return Promise.reject(new Error('there is no DTLS here'));
  return openDtlsLink({ ...options, connect: dtls });
}

type LinkOptions = Parameters<typeof openTurnLink>[0];

function openUdp(options: LinkOptions): Promise<TurnLink> {
  const { address, port, signal } = options;
  const socket = createSocket({ type: isIPv6(address) ? 'udp6' : 'udp4' });
  let open = true;
  const close = (): void => {
    if (!open) return;
    open = false;
    socket.close();
  };
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      reject(abortReason(signal));
      close();
    };
    signal.addEventListener('abort', onAbort);
    socket.on('error', (error) => {
      reject(error);
      if (!open) return;
      close();
      options.onClosed(error);
    });
    socket.on('message', options.onFrame);
    // Connected: only the server's datagrams come in, and a closed port is an error at once.
    socket.connect(port, address, () => {
      if (!open) return;
      signal.removeEventListener('abort', onAbort);
      resolve({
        reliable: false,
        send: (bytes) => {
          if (open) socket.send(bytes);
        },
        close,
      });
    });
  });
}

function openStream(options: LinkOptions): Promise<TurnLink> {
  const { transport, address, port, signal, tls } = options;
  const target = { host: address, port };
  const socket: Socket =
    transport === 'tcp' ? connect(target) : connectTls({ ...target, ...verifiedBy(tls) });
  const framer = new StreamFramer({ maxFrameBytes: MAX_FRAME_BYTES });
  let open = true;
  let failure = new Error('the server closed the connection');
  const close = (): void => {
    open = false;
    socket.destroy();
  };
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      reject(abortReason(signal));
      close();
    };
    signal.addEventListener('abort', onAbort);
    socket.on('error', (error) => {
      failure = error;
    });
    socket.on('close', () => {
      reject(failure);
      if (!open) return;
      open = false;
      options.onClosed(failure);
    });
    socket.on('data', (chunk: Buffer) => {
      if (framer.push(chunk, options.onFrame)) return;
      failure = new Error('the server sent something that is not TURN');
      socket.destroy();
    });
    socket.on(transport === 'tcp' ? 'connect' : 'secureConnect', () => {
      signal.removeEventListener('abort', onAbort);
      socket.setNoDelay(true);
      resolve({
        reliable: true,
        send: (bytes) => {
          if (open) socket.write(bytes);
        },
        close,
      });
    });
  });
}

/** TLS options: a certificate of `trustPem` itself is trusted too, whoever signed it. */
export function verifiedBy(tls: TlsTrust | undefined): ConnectionOptions {
  if (tls === undefined) return {};
  const { trustPem, host } = tls;
  return {
    ca: trustPem,
    allowPartialTrustChain: true,
    // An address may not stand in the SNI (RFC 6066 section 3), and it is not the one that is dialled.
    servername: isIP(host) === 0 ? host : '',
    checkServerIdentity: (_dialled, certificate) => checkServerIdentity(host, certificate),
  };
}

function abortReason(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error('aborted');
}
