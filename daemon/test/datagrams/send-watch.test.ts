import t from 'tap';
import { SendWatch } from '../../datagrams/send-watch.ts';

const refused = new Error('refused');

t.test('a flow that works is asked about with its first packet and rarely after', (t) => {
  const watch = new SendWatch(() => t.fail('nothing failed'));
  const asked: number[] = [];
  for (let at = 0; at < 100; at += 1) {
    const onSent = watch.next();
    if (onSent === undefined) continue;
    asked.push(at);
    onSent(null);
  }
  t.same(asked, [0, 32, 64, 96]);
  t.end();
});

t.test('a flow that fails is counted packet by packet', (t) => {
  let failures = 0;
  const watch = new SendWatch(() => (failures += 1));
  for (let at = 0; at < 500; at += 1) watch.next()?.(refused);
  t.equal(failures, 500);
  t.end();
});

t.test('one bad destination among good ones stays watched', (t) => {
  let failures = 0;
  const watch = new SendWatch(() => (failures += 1));
  for (let at = 0; at < 320; at += 1) watch.next()?.(at % 16 === 0 ? refused : null);
  t.equal(failures, 20);
  t.end();
});

t.test('a flow that works again is asked about rarely again', (t) => {
  let asked = 0;
  const watch = new SendWatch(() => undefined);
  watch.next()?.(refused);
  for (let at = 0; at < 32 + 320; at += 1) {
    const onSent = watch.next();
    if (onSent === undefined) continue;
    asked += 1;
    onSent(null);
  }
  t.equal(asked, 32 + 10);
  t.end();
});

t.test('a failed answer makes the relayed packets after it report', (t) => {
  let failures = 0;
  const watch = new SendWatch(() => (failures += 1));
  watch.next()?.(null);
  watch.onSent(refused);
  for (let at = 0; at < 10; at += 1) watch.next()?.(refused);
  t.equal(failures, 11);
  t.end();
});
