/**
 * The disk of a box in a machine of its own (QEMU, emulated), with Debian's own kernel: for what containers cannot
 * show, because they share this machine's control groups. Slow: only tests of the folder `qemu` use it.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ensureRootfs } from './rootfs.ts';

const run = promisify(execFile);
const HOME = join(import.meta.dirname, '../../../.cache/testbed');
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

/** The rootfs of the boxes with a kernel in it, made once per checkout. */
export async function ensureKernelRootfs(): Promise<string> {
  const path = join(HOME, 'rootfs-kernel');
  if (existsSync(`${path}.made`)) return path;
  const rootfs = await ensureRootfs();
  rmSync(path, { recursive: true, force: true });
  const install =
    'apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends linux-image-cloud-amd64 initramfs-tools zstd';
  await run('cp', ['-a', rootfs, path]);
  await run('cp', ['/etc/resolv.conf', join(path, 'etc/resolv.conf')]);
  await run('chroot', [path, 'sh', '-ec', install], { timeout: 250_000, maxBuffer: MAX_OUTPUT_BYTES });
  writeFileSync(`${path}.made`, '');
  return path;
}

/**
 * Boots the files of a folder as they are, and waits until the machine turns itself off.
 * @returns what it said on its serial console.
 */
export async function bootMachine(root: string, options: { timeoutMs: number }): Promise<string> {
  const home = join(HOME, `vm-${String(process.pid)}`);
  mkdirSync(home, { recursive: true });
  const disk = join(home, 'disk.img');
  const inBoot = (prefix: string): string =>
    join(root, 'boot', readdirSync(join(root, 'boot')).find((name) => name.startsWith(prefix)) ?? prefix);
  try {
    await run('truncate', ['-s', '4G', disk]);
    await run('mkfs.ext4', ['-q', '-L', 'root', '-d', root, disk], { timeout: 250_000 });
    const { stdout } = await run(
      'qemu-system-x86_64',
      [
        ...'-M q35 -accel tcg,thread=multi -cpu max -smp 2 -m 2048 -nographic -no-reboot -nic none'.split(
          ' ',
        ),
        ...['-kernel', inBoot('vmlinuz-'), '-initrd', inBoot('initrd.img-')],
        ...['-append', 'root=/dev/vda rw console=ttyS0 quiet systemd.show_status=0'],
        ...['-drive', `file=${disk},if=virtio,format=raw,cache=unsafe`],
      ],
      { timeout: options.timeoutMs, killSignal: 'SIGKILL', maxBuffer: MAX_OUTPUT_BYTES },
    ).catch((error: unknown) => {
      const said = (error as { stdout?: string }).stdout ?? '';
      throw new Error(`the machine did not turn itself off:\n${said.slice(-4000)}`, { cause: error });
    });
    return stdout;
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}
