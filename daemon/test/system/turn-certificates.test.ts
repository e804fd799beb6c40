/** The certificates of the TURN services: of the local CA, or copies of the operator's files. */
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { createLogger } from '../../kit/logger.ts';
import { loadOrCreateLocalCa } from '../../system/local-ca.ts';
import { FileTurnCertificates } from '../../system/turn-certificates.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

function world(t: Test, source: { certFile: string; keyFile: string } | null = null) {
  const dir = tempDir(t);
  const clock = new FakeClock();
  const told: string[] = [];
  const log = createLogger({ name: 'test', level: 'silent' });
  log.warn = (...args: unknown[]) => void told.push(String(args.at(-1)));
  const directory = join(dir, 'turn-certificates');
  const caDirectory = join(dir, 'ca');
  const certificates = new FileTurnCertificates({ directory, caDirectory, source, log, clock });
  const makeCa = () =>
    loadOrCreateLocalCa(caDirectory, { names: ['localhost'], addresses: [], nowMs: clock.nowMs() });
  return { dir, clock, told, directory, certificates, makeCa };
}
/** Files as an operator has them: a CA of their own and a certificate of it. */
async function operatorFiles(dir: string, name: string, nowMs: number) {
  const made = await loadOrCreateLocalCa(join(dir, name), { names: [name], addresses: [], nowMs });
  return { cert: made.certPem + made.caPem, key: made.keyPem };
}

t.test('one file per namespace, for exactly its hosts, until it runs out', async (t) => {
  const { certificates, directory, makeCa, clock } = world(t);
  await t.rejects(certificates.ensure('demo', ['192.0.2.7']), /certificate authority in .* it is not there/);
  const { caPem } = await makeCa();
  const first = await certificates.ensure('demo', ['turn.example.com', '192.0.2.7', '2001:db8::7']);
  const file = join(directory, 'demo.pem');
  t.match(first, { certFile: file, keyFile: file, trustPem: caPem, changed: true });
  t.equal(statSync(file).mode & 0o777, 0o600);
  t.equal(statSync(directory).mode & 0o777, 0o700);
  const text = readFileSync(file, 'utf8');
  const leaf = new X509Certificate(text);
  t.equal(leaf.checkHost('turn.example.com'), 'turn.example.com');
  t.ok(leaf.checkIP('192.0.2.7') && leaf.checkIP('2001:db8::7'));
  t.ok(leaf.verify(new X509Certificate(caPem).publicKey));

  const again = await certificates.ensure('demo', ['192.0.2.7', '2001:db8::7', 'turn.example.com']);
  t.equal(again.changed, false);
  const other = await certificates.ensure('other', ['192.0.2.7']);
  t.equal(new X509Certificate(readFileSync(other.certFile)).checkHost('turn.example.com'), undefined);
  clock.advance(367 * DAY_MS);
  t.equal((await certificates.ensure('demo', ['192.0.2.7'])).changed, true, '29 days were left');
  writeFileSync(file, 'not a certificate');
  t.equal((await certificates.ensure('demo', ['192.0.2.7'])).changed, true, 'made anew');
  await certificates.remove('demo');
  await certificates.remove('demo');
  t.notOk(existsSync(file));
});

t.test("the operator's files are copied, bad ones never replace good ones", async (t) => {
  const dir = tempDir(t);
  const source = { certFile: join(dir, 'c.pem'), keyFile: join(dir, 'k.pem') };
  const { certificates, clock, told } = world(t, source);
  const install = (files: { cert: string; key: string }): void => {
    writeFileSync(source.certFile, files.cert);
    writeFileSync(source.keyFile, files.key);
  };
  await t.rejects(certificates.ensure('demo', ['one.test']), /turn\.certificate: .*c\.pem .*cannot be used/);

  const one = await operatorFiles(dir, 'one.test', clock.nowMs());
  install(one);
  const first = await certificates.ensure('demo', ['one.test', '127.0.0.1']);
  t.equal(first.changed, true);
  t.equal(first.trustPem, one.cert);
  t.same(told, []);
  t.equal((await certificates.ensure('demo', ['one.test'])).changed, false);

  const two = await operatorFiles(dir, 'two.test', clock.nowMs());
  install({ cert: two.cert, key: one.key });
  for (let round = 0; round < 2; round += 1) {
    t.match(await certificates.ensure('demo', ['one.test']), { changed: false, trustPem: one.cert });
  }
  t.equal(told.length, 1, 'said once');
  t.match(told[0], /cannot be used: .*The one before stays in use/);
  install({ cert: 'nothing', key: one.key });
  t.equal((await certificates.ensure('demo', ['one.test'])).changed, false);
  t.match(told[1], /no PEM certificate/);

  install(two);
  t.match(await certificates.ensure('demo', ['one.test', '192.0.2.7']), { changed: true });
  t.match(told[2], /does not name one\.test, 192\.0\.2\.7/);
  clock.advance(400 * DAY_MS);
  t.equal((await certificates.ensure('demo', ['two.test'])).changed, false);
  t.match(told[3], /expired on/);
});

t.test('takes the keys operators have, in whatever PEM form', async (t) => {
  const dir = tempDir(t);
  const source = { certFile: join(dir, 'c.pem'), keyFile: join(dir, 'k.pem') };
  const { certificates } = world(t, source);
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { stdio: 'ignore' });
  openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30', '-subj', '/CN=rsa.test', '-addext', 'subjectAltName=DNS:rsa.test', '-keyout', source.keyFile, '-out', source.certFile); // prettier-ignore
  openssl('rsa', '-traditional', '-in', source.keyFile, '-out', source.keyFile);
  const made = await certificates.ensure('demo', ['rsa.test']);
  t.match(readFileSync(made.keyFile, 'utf8'), /^-----BEGIN PRIVATE KEY-----[^]*-----BEGIN CERTIFICATE-----/);
});
