/** The power fails, and something else is broken, too: what was enabled is back on its ports, with its secret. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { z } from 'zod';
import { bootBox, BOX_ADDRESS } from '../testbed/box.ts';
import { makeBundle } from '../testbed/bundle.ts';
import { enable, untilServed } from '../testbed/installed-box.ts';

t.setTimeout(580_000);
const credentialsSchema = z.object({ username: z.string(), password: z.string() });
const REPOSITORY = join(import.meta.dirname, '../../..');

t.test('cold boot with something broken', async (t) => {
  const bundle = await makeBundle();
  const box = await bootBox(t);
  const { code, stderr } = await box.run([`${bundle}/install.sh`, '--yes'], { timeoutMs: 120_000 });
  t.equal(code, 0, stderr);
  await enable(box, 'plant');
  const { ports } = await untilServed(box, 'plant');
  const made = await box.sh('turnkeep --json turn credentials --namespace plant --subject before');
  const { username, password } = credentialsSchema.parse(JSON.parse(made));
  const data = join(box.root, 'var/lib/turnkeep');
  const state = join(data, 'cluster_state.json');
  const database = join(data, 'turnkeep.db');
  const good = join(box.root, 'root/good');
  // As after a clean shutdown, so that each fault starts from the same files.
  await box.sh('systemctl stop turnkeepd && cp -a /var/lib/turnkeep /root/good && systemctl start turnkeepd');

  for (const [fault, breakIt, said] of [
    ['nothing', () => undefined, null],
    [
      'a state file that was cut off',
      () => {
        writeFileSync(state, readFileSync(state).subarray(0, 200));
      },
      /cluster_state|state file/,
    ],
    [
      'one flipped bit in the state file',
      () => {
        const bytes = readFileSync(state);
        bytes[300] = (bytes[300] ?? 0) ^ 1;
        writeFileSync(state, bytes);
      },
      /cluster_state|state file/,
    ],
    ['no state file and no former copy', () => sh(`rm -f ${state} ${state}.prev`), null],
    ['no database', () => sh(`rm -f ${database}*`), null],
    [
      'a database that is none',
      () => {
        sh(`rm -f ${database}*`);
        writeFileSync(database, 'this is no database'.repeat(1000));
      },
      /does not open/,
    ],
  ] as const) {
    const startedMs = await box.cutPower(() => {
      sh(
        `rm -rf ${data}/turnkeep.db* ${state}* && cp -a ${good}/turnkeep.db* ${good}/cluster_state.json* ${data}/`,
      );
      breakIt();
      sh(`chown --reference=${data} ${data}/*.db* ${state}* 2>/dev/null || true`);
    });
    const back = await untilServed(box, 'plant');
    t.comment(`${fault}: served ${String(Math.round(performance.now() - startedMs))} ms after power on`);
    t.strictSame(back.ports, ports, `${fault}: the same ports`);
    const allocated = await box.outside([
      process.execPath,
      join(REPOSITORY, 'daemon/test/testbed/allocate.ts'),
      ...[BOX_ADDRESS, String(ports?.turn), username, password],
    ]);
    t.equal(allocated.code, 0, `${fault}: a credential of before the cut still works`);
    if (allocated.code !== 0) t.comment(allocated.stdout.slice(-1000));
    if (said === null) continue;
    const log = await box.sh(
      'journalctl --boot --quiet --no-pager --output=cat _SYSTEMD_UNIT=turnkeepd.service; turnkeep status --json || true',
    );
    t.match(log, said, `${fault}: it is told`);
  }

  const credentialWorks = async (password_ = password, username_ = username): Promise<boolean> => {
    const { code } = await box.outside([
      process.execPath,
      join(REPOSITORY, 'daemon/test/testbed/allocate.ts'),
      ...[BOX_ADDRESS, String(ports?.turn), username_, password_],
    ]);
    return code === 0;
  };

  for (const [fault, fill, told] of [
    [
      'a full disk',
      `dd if=/dev/zero of=${data}/fill bs=64k 2>/dev/null || true`,
      /0 MB left.*\s+Make room on it/,
    ],
    ['a read-only disk', `mount -o remount,ro ${data}`, /takes nothing.*\s+.*mount -o remount,rw/],
  ] as const) {
    await t.test(fault, async (t) => {
      await box.cutPower(() => {
        sh(`mount -t tmpfs -o size=12m,mode=0700 small ${data} && cp -a ${good}/. ${data}/`);
        sh(
          `rm -rf ${data}/run && mkdir -m 0700 ${data}/run && chown --reference=${good} ${data} ${data}/run; ${fill}`,
        );
      });
      try {
        t.strictSame((await untilServed(box, 'plant')).ports, ports, 'the same ports');
        t.ok(await credentialWorks(), 'a credential of before works');
        t.match(
          await box.run(['turnkeep', 'inspect']),
          { code: 1, stdout: told },
          'it is named, with its remedy',
        );
      } finally {
        await box.cutPower(() => sh(`umount ${data}`));
      }
      await untilServed(box, 'plant');
    });
  }

  const CLOCK = `const real = Date, shift = Number(process.env.CLOCK_SHIFT_MS);
globalThis.Date = class extends real {
  constructor(...words) { if (words.length === 0) super(real.now() + shift); else super(...words); }
  static now() { return real.now() + shift; }
};
Object.defineProperty(performance, 'timeOrigin', { value: performance.timeOrigin + shift });`;
  writeFileSync(join(box.root, 'opt/turnkeep/clock.mjs'), CLOCK);
  for (const [days, works] of [
    [-1, true],
    [1, false],
  ] as const) {
    await t.test(`a clock that is ${String(days)} day off at power on`, async (t) => {
      const drop = `[Service]\nEnvironment=NODE_OPTIONS=--import=/opt/turnkeep/clock.mjs CLOCK_SHIFT_MS=${String(days * 86_400_000)}\n`;
      await box.cutPower(() => {
        sh(
          `rm -rf ${data}/turnkeep.db* ${state}* && cp -a ${good}/turnkeep.db* ${good}/cluster_state.json* ${data}/`,
        );
        for (const unit of ['turnkeepd', 'turnkeep-turn@', 'turnkeep-sfu@']) {
          const folder = join(box.root, `etc/systemd/system/${unit}.service.d`);
          mkdirSync(folder, { recursive: true });
          writeFileSync(join(folder, 'clock.conf'), drop);
        }
      });
      t.strictSame((await untilServed(box, 'plant')).ports, ports, 'the same ports');
      t.equal(
        await credentialWorks(),
        works,
        works ? 'a credential of before works' : 'by that clock it has ended',
      );
      const fresh = await box.sh('turnkeep --json turn credentials --namespace plant --subject after');
      const issued = credentialsSchema.parse(JSON.parse(fresh));
      t.ok(await credentialWorks(issued.password, issued.username), 'a new credential works');
      const { stdout } = await box.run(['turnkeep', 'inspect']);
      if (days < 0)
        t.match(stdout, /The clock is behind: .* written .* later.*\s+Synchronise it/, 'it is named');
      else t.match(stdout, /The clock is not synchronised/);
    });
  }
});

function sh(command: string): void {
  execFileSync('sh', ['-c', command]);
}
