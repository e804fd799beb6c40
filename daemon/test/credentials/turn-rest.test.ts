import t from 'tap';
import { issueRestCredential, parseRestUsername, restPassword } from '../../credentials/turn-rest.ts';

t.test('the password is base64(HMAC-SHA1(secret, username))', (t) => {
  // printf %s 1700000600:demo | openssl dgst -sha1 -hmac north -binary | base64
  t.equal(restPassword('north', '1700000600:demo'), '2LvMEFc/Wjf2QRXfQgsQMkQpN1I=');
  t.end();
});

t.test('issues what it can parse', (t) => {
  const issued = issueRestCredential({
    secret: 's'.repeat(32),
    namespace: 'demo',
    subject: 'maria k@x',
    ttlSeconds: 600,
    nowMs: 1_700_000_000_999,
  });
  t.equal(issued.username, '1700000600:demo:maria_k@x');
  t.same(parseRestUsername(issued.username), {
    expiresAtSeconds: 1_700_000_600,
    namespace: 'demo',
    subject: 'maria_k@x',
  });
  t.equal(
    issueRestCredential({ secret: 's', namespace: 'demo', ttlSeconds: 1, nowMs: 1_700_000_000_000 }).username,
    '1700000001:demo',
  );
  t.end();
});

t.test('refuses names that are not of the model', (t) => {
  const hostile = [
    'constructor',
    '__proto__',
    'toString',
    'demo',
    ':demo',
    '0:demo',
    '-1:demo',
    '17000006001111:demo',
  ];
  const malformed = [
    '1700000600:',
    '1700000600:Demo',
    '1700000600:demo:',
    '1700000600:demo:a:b',
    '1700000600:demo\n',
  ];
  for (const username of [...hostile, ...malformed, '1700000600:demo:' + 'x'.repeat(65), '']) {
    t.equal(parseRestUsername(username), undefined, JSON.stringify(username));
  }
  t.end();
});
