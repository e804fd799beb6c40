/** A TURN client's path over DTLS: the addon's client end on a UDP socket of its own. */
import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { TurnLink } from '../../health/turn-link.ts';
import type { DtlsSession } from '../../turn/server/dtls/dtls-engine.ts';
import { loadDtlsEngine } from '../../turn/server/dtls/openssl-engine.ts';

export type DtlsLink = TurnLink & {
  /** Sends a datagram as it is, past the session. */
  sendRaw: (datagram: Buffer) => void;
  /** The datagrams of the session that were sent so far, oldest first. */
  sent: Buffer[];
  /** Begins another association from the same address; true when it is open. The old one is forgotten. */
  restart: () => Promise<void>;
};

/** Resolves when the handshake is over. Rejects with the socket's error, or when it failed or took too long. */
export async function openDtlsLink(options: {
  address: string;
  port: number;
  signal: AbortSignal;
  onFrame: (frame: Buffer) => void;
  onClosed: (error: Error) => void;
}): Promise<DtlsLink> {
  const loaded = loadDtlsEngine();
  if ('problem' in loaded) throw new Error(loaded.problem);
  const socket = createSocket(isIPv6(options.address) ? 'udp6' : 'udp4');
  const sent: Buffer[] = [];
  let open = true;
  let session: DtlsSession | undefined;
  let settle: ((error?: Error) => void) | undefined;
  const close = (): void => {
    if (!open) return;
    session?.close();
    open = false;
    clearInterval(resend);
    socket.close();
  };
  const fail = (error: Error): void => {
    if (!open) return;
    const opening = settle;
    close();
    if (opening === undefined) options.onClosed(error);
    else opening(error);
  };
  const resend = setInterval(() => session?.retransmit(), 200);
  const sendRaw = (datagram: Buffer): void => {
    if (open) socket.send(datagram);
  };
  socket.on('error', fail);
  socket.on('message', (datagram) => {
    if (session === undefined) return;
    for (const message of session.feed(datagram)) options.onFrame(message);
    if (session.state === 'open') settle?.();
    else if (session.state === 'closed') fail(new Error('the server closed the DTLS session'));
  });
  options.signal.addEventListener('abort', () => {
    if (settle !== undefined) fail(new Error('no DTLS handshake in time'));
  });
  await new Promise<void>((resolve) => {
    socket.connect(options.port, options.address, resolve);
  });
  const restart = (): Promise<void> =>
    new Promise<void>((resolve, reject) => {
      settle = (error) => {
        settle = undefined;
        if (error === undefined) resolve();
        else reject(error);
      };
      session = loaded.engine.connect((datagram) => {
        sent.push(datagram);
        sendRaw(datagram);
      });
    });
  await restart();
  return {
    reliable: false,
    send: (bytes) => {
      session?.write(bytes);
    },
    close,
    sendRaw,
    sent,
    restart,
  };
}
