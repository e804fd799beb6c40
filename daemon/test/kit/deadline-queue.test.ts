import fc from 'fast-check';
import t from 'tap';
import { DeadlineQueue } from '../../kit/deadline-queue.ts';

t.test('takes expired keys in order of their deadlines', (t) => {
  const queue = new DeadlineQueue<string>();
  queue.set('c', 30);
  queue.set('a', 10);
  queue.set('b', 20);
  t.equal(queue.next(), 10);
  t.equal(queue.takeExpired(25), 'a');
  t.equal(queue.takeExpired(25), 'b');
  t.equal(queue.takeExpired(25), undefined);
  t.equal(queue.size, 1);
  t.end();
});

t.test('a moved deadline counts only at its new time', (t) => {
  const queue = new DeadlineQueue<string>();
  queue.set('a', 10);
  queue.set('a', 50);
  t.equal(queue.takeExpired(20), undefined);
  t.equal(queue.takeExpired(50), 'a');
  t.equal(queue.takeExpired(1000), undefined);
  t.end();
});

t.test('behaves like a plain map of deadlines under random operations', (t) => {
  const operation = fc.oneof(
    fc.record({ op: fc.constant('set' as const), key: fc.nat(20), at: fc.nat(1000) }),
    fc.record({ op: fc.constant('delete' as const), key: fc.nat(20), at: fc.constant(0) }),
    fc.record({ op: fc.constant('take' as const), key: fc.constant(0), at: fc.nat(1000) }),
  );
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 400 }), (operations) => {
      const queue = new DeadlineQueue<number>();
      const model = new Map<number, number>();
      for (const { op, key, at } of operations) {
        if (op === 'set') {
          queue.set(key, at);
          model.set(key, at);
        } else if (op === 'delete') {
          queue.delete(key);
          model.delete(key);
        } else {
          const taken = queue.takeExpired(at);
          const due = [...model].filter(([, deadline]) => deadline <= at).map(([, deadline]) => deadline);
          if (taken === undefined) {
            if (due.length > 0) return false;
          } else {
            if (model.get(taken) !== Math.min(...due)) return false;
            model.delete(taken);
          }
        }
        const next = model.size === 0 ? undefined : Math.min(...model.values());
        if (queue.size !== model.size || queue.next() !== next) return false;
      }
      return true;
    }),
  );
  t.pass('no difference found');
  t.end();
});
