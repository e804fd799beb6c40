/** How busy this host and the daemon are, as the kernel says. */
import { readFile } from 'node:fs/promises';
import { cpus, freemem, hostname, loadavg, totalmem, uptime } from 'node:os';
import type { HostLoad } from '../contract/load.ts';
import { processLoad } from '../kit/process-load.ts';
import { diskOf } from './host-resources.ts';

/** @param dataDir whose disk is looked at. Never rejects. */
export async function hostLoad(dataDir: string): Promise<HostLoad> {
  const [disk, availableBytes] = await Promise.all([diskOf(dataDir), availableMemory()]);
  return {
    name: hostname(),
    cpus: cpus().length,
    loadAverage: loadavg()[0] ?? 0,
    upSeconds: Math.round(uptime()),
    memory: { totalBytes: totalmem(), availableBytes: availableBytes ?? freemem() },
    disk,
    daemon: { ...processLoad(), startedAt: new Date(Math.round(performance.timeOrigin)).toISOString() },
  };
}

/** What programs may still take: the kernel gives its caches back, `freemem` does not count them. */
async function availableMemory(): Promise<number | null> {
  const text = await readFile('/proc/meminfo', 'utf8').catch(() => '');
  const kibibytes = /^MemAvailable:\s+([0-9]+) kB$/m.exec(text)?.[1];
  return kibibytes === undefined ? null : Number(kibibytes) * 1024;
}
