/** Ways into a service for fuzzed bytes. */
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:net';
import type { TurnClient } from '../../daemon/test/helpers/turn-client.ts';

export type Path = {
  name: string;
  /** Is mutated for this path. */
  valid: () => Buffer[] | Promise<Buffer[]>;
  /** Nonsense that is signed as it should be, or framed: sent beside the mutations, as it is. */
  garbled?: (random: () => number) => Buffer[];
  send: (inputs: readonly Buffer[]) => Promise<void>;
};

/** How long an end is waited for that the service owes nobody. */
const CLOSE_MS = 2000;

/** Through a client's own connection. */
export function sendBy(client: TurnClient): Path['send'] {
  return (inputs) => {
    for (const bytes of inputs) client.raw(bytes);
    return Promise.resolve();
  };
}

/** Sends from a socket of its own and waits until the kernel took all. */
export async function datagrams(
  inputs: readonly Buffer[],
  to: { address: string; port: number },
  from: string,
): Promise<void> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(0, from, resolve);
  });
  for (const bytes of inputs) {
    await new Promise<void>((resolve) => {
      socket.send(bytes, to.port, to.address, () => {
        resolve();
      });
    });
  }
  await new Promise<void>((resolve) => socket.close(resolve));
}

/** One connection for a batch: the server may end it at the first frame that is none. */
export function stream(socket: Socket, inputs: readonly Buffer[], closeMs = CLOSE_MS): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => socket.destroy(), closeMs);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(timer);
      resolve();
    });
    socket.resume();
    for (const bytes of inputs) socket.write(bytes);
    socket.end();
  });
}
