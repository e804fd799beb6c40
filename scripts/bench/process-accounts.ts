/** What the kernel has written down about a process and its children: run time and memory. */
import { readdirSync, readFileSync } from 'node:fs';

/** Run time of all threads of the process tree, from the scheduler's own accounting. */
export function cpuNanoseconds(pid: number): number {
  return processTree(pid).reduce((total, one) => total + threadsNanoseconds(one), 0);
}

/** Resident memory of the process tree in bytes. */
export function residentBytes(pid: number): number {
  return processTree(pid).reduce((total, one) => {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${one}/status`, 'utf8'))?.[1];
    return total + Number(kilobytes ?? 0) * 1024;
  }, 0);
}

function processTree(pid: number): number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );
  return [pid, ...children.flatMap(processTree)];
}

function threadsNanoseconds(pid: number): number {
  return readdirSync(`/proc/${pid}/task`).reduce((total, thread) => {
    const [runNs = '0'] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ');
    return total + Number(runNs);
  }, 0);
}
