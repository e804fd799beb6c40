/** A real ACME authority, Pebble, on loopback in a `netns` test; it resolves names at a given DNS server. */
import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Test } from 'tap';
import { loadOrCreateLocalCa } from '../../system/local-ca.ts';
import { tempDir } from './temp-dir.ts';

/** Why it cannot run; false when it can. */
export const pebbleSkip = existsSync('/usr/bin/pebble') ? false : 'needs pebble';

export type Pebble = {
  directory: string;
  /** PEM file: who vouches for Pebble's own server. */
  directoryCaFile: string;
  /** PEM of the root of what it issues. */
  root: string;
};

/** @param options.httpPort where it looks for the answers of HTTP-01. */
export async function pebble(
  t: Test,
  options: { address: string; httpPort: number; dnsServer: string },
): Promise<Pebble> {
  const { address, httpPort, dnsServer } = options;
  const dir = tempDir(t);
  const subject = { names: [], addresses: [address], nowMs: Date.now() };
  const { caPem, certPem, keyPem } = await loadOrCreateLocalCa(join(dir, 'ca'), subject);
  const file = (name: string, text: string): string => {
    writeFileSync(join(dir, name), text, { mode: 0o600 });
    return join(dir, name);
  };
  const directoryCaFile = file('ca.pem', caPem);
  const configuration = {
    pebble: {
      listenAddress: `${address}:14000`,
      managementListenAddress: `${address}:15000`,
      certificate: file('server.pem', certPem),
      privateKey: file('server.key', keyPem),
      httpPort,
      tlsPort: 5001,
      ocspResponderURL: '',
      externalAccountBindingRequired: false,
    },
  };
  const args = ['-config', file('config.json', JSON.stringify(configuration)), '-dnsserver', dnsServer];
  const child = spawn('/usr/bin/pebble', args, {
    // Some of the nonces are refused, as in life; every order is proved anew.
    env: { PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '10', PEBBLE_AUTHZREUSE: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-4000)));
  }
  const gone = new Promise((resolve) => child.once('exit', resolve));
  t.teardown(async () => {
    child.kill('SIGKILL');
    await gone;
  });
  const deadline = Date.now() + 30_000;
  for (;;) {
    const root = await fetchText(`https://${address}:15000/roots/0`, caPem).catch(() => '');
    if (root.includes('BEGIN CERTIFICATE')) {
      return { directory: `https://${address}:14000/dir`, directoryCaFile, root };
    }
    if (Date.now() > deadline || child.exitCode !== null) throw new Error(`pebble does not answer:\n${said}`);
    await pause(50);
  }
}

function fetchText(url: string, ca: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get(url, { ca }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => {
        resolve(text);
      });
    }).once('error', reject);
  });
}
