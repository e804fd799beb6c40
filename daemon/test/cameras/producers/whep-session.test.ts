import { duplexPair } from 'node:stream';
import t from 'tap';
import { requestOverStream } from '../../../cameras/producers/stream-http.ts';
import { WhepSession } from '../../../cameras/producers/whep-session.ts';
import { systemClock } from '../../../kit/clock.ts';
import { ANSWER, failureOf, FakeProducer, OFFER, type Reply } from '../../helpers/camera-producer.ts';

const CANDIDATE = { candidate: 'candidate:1 1 udp 1 10.0.0.1 9 typ host', sdpMid: '0' };

function start(t: Tap, producer = FakeProducer.whep(), timeoutMs = 20_000) {
  t.teardown(() => {
    producer.destroy();
  });
  return { producer, session: new WhepSession({ dial: producer.dial, clock: systemClock, timeoutMs }) };
}
type Tap = { teardown(fn: () => void): void };

t.test('offer, candidates, end', async (t) => {
  const { producer, session } = start(t);
  t.equal(session.resource, null);
  t.equal(await session.offer(OFFER), ANSWER);
  t.same(session.resource, { location: '/whep/s1', etag: '"e1"' });
  session.addCandidate(CANDIDATE);
  session.addCandidate({ ...CANDIDATE, candidate: 'candidate:2 1 udp 1 10.0.0.1 10 typ host' });
  session.addCandidate({ candidate: '' });
  await producer.until(() => producer.asked.includes('PATCH /whep/s1'));
  await session.close();
  t.same(producer.asked, ['POST /whep', 'PATCH /whep/s1', 'DELETE /whep/s1']);
  const patch = producer.exchanges[1];
  t.equal(patch?.headers['if-match'], '"e1"');
  t.equal(patch?.headers['content-type'], 'application/trickle-ice-sdpfrag');
  t.match(
    patch?.body,
    /a=candidate:1 .*\r\na=candidate:2 .*\r\na=end-of-candidates\r\n$/,
    'one PATCH for all',
  );
  t.equal(producer.sessions.size, 0);
  t.match(await session.closed, { fault: 'closed' });
  await producer.until(() => producer.open === 0);
  t.equal(session.close(), session.close(), 'closing twice is closing once');
});

t.test('a camera is asked whether it still knows the session', async (t) => {
  const { producer, session } = start(t);
  t.equal(await session.isKnown(), undefined, 'there is none to ask for');
  await session.offer(OFFER);
  t.equal(await session.isKnown(), true);
  const serve = producer.onRequest;
  const answers: [number, boolean | undefined][] = [
    [200, true],
    [204, true],
    [405, true],
    [301, undefined],
    [429, undefined],
    [500, undefined],
    [503, undefined],
  ];
  for (const [status, known] of answers) {
    producer.onRequest = () => ({ status });
    t.equal(await session.isKnown(), known, String(status));
  }
  producer.onRequest = serve;
  t.same(new Set(producer.asked), new Set(['POST /whep', 'OPTIONS /whep/s1']));
  await session.close();
  t.equal(await session.isKnown(), undefined, 'closed');
  for (const status of [404, 410]) {
    const forgetful = start(t);
    await forgetful.session.offer(OFFER);
    forgetful.producer.onRequest = () => ({ status });
    t.equal(await forgetful.session.isKnown(), false, String(status));
    await forgetful.session.close();
    t.notOk(forgetful.producer.asked.includes('DELETE /whep/s1'), 'nothing is left to delete');
  }
});

t.test('a camera that does not say whether it knows the session is not waited for', async (t) => {
  const { producer, session } = start(t, FakeProducer.whep(), 50);
  await session.offer(OFFER);
  producer.onRequest = () => undefined;
  t.equal(await session.isKnown(), undefined);
  await session.close();
});

t.test('candidates that come before the answer wait for it', async (t) => {
  const { producer, session } = start(t);
  session.addCandidate(CANDIDATE);
  await session.offer(OFFER);
  await producer.until(() => producer.asked.includes('PATCH /whep/s1'));
  t.match(producer.exchanges[1]?.body, 'a=candidate:1 ');
  await session.close();
});

t.test('refusals of the offer', async (t) => {
  const cases: [Reply, string][] = [
    [{ status: 400 }, 'refused'],
    [{ status: 403 }, 'refused'],
    [{ status: 404 }, 'unsupported'],
    [{ status: 409 }, 'refused'],
    [{ status: 413 }, 'refused'],
    [{ status: 429, headers: { 'retry-after': '2' } }, 'busy'],
    [{ status: 500 }, 'refused'],
    [{ status: 503, headers: { 'retry-after': '1' } }, 'busy'],
    [{ status: 307, headers: { location: 'http://elsewhere/whep' } }, 'protocol'],
    [{ status: 201, headers: { 'content-type': 'application/sdp' }, body: ANSWER }, 'protocol'],
  ];
  for (const [reply, fault] of cases) {
    const { producer, session } = start(t);
    producer.onRequest = () => reply;
    t.match(await failureOf(session.offer(OFFER)), { name: 'ProducerError', fault }, `${reply.status}`);
    t.match(await session.closed, { fault });
    await session.close();
    t.same(producer.asked, ['POST /whep'], 'a redirect is not followed, nothing is deleted');
    await producer.until(() => producer.open === 0);
  }
});

t.test('an answer that is too long is cut off', async (t) => {
  const { producer, session } = start(t);
  producer.onRequest = () => ({
    status: 201,
    headers: { location: '/whep/s1', 'content-type': 'application/sdp' },
    body: ANSWER + 'a'.repeat(300 * 1024),
  });
  t.match(await failureOf(session.offer(OFFER)), { fault: 'protocol' });
  await producer.until(() => producer.open === 0);
});

