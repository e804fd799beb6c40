import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { HostKey } from '../../system/host-key.ts';

t.test('the key is made once, private, and opens what it sealed after a restart', async (t) => {
  const path = join(t.testdir(), 'keys/host.key');
  const first = await HostKey.open(path);
  t.equal(statSync(path).mode & 0o777, 0o600);
  t.equal(readFileSync(path).length, 32);
  const sealed = first.seal('turn-secret', 'demo', 'the secret');
  t.notMatch(sealed, /secret/);
  t.not(sealed, first.seal('turn-secret', 'demo', 'the secret'), 'never the same twice');
  const second = await HostKey.open(path);
  t.equal(second.unseal('turn-secret', 'demo', sealed), 'the secret');
});

t.test('a seal opens for its purpose and namespace only, and only unchanged', (t) => {
  const key = new HostKey(Buffer.alloc(32, 1));
  const sealed = key.seal('turn-secret', 'demo', 'the secret');
  const refused = { message: /does not open with this host's key/ };
  t.throws(() => key.unseal('turn-secret', 'other', sealed), refused);
  t.throws(() => key.unseal('sfu-ticket-key', 'demo', sealed), refused);
  t.throws(() => new HostKey(Buffer.alloc(32, 2)).unseal('turn-secret', 'demo', sealed), refused);
  const body = Buffer.from(sealed.slice(3), 'base64url');
  for (let at = 0; at < body.length; at += 1) {
    const flipped = Buffer.from(body);
    flipped[at]! ^= 0x10;
    t.throws(() => key.unseal('turn-secret', 'demo', `v1.${flipped.toString('base64url')}`), refused);
  }
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        key.unseal('turn-secret', 'demo', text);
        return false;
      } catch (error) {
        return error instanceof Error && !error.message.includes(`${text} text`);
      }
    }),
  );
  t.end();
});

t.test('any text comes back', (t) => {
  const key = new HostKey(Buffer.alloc(32, 1));
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      return key.unseal('turn-secret', 'n', key.seal('turn-secret', 'n', text)) === text;
    }),
  );
  t.pass('round trips');
  t.end();
});

t.test('a key that others can read, or of another length, is not used', async (t) => {
  const path = join(t.testdir(), 'host.key');
  await HostKey.open(path);
  chmodSync(path, 0o644);
  await t.rejects(HostKey.open(path), { message: /readable by others/ });
  writeFileSync(path, 'short');
  chmodSync(path, 0o600);
  await t.rejects(HostKey.open(path), { message: /5 bytes instead of 32/ });
});
