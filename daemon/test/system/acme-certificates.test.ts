/** When certificates are ordered, what is shown meanwhile, and what a failure leaves behind: with a clock that stands still. */
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { AcmeCertificates, type Authority } from '../../system/acme/acme-certificates.ts';
import { renewalAtMs, retryMs } from '../../system/acme/renewal-time.ts';
import { loadOrCreateLocalCa, type Pair } from '../../system/local-ca.ts';
import { FileTurnCertificates } from '../../system/turn-certificates.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { silentLog } from '../helpers/silent-log.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const MINUTE_MS = 60_000;
const NAME = 'turn.example.com';
/** What the authority of these tests issues lives so long: from a day before it was made. */
const LIFETIME_MS = 397 * DAY_MS;

class TestAuthority implements Authority {
  readonly orders: string[] = [];
  failure: string | undefined;
  /** While it is set, orders wait. */
  gate: Promise<void> = Promise.resolve();
  readonly #dir: string;
  readonly #clock: FakeClock;

  constructor(dir: string, clock: FakeClock) {
    this.#dir = dir;
    this.#clock = clock;
  }

  async obtain(name: string, signal: AbortSignal): Promise<Pair> {
    this.orders.push(name);
    await Promise.race([
      this.gate,
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          reject(new Error('given up'));
        });
      }),
    ]);
    if (this.failure !== undefined) throw new Error(this.failure);
    const folder = join(this.#dir, `authority-${String(this.orders.length)}`);
    return loadOrCreateLocalCa(folder, { names: [name], addresses: [], nowMs: this.#clock.nowMs() });
  }
}

function world(t: Test) {
  const dir = tempDir(t);
  const clock = new FakeClock();
  const authority = new TestAuthority(dir, clock);
  const open = (): AcmeCertificates => {
    const opened = new AcmeCertificates({
      directory: join(dir, 'acme'),
      prefix: 'abc',
      authority,
      clock,
      random: () => 0,
      log: silentLog,
    });
    t.teardown(() => opened.stop());
    return opened;
  };
  const certificates = open();
  const advance = async (byMs: number): Promise<void> => {
    clock.advance(byMs);
    await certificates.idle();
  };
  return { dir, clock, authority, certificates, open, advance };
}

t.test('times', (t) => {
  const certificate = { notBeforeMs: 0, notAfterMs: 90 * DAY_MS };
  t.equal(renewalAtMs(certificate, 0), 60 * DAY_MS, 'a third is left');
  t.equal(renewalAtMs(certificate, 0.999), Math.round((60 - 3 * 0.999) * DAY_MS), 'never later');
  t.equal(renewalAtMs({ notBeforeMs: 0, notAfterMs: 6 * DAY_MS }, 0), 4 * DAY_MS);
  t.same(
    [1, 2, 3, 4].map((failures) => retryMs(failures, 0) / MINUTE_MS),
    [1, 3, 9, 27],
  );
  t.equal(retryMs(100, 0.99999) <= DAY_MS, true);
  t.equal(retryMs(100, 0), DAY_MS / 2);
  t.end();
});

t.test('ordered when it is first wanted, and again with a third left', async (t) => {
  const { authority, certificates, clock, dir, advance, open } = world(t);
  const changed: string[] = [];
  certificates.onChange((name) => changed.push(name));
  t.match(await certificates.want('turn:demo', NAME), { pair: undefined, problem: /is being ordered/ });
  t.match(certificates.list(), [{ name: NAME, state: 'waiting', usedBy: ['turn:demo'], notAfter: null }]);
  await advance(4999);
  t.same(authority.orders, []);
  await advance(1);
  t.same(authority.orders, [NAME]);
  t.same(changed, [NAME]);
  const first = await certificates.want('api', NAME);
  t.equal(first.problem, '');
  const file = certificates.fileOf(NAME);
  t.equal(readFileSync(file, 'utf8'), first.pair!.keyPem + first.pair!.certPem);
  t.equal(statSync(file).mode & 0o777, 0o600);
  t.match(certificates.list(), [{ state: 'valid', usedBy: ['api', 'turn:demo'], problem: '' }]);

  const renewedAtMs = Date.parse(certificates.list()[0]!.notAfter!) - LIFETIME_MS / 3;
  t.equal(Date.parse(certificates.list()[0]!.nextOrderAt), Math.round(renewedAtMs));
  await advance(renewedAtMs - clock.nowMs() - MINUTE_MS);
  t.equal(authority.orders.length, 1, 'not yet');
  await advance(2 * MINUTE_MS);
  t.equal(authority.orders.length, 2);
  t.not((await certificates.want('api', NAME)).pair!.certPem, first.pair!.certPem);

  const later = open();
  t.equal((await later.want('api', NAME)).problem, '', 'another start finds it');
  t.equal(authority.orders.length, 2);
  writeFileSync(file, 'no certificate');
  t.match(await open().want('api', NAME), { pair: undefined });
  t.throws(() => certificates.fileOf('../x'), /no DNS name/);
  t.ok(existsSync(join(dir, 'acme')));
});

t.test('a failure keeps the old one, says why, and is tried again further and further apart', async (t) => {
  const { authority, certificates, advance } = world(t);
  authority.failure = 'The authority says: no.';
  await certificates.want('turn:demo', NAME);
  await advance(5000);
  t.match(await certificates.want('turn:demo', NAME), { pair: undefined, problem: /says: no/ });
  await advance(MINUTE_MS - 1);
  t.equal(authority.orders.length, 1);
  await advance(1);
  t.equal(authority.orders.length, 2);
  await advance(3 * MINUTE_MS);
  t.equal(authority.orders.length, 3);
  authority.failure = undefined;
  await advance(9 * MINUTE_MS);
  const { pair } = await certificates.want('turn:demo', NAME);
  t.ok(pair);
  authority.failure = 'The authority says: never.';
  t.same(certificates.renew(), [NAME]);
  await certificates.idle();
  const kept = await certificates.want('turn:demo', NAME);
  t.equal(kept.pair?.certPem, pair!.certPem);
  t.match(kept.problem, /says: never\. The one before stays in use/);
  authority.failure = undefined;
  await advance(MINUTE_MS);
  t.equal((await certificates.want('turn:demo', NAME)).problem, '');
  t.throws(() => certificates.renew('other.example.com'), { code: 'not_found' });
});

t.test('one order at a time; what nobody wants is not renewed; stop gives up', async (t) => {
  const { authority, certificates, clock, advance } = world(t);
  let open = (): void => undefined;
  authority.gate = new Promise((resolve) => (open = resolve));
  await certificates.want('turn:a', 'a.example.com');
  await certificates.want('turn:b', 'b.example.com');
  clock.advance(5000);
  await new Promise((resolve) => setImmediate(resolve));
  t.same(authority.orders, ['a.example.com']);
  t.same(certificates.renew('a.example.com'), ['a.example.com'], 'it is on its way already');
  open();
  await certificates.idle();
  t.same(authority.orders, ['a.example.com', 'b.example.com']);
  certificates.release('turn:a');
  await certificates.want('turn:b', 'c.example.com');
  t.same(
    certificates.list().map(({ name }) => name),
    ['c.example.com'],
    'who wants another name leaves the first',
  );
  authority.gate = new Promise(() => undefined);
  clock.advance(5000);
  await new Promise((resolve) => setImmediate(resolve));
  await certificates.stop();
  await advance(400 * DAY_MS);
  t.equal(authority.orders.length, 3);
});

t.test("TURN services show the local CA's until it is there, and say so", async (t) => {
  const { dir, clock, certificates, advance, authority } = world(t);
  const caDirectory = join(dir, 'ca');
  const { caPem } = await loadOrCreateLocalCa(caDirectory, {
    names: ['x'],
    addresses: [],
    nowMs: clock.nowMs(),
  });
  const turn = new FileTurnCertificates({
    directory: join(dir, 'turn-certificates'),
    ...{ caDirectory, source: null, issued: certificates, log: silentLog, clock },
  });
  const early = await turn.ensure('demo', [NAME]);
  t.equal(early.trustPem, caPem);
  t.match(early.problem, /is being ordered\. Meanwhile the local CA's certificate is shown/);
  await advance(5000);
  const issued = await turn.ensure('demo', [NAME]);
  t.match(issued, { changed: true, problem: '' });
  t.equal(issued.trustPem, (await certificates.want('turn:demo', NAME)).pair!.certPem);
  t.equal((await turn.ensure('demo', [NAME])).changed, false);
  t.match(await turn.ensure('other', ['192.0.2.7']), { trustPem: caPem, problem: /Set turn\.hostName/ });
  await turn.remove('demo');
  t.same(certificates.list(), []);
  t.equal(authority.orders.length, 1);
});
