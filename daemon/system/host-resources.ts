/** What the kernel gives this process, and how its clock stands. Never rejects: what is not known is null. */
import { execFile } from 'node:child_process';
import { access, constants, readdir, readFile, statfs } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { promisify } from 'node:util';
import { isErrno } from '../kit/errors.ts';

const COMMAND_TIMEOUT_MS = 3000;

export type HostResources = {
  receiveBufferBytes: number | null;
  sendBufferBytes: number | null;
  openFiles: { used: number; limit: number } | null;
  disk: { path: string; freeBytes: number; totalBytes: number; readOnly: boolean } | null;
};

export async function hostResources(dataDir: string): Promise<HostResources> {
  const [receiveBufferBytes, sendBufferBytes, openFiles, disk] = await Promise.all([
    kernelNumber('/proc/sys/net/core/rmem_max'),
    kernelNumber('/proc/sys/net/core/wmem_max'),
    openFilesOfThis(),
    diskOf(dataDir),
  ]);
  return { receiveBufferBytes, sendBufferBytes, openFiles, disk };
}

/** By how much the clock was set since this process started: the monotonic clock is not set by anybody. */
export function clockMovedMs(): number {
  return Math.round(Date.now() - performance.timeOrigin - performance.now());
}

/** What systemd says of the kernel's clock; null when it cannot be asked. */
export async function clockSynchronised(): Promise<boolean | null> {
  try {
    const { stdout } = await promisify(execFile)(
      'timedatectl',
      ['show', '--property=NTPSynchronized', '--value'],
      { timeout: COMMAND_TIMEOUT_MS },
    );
    const said = stdout.trim();
    return said === 'yes' || said === 'no' ? said === 'yes' : null;
  } catch {
    return null;
  }
}

/** As the interfaces have them, without their zones. */
export function interfaceAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((one) => (one ?? []).map(({ address }) => address));
}

async function kernelNumber(path: string): Promise<number | null> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return /^[0-9]+\s*$/.test(text) ? Number(text) : null;
}

async function openFilesOfThis(): Promise<HostResources['openFiles']> {
  const limits = await readFile('/proc/self/limits', 'utf8').catch(() => '');
  const limit = /^Max open files\s+([0-9]+)/m.exec(limits)?.[1];
  const open = await readdir('/proc/self/fd').catch(() => undefined);
  return limit === undefined || open === undefined ? null : { used: open.length, limit: Number(limit) };
}

/** Never rejects: null when it cannot be told. */
export async function diskOf(path: string): Promise<HostResources['disk']> {
  try {
    const { bsize, bavail, blocks } = await statfs(path);
    const readOnly = await access(path, constants.W_OK).then(
      () => false,
      (error: unknown) => isErrno(error, 'EROFS'),
    );
    return { path, freeBytes: bsize * bavail, totalBytes: bsize * blocks, readOnly };
  } catch {
    return null;
  }
}
