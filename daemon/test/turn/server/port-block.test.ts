import fc from 'fast-check';
import t from 'tap';
import { PortBlock } from '../../../turn/server/port-block.ts';

const NOW = 1_700_000_000_000;
const block = (minPort: number, maxPort: number, start = 0): PortBlock =>
  new PortBlock({ minPort, maxPort, random: (below) => start % below });

t.test('gives out every port once, then none', (t) => {
  const ports = block(5001, 5004, 2);
  const taken = [1, 2, 3, 4].map(() => ports.take('any', NOW));
  t.same(taken, [5003, 5004, 5001, 5002], 'from the random start on');
  t.equal(ports.take('any', NOW), undefined);
  t.equal(ports.inUse, 4);
  t.end();
});

t.test('a released port rests; under pressure the longest rested comes first', (t) => {
  const ports = block(5001, 5003);
  for (let count = 0; count < 3; count += 1) ports.take('any', NOW);
  ports.release(5002, NOW);
  ports.release(5001, NOW + 100);
  t.equal(ports.take('any', NOW + 1000), undefined, 'none has rested the least time');
  t.equal(ports.take('any', NOW + 3000), 5002, 'the longest rested');
  t.equal(ports.take('any', NOW + 3000), 5001);
  ports.release(5003, NOW);
  ports.release(5001, NOW);
  t.equal(ports.take('any', NOW + 60_000), 5001, 'well rested: from the start');
  t.end();
});

t.test('even ports and pairs', (t) => {
  t.equal(block(5001, 5004).take('even', NOW), 5002);
  const ports = block(5001, 5004, 3);
  t.equal(ports.take('even-pair', NOW), 5002, '5004 has no partner in the block');
  t.equal(ports.take('any', NOW), 5004);
  t.equal(ports.take('any', NOW), 5001);
  t.equal(ports.take('any', NOW), undefined, '5003 is the pair’s');
  t.end();
});

t.test('never gives out a port that is in use', (t) => {
  const step = fc.record({
    take: fc.boolean(),
    parity: fc.constantFrom('any', 'even', 'even-pair'),
    pick: fc.nat(),
    waitMs: fc.nat(90_000),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.nat(), (steps, start) => {
      const ports = block(6001, 6012, start);
      const used: number[] = [];
      let nowMs = NOW;
      for (const { take, parity, pick, waitMs } of steps) {
        nowMs += waitMs;
        if (!take && used.length > 0) {
          ports.release(used.splice(pick % used.length, 1)[0]!, nowMs);
          continue;
        }
        const port = ports.take(parity, nowMs);
        if (port === undefined) continue;
        const got = parity === 'even-pair' ? [port, port + 1] : [port];
        if (got.some((one) => used.includes(one) || one < 6001 || one > 6012)) return false;
        if (parity !== 'any' && port % 2 !== 0) return false;
        used.push(...got);
      }
      return ports.inUse === used.length;
    }),
  );
  t.pass('for every sequence');
  t.end();
});
