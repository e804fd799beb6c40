/** The console's certificate is renewed while it is shown; nobody who is connected notices. */
import { X509Certificate } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, createServer, type TLSSocket } from 'node:tls';
import t from 'tap';
import { LocalCertificateKeeper } from '../../system/local-certificate-keeper.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { silentLog } from '../helpers/silent-log.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const ADDRESS = '127.0.76.42';
const DAY_MS = 86_400_000;
const endOf = (pem: string): number => new X509Certificate(pem).validToDate.getTime();

t.test('renewed before its end, for new connections', async (t) => {
  // So that the first one's last 30 days begin now, by the clock of the TLS client.
  const clock = new FakeClock(Date.now() - 367 * DAY_MS);
  const directory = tempDir(t);
  const names = () => ({ names: ['box.test'], addresses: [ADDRESS] });
  const keeper = await LocalCertificateKeeper.open({ directory, names, clock, log: silentLog });
  const first = keeper.current;
  const server = createServer({ key: first.keyPem, cert: first.certPem }, (socket) => socket.pipe(socket));
  keeper.onChange(({ certPem, keyPem }) => {
    server.setSecureContext({ cert: certPem, key: keyPem });
  });
  await new Promise<void>((resolve) => server.listen(0, ADDRESS, resolve));
  t.teardown(() => server.close());
  const { port } = server.address() as { port: number };
  const dial = async (): Promise<TLSSocket> => {
    const socket = connect({ host: ADDRESS, port, ca: first.caPem });
    await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
    t.teardown(() => socket.destroy());
    return socket;
  };
  const shown = (socket: TLSSocket): string => socket.getPeerX509Certificate()?.fingerprint256 ?? '';
  const open = await dial();

  /** The timer of the keeper runs, and what it began is over: it waits again. */
  const look = async (byMs: number): Promise<void> => {
    clock.advance(byMs);
    while (clock.waiting === 0) await new Promise(setImmediate);
  };
  await look(DAY_MS);
  t.equal(keeper.current.certPem, first.certPem, 'good for long: it stays');
  const left = endOf(first.certPem) - clock.nowMs();
  await look(left - 29 * DAY_MS);
  t.equal(keeper.current.certPem, first.certPem, 'that look was due long before');
  await look(DAY_MS);
  const renewed = keeper.current;
  t.not(renewed.certPem, first.certPem);
  t.equal(renewed.caPem, first.caPem, 'of the same CA');
  t.ok(endOf(renewed.certPem) > endOf(first.certPem));
  t.equal(shown(await dial()), new X509Certificate(renewed.certPem).fingerprint256, 'new connections see it');
  const echo = new Promise<string>((resolve) =>
    open.once('data', (data: Buffer) => {
      resolve(data.toString());
    }),
  );
  open.write('still here');
  t.equal(await echo, 'still here', 'and the open one goes on');

  rmSync(join(directory, 'ca.key'));
  writeFileSync(join(directory, 'ca.key'), 'damage');
  await look(400 * DAY_MS);
  await look(DAY_MS);
  t.equal(keeper.current.certPem, renewed.certPem, 'a CA that cannot be used changes nothing');
  await keeper.stop();
  t.equal(clock.waiting, 0);
});
