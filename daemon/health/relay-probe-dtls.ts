/**
 * A client's path to a TURN server over DTLS 1.2: one UDP socket, one record a message. It trusts any certificate: the
 * one of TLS on the same port is the same, and is verified there.
 */
import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { TurnLink } from './turn-link.ts';

const RETRANSMIT_MS = 200;

/** A client's end of an association, without a socket; see `turn/server/dtls/dtls-engine.ts`. */
export interface DtlsEnd {
  readonly state: 'handshake' | 'open' | 'closed';
  feed(datagram: Buffer): readonly Buffer[];
  write(message: Buffer): boolean;
  retransmit(): void;
  close(): void;
}

/** Begins an association: the ClientHello is sent at once. */
export type ConnectDtls = (send: (datagram: Buffer) => void) => DtlsEnd;

/** Resolves when the handshake is over. Rejects with the socket's error, or with the signal's reason. */
export function openDtlsLink(options: {
  address: string;
  port: number;
  connect: ConnectDtls;
  signal: AbortSignal;
  onFrame: (frame: Buffer) => void;
  onClosed: (error: Error) => void;
}): Promise<TurnLink> {
  const { address, port, connect, signal } = options;
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
  let end: DtlsEnd | undefined;
  let state: 'opening' | 'open' | 'closed' = 'opening';
  const resend = setInterval(() => end?.retransmit(), RETRANSMIT_MS);
  const close = (): void => {
    if (state === 'closed') return;
    end?.close();
    state = 'closed';
    clearInterval(resend);
    socket.close();
  };
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      const before = state;
      close();
      if (before === 'opening') reject(error);
      else if (before === 'open') options.onClosed(error);
    };
    const onAbort = (): void => {
      if (state === 'opening') fail(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
    };
    signal.addEventListener('abort', onAbort);
    socket.on('error', fail);
    socket.on('message', (datagram) => {
      if (end === undefined) return;
      for (const message of end.feed(datagram)) options.onFrame(message);
      if (end.state === 'closed') fail(new Error('the server closed the DTLS session'));
      if (state !== 'opening' || end.state !== 'open') return;
      state = 'open';
      signal.removeEventListener('abort', onAbort);
      const session = end;
      resolve({ reliable: false, send: (bytes) => void session.write(bytes), close });
    });
    socket.connect(port, address, () => {
      if (state === 'closed') return;
      end = connect((datagram) => {
        if (state !== 'closed') socket.send(datagram);
      });
    });
  });
}
