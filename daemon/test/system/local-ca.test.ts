/** The local CA: what is on disk, when a certificate is made anew, and who accepts it. */
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, createServer } from 'node:tls';
import t from 'tap';
import { loadOrCreateLocalCa } from '../../system/local-ca.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const nowMs = Date.now();
const names = { names: ['turnkeep.test', '*.t.turnkeep.test'], addresses: ['127.0.14.9', '::1'] };

t.test('makes a CA and a certificate once, readable by the owner only', async (t) => {
  const directory = join(tempDir(t), 'ca');
  const first = await loadOrCreateLocalCa(directory, { ...names, nowMs });
  const second = await loadOrCreateLocalCa(directory, { ...names, nowMs: nowMs + 5 * DAY_MS });
  t.same(second, first);
  for (const file of ['ca.pem', 'ca.key', 'server.pem', 'server.key']) {
    t.equal(statSync(join(directory, file)).mode & 0o777, 0o600, file);
  }
  t.equal(statSync(directory).mode & 0o777, 0o700);
});

t.test('has what strict verifiers ask for', async (t) => {
  const directory = tempDir(t);
  const made = await loadOrCreateLocalCa(directory, { ...names, nowMs });
  const ca = new X509Certificate(made.caPem);
  const server = new X509Certificate(made.certPem);
  t.equal(ca.ca, true);
  t.equal(server.ca, false);
  t.ok(server.checkIssued(ca) && server.verify(ca.publicKey));
  t.equal(server.checkHost('turnkeep.test'), 'turnkeep.test');
  t.equal(server.checkHost('cam.t.turnkeep.test'), '*.t.turnkeep.test');
  t.equal(server.checkIP('127.0.14.9'), '127.0.14.9');
  t.equal(server.checkIP('127.0.14.8'), undefined);
  t.ok(server.validToDate.getTime() - server.validFromDate.getTime() <= 398 * DAY_MS);
  t.ok(ca.validToDate.getTime() - nowMs >= 3649 * DAY_MS);
  t.match(server.serialNumber, /^[4-7][0-9A-F]{31}$/);

  const openssl = (...args: string[]): string => execFileSync('openssl', args, { encoding: 'utf8' });
  const pem = join(directory, 'server.pem');
  const caPem = join(directory, 'ca.pem');
  t.match(
    openssl(
      'verify',
      '-x509_strict',
      '-purpose',
      'sslserver',
      '-verify_hostname',
      'turnkeep.test',
      '-CAfile',
      caPem,
      pem,
    ),
    /OK/,
  );
  t.match(openssl('verify', '-x509_strict', '-verify_ip', '::1', '-CAfile', caPem, pem), /OK/);
  const text = openssl('x509', '-in', pem, '-noout', '-text');
  t.match(text, /Basic Constraints: critical\s+CA:FALSE/);
  t.match(text, /X509v3 Key Usage: critical\s+Digital Signature\n/);
  t.match(text, /Extended Key Usage: \s*TLS Web Server Authentication/);
  t.match(text, /ASN1 OID: prime256v1/);
  const caText = openssl('x509', '-in', caPem, '-noout', '-text');
  t.match(caText, /Basic Constraints: critical\s+CA:TRUE, pathlen:0/);
  t.match(caText, /Key Usage: critical\s+Certificate Sign, CRL Sign/);
  const keyIdOf = (what: string, from: string): string =>
    new RegExp(`${what} Key Identifier: \\s+(?:keyid:)?([0-9A-F:]+)`).exec(from)?.[1] ?? what;
  t.equal(keyIdOf('Authority', text), keyIdOf('Subject', caText));
});

t.test('makes the certificate anew when names change or its time runs out, and keeps the CA', async (t) => {
  const directory = tempDir(t);
  const first = await loadOrCreateLocalCa(directory, { ...names, nowMs });
  const renamed = await loadOrCreateLocalCa(directory, { names: ['other.test'], addresses: [], nowMs });
  t.not(renamed.certPem, first.certPem);
  t.equal(renamed.caPem, first.caPem);
  t.equal(new X509Certificate(renamed.certPem).checkHost('turnkeep.test'), undefined);
  const same = { names: ['OTHER.test'], addresses: [] };
  const kept = await loadOrCreateLocalCa(directory, { ...same, nowMs: nowMs + 365 * DAY_MS });
  t.equal(kept.certPem, renamed.certPem, '31 days left');
  const renewed = await loadOrCreateLocalCa(directory, { ...same, nowMs: nowMs + 367 * DAY_MS });
  t.not(renewed.certPem, renamed.certPem, '29 days left');
  t.equal(renewed.caPem, first.caPem);
});

t.test('replaces a broken server certificate but never a broken CA', async (t) => {
  const directory = tempDir(t);
  const first = await loadOrCreateLocalCa(directory, { ...names, nowMs });
  writeFileSync(join(directory, 'server.key'), 'not a key');
  const second = await loadOrCreateLocalCa(directory, { ...names, nowMs });
  t.equal(second.caPem, first.caPem);
  t.match(readFileSync(join(directory, 'server.key'), 'utf8'), /^-----BEGIN PRIVATE KEY-----/);
  writeFileSync(join(directory, 'ca.key'), 'not a key');
  await t.rejects(
    loadOrCreateLocalCa(directory, { ...names, nowMs }),
    /certificate authority in .* cannot be used/,
  );
  t.equal(readFileSync(join(directory, 'ca.pem'), 'utf8'), first.caPem);
});

t.test('refuses a certificate for nobody and an address that is none', async (t) => {
  const directory = tempDir(t);
  await t.rejects(loadOrCreateLocalCa(directory, { names: [], addresses: [], nowMs }), /at least one name/);
  await t.rejects(loadOrCreateLocalCa(directory, { names: [], addresses: ['1.2.3'], nowMs }), /Not an IP/);
});

t.test('serves TLS 1.3 to a client that trusts only this CA', async (t) => {
  const made = await loadOrCreateLocalCa(tempDir(t), { ...names, nowMs });
  const server = createServer({ cert: made.certPem, key: made.keyPem, minVersion: 'TLSv1.3' }, (s) =>
    s.end(),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.14.9', resolve));
  t.teardown(() => server.close());
  const { port } = server.address() as { port: number };
  const socket = connect({ host: '127.0.14.9', port, ca: made.caPem });
  await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
  t.equal(socket.authorized, true);
  socket.destroy();
});
