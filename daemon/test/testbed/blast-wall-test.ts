/** The blast wall, proved in a box that another test has installed. */
import type { Test } from 'tap';
import { tempDir } from '../helpers/temp-dir.ts';
import { BlastWall, type Row } from './blast-wall.ts';
import type { Box } from './box.ts';
import { exhaust, relieve } from './exhaustion.ts';
import { enable } from './installed-box.ts';

const TASKS = 64;
const LOOKS = 8;

/** @param box with `enforcesLimits`. @param other a namespace of it that is served. */
export async function blastWallHolds(t: Test, box: Box, other: string): Promise<void> {
  const exhausted = 'cam-mad';
  await enable(box, exhausted);
  await box.sh(`turnkeep namespace quota -n ${exhausted} --memory 256M --tasks ${String(TASKS)}`);
  const wall = await BlastWall.start(box, { exhausted, other }, tempDir(t));
  const unitsOfOther = () => Promise.all([wall.unit('turn', other), wall.unit('sfu', other)]);
  const before = await unitsOfOther();
  const quiet = await wall.during('quiet', 2000);
  const goesOn = (row: Row): boolean => row.other.framesPerSecond > quiet.other.framesPerSecond / 2;
  const holds = (row: Row): void => {
    t.comment(row.what, JSON.stringify(row));
    t.ok(goesOn(row), `${row.what}: the other picture goes on`);
  };

  // The kernel ends both of its services, then what took the memory; systemd starts them again.
  const restarted = async (): Promise<boolean> => {
    const units = await Promise.all([wall.unit('turn', exhausted), wall.unit('sfu', exhausted)]);
    return units.every(({ restarts, pid }) => restarts > 0 && pid > 0);
  };
  holds(
    await wall.during('memory', 1000, async () => {
      await exhaust(box, exhausted, 'memory');
      await box.until(restarted);
    }),
  );
  await wall.untilCalm();

  let row = await wall.during('tasks and CPU', 2000, async () => {
    await exhaust(box, exhausted, 'cpu');
    await exhaust(box, exhausted, 'tasks');
    await box.until(async () => (await wall.taken(exhausted)).tasks === TASKS);
  });
  // The viewer has no slice of its own here, and another test's box may boot on the same processors: it is looked at
  // for as long as the exhaustion lasts. A picture that stands still has no good stretch at all.
  for (let look = 1; look < LOOKS && !goesOn(row); look += 1) row = await wall.during(row.what, 2000);
  holds(row);
  await Promise.all([relieve(box, 'tasks'), relieve(box, 'cpu')]);
  await wall.untilCalm();
  t.strictSame(await unitsOfOther(), before, 'the services of the other are the same processes');
}
