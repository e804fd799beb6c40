/** A minimal Debian 12 as a folder: made once per checkout (about a minute), the lower layer of every box. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const PACKAGES =
  // libpam-systemd by name: debootstrap does not resolve polkitd's virtual "logind".
  'systemd,systemd-sysv,dbus,libpam-systemd,polkitd,iproute2,nftables,ufw,procps,ca-certificates,login,kmod,libstdc++6,libatomic1,bind9-dnsutils';
const HOME = join(import.meta.dirname, '../../../.cache/testbed');

/** @returns the folder. Needs root and debootstrap; the packages come from the mirror this machine uses. */
export async function ensureRootfs(): Promise<string> {
  const path = join(HOME, 'rootfs');
  const recipe = createHash('sha256').update(PACKAGES).digest('hex').slice(0, 12);
  const marker = join(HOME, `rootfs-${recipe}`);
  if (existsSync(marker)) return path;
  mkdirSync(HOME, { recursive: true });
  rmSync(path, { recursive: true, force: true });
  const fresh = `${path}.new`;
  // A mirror that hiccups is asked a second time.
  await bootstrap(fresh).catch(() => bootstrap(fresh));
  mkdirSync(join(fresh, 'var/log/journal'), { recursive: true }); // Else the journal does not survive a reboot.
  for (const timer of ['apt-daily.timer', 'apt-daily-upgrade.timer']) {
    await run('ln', ['-sf', '/dev/null', join(fresh, 'etc/systemd/system', timer)]);
  }
  writeFileSync(join(fresh, 'etc/machine-id'), '');
  renameSync(fresh, path);
  writeFileSync(marker, '');
  return path;
}

async function bootstrap(folder: string): Promise<void> {
  rmSync(folder, { recursive: true, force: true });
  const args = ['--variant=minbase', `--include=${PACKAGES}`, 'bookworm', folder, ...mirror()];
  try {
    await run('debootstrap', args, { timeout: 250_000, maxBuffer: 16 * 1024 * 1024 });
  } catch (cause) {
    const log = join(folder, 'debootstrap/debootstrap.log');
    const words = existsSync(log) ? readFileSync(log, 'utf8').slice(-2000) : '';
    throw new Error(`debootstrap failed:\n${words}`, { cause });
  }
}

/** The mirror of this machine's own apt, in either of its two file formats. */
function mirror(): string[] {
  for (const [file, pattern] of [
    ['/etc/apt/sources.list.d/debian.sources', /^URIs:\s*(\S+)/m],
    ['/etc/apt/sources.list', /^deb\s+(?:\[[^\]]*\]\s+)?(\S+)/m],
  ] as const) {
    const found = existsSync(file) ? pattern.exec(readFileSync(file, 'utf8'))?.[1] : undefined;
    if (found !== undefined) return [found];
  }
  return [];
}
