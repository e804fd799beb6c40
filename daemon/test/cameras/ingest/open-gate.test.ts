import t from 'tap';
import { OpenGate } from '../../../cameras/ingest/open-gate.ts';

t.test('admits in order, up to its width', async (t) => {
  const gate = new OpenGate(2);
  const { signal } = new AbortController();
  const order: number[] = [];
  const leaves: (() => void)[] = [];
  const entering = [1, 2, 3, 4].map(async (n) => {
    const leave = await gate.enter(signal);
    order.push(n);
    leaves.push(leave);
  });
  await Promise.all(entering.slice(0, 2));
  t.same(order, [1, 2]);
  leaves[0]?.();
  leaves[0]?.();
  await entering[2];
  t.same(order, [1, 2, 3], 'leaving twice gives one place back');
  leaves[1]?.();
  await entering[3];
  t.equal(gate.inside, 2);
  leaves[2]?.();
  leaves[3]?.();
  t.equal(gate.inside, 0);
});

t.test('one who gives up takes no place', async (t) => {
  const gate = new OpenGate(1);
  const first = await gate.enter(new AbortController().signal);
  const impatient = new AbortController();
  const waiting = gate.enter(impatient.signal);
  const patient = gate.enter(new AbortController().signal);
  impatient.abort(new Error('no longer wanted'));
  await t.rejects(waiting, { message: 'no longer wanted' });
  await t.rejects(gate.enter(impatient.signal), { message: 'no longer wanted' });
  first();
  (await patient)();
  t.equal(gate.inside, 0);
});
