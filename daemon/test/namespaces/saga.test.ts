import fc from 'fast-check';
import t from 'tap';
import { nextStep, pendingSteps, planOf, resumeDirection, undoOrder } from '../../namespaces/saga.ts';
import type { StepRecord } from '../../namespaces/system.ts';

const inStates = (...states: StepRecord['state'][]): StepRecord[] =>
  states.map((state, at) => ({ id: `s${at}`, label: 'x', state, durationMs: null, note: null }));
const ids = (steps: StepRecord[]): string[] => steps.map((step) => step.id);

t.test('labels are verb phrases without a full stop, ids are unique', (t) => {
  for (const kind of ['enable-webrtc', 'disable-webrtc'] as const) {
    const plan = planOf(kind);
    t.equal(new Set(plan.map((step) => step.id)).size, plan.length);
    for (const { label } of plan) t.match(label, /^[A-Z][a-z]+ .*[^.]$/);
    t.ok(pendingSteps(kind).every((step) => step.state === 'pending'));
  }
  t.end();
});

t.test('the next step is the first that is not done; one that was running is run again', (t) => {
  t.equal(nextStep(inStates('done', 'running', 'pending'))?.id, 's1');
  t.equal(nextStep(inStates('done', 'done')), undefined);
  t.end();
});

t.test('undo goes backwards over everything that was begun', (t) => {
  t.same(ids(undoOrder(inStates('done', 'done', 'failed', 'pending'))), ['s2', 's1', 's0']);
  t.same(ids(undoOrder(inStates('done', 'running', 'pending'))), ['s1', 's0']);
  t.same(ids(undoOrder(inStates('done', 'undone', 'failed'))), ['s2', 's0'], 'the rest of a cut roll back');
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom<StepRecord['state']>('pending', 'running', 'done', 'failed', 'undone')),
      (states) => {
        const steps = inStates(...states);
        const order = undoOrder(steps);
        return order.every((step, at) => at === 0 || steps.indexOf(step) < steps.indexOf(order[at - 1]!));
      },
    ),
  );
  t.end();
});

t.test('a disable goes on, an enable goes back unless all was done', (t) => {
  t.equal(resumeDirection('disable-webrtc', inStates('done', 'failed', 'pending')), 'forward');
  t.equal(resumeDirection('enable-webrtc', inStates('done', 'running', 'pending')), 'backward');
  t.equal(resumeDirection('enable-webrtc', inStates('pending')), 'backward');
  t.equal(resumeDirection('enable-webrtc', inStates('done', 'done')), 'forward');
  t.equal(resumeDirection('enable-webrtc', inStates('undone', 'failed', 'pending')), 'backward');
  t.end();
});
