import fc from 'fast-check';
import t from 'tap';
import { MAX_SESSION_CANDIDATES } from '../../../cameras/producers/producer.ts';
import { WsProtocol } from '../../../cameras/producers/ws-protocol.ts';
import { ANSWER, OFFER } from '../../helpers/camera-producer.ts';

const READY = { type: 'session.ready', viewerId: '0123456789abcdef01234567' };
const CANDIDATE = { type: 'webrtc.candidate', candidate: 'candidate:1', sdpMid: '0', sdpMLineIndex: 0 };
const receive = (protocol: WsProtocol, frame: unknown) => protocol.receive(JSON.stringify(frame), 0);

function offered(): WsProtocol {
  const protocol = new WsProtocol();
  receive(protocol, READY);
  protocol.offer(OFFER);
  return protocol;
}

t.test('the transcript of the real producer', (t) => {
  const protocol = new WsProtocol();
  t.same(receive(protocol, READY), { type: 'ready' });
  t.equal(receive(protocol, { type: 'log', message: 'x' }), undefined);
  t.same(JSON.parse(protocol.offer(OFFER)), { type: 'webrtc.offer', sdp: OFFER });
  const candidate = { candidate: 'candidate:1', sdpMid: '0', sdpMLineIndex: 0 };
  t.same(receive(protocol, CANDIDATE), { type: 'candidate', candidate }, 'before the answer');
  t.same(receive(protocol, { type: 'webrtc.answer', sdp: ANSWER }), { type: 'answer', sdp: ANSWER });
  t.match(receive(protocol, { type: 'webrtc.candidate', candidate: 'candidate:2' }), { type: 'candidate' });
  t.equal(receive(protocol, { type: 'session.stats', stats: {} }), undefined);
  t.equal(receive(protocol, { type: 'pong' }), undefined);
  t.equal(receive(protocol, { type: 'of.the.future', x: 1 }), undefined);
  t.same(receive(protocol, { type: 'error', message: 'candidate is required' }), {
    type: 'complaint',
    text: 'candidate is required',
  });
  t.equal(protocol.state, 'answered');
  t.end();
});

t.test('our candidates', (t) => {
  const protocol = new WsProtocol();
  t.equal(protocol.candidate({ candidate: '' }), undefined, 'the end mark would be refused');
  t.same(
    JSON.parse(
      protocol.candidate({ candidate: 'c', sdpMid: '0', sdpMLineIndex: 0, usernameFragment: 'abcd' }) ?? '',
    ),
    { type: 'webrtc.candidate', candidate: 'c', sdpMid: '0', sdpMLineIndex: 0, usernameFragment: 'abcd' },
  );
  t.same(JSON.parse(protocol.candidate({ candidate: 'c', sdpMid: null }) ?? ''), {
    type: 'webrtc.candidate',
    candidate: 'c',
  });
  t.equal(protocol.ping(), '{"type":"ping"}');
  t.end();
});

t.test('what ends a session', (t) => {
  const ends: [string, WsProtocol, string, string][] = [
    ['no JSON', offered(), 'hello', 'protocol'],
    ['no object', offered(), '1', 'protocol'],
    ['no type', offered(), '{}', 'protocol'],
    ['answer without SDP', offered(), '{"type":"webrtc.answer","sdp":"x"}', 'protocol'],
    ['answer of another form', offered(), '{"type":"webrtc.answer","sdp":{}}', 'protocol'],
    [
      'answer before the offer',
      new WsProtocol(),
      JSON.stringify({ type: 'webrtc.answer', sdp: ANSWER }),
      'protocol',
    ],
    ['long candidate', offered(), JSON.stringify({ ...CANDIDATE, candidate: 'c'.repeat(3000) }), 'protocol'],
    ['error', offered(), '{"type":"error","message":"TURN failed"}', 'refused'],
    ['error without words', offered(), '{"type":"error"}', 'refused'],
    [
      'at capacity',
      new WsProtocol(),
      '{"type":"error","message":"the server is limited to 1 concurrent viewer(s)"}',
      'busy',
    ],
  ];
  for (const [name, protocol, text, fault] of ends) {
    t.match(protocol.receive(text, 0), { type: 'ended', error: { fault } }, name);
    t.equal(receive(protocol, READY), undefined, 'and then nothing more is read');
  }
  t.end();
});

t.test('a second answer is refused', (t) => {
  const protocol = offered();
  receive(protocol, { type: 'webrtc.answer', sdp: ANSWER });
  t.match(receive(protocol, { type: 'webrtc.answer', sdp: ANSWER }), { type: 'ended' });
  t.end();
});

t.test('floods are cut', (t) => {
  const chatty = new WsProtocol();
  let frames = 0;
  while (receive(chatty, { type: 'log', message: 'x' }) === undefined) frames += 1;
  t.equal(frames, 600, 'more than the 256 lines of the backlog');
  const patient = new WsProtocol();
  for (let second = 0; second < 600; second += 1) {
    t.equal(patient.receive('{"type":"session.stats","stats":{}}', second * 1000), undefined);
  }
  const eager = offered();
  for (let n = 0; n < MAX_SESSION_CANDIDATES; n += 1) {
    eager.receive(JSON.stringify(CANDIDATE), n * 1000);
  }
  t.match(eager.receive(JSON.stringify(CANDIDATE), 1e9), { type: 'ended' });
  t.end();
});

t.test('text of a camera is made harmless before it is quoted', (t) => {
  const meaning = receive(offered(), { type: 'error', message: `a\nb\u001b[31m\u2028${'x'.repeat(5000)}` });
  t.equal(meaning?.type, 'ended');
  const message = meaning?.type === 'ended' ? meaning.error.message : '';
  t.notMatch(message, /[\p{Cc}\u2028]/u);
  t.ok(message.length < 300);
  t.end();
});

t.test('no frame makes it throw', (t) => {
  const types = ['session.ready', 'webrtc.answer', 'webrtc.candidate', 'error', 'log', '__proto__'];
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.string(), fc.json(), fc.tuple(fc.constantFrom(...types), fc.object()))),
      (frames) => {
        const protocol = new WsProtocol();
        for (const frame of frames) {
          protocol.receive(Array.isArray(frame) ? JSON.stringify({ ...frame[1], type: frame[0] }) : frame, 0);
        }
      },
    ),
  );
  t.end();
});
