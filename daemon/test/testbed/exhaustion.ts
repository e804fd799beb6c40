/** Programs inside a namespace's slice that take all it has of one thing, as a part of it gone mad would. */
import { sliceOf, unitOf } from '../../system/systemd/unit-names.ts';
import type { Box } from './box.ts';

const NODE = '/opt/turnkeep/current/runtime/node';
/** Each has a bound of its own, too: where nobody holds the limits this machine lives on, and the test fails. */
const PROGRAMS = {
  /** 1.5 GiB within four seconds. */
  memory: `${NODE} -e "const kept = []; setInterval(() => kept.push(Buffer.alloc(8 << 20, 1)) < 192 || process.exit(), 20)"`,
  /** A fork bomb. */
  tasks: `/usr/bin/perl -e 'fork while 1'`,
  /** More busy loops than there are processors. */
  cpu: `/bin/sh -c 'for i in 1 2 3 4; do while :; do :; done & done; wait'`,
} as const;
export type Exhausted = keyof typeof PROGRAMS;

export async function exhaust(box: Box, namespace: string, what: Exhausted): Promise<void> {
  if (what === 'memory') {
    // The kernel ends the services first, and then what took their memory.
    const first = (['turn', 'sfu'] as const).map(
      (kind) =>
        `echo 1000 > /proc/$(systemctl show -P MainPID '${unitOf({ kind, namespace })}')/oom_score_adj`,
    );
    await box.sh(first.join('\n'));
  }
  await box.sh(
    `systemd-run --quiet --collect --unit=mad-${what} --slice='${sliceOf(namespace)}' --uid=nobody --property=LimitNPROC=400 --property=KillSignal=SIGKILL --property=TimeoutStopSec=2 ${PROGRAMS[what]}`,
  );
}

/** Twice is harmless; that of memory ends by itself. */
export async function relieve(box: Box, what: Exhausted): Promise<void> {
  await box.run(['systemctl', 'stop', `mad-${what}`]);
}
