/** The seam to the ICE and DTLS engine: its self test, and the proofs that the engine leaves out. */
import { createHash, createHmac, createSign, generateKeyPairSync, randomBytes } from 'node:crypto';
import t from 'tap';
import { RTCDtlsTransport } from 'werift';
import { verifyClientProof, type DtlsInsides, type HandshakeMessage } from '../../../sfu/media/dtls-proof.ts';
import { runTransportSelfTest } from '../../../sfu/media/self-test.ts';
import { silentLog } from '../../helpers/silent-log.ts';

t.test('the installed engine passes the start-up check', async (t) => {
  await runTransportSelfTest(silentLog);
  t.pass();
});

t.test('the start-up check fails loudly when the engine has moved a field', async (t) => {
  const { prototype } = RTCDtlsTransport;
  const restore = (name: 'start' | 'startSrtp'): void => {
    const original = Object.getOwnPropertyDescriptor(prototype, name)!;
    t.teardown(() => Object.defineProperty(prototype, name, original));
  };
  restore('start');
  const start = Reflect.get<RTCDtlsTransport, 'start'>(prototype, 'start');
  prototype.start = async function () {
    await start.call(this);
    (this.dtls as unknown as { srtp: unknown }).srtp = { settings: {} };
  };
  await t.rejects(runTransportSelfTest(silentLog), { message: /start-up check/ }, 'a field that is read');
  prototype.start = start;
  restore('startSrtp');
  Reflect.deleteProperty(prototype, 'startSrtp');
  await t.rejects(
    runTransportSelfTest(silentLog),
    { message: /start-up check/ },
    'a method that is replaced',
  );
});

// -- CertificateVerify and Finished (RFC 5246 sections 7.4.8 and 7.4.9) ------------------------------

const certificate = await RTCDtlsTransport.SetupCertificate();
const der = Buffer.from(
  certificate.certPem.replaceAll(/-----[^-]+-----/g, '').replaceAll(/\s/g, ''),
  'base64',
);
const MASTER_SECRET = randomBytes(48);

function message(msg_type: number, fragment: Buffer): HandshakeMessage {
  return { msg_type, fragment, serialize: () => Buffer.concat([Buffer.from([msg_type]), fragment]) };
}

function handshake(change: { key?: string; secret?: Buffer; hash?: number } = {}): DtlsInsides {
  const first = [1, 2, 11, 12, 13, 14].map((type) => message(type, randomBytes(20)));
  const second = [message(11, der), message(16, randomBytes(33))];
  const bytes = (list: HandshakeMessage[]): Buffer => Buffer.concat(list.map((one) => one.serialize()));
  const signature = createSign('sha256')
    .update(bytes([...first, ...second]))
    .sign(change.key ?? certificate.privateKey);
  const head = Buffer.from([change.hash ?? 4, 3, signature.length >> 8, signature.length & 0xff]);
  second.push(message(15, Buffer.concat([head, signature])));
  const seed = Buffer.concat([
    Buffer.from('client finished'),
    createHash('sha256')
      .update(bytes([...first, ...second]))
      .digest(),
  ]);
  const hmac = (data: Buffer): Buffer =>
    createHmac('sha256', change.secret ?? MASTER_SECRET)
      .update(data)
      .digest();
  second.push(message(20, hmac(Buffer.concat([hmac(seed), seed])).subarray(0, 12)));
  return {
    dtls: {
      handshakeCache: {
        4: { isLocal: true, data: first },
        5: { isLocal: false, data: second },
        6: { isLocal: true, data: [message(20, randomBytes(12))] },
      },
    },
    cipher: { remoteCertificate: der, masterSecret: MASTER_SECRET },
  };
}

t.test('a client is believed only with the key of its certificate and an unchanged handshake', (t) => {
  t.doesNotThrow(() => {
    verifyClientProof(handshake());
  });
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  t.throws(() => {
    verifyClientProof(handshake({ key }));
  }, /does not own its certificate/);
  t.throws(() => {
    verifyClientProof(handshake({ secret: randomBytes(48) }));
  }, /changed on its way/);
  t.throws(() => {
    verifyClientProof(handshake({ hash: 2 }));
  }, /unreadable/);
  const changed = handshake();
  changed.dtls.handshakeCache['4']!.data[0] = message(1, randomBytes(20));
  t.throws(() => {
    verifyClientProof(changed);
  }, /does not own/);
  const silent = handshake();
  silent.dtls.handshakeCache['5']!.data.splice(2, 1);
  t.throws(() => {
    verifyClientProof(silent);
  }, /no certificate proof/);
  t.end();
});
