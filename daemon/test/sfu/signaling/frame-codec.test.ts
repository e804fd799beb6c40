/** Frames in both forms, and every way a frame can be wrong. */
import fc from 'fast-check';
import t from 'tap';
import { encodeFrame, parseFrame } from '../../../sfu/signaling/frame-codec.ts';

t.test('flat and envelope say the same', (t) => {
  const join = { type: 'join', roomId: 'r', subscribe: 'auto', requestId: '7' };
  t.same(parseFrame('{"type":"join","roomId":"r","requestId":"7"}'), { ok: true, form: 'flat', frame: join });
  t.same(parseFrame('{"type":"join","data":{"roomId":"r","requestId":"7"}}'), {
    ok: true,
    form: 'envelope',
    frame: join,
  });
  t.match(parseFrame('{"type":"ping"}'), { ok: true });
  const left = { type: 'left', roomId: 'r' } as const;
  t.equal(encodeFrame(left, 'flat'), '{"type":"left","roomId":"r"}');
  t.equal(encodeFrame(left, 'envelope'), '{"type":"left","data":{"roomId":"r"}}');
  t.end();
});

t.test('every wrong frame has its code', (t) => {
  const code = (text: string) => {
    const parsed = parseFrame(text);
    return parsed.ok ? 'ok' : parsed.code;
  };
  t.equal(code('{'), 'invalid_json');
  t.equal(code('[]'), 'invalid_request');
  t.equal(code('"join"'), 'invalid_request');
  t.equal(code('{"type":7}'), 'invalid_request');
  t.equal(code('{"type":"toString"}'), 'invalid_request');
  t.equal(code('{"type":"__proto__"}'), 'invalid_request');
  t.equal(code('{"type":"join","roomId":"bad room"}'), 'invalid_request');
  t.equal(code('{"type":"join"}'), 'invalid_request');
  t.equal(code(`{"type":"offer","sdp":"${'x'.repeat(66_000)}"}`), 'frame_too_large');
  t.match(parseFrame('{"type":"join","data":{"requestId":"9"}}'), { ok: false, requestId: '9' });
  t.match(parseFrame('{"type":"join"}'), { message: /roomId/ }, 'the message names the field');
  t.end();
});

t.test('no text makes it throw', (t) => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      parseFrame(text);
    }),
    { numRuns: 3000 },
  );
  t.pass();
  t.end();
});
