/** Runs the files of a phase side by side, and those that deserve it a second time. */
import { needsBox, SECOND_CHANCE, type Phase, type TestFile } from './levels.ts';
import { runFile, type Outcome } from './run-file.ts';

/**
 * A file of these levels that fails runs once more, alone, when all others are through. What passes then is
 * no failure but is called flaky.
 *
 * @param boxReady settled when files that boot a box may start
 * @returns one outcome per file, and the flaky ones
 */
export async function runPhase(
  { files, width }: Phase,
  boxReady: Promise<void>,
): Promise<{ outcomes: Outcome[]; flaky: string[] }> {
  const outcomes: Outcome[] = [];
  const again: Outcome[] = [];
  const flaky: string[] = [];
  const settle = (outcome: Outcome): void => {
    outcomes.push(outcome);
    print(outcome);
  };
  await sideBySide(files, width, boxReady, async (test) => {
    const outcome = await runFile(test);
    if (outcome.failed > 0 && SECOND_CHANCE.has(test.level)) again.push(outcome);
    else settle(outcome);
  });
  for (const first of again) {
    const outcome = await runFile(first.test);
    if (outcome.failed === 0) {
      flaky.push(first.test.file);
      console.log(`FLAKY ${first.test.file}  passes when run again; its first run:\n${first.report}`);
    }
    settle(outcome);
  }
  return { outcomes, flaky };
}

/** Starts each file as soon as there is a place and nobody else has what it claims. */
async function sideBySide(
  files: readonly TestFile[],
  width: number,
  boxReady: Promise<void>,
  run: (test: TestFile) => Promise<void>,
): Promise<void> {
  const waiting = [...files];
  const running = new Map<TestFile, Promise<void>>();
  const box = { ready: false };
  const becomesReady = boxReady.then(() => {
    box.ready = true;
  });
  const free = (test: TestFile): boolean =>
    (box.ready || !needsBox(test.file)) &&
    ![...running.keys()].some(({ claims }) => claims.some((claim) => test.claims.includes(claim)));
  while (waiting.length > 0 || running.size > 0) {
    const at = running.size < width ? waiting.findIndex(free) : -1;
    const [next] = at === -1 ? [] : waiting.splice(at, 1);
    if (next === undefined) {
      await Promise.race([...running.values(), ...(box.ready ? [] : [becomesReady])]);
      continue;
    }
    const ended = run(next).finally(() => running.delete(next));
    running.set(next, ended);
  }
}

function print({ test, passed, failed, skipped, seconds, report }: Outcome): void {
  const mark = failed > 0 ? 'FAIL' : 'ok  ';
  const variant = Object.entries(test.env).map(([key, value]) => `  ${key}=${value}`);
  console.log(`${mark} ${test.file}${variant.join('')}  ${passed} passed, ${seconds.toFixed(1)} s`);
  for (const one of skipped) console.log(`     skipped: ${one}`);
  if (failed > 0) console.log(report);
}
