/** A quota that the processes of a namespace cannot live in is refused before they crash in it. */
import t from 'tap';
import { daemonConfigSchema } from '../../contract/daemon-config.ts';

const problems = (workers: number, services: object): string[] => {
  const { error } = daemonConfigSchema.safeParse({ sfu: { workers }, services });
  return (error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`);
};

t.test('a quota has room for all workers', (t) => {
  const manager = 'systemd';
  t.strictSame(problems(1, { manager, quota: { tasks: 48, memoryMiB: 256 } }), []);
  t.strictSame(problems(8, { manager }), []);
  t.match(problems(16, { manager }), [
    /^services\.quota\.tasks: 128 processes and threads are too few for the 18 processes .* sfu\.workers: 16; it needs 198/,
  ]);
  t.match(problems(4, { manager, quota: { memoryMiB: 256 } }), [/^services\.quota\.memoryMiB: .*needs 384/]);
  t.strictSame(problems(16, { manager, quota: { tasks: 256 } }), []);
  t.strictSame(problems(16, { manager: 'child-process' }), [], 'nobody holds those to a quota');
  t.end();
});
