/** Somebody outside: a network namespace of its own at the other end of the cable of a `netns` test. */
import { execFileSync, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { Test } from 'tap';

const OUTSIDE = '10.99.0.9';

/** Sends one datagram and opens one connection to each port, in order; ends when it is told. */
const KNOCK = `
  const [host, ...ports] = process.argv.slice(1);
  const udp = require('node:dgram').createSocket('udp4');
  (async () => {
    for (const port of ports) {
      const [protocol, number] = port.split(' ');
      if (protocol === 'udp') await new Promise((done) => udp.send('knock', Number(number), host, done));
      else require('node:net').connect(Number(number), host).on('error', () => undefined);
    }
  })();
  process.stdin.resume().on('end', () => process.exit(0));
`;

export type Outsider = {
  /** Which of the ports (`udp 3478`) its packets get through to; the last one has to be among them. */
  reached: (ports: readonly string[]) => Promise<string[]>;
};

export async function outsider(t: Test, host: string): Promise<Outsider> {
  const holder = spawn('unshare', ['--net', 'sh', '-c', 'ip link set lo up; echo up; exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.teardown(() => holder.kill('SIGKILL'));
  await once(holder.stdout, 'data');
  const pid = String(holder.pid);
  const inside = ['nsenter', '-t', pid, '-n'];
  for (const command of [
    `ip link set tk1 netns ${pid}`,
    `${inside.join(' ')} ip addr add ${OUTSIDE}/24 dev tk1`,
    `${inside.join(' ')} ip link set tk1 up`,
  ]) {
    execFileSync('sh', ['-ec', command]);
  }
  return {
    reached: async (ports) => {
      const through = new Set<string>();
      const closers = await Promise.all(ports.map((port) => listen(port, host, () => through.add(port))));
      const knocker = spawn('nsenter', [...inside.slice(1), process.execPath, '-e', KNOCK, host, ...ports], {
        stdio: ['pipe', 'inherit', 'inherit'],
      });
      const ended = once(knocker, 'exit');
      const deadline = Date.now() + 20_000;
      while (!through.has(ports.at(-1) ?? '')) {
        if (Date.now() > deadline) throw new Error('Nothing came through, not even the last one.');
        await pause(20);
      }
      knocker.stdin.end();
      await ended;
      for (const close of closers) close();
      return ports.filter((port) => through.has(port));
    },
  };
}

async function listen(port: string, host: string, onKnock: () => void): Promise<() => void> {
  const number = Number(port.slice(4));
  if (port.startsWith('udp')) {
    const socket = createSocket('udp4', onKnock);
    socket.bind(number, host);
    await once(socket, 'listening');
    return () => socket.close();
  }
  const server = createServer((connection) => {
    connection.on('error', () => undefined).destroy();
    onKnock();
  });
  server.listen(number, host);
  await once(server, 'listening');
  return () => server.close();
}
