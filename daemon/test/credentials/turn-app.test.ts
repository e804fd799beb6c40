/** Published vectors of APP-derived credentials. The keys are made up: scalar = 0x0000 || SHA-512(label). */
import { createECDH, createHash, createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import t from 'tap';
import { appTurnKey, issueAppCredential } from '../../credentials/turn-app.ts';
import { v1Password } from '../../credentials/turn-v1.ts';

const CLIENT_1 =
  '3081ee020100301006072a8648ce3d020106052b810400230481d63081d3020101044200001363c2ca5edf6280bac1e11e909a786bc3d1b7eee8145858dd0c229b71624a9df49000ba69a0b4b980999acf29237f9ac7b6826f2f4f93273066d5c61c04f5afa181890381860004003ac3d63344ac1c36b7b78decaf1154fa549af4e95009d812dc95b0c97f93e10802c35a8cbe7156a5093abbe8e0b3e682847acec3e13e445d73dce96b9fbf228fad01204275c174ddfe0dad1dd2fc26de4421d7d06ceb9f4ca9573c333f5289391a8c2bf4131cfb86d941da23f091434bbd1e69277842f063d2a3519af693843831a02d';
const CLIENT_2 =
  '3081ee020100301006072a8648ce3d020106052b810400230481d63081d302010104420000395fff1d507f6a7757d39daa60cb5992bef92b9603901b794fc27aa4069e534628c99324af921ecca3879da4975918dd97415b7c5b01abf5238495f9db06b053a18189038186000401a04c67b4117c2d1afb9499e4673168adea2f9505cf4340d8aca64e9ad2c35ddcd46840bdfa28bfe7d35bb9b90b547328243a78cdd79069a0fc4ddbf33fe162eda001dafc6e1686291a2cb8d62e6a39b53789b2e8d4855be5d398a5b876fb7766f714da7bf3548263a088ef220728a05d81b74de37a94472b1b2dcd735eb35445c3991a';
const SERVER_PUBLIC =
  '30819b301006072a8648ce3d020106052b8104002303818600040089ed717cb31fb3a09764069877c02dd87c96327cd20c9e3fdc60689f7c6a8ec41a120c858d41270cccc141c343ca48240967d8f34856cf1f1128ecbc76abe9d7f300aecdbe50d44573baae997bf2c824848b2841f4b6666ee5960c91f5ef8e79a83ba66c72ed5a940ced4da36e78f1cd30a380a25bf3134b9fe27aaeac0022dee7bf8b';

/** PKCS8 DER as hex of the made-up key of a label. */
function privateKeyOf(label: string): string {
  const scalar = Buffer.concat([Buffer.alloc(2), createHash('sha512').update(label).digest()]);
  const ecdh = createECDH('secp521r1');
  ecdh.setPrivateKey(scalar);
  const point = ecdh.getPublicKey();
  const b64 = (bytes: Buffer): string => bytes.toString('base64url');
  const key = createPrivateKey({
    format: 'jwk',
    key: {
      kty: 'EC',
      crv: 'P-521',
      d: b64(scalar),
      x: b64(point.subarray(1, 67)),
      y: b64(point.subarray(67)),
    },
  });
  return key.export({ format: 'der', type: 'pkcs8' }).toString('hex');
}

function publicKeyOf(privateKeyHex: string): string {
  const key = createPrivateKey({ key: Buffer.from(privateKeyHex, 'hex'), format: 'der', type: 'pkcs8' });
  return createPublicKey(key).export({ format: 'der', type: 'spki' }).toString('hex');
}

const VECTORS = [
  {
    name: 'A1',
    clientId: 'client-1',
    secret: CLIENT_1,
    realm: 'lab.example.test',
    endpoint: 'demo-proj',
    now: 1_700_000_000,
    ttl: 600,
    username: 'v1:1700000600:app:demo-proj:client-1',
    key: '0aa41d54893605d04f85caabe500d9839336ac6470917dd84553ca2faa1878f7',
    password: '8Ne/r27QNOMHqLfOP7iUIHoygLMZt7NtRPjqJmzwAic=',
  },
  {
    name: 'A2 (Z begins with a zero byte)',
    clientId: 'client-2',
    secret: CLIENT_2,
    realm: 'lab.example.test',
    endpoint: 'demo-proj',
    now: 1_700_000_000,
    ttl: 3600,
    username: 'v1:1700003600:app:demo-proj:client-2',
    key: '276c2b9dfc3b571d1bce08f6def9127edad26c5bb5d511f33700bef056d243c8',
    password: 'ydXm9Q1sJQHkphsY/OfNXBQ+XDCFLQ+yICPj/lVkmqI=',
  },
  {
    name: 'A3 (realm in capitals)',
    clientId: 'client-1',
    secret: CLIENT_1,
    realm: 'EU.Lab.Example.Test',
    endpoint: 'p2',
    now: 1_750_000_000,
    ttl: 1,
    username: 'v1:1750000001:app:p2:client-1',
    key: 'e4547bf6c7ce6862b1eeacf4880d206b8adc50553eb240cc54feb1a565781c76',
    password: '7+m+aGtrALNhq+KIZAseMgPVdSYVG4aodZMiy5jKIOM=',
  },
];

for (const { name, clientId, secret, realm, endpoint, now, ttl, username, key, password } of VECTORS) {
  t.test(name, (t) => {
    const issued = issueAppCredential({
      clientId,
      clientSecretHex: secret,
      serverPublicKeyHex: SERVER_PUBLIC,
      realm,
      endpoint,
      ttlSeconds: ttl,
      nowMs: now * 1000,
    });
    t.same(issued, { username, password, expiresAtSeconds: now + ttl, ttlSeconds: ttl });
    const issuerKey = appTurnKey({ privateKeyHex: secret, publicKeyHex: SERVER_PUBLIC }, realm);
    t.equal(issuerKey.toString('hex'), key);
    const verifierKey = appTurnKey(
      { privateKeyHex: privateKeyOf('turn-server-1'), publicKeyHex: publicKeyOf(secret) },
      realm,
    );
    t.equal(verifierKey.toString('hex'), key, 'the server derives it from its own half');
    t.equal(v1Password(verifierKey, username), password);
    t.end();
  });
}

t.test('the made-up keys are what they say', (t) => {
  t.equal(publicKeyOf(privateKeyOf('turn-server-1')), SERVER_PUBLIC);
  t.equal(publicKeyOf(privateKeyOf('client-1')), publicKeyOf(CLIENT_1));
  t.equal(publicKeyOf(privateKeyOf('client-2')), publicKeyOf(CLIENT_2));
  t.end();
});

t.test('keys that are none are refused in a sentence that quotes nothing of them', (t) => {
  const p256 = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const p256Public = p256.publicKey.export({ format: 'der', type: 'spki' }).toString('hex');
  const p256Private = p256.privateKey.export({ format: 'der', type: 'pkcs8' }).toString('hex');
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const rsaPublic = rsa.publicKey.export({ format: 'der', type: 'spki' }).toString('hex');
  for (const publicKeyHex of [
    '',
    'zz',
    SERVER_PUBLIC.slice(1),
    SERVER_PUBLIC.slice(2),
    p256Public,
    rsaPublic,
  ]) {
    t.throws(() => appTurnKey({ privateKeyHex: CLIENT_1, publicKeyHex }, 'r'), {
      message: 'The public key is not a P-521 key in DER as hex.',
    });
  }
  for (const privateKeyHex of ['', SERVER_PUBLIC, p256Private, '00'.repeat(5000)]) {
    t.throws(() => appTurnKey({ privateKeyHex, publicKeyHex: SERVER_PUBLIC }, 'r'), {
      message: 'The private key is not a P-521 key in DER as hex.',
    });
  }
  const offCurve = `${SERVER_PUBLIC.slice(0, -2)}8c`;
  t.throws(() => appTurnKey({ privateKeyHex: CLIENT_1, publicKeyHex: offCurve }, 'r'), RangeError);
  t.end();
});

t.test('a client id that would move the boundaries of the name is refused', (t) => {
  const options = {
    clientSecretHex: CLIENT_1,
    serverPublicKeyHex: SERVER_PUBLIC,
    realm: 'r',
    endpoint: 'p',
    nowMs: 1_700_000_000_000,
  };
  for (const clientId of ['', 'a:b', 'a b', '-a', 'x'.repeat(65), 'a\n']) {
    t.throws(() => issueAppCredential({ ...options, clientId }), RangeError, JSON.stringify(clientId));
  }
  t.equal(issueAppCredential({ ...options, clientId: 'a' }).ttlSeconds, 600, 'ten minutes unless told');
  t.end();
});
