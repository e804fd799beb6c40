/** A UDP socket of an engine that keeps what it hears and what failed. */
import type { Test } from 'tap';
import type { DatagramEngine, SendFailure, UdpSocket } from '../../datagrams/datagram.ts';

export type Wire = {
  socket: UdpSocket;
  got: Buffer[];
  failures: SendFailure[];
  /** Until so many have arrived or failed. */
  has: (count: number) => Promise<void>;
};

/** On a port of the system's choice; closed at the end of the test. */
export async function openWire(t: Test, engine: DatagramEngine, address: string): Promise<Wire> {
  const got: Buffer[] = [];
  const failures: SendFailure[] = [];
  let arrived = (): void => undefined;
  const socket = await engine.open({
    address,
    port: 0,
    onDatagram: (datagram) => {
      got.push(datagram.kept());
      arrived();
    },
    onFailure: (reason, count) => {
      failures.push(...Array<SendFailure>(count).fill(reason));
      arrived();
    },
    onError: (error) => t.fail(error),
  });
  t.teardown(() => socket.close());
  const has = (count: number): Promise<void> =>
    new Promise((resolve) => {
      arrived = () => {
        if (got.length + failures.length >= count) resolve();
      };
      arrived();
    });
  return { socket, got, failures, has };
}