t.test('a camera that does not answer is left', async (t) => {
  const { producer, session } = start(t, undefined, 50);
  producer.onRequest = () => undefined;
  t.match(await failureOf(session.offer(OFFER)), { fault: 'timeout' });
  await producer.until(() => producer.open === 0);
});

t.test('a camera that answers by drops is left', async (t) => {
  const { producer, session } = start(t, undefined, 100);
  producer.onRequest = (_exchange, response) => {
    response.writeHead(201, { location: '/whep/s1', 'content-type': 'application/sdp' });
    const drip = setInterval(() => response.write('v'), 10);
    response.on('close', () => {
      clearInterval(drip);
    });
    return undefined;
  };
  t.match(await failureOf(session.offer(OFFER)), { fault: 'timeout' });
  await producer.until(() => producer.open === 0);
});

t.test('a stream that breaks, garbage, and a tunnel that cannot be dialled', async (t) => {
  const { producer, session } = start(t);
  producer.onRequest = (_exchange, response) => {
    response.destroy();
    return undefined;
  };
  t.match(await failureOf(session.offer(OFFER)), { fault: 'unreachable' });

  const garbage = new WhepSession({
    clock: systemClock,
    dial: () => {
      const [near, far] = duplexPair();
      far.end('\0\0\0garbage\r\n\r\n');
      far.on('error', () => undefined);
      return Promise.resolve(near);
    },
  });
  t.match(await failureOf(garbage.offer(OFFER)), { fault: 'unreachable' });

  const dead = new WhepSession({ clock: systemClock, dial: () => Promise.reject(new Error('no tunnel')) });
  t.match(await failureOf(dead.offer(OFFER)), { fault: 'unreachable', message: /no tunnel/ });
  await dead.close();
});

t.test('a session that is closed while its offer travels is still ended at the camera', async (t) => {
  const { producer, session } = start(t);
  const answer = Promise.withResolvers<undefined>();
  const real = producer.onRequest;
  producer.onRequest = async (exchange, response) => {
    if (exchange.method === 'POST') await answer.promise;
    return real(exchange, response);
  };
  const offering = session.offer(OFFER);
  await producer.until(() => producer.asked.length === 1);
  const closing = session.close();
  answer.resolve(undefined);
  t.match(await failureOf(offering), { fault: 'closed' });
  await closing;
  t.same(producer.asked, ['POST /whep', 'DELETE /whep/s1']);
  t.equal(producer.sessions.size, 0);
});

t.test('trickle refusals', async (t) => {
  const patchAnswers = (replies: Reply[]) => {
    const started = start(t);
    const real = started.producer.onRequest;
    started.producer.onRequest = (exchange, response) => {
      if (exchange.method !== 'PATCH') return real(exchange, response);
      return replies.shift() ?? { status: 204 };
    };
    return started;
  };
  for (const status of [404, 410, 412]) {
    const { session } = patchAnswers([{ status }]);
    await session.offer(OFFER);
    session.addCandidate(CANDIDATE);
    t.match(await session.closed, { fault: 'gone' }, `${status} ends the session`);
    await session.close();
  }
  for (const reply of [{ status: 409 }, { status: 429, headers: { 'retry-after': '0' } }, { status: 503 }]) {
    const { producer, session } = patchAnswers([reply]);
    await session.offer(OFFER);
    session.addCandidate(CANDIDATE);
    await producer.until(() => producer.asked.filter((line) => line.startsWith('PATCH')).length === 2);
    t.equal(producer.exchanges[1]?.body, producer.exchanges[2]?.body, `${reply.status} is tried again`);
    await session.close();
  }
});

t.test('a new entity tag replaces the old one', async (t) => {
  const { producer, session } = start(t);
  const real = producer.onRequest;
  producer.onRequest = (exchange, response) =>
    exchange.method === 'PATCH' ? { status: 204, headers: { etag: '"e2"' } } : real(exchange, response);
  await session.offer(OFFER);
  session.addCandidate(CANDIDATE);
  await producer.until(() => producer.asked.length === 2);
  while (session.resource?.etag !== '"e2"') await new Promise((resolve) => setImmediate(resolve));
  t.pass('kept');
  await session.close();
});

t.test('an adopted session can be ended, and one let go is left alone', async (t) => {
  const producer = FakeProducer.whep();
  t.teardown(() => {
    producer.destroy();
  });
  producer.sessions.set('former', '"e9"');
  const resource = { location: '/whep/former', etag: '"e9"' };
  const letGo = new WhepSession({ dial: producer.dial, clock: systemClock, resource });
  letGo.detach();
  t.match(await letGo.closed, { fault: 'closed' });
  t.equal(producer.dials, 0);
  const adopted = new WhepSession({ dial: producer.dial, clock: systemClock, resource });
  await t.rejects(adopted.offer(OFFER));
  await adopted.close();
  t.same(producer.asked, ['DELETE /whep/former']);
  t.equal(producer.sessions.size, 0);
});

t.test('one request, one stream', async (t) => {
  const { producer } = start(t);
  const options = { dial: producer.dial, clock: systemClock };
  t.match(await requestOverStream(options, { method: 'HEAD', path: '/whep' }), { status: 200, body: '' });
  t.match(await requestOverStream(options, { method: 'DELETE', path: '/whep/none' }), { status: 404 });
  t.equal(producer.dials, 2);
  t.equal(producer.exchanges[0]?.headers.host, 'camera');
  t.notOk(producer.exchanges[0]?.headers.origin);
  await producer.until(() => producer.open === 0);
});
