import fc from 'fast-check';
import t from 'tap';
import {
  announcesPasswordAlgorithms,
  chooseAlgorithm,
  negotiatedAlgorithm,
  NONCE_COOKIE,
  passwordAlgorithm,
  passwordAlgorithms,
} from '../../../turn/codec/password-algorithms.ts';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');
const OFFER = hex('0002000000010000');

t.test('the offer: SHA-256, then MD5', (t) => {
  t.same(passwordAlgorithms(), { type: 0x8002, value: OFFER });
  t.same(passwordAlgorithm('sha256'), { type: 0x001d, value: hex('00020000') });
  t.same(passwordAlgorithm('md5'), { type: 0x001d, value: hex('00010000') });
  t.end();
});

t.test('the nonce cookie', (t) => {
  t.equal(NONCE_COOKIE, 'obMatJos2gAAA', 'bit 0 is the leftmost of 24');
  t.ok(announcesPasswordAlgorithms(`${NONCE_COOKIE}rest`));
  t.ok(announcesPasswordAlgorithms('obMatJos2wAAA'), 'with USERHASH beside it');
  for (const nonce of [
    '',
    'obMatJos2',
    'obMatJos2g',
    'obMatJos2AAACf//499k',
    'obMatJos2QAAA',
    'xobMatJos2gAAA',
  ]) {
    t.notOk(announcesPasswordAlgorithms(nonce), nonce);
  }
  t.end();
});

t.test('what a request is checked with', (t) => {
  const sha256 = hex('00020000');
  t.equal(negotiatedAlgorithm(undefined, undefined), 'md5', 'a client that knows neither');
  t.equal(negotiatedAlgorithm(sha256, OFFER), 'sha256');
  t.equal(negotiatedAlgorithm(hex('00010000'), OFFER), 'md5');
  for (const [name, chosen, list] of [
    ['no list', sha256, undefined],
    ['no choice', undefined, OFFER],
    ['a list cut to MD5 on the way', hex('00010000'), hex('00010000')],
    ['another order', sha256, hex('0001000000020000')],
    ['a choice outside the list', hex('00030000'), OFFER],
    ['a choice with parameters', hex('0002000461626364'), OFFER],
    ['a malformed choice', hex('0002'), OFFER],
    ['nothing in either', Buffer.alloc(0), Buffer.alloc(0)],
  ] as const) {
    t.equal(negotiatedAlgorithm(chosen, list), undefined, name);
  }
  t.end();
});

t.test('what a client takes', (t) => {
  t.equal(chooseAlgorithm(OFFER), 'sha256');
  t.equal(chooseAlgorithm(hex('0001000000020000')), 'md5', "the server's order counts");
  t.equal(
    chooseAlgorithm(hex('00090003616263000002 0000'.replace(' ', ''))),
    'sha256',
    'after an unknown one',
  );
  for (const list of ['', '0009', '00090000', '0002000461626364', '00020000000100ff']) {
    t.equal(chooseAlgorithm(hex(list)), undefined, list);
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ maxLength: 12 }), (list, chosen) => {
      chooseAlgorithm(Buffer.from(list));
      negotiatedAlgorithm(Buffer.from(chosen), Buffer.from(list));
    }),
  );
  t.end();
});
