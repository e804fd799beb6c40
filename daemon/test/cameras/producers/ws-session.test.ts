import { pino } from 'pino';
import t from 'tap';
import { openProducer } from '../../../cameras/producers/open-producer.ts';
import { WsSession } from '../../../cameras/producers/ws-session.ts';
import type { IceCandidateInit } from '../../../contract/ice.ts';
import { systemClock } from '../../../kit/clock.ts';
import { FakeClock } from '../../helpers/fake-clock.ts';
import { ANSWER, failureOf, FakeProducer, OFFER } from '../../helpers/camera-producer.ts';

const logger = pino({ level: 'silent' });
type Tap = { teardown(fn: () => void): void };

function producerOf(t: Tap, producer = FakeProducer.ws()): FakeProducer {
  t.teardown(() => {
    producer.destroy();
  });
  return producer;
}
const optionsFor = (producer: FakeProducer, timeoutMs = 20_000) => ({
  dial: producer.dial,
  clock: systemClock,
  logger,
  timeoutMs,
});

t.test('ready, offer, answer, candidates both ways, end', async (t) => {
  const producer = producerOf(t);
  const session = await WsSession.open(optionsFor(producer));
  t.equal(producer.upgrades[0]?.headers.origin, undefined, 'no Origin header');
  t.equal(producer.upgrades[0]?.url, '/ws');
  t.equal(await session.offer(OFFER), ANSWER);
  const candidates: IceCandidateInit[] = [];
  // The first came before the answer and waited.
  await new Promise<void>((resolve) => {
    session.receiveCandidates((candidate) => {
      candidates.push(candidate);
      if (candidates.length === 2) resolve();
    });
  });
  t.match(candidates, [{ candidate: /relay/, sdpMid: '0', sdpMLineIndex: 0 }, { candidate: 'candidate:2' }]);
  session.addCandidate({ candidate: 'candidate:9', sdpMid: '0' });
  session.addCandidate({ candidate: '' });
  await producer.until(() => producer.frames.length === 2);
  await session.close();
  t.match(await session.closed, { fault: 'closed' });
  await producer.until(() => producer.openSockets === 0 && producer.open === 0);
  t.same(producer.frames, [
    { type: 'webrtc.offer', sdp: OFFER },
    { type: 'webrtc.candidate', candidate: 'candidate:9', sdpMid: '0' },
  ]);
});

t.test('candidates nobody takes are held up to a limit', async (t) => {
  const producer = producerOf(t);
  producer.onFrame = (frame, socket) => {
    if (frame.type !== 'webrtc.offer') return;
    for (let n = 0; n < 200; n += 1) {
      socket.send(JSON.stringify({ type: 'webrtc.candidate', candidate: `candidate:${n}` }));
    }
    socket.send(JSON.stringify({ type: 'webrtc.answer', sdp: ANSWER }));
  };
  const session = await WsSession.open(optionsFor(producer));
  await session.offer(OFFER);
  const held: IceCandidateInit[] = [];
  session.receiveCandidates((candidate) => held.push(candidate));
  t.equal(held.length, 64);
  await session.close();
});

t.test('the end of the socket is the end of the session', async (t) => {
  const producer = producerOf(t);
  const session = await WsSession.open(optionsFor(producer));
  await session.offer(OFFER);
  producer.sockets[0]?.close(1001);
  t.match(await session.closed, { fault: 'gone' });
  t.match(await failureOf(session.offer(OFFER)), { fault: 'closed' });

  const cut = await WsSession.open(optionsFor(producer));
  producer.sockets[1]?.terminate();
  t.notMatch(await cut.closed, { fault: 'closed' });
});

