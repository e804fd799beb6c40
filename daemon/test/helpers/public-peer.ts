/** A peer on addresses that count as public, in a network namespace beside the one of the test. */
import { execFileSync, spawn } from 'node:child_process';
import type { Test } from 'tap';

export const PEER_PORT = 20_000;
/** Sends back what comes, by UDP and by TCP. */
const ECHO = `
const { createSocket } = require('node:dgram');
const socket = createSocket('udp4');
socket.on('message', (bytes, { port, address }) => socket.send(bytes, port, address));
const tcp = require('node:net').createServer((one) => one.on('error', () => 0).pipe(one));
socket.bind(${PEER_PORT}, () => tcp.listen(${PEER_PORT}, '0.0.0.0', () => console.log('bound')));
process.stdin.on('end', () => process.exit()).resume();
`;

/**
 * Links this network namespace, which must be the test's own, to a new one.
 * @param addresses.own for this end, a /24 each; `peer` for the other, where `PEER_PORT` echoes.
 */
export async function openPeerBeside(
  t: Test,
  addresses: { own: readonly string[]; peer: readonly string[] },
): Promise<void> {
  // The child makes its namespace before node starts in it, so what it prints comes from inside.
  const beside = spawn('unshare', ['--net', process.execPath, '-e', ECHO], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.teardown(() => beside.kill('SIGKILL'));
  await new Promise((resolve) => beside.stdout.once('data', resolve));
  const pid = String(beside.pid);
  const ip = (...words: string[]): unknown => execFileSync('ip', words);
  const inside = (...words: string[]): unknown => execFileSync('nsenter', ['-t', pid, '-n', 'ip', ...words]);
  ip('link', 'add', 'tk-own', 'type', 'veth', 'peer', 'name', 'tk-beside', 'netns', pid);
  for (const address of addresses.own) ip('address', 'add', `${address}/24`, 'dev', 'tk-own');
  ip('link', 'set', 'tk-own', 'up');
  for (const address of addresses.peer) inside('address', 'add', `${address}/24`, 'dev', 'tk-beside');
  inside('link', 'set', 'tk-beside', 'up');
}
