/** The recovery ladder of a picture that stopped. */
import t from 'tap';
import { climb, type Recovery, type RecoveryInput, type Rung } from '../../client/recovery.ts';

function run(
  forMs: number,
  change: (nowMs: number) => Partial<RecoveryInput> = () => ({}),
): [number, Rung][] {
  const steps: [number, Rung][] = [];
  let recovery: Recovery | null = null;
  for (let nowMs = 0; nowMs <= forMs; nowMs += 500) {
    const result = climb(recovery, {
      nowMs,
      lastFrameAtMs: 0,
      othersFlow: false,
      sourceAway: false,
      signalingOpen: true,
      ...change(nowMs),
    });
    recovery = result.recovery;
    if (result.step !== null) steps.push([nowMs, result.step]);
  }
  return steps;
}

t.test('key frame, ICE restart, new sessions with growing gaps', (t) => {
  const steps = run(60_000);
  t.same(steps.slice(0, 4), [
    [2000, 'key-frame'],
    [4500, 'ice-restart'],
    [9500, 'new-session'],
    [14_500, 'new-session'],
  ]);
  t.ok(steps.slice(3).every(([, step]) => step === 'new-session'));
  t.ok(steps.length < 8, 'it does not hammer');
  t.end();
});

t.test('does nothing while frames come, and ends when they come back', (t) => {
  t.same(
    run(10_000, (nowMs) => ({ lastFrameAtMs: nowMs })),
    [],
  );
  t.same(
    run(6000, (nowMs) => (nowMs >= 3000 ? { lastFrameAtMs: 3000 } : {})),
    [
      [2000, 'key-frame'],
      [5000, 'key-frame'],
    ],
    'a second stop begins at the first rung',
  );
  t.end();
});

t.test('never disturbs the pictures beside it', (t) => {
  t.ok(run(60_000, () => ({ othersFlow: true })).every(([, step]) => step === 'key-frame'));
  t.end();
});

t.test('takes no step for a camera that is known to send nothing, or without signaling', (t) => {
  t.same(
    run(60_000, () => ({ sourceAway: true })),
    [],
  );
  t.same(
    run(60_000, () => ({ signalingOpen: false })),
    [],
  );
  t.same(
    run(10_000, (nowMs) => ({ signalingOpen: nowMs < 3000 || nowMs > 8000 })),
    [
      [2000, 'key-frame'],
      [8500, 'ice-restart'],
    ],
  );
  t.end();
});
