/** Published vectors: RFC 3711 appendix B, RFC 7714 sections 16 and 17, and whole packets. */
import { createCipheriv, createSecretKey } from 'node:crypto';
import t from 'tap';
import { createSrtpCipher } from '../../../../sfu/media/core/srtp-cipher.ts';
import { deriveKey, deriveSessionKeys } from '../../../../sfu/media/core/srtp-keys.ts';
import { SrtpReceiver, SrtpSender } from '../../../../sfu/media/core/srtp-context.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');

t.test('RFC 3711 B.2: AES-CM key stream', (t) => {
  const iv = hex('F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000');
  const stream = createCipheriv('aes-128-ctr', hex('2B7E151628AED2A6ABF7158809CF4F3C'), iv).update(
    Buffer.alloc(0xff02 * 16),
  );
  t.equal(stream.subarray(0, 16).toString('hex').toUpperCase(), 'E03EAD0935C95E80E166B16DD92B4EB4');
  t.equal(stream.subarray(16, 32).toString('hex').toUpperCase(), 'D23513162B02D0F72A43A2FE4A5F97AB');
  t.equal(stream.subarray(32, 48).toString('hex').toUpperCase(), '41E95B3BB0A2E8DD477901E4FCA894C0');
  t.equal(
    stream
      .subarray(0xfeff * 16, 0xff00 * 16)
      .toString('hex')
      .toUpperCase(),
    'EC8CDF7398607CB0F2D21675EA9EA1E4',
  );
  t.equal(
    stream
      .subarray(0xff00 * 16, 0xff01 * 16)
      .toString('hex')
      .toUpperCase(),
    '362B7C3C6773516318A077D7FC5073AE',
  );
  t.equal(
    stream
      .subarray(0xff01 * 16)
      .toString('hex')
      .toUpperCase(),
    '6A2CC3787889374FBEB4C81B17BA6C44',
  );
  t.end();
});

const master = { key: hex('E1F97A0D3E018BE0D64FA32C06DE4139'), salt: hex('0EC675AD498AFEEBB6960B3AABE6') };

t.test('RFC 3711 B.3: key derivation', (t) => {
  t.equal(deriveKey(master.key, master.salt, 0, 16).toString('hex'), 'c61e7a93744f39ee10734afe3ff7a087');
  t.equal(deriveKey(master.key, master.salt, 2, 14).toString('hex'), '30cbbc08863d8c85d49db34a9ae1');
  t.equal(
    deriveKey(master.key, master.salt, 1, 94).toString('hex'),
    'cebe321f6ff7716b6fd4ab49af256a156d38baa48f0a0acf3c34e2359e6cdbcee049646c43d9327ad175578ef7227098' +
      '6371c10c9a369ac2f94a8c5fbcdddc256d6e919a48b610ef17c2041e474035766b68642c59bbfc2f34db60dbdfb2',
  );
  t.end();
});

t.test('RFC 7714 16.1 and 17: AEAD_AES_128_GCM from session keys', (t) => {
  const keys = {
    cipherKey: createSecretKey(hex('000102030405060708090a0b0c0d0e0f')),
    salt: hex('517569642070726f2071756f'),
    authKey: createSecretKey(Buffer.alloc(20)),
  };
  const cipher = createSrtpCipher('AEAD_AES_128_GCM', keys, keys);
  const plain = hex(
    '8040f17b8041f8d35501a0b247616c6c696120657374206f6d6e69732064697669736120696e207061727465732074726573',
  );
  const sealed =
    '8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833' +
    '899d7f27beb16a9152cf765ee4390cce';
  const out = Buffer.alloc(200);
  plain.copy(out, 0, 0, 12);
  const bytes = cipher.sealRtp(out, out.subarray(0, 12), plain.subarray(12), 0x5501a0b2, 0xf17b);
  t.equal(out.subarray(0, bytes).toString('hex'), sealed);
  t.same(cipher.openRtp(hex(sealed), 12, 0x5501a0b2, 0xf17b), plain.subarray(12));
  t.equal(cipher.openRtp(hex(sealed), 12, 0x5501a0b2, 0x1f17b), undefined, 'another rollover counter');

  const rtcp = hex(
    '81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef',
  );
  const rtcpSealed =
    '81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b4686303ded' +
    '0bb9275bc84aa45896cf4d2fc5abf87245d9eade800005d4';
  t.equal(cipher.sealRtcp(rtcp, 0x5d4).toString('hex'), rtcpSealed);
  t.same(cipher.openRtcp(hex(rtcpSealed)), rtcp);
  t.equal(cipher.rtcpIndex(hex(rtcpSealed)), 0x5d4);
  // RFC 7714 17.3: tagged only.
  const tagged =
    '81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef' +
    '841dd9683dd78ec92ae58790125f62b3000005d4';
  t.same(cipher.openRtcp(hex(tagged)), rtcp);
  t.end();
});

