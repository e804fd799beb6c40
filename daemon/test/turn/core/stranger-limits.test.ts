import { randomBytes } from 'node:crypto';
import t from 'tap';
import { METHOD } from '../../../turn/codec/attribute-types.ts';
import { ClientSession } from '../../../turn/core/client-session.ts';
import { StrangerLimits } from '../../../turn/core/stranger-limits.ts';
import { Bench, settings, user } from './harness.ts';

const rates = { strangerRequestsPerSecond: 4, unauthorizedAnswersPerSecond: 2, rememberedSources: 100 };

t.test('requests and answers have buckets of their own, five seconds deep, by source', (t) => {
  const limits = new StrangerLimits(rates);
  const admitted = (address: string, nowMs: number): [number, number] => {
    let requests = 0;
    let answers = 0;
    for (let at = 0; at < 100; at += 1) {
      if (limits.admitsRequest(address, nowMs)) requests += 1;
      if (limits.admitsAnswer(address, nowMs)) answers += 1;
    }
    return [requests, answers];
  };
  t.same(admitted('192.0.2.1', 0), [20, 10]);
  t.same(admitted('192.0.2.1', 1000), [4, 2], 'a second later');
  t.same(admitted('192.0.2.2', 1000), [20, 10], 'a neighbour has its own');
  t.same(admitted('2001:db8:0:1::1', 0), [20, 10]);
  t.same(admitted('2001:db8:0:1:ffff::9', 0), [0, 0], 'a /64 is one source');
  t.same(admitted('2001:db8:0:2::1', 0), [20, 10]);
  const [requests, answers] = limits.uses();
  t.same(requests, { name: 'strangerRequestsPerSecond', limit: 4, refused: 80 + 96 + 80 + 80 + 100 + 80 });
  t.same(answers, { name: 'unauthorizedAnswersPerSecond', limit: 2, refused: 90 + 98 + 90 + 90 + 100 + 90 });
  t.end();
});

t.test('what is remembered of strangers is bounded, and counted when it is forgotten', (t) => {
  const limits = new StrangerLimits(rates);
  for (let at = 0; at < 1000; at += 1) limits.admitsRequest(`10.0.${at >> 8}.${at & 255}`, 0);
  const remembered = () => limits.uses().find(({ name }) => name === 'rememberedSources');
  t.match(remembered(), { limit: 100, used: 100, refused: 900 });
  limits.configure({ ...rates, rememberedSources: 10 });
  t.match(remembered(), { limit: 10, used: 10, refused: 990 });
  limits.configure({ ...rates, strangerRequestsPerSecond: 1 });
  let admitted = 0;
  for (let at = 0; at < 100; at += 1) if (limits.admitsRequest('10.0.3.231', 0)) admitted += 1;
  t.equal(admitted, 5, 'a lower rate counts at once');
  t.end();
});

t.test('failed authentication is answered at its rate, whether there is an allocation or not', (t) => {
  const bench = new Bench({ limits: { ...settings().limits, ...rates } });
  const honest = bench.client(1);
  t.equal(bench.allocate(honest).code, 'success');
  // Unsigned requests in its name: 401 each, as many as the bucket holds (the challenge above took one).
  const forged = (port: number): number => {
    let answers = 0;
    for (let at = 0; at < 30; at += 1) {
      const session = new ClientSession({ ...user(), randomBytes });
      const bytes = session.request(METHOD.REFRESH, []).bytes;
      answers += bench.feed({ ...honest, port }, bytes).length;
    }
    return answers;
  };
  t.equal(forged(1), 9);
  t.equal(bench.core.drops.get('unauthorized-limit'), 21);
  t.equal(bench.core.drops.get('rate-limited'), 0, 'requests of an allocation are not counted as a stranger');
  t.equal(forged(2), 0, 'another port of the source finds the bucket as empty');
  t.equal(bench.request(honest, METHOD.REFRESH, []).code, 'success', 'who proves who it is, is served');
  const use = bench.core.limits.find(({ name }) => name === 'unauthorizedAnswersPerSecond');
  t.match(use, { limit: 2, refused: bench.core.drops.get('unauthorized-limit') });
  t.end();
});