t.test('cameras that refuse', async (t) => {
  const busy = producerOf(t);
  busy.onSocket = (socket) => {
    socket.send(
      JSON.stringify({ type: 'error', message: 'the server is limited to 1 concurrent viewer(s)' }),
    );
    socket.close();
  };
  t.match(await failureOf(WsSession.open(optionsFor(busy))), { fault: 'busy' });

  const broken = producerOf(t);
  broken.onSocket = (socket) => {
    socket.send(JSON.stringify({ type: 'error', message: 'could not load TURN credentials' }));
    socket.close();
  };
  t.match(await failureOf(WsSession.open(optionsFor(broken))), { fault: 'refused' });

  const binary = producerOf(t);
  binary.onSocket = (socket) => {
    socket.send(Buffer.from([1, 2, 3]));
  };
  t.match(await failureOf(WsSession.open(optionsFor(binary))), { fault: 'protocol' });

  const huge = producerOf(t);
  huge.onSocket = (socket) => {
    socket.send('x'.repeat(300 * 1024));
  };
  t.match(await failureOf(WsSession.open(optionsFor(huge))), { name: 'ProducerError' });

  const offerRefused = producerOf(t);
  offerRefused.onFrame = (_frame, socket) => {
    socket.send(JSON.stringify({ type: 'error', message: 'bad offer' }));
  };
  const session = await WsSession.open(optionsFor(offerRefused));
  t.match(await failureOf(session.offer(OFFER)), { fault: 'refused' });
  for (const producer of [busy, broken, binary, huge, offerRefused]) {
    await producer.until(() => producer.open === 0);
  }
});

t.test('cameras that are late lose their session', async (t) => {
  const silent = producerOf(t);
  silent.onSocket = () => undefined;
  t.match(await failureOf(WsSession.open(optionsFor(silent, 50))), { fault: 'timeout' });
  await silent.until(() => silent.open === 0);

  const noAnswer = producerOf(t);
  noAnswer.onFrame = () => undefined;
  const session = await WsSession.open(optionsFor(noAnswer, 200));
  t.match(await failureOf(session.offer(OFFER)), { fault: 'timeout' });
  await noAnswer.until(() => noAnswer.open === 0);
});

t.test('a dead stream is noticed, a living one is kept', async (t) => {
  const producer = producerOf(t);
  const clock = new FakeClock();
  const session = await WsSession.open({ dial: producer.dial, clock, logger });
  for (let minute = 1; minute <= 5; minute += 1) {
    for (let n = 0; n < 3; n += 1) clock.advance(20_000);
    await producer.until(() => producer.frames.length === minute * 3);
    // Whatever it says proves that it lives.
    await new Promise<void>((resolve) => {
      producer.sockets[0]?.once('pong', () => {
        resolve();
      });
      producer.sockets[0]?.ping();
    });
  }
  t.same(producer.frames[0], { type: 'ping' });
  clock.advance(200_000);
  t.match(await session.closed, { fault: 'timeout' });
});

t.test('which generation a camera is', async (t) => {
  const second = producerOf(t, FakeProducer.whep());
  const whep = await openProducer({ ...optionsFor(second), known: undefined });
  t.equal(whep.producer, 'whep');
  t.same(second.asked, ['HEAD /whep']);
  await whep.close();

  const first = producerOf(t);
  const ws = await openProducer({ ...optionsFor(first), known: undefined });
  t.equal(ws.producer, 'ws');
  t.same(first.asked, ['HEAD /whep']);
  await ws.close();

  const known = producerOf(t);
  await (await openProducer({ ...optionsFor(known), known: 'ws' })).close();
  t.same(known.asked, [], 'no probe when it is known');
  t.equal((await openProducer({ ...optionsFor(second), known: 'whep' })).producer, 'whep');
  t.equal(second.asked.length, 1);

  const wrong = producerOf(t);
  const mistaken = await openProducer({ ...optionsFor(wrong), known: 'whep' });
  t.match(await failureOf(mistaken.offer(OFFER)), { fault: 'unsupported' });

  const neither = producerOf(t, FakeProducer.whep());
  neither.onRequest = () => ({ status: 404 });
  neither.onSocket = (socket) => {
    socket.terminate();
  };
  t.match(await failureOf(openProducer({ ...optionsFor(neither), known: undefined })), {
    name: 'ProducerError',
  });

  const overloaded = producerOf(t, FakeProducer.whep());
  overloaded.onRequest = () => ({ status: 503, headers: { 'retry-after': '7' } });
  t.match(await failureOf(openProducer({ ...optionsFor(overloaded), known: undefined })), {
    fault: 'busy',
    retryAfterMs: 7000,
  });
  t.equal(overloaded.upgrades.length, 0, 'an overloaded camera is not an old one');
});

t.test('a tunnel that cannot be dialled', async (t) => {
  const options = { clock: systemClock, logger, dial: () => Promise.reject(new Error('gone')) };
  t.match(await failureOf(WsSession.open(options)), { fault: 'unreachable' });
  t.match(await failureOf(openProducer({ ...options, known: undefined })), { fault: 'unreachable' });
});
