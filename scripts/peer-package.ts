/**
 * Packages of others that benchmarks and negative fixtures run beside ours. They are no dependency of the
 * product: each is installed into a folder of its own under `.cache/`, once, without install scripts.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

export type PeerPackage = { name: string; version: string; integrity: string };

/** npm's TURN server of 2020: the slow baseline, and what our tests must be able to fail on. */
export const NODE_TURN: PeerPackage = {
  name: 'node-turn',
  version: '0.0.6',
  integrity:
    'sha512-HJRfWIADk5I61jZlrKHwx/A+IgusnN7Fs/M9wl0xuSxTynKnh4ZBLvvIeBH5w556bl2bFFkzHiCJFIZ3FR7fmA==',
};

const INSTALL_LIMIT_MS = 120_000;
const REPOSITORY = resolve(import.meta.dirname, '..');

/** The package's folder; installed when it is not there yet. Or a sentence on why it is missing. */
export function installPeerPackage(wanted: PeerPackage): { folder: string } | { missing: string } {
  const home = join(REPOSITORY, '.cache/peers', `${wanted.name}-${wanted.version}`);
  const folder = join(home, 'node_modules', wanted.name);
  if (existsSync(join(home, 'complete'))) return { folder };
  rmSync(home, { recursive: true, force: true });
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, 'package.json'), '{ "private": true }\n');
  const install = spawnSync(
    'npm',
    [
      'install',
      '--ignore-scripts',
      '--save-exact',
      '--no-audit',
      '--no-fund',
      `${wanted.name}@${wanted.version}`,
    ],
    { cwd: home, encoding: 'utf8', timeout: INSTALL_LIMIT_MS },
  );
  if (install.status !== 0) {
    return { missing: `Left out ${wanted.name}: npm could not install it (is there a network?)` };
  }
  const lock = JSON.parse(readFileSync(join(home, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { integrity?: string } | undefined>;
  };
  const integrity = lock.packages[`node_modules/${wanted.name}`]?.integrity;
  if (integrity !== wanted.integrity) {
    rmSync(home, { recursive: true, force: true });
    throw new Error(`${wanted.name}@${wanted.version} is not the package that was pinned: ${integrity}`);
  }
  writeFileSync(join(home, 'complete'), '');
  return { folder };
}
