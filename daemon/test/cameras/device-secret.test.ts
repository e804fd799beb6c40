import t from 'tap';
import { createDeviceSecret, hashDeviceSecret, isDeviceSecret } from '../../cameras/device-secret.ts';

t.test('the hash and the prefix are those of the reference platform', (t) => {
  t.equal(
    hashDeviceSecret(`dev_${'A'.repeat(43)}`),
    '4c8ba330a0ff106cfea013f381d8c535d3eb0c5db1c7e5ae463bb7267aed458e',
  );
  const { secret, secretHash, secretPrefix } = createDeviceSecret();
  t.ok(isDeviceSecret(secret));
  t.equal(Buffer.from(secret.slice(4), 'base64url').length, 32);
  t.equal(secretHash, hashDeviceSecret(secret));
  t.equal(secretPrefix, secret.slice(0, 12));
  t.not(createDeviceSecret().secret, secret);
  t.end();
});
