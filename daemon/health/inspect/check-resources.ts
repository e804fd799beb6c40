/** The host gives what media needs: socket buffers, open files, disk. */
import type { Finding } from '../../contract/diagnosis.ts';
import type { Facts } from './facts.ts';
import { HOST, orWell, sayAs } from './finding.ts';

const CHECK = 'host';
const say = sayAs(CHECK);
/** What the services ask for: a burst of key frames to many viewers. */
const BUFFER_BYTES = 8 * 1024 * 1024;
const MEGABYTE = 1024 * 1024;
const LOW_DISK_BYTES = 500 * MEGABYTE;
export const NO_DISK_BYTES = 50 * MEGABYTE;
const MIN_OPEN_FILES = 4096;

export function checkResources({ resources }: Pick<Facts, 'resources'>): Finding[] {
  const { receiveBufferBytes, sendBufferBytes, openFiles, disk } = resources;
  const findings = [];
  for (const [name, bytes] of [
    ['net.core.rmem_max', receiveBufferBytes],
    ['net.core.wmem_max', sendBufferBytes],
  ] as const) {
    if (bytes === null || bytes >= BUFFER_BYTES) continue;
    const sentence = `${name} is ${String(bytes)} bytes: bursts of pictures are lost in the kernel.`;
    findings.push(
      say('warning', HOST, sentence, `\`sysctl -w ${name}=${String(BUFFER_BYTES)}\`, as install.sh does.`),
    );
  }
  if (openFiles !== null) {
    const { used, limit } = openFiles;
    if (used > limit * 0.9) {
      const sentence = `turnkeepd has ${String(used)} of ${String(limit)} files open: soon it takes no connection.`;
      findings.push(
        say('failure', HOST, sentence, 'Raise LimitNOFILE of turnkeepd.service, then restart it.'),
      );
    } else if (limit < MIN_OPEN_FILES) {
      const sentence = `turnkeepd may open ${String(limit)} files only.`;
      findings.push(
        say('warning', HOST, sentence, `Raise its limit (ulimit -n) to ${String(MIN_OPEN_FILES)}.`),
      );
    }
  }
  if (disk?.readOnly === true) {
    const sentence = `The disk of ${disk.path} takes nothing: it is mounted read-only. Pictures run on, every change fails.`;
    const remedy =
      'Look for a failing disk in `dmesg`; then `mount -o remount,rw` of that file system. turnkeepd goes on by itself.';
    findings.push(say('failure', HOST, sentence, remedy));
  }
  if (disk !== null && disk.freeBytes < LOW_DISK_BYTES) {
    const sentence = `${disk.path} has ${String(Math.floor(disk.freeBytes / MEGABYTE))} MB left: a full disk stops every change.`;
    findings.push(
      say(disk.freeBytes < NO_DISK_BYTES ? 'failure' : 'warning', HOST, sentence, 'Make room on it.'),
    );
  }
  return orWell(CHECK, findings, 'Socket buffers, open files and disk are sufficient.');
}
