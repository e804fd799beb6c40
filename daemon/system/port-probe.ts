/** Asks the operating system whether ports are free, by binding each and letting go again. */
import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { createServer } from 'node:net';
import type { HeldPort, PortProbe, PortUse } from '../namespaces/system.ts';
import { portHolders } from './port-holder.ts';

/** Sockets open at once: far below the usual limit of 1024 descriptors. */
const BATCH = 128;

export class BindingPortProbe implements PortProbe {
  async busy(uses: PortUse[]): Promise<HeldPort[]> {
    const busy: PortUse[] = [];
    for (let at = 0; at < uses.length; at += BATCH) {
      const batch = uses.slice(at, at + BATCH);
      const free = await Promise.all(
        batch.map((use) => (use.protocol === 'udp' ? udpFree(use) : tcpFree(use))),
      );
      busy.push(...batch.filter((_, index) => free[index] !== true));
    }
    const holders = await portHolders(busy);
    return busy.map((use, at) => ({ ...use, holder: holders[at] }));
  }
}

function udpFree(use: PortUse): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket({
      type: isIPv6(use.address) ? 'udp6' : 'udp4',
      ipv6Only: isIPv6(use.address),
    });
    socket.once('error', () => {
      socket.close();
      resolve(false);
    });
    socket.bind({ address: use.address, port: use.port, exclusive: true }, () => {
      socket.close(() => {
        resolve(true);
      });
    });
  });
}

function tcpFree(use: PortUse): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => {
      resolve(false);
    });
    const options = { host: use.address, port: use.port, exclusive: true, ipv6Only: isIPv6(use.address) };
    server.listen(options, () => {
      server.close(() => {
        resolve(true);
      });
    });
  });
}
