/**
 * The control groups of a box. A machine has them in one hierarchy (second generation) or one for each controller
 * (first); on the latter a box sees either the second generation without controllers, where systemd accepts limits and
 * nobody holds them, or the first, where the kernel does.
 */
import { existsSync } from 'node:fs';

const ROOT = '/sys/fs/cgroup';
/** Those that systemd needs for MemoryMax=, TasksMax=, CPUQuota= and CPUWeight=. */
const CONTROLLERS = ['cpu', 'cpuacct', 'memory', 'pids'];

/** Of a machine, against 1024 of each program beside it. */
const CPU_SHARES = 20 * 1024;

export type Hierarchies = {
  /** What systemd in the box sees. */
  unified: boolean;
  /** Where the box has a group of its own. */
  paths: string[];
};

/** @throws Error where limits are asked for and this machine can hold none. */
export function hierarchies(enforcesLimits: boolean): Hierarchies {
  const present = (names: readonly string[]): string[] =>
    names.map((name) => `${ROOT}${name}`).filter((path) => existsSync(`${path}/cgroup.procs`));
  const own = present(['/systemd', '/unified', '']);
  const isSecond = existsSync(`${ROOT}/cgroup.controllers`);
  if (!enforcesLimits || isSecond) return { unified: true, paths: own };
  const controllers = present(CONTROLLERS.map((name) => `/${name}`));
  if (controllers.length < CONTROLLERS.length) {
    throw new Error(
      `${ROOT} has not all of ${CONTROLLERS.join(', ')}: limits cannot be held on this machine.`,
    );
  }
  return { unified: false, paths: [...own, ...controllers] };
}

/** A shell script that moves its own shell into the groups; nothing of a former boot is left in them. */
export function makeGroups({ paths }: Hierarchies, name: string): string {
  // Of the second generation a group has the controllers that its parent hands down.
  const handDown = `if [ -e ${ROOT}/cgroup.controllers ]; then for c in cpu memory pids; do echo +$c > ${ROOT}/cgroup.subtree_control; done; fi`;
  return `{ ${handDown}; for h in ${paths.join(' ')}; do mkdir -p $h/${name}
    find $h/${name} -mindepth 1 -depth -type d -exec rmdir {} \\;; [ ! -e $h/${name}/cpu.shares ] || echo ${CPU_SHARES} > $h/${name}/cpu.shares
    echo $$ > $h/${name}/cgroup.procs; done; } 2>/dev/null`;
}

export function removeGroups({ paths }: Hierarchies, name: string): string {
  return `for h in ${paths.join(' ')}; do [ -d $h/${name} ] && find $h/${name} -depth -type d -exec rmdir {} \\; ; done; true`;
}

/** The arguments of systemd-nspawn that say what PID 1 is. */
export function initOf({ unified }: Hierarchies): string[] {
  if (unified) return ['--boot'];
  // nspawn mounts the controllers read-only, each with the box's own group as its root.
  const open = CONTROLLERS.map((name) => `mount -o remount,rw,bind ${ROOT}/${name}`).join(' && ');
  return ['/bin/sh', '-c', `${open} && exec /lib/systemd/systemd`];
}