/** Whole packets from master keys, as libsrtp's self test publishes them. */
const RTP_PLAIN = '800f1234decafbadcafebabe' + 'ab'.repeat(16);
const RTCP_PLAIN = '81c8000bcafebabe' + 'ab'.repeat(16);
const PACKETS = [
  {
    profile: 'AES_CM_128_HMAC_SHA1_80' as const,
    master,
    rtp: '800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb',
    rtcp: '81c8000bcafebabe7128035be487b9bdbef89041f977a5a880000001993e08cd54d6c1230798',
  },
  {
    profile: 'AEAD_AES_128_GCM' as const,
    master: { key: hex('000102030405060708090a0b0c0d0e0f'), salt: hex('a0a1a2a3a4a5a6a7a8a9aaab') },
    rtp: '800f1234decafbadcafebabec5002ede04cfdd2eb91159e0880aa06ed2976826f796b201df3131a127e8a392',
    rtcp: '81c8000bcafebabec98b8b5df0392a55852b6c21ac8e7025c52c6fbea2b3b446ea31123ba88ce61e80000001',
  },
];

for (const { profile, master, rtp, rtcp } of PACKETS) {
  t.test(`${profile}: packets from master keys`, (t) => {
    const sender = new SrtpSender(profile, master);
    const out = Buffer.alloc(100);
    hex(RTP_PLAIN).copy(out, 0, 0, 12);
    const bytes = sender.protectRtp(
      out,
      out.subarray(0, 12),
      hex(RTP_PLAIN).subarray(12),
      0xcafebabe,
      0x1234,
    );
    t.equal(out.subarray(0, bytes).toString('hex'), rtp);
    t.equal(sender.protectRtcp(hex(RTCP_PLAIN))?.toString('hex'), rtcp);

    const receiver = new SrtpReceiver(profile, master);
    t.same(receiver.unprotectRtp(hex(rtp), 12, 0xcafebabe, 0x1234), hex(RTP_PLAIN).subarray(12));
    t.equal(receiver.unprotectRtp(hex(rtp), 12, 0xcafebabe, 0x1234), 'srtp-replayed');
    t.same(receiver.unprotectRtcp(hex(rtcp)), hex(RTCP_PLAIN));
    t.equal(receiver.unprotectRtcp(hex(rtcp)), 'srtp-replayed');
    t.equal(receiver.unprotectRtp(hex(rtp).subarray(0, 20), 12, 0xcafebabe, 0x1234), 'srtp-short');
    t.equal(receiver.unprotectRtcp(hex(rtcp).subarray(0, 20)), 'srtp-short');
    t.end();
  });
}

t.test('keys of a wrong length are refused', (t) => {
  t.throws(() => deriveSessionKeys('AEAD_AES_128_GCM', master, 'rtp'), RangeError);
  t.throws(
    () => new SrtpSender('AES_CM_128_HMAC_SHA1_80', { key: Buffer.alloc(15), salt: master.salt }),
    RangeError,
  );
  t.end();
});
