import { createRequire } from 'node:module';
import t from 'tap';
import { patchKeyAgreement, x25519, x25519KeyPair } from '../../../sfu/media/werift-shortcuts.ts';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

t.test('RFC 7748 section 5.2', (t) => {
  const shared = x25519(
    hex('a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4'),
    hex('e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c'),
  );
  t.same(Buffer.from(shared), hex('c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552'));
  t.end();
});

t.test('both ends agree, and no key shares its memory', (t) => {
  const [one, other] = [x25519KeyPair(), x25519KeyPair()];
  t.same(x25519(one.secretKey, other.publicKey), x25519(other.secretKey, one.publicKey));
  for (const key of [one.publicKey, one.secretKey]) t.equal(key.buffer.byteLength, 32);
  t.end();
});

t.test('a point of small order and wrong lengths are refused', (t) => {
  const { secretKey } = x25519KeyPair();
  t.throws(() => x25519(secretKey, Buffer.alloc(32)));
  t.throws(() => x25519(secretKey, Buffer.alloc(31)));
  t.throws(() => x25519(Buffer.alloc(33), x25519KeyPair().publicKey));
  t.end();
});

t.test('werift computes with it', (t) => {
  patchKeyAgreement();
  const here = createRequire(import.meta.url);
  const nacl = createRequire(here.resolve('werift'))('tweetnacl') as { scalarMult: unknown };
  t.equal(nacl.scalarMult, x25519);
  t.end();
});
