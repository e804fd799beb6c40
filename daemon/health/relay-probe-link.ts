/**
 * A client's path to a TURN server, UDP or TCP, that hands over whole frames. It owns one socket;
 * failures close it and are told once.
 */
import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';
import { StreamFramer } from '../turn/codec/stream-framer.ts';

const MAX_FRAME_BYTES = 65_600;

export interface TurnLink {
  /** TCP delivers or fails; over UDP the caller sends again. */
  readonly reliable: boolean;
  send(bytes: Buffer): void;
  close(): void;
}

/**
 * Opens a link. Rejects with the system error, or with the signal's reason when it is aborted first; once
 * open the link lives until `close()`.
 * @param options.onClosed the link broke or the server closed it; never called after `close()`.
 */
export function openTurnLink(options: {
  transport: 'udp' | 'tcp';
  address: string;
  port: number;
  signal: AbortSignal;
  onFrame: (frame: Buffer) => void;
  onClosed: (error: Error) => void;
}): Promise<TurnLink> {
  return options.transport === 'udp' ? openUdp(options) : openTcp(options);
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

function openTcp(options: LinkOptions): Promise<TurnLink> {
  const { address, port, signal } = options;
  const socket = connect({ host: address, port });
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
    socket.on('connect', () => {
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

function abortReason(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error('aborted');
}
