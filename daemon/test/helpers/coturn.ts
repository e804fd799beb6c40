/** Debian's coturn in tests: its client tools, and its server as the second opinion about a row. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { accessSync, constants, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { delimiter, join } from 'node:path';
import type { Test } from 'tap';
import { freePort } from './turn-client.ts';

export type Run = { code: number | null; output: string };

/** A server the client can be pointed at: ours or coturn's. `v6` is always `::1`. */
export type Target = { v4: string; v6: string; port: number; tlsPort: number };

/** `timeout` ends a client that hangs, which is what it does for a lost answer: exit code 124. */
export function runTool(tool: string, args: readonly string[], limitSeconds = 40): Promise<Run> {
  return new Promise((resolve) => {
    execFile('timeout', ['--kill-after=5', String(limitSeconds), tool, ...args], (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : null;
      resolve({ code, output: stdout + stderr });
    });
  });
}

function missing(tool: string): boolean {
  return !(process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, tool), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Runs the test only with the tools; without them it fails under CI and is skipped elsewhere. */
export function withTools(
  t: Test,
  name: string,
  tools: readonly string[],
  body: (t: Test) => Promise<void>,
): void {
  const absent = tools.filter(missing);
  const remedy = `${absent.join(', ')} not found; install the package coturn`;
  if (absent.length === 0) void t.test(name, body);
  else if (process.env['CI'] === 'true') t.fail(`${name}: ${remedy}`);
  else void t.test(name, { skip: remedy }, () => undefined);
}

/** The peer that sends back what it gets, on these addresses. @returns its port. */
export async function startEcho(t: Test, addresses: readonly string[]): Promise<number> {
  const port = await freePort(...addresses);
  const listen = addresses.flatMap((address) => ['-L', address]);
  const child = spawn('turnutils_peer', ['-p', String(port), ...listen], { stdio: 'ignore' });
  endWith(t, child);
  return port;
}

/** A `turnserver` of our own: no service of the system is touched. */
export async function startTurnserver(
  t: Test,
  options: {
    address: string;
    secret: string;
    realm: string;
    dir: string;
    certFile: string;
    keyFile: string;
    minPort: number;
    maxPort: number;
  },
): Promise<Target> {
  const { address, dir, minPort, maxPort } = options;
  const port = await freePort(address, '::1');
  const tlsPort = await freePort(address, '::1');
  const configFile = join(dir, 'turnserver.conf');
  const lines = [
    ...[`listening-ip=${address}`, 'listening-ip=::1', `relay-ip=${address}`, 'relay-ip=::1'],
    ...[`listening-port=${port}`, `tls-listening-port=${tlsPort}`],
    ...[`min-port=${minPort}`, `max-port=${maxPort}`],
    ...['use-auth-secret', `static-auth-secret=${options.secret}`, `realm=${options.realm}`],
    ...[`cert=${options.certFile}`, `pkey=${options.keyFile}`],
    ...['allow-loopback-peers', 'mobility', 'fingerprint', 'no-cli', 'relay-threads=1'],
    ...[`userdb=${join(dir, 'turndb')}`, `pidfile=${join(dir, 'turnserver.pid')}`, 'log-file=stdout'],
  ];
  writeFileSync(configFile, `${lines.join('\n')}\n`, { mode: 0o600 });
  const child = spawn('turnserver', ['-c', configFile], { stdio: 'ignore' });
  endWith(t, child);
  for (const [host, at] of [
    [address, port],
    ['::1', tlsPort],
  ] as const) {
    await untilListening(child, host, at);
  }
  return { v4: address, v6: '::1', port, tlsPort };
}

function endWith(t: Test, child: ChildProcess): void {
  const exited = new Promise((resolve) => child.on('close', resolve));
  t.teardown(async () => {
    child.kill('SIGKILL');
    await exited;
  });
}

async function untilListening(child: ChildProcess, host: string, port: number): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    if (child.exitCode !== null) throw new Error(`turnserver ended with ${child.exitCode}`);
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect({ host, port }, () => {
        resolve(true);
        socket.destroy();
      });
      socket.once('error', () => {
        resolve(false);
      });
    });
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`turnserver does not listen on ${host}:${port}`);
}
