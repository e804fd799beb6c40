/** An installed appliance on a booted Debian: what is set, what goes wrong behind its back, and what it says of it. */
import t from 'tap';
import { bootBox } from '../testbed/box.ts';
import { makeBundle } from '../testbed/bundle.ts';
import { enable, untilServed } from '../testbed/installed-box.ts';

t.setTimeout(580_000);

t.test('an installed appliance', async (t) => {
  const bundle = await makeBundle();
  const box = await bootBox(t);
  const { code, stderr } = await box.run([`${bundle}/install.sh`, '--yes'], { timeoutMs: 180_000 });
  t.equal(code, 0, stderr);
  await enable(box, 'cam-one');
  await untilServed(box, 'cam-one');

  await t.test('a namespace is held to its quota by its slice, at once and after a power cut', async (t) => {
    const slice = "'turnkeep-cam\\x2done.slice'";
    const held = (): Promise<string> =>
      box.sh(`systemctl show ${slice} --property=MemoryMax,MemoryHigh,TasksMax,CPUQuotaPerSecUSec,CPUWeight`);
    t.match(await held(), /MemoryMax=2147483648\n[^]*TasksMax=128/, 'as configured');
    await box.sh('turnkeep namespace quota -n cam-one --memory 512M --tasks 99 --cpu 150% --cpu-weight 50');
    const own = [
      'CPUWeight=50',
      'CPUQuotaPerSecUSec=1.500000s',
      'MemoryHigh=402653184',
      'MemoryMax=536870912',
      'TasksMax=99',
    ];
    const asOwn = (text: string): string[] => own.filter((line) => !text.includes(line));
    t.strictSame(asOwn(await held()), [], 'its own, at once');
    await box.cutPower();
    await untilServed(box, 'cam-one');
    t.strictSame(asOwn(await held()), [], 'its own, after a power cut');
    t.match(await box.sh('turnkeep namespace webrtc-status -n cam-one'), /Memory +512 MiB\n/);
    await box.sh(`systemctl set-property --runtime ${slice} MemoryMax=infinity`);
    const told = await box.run(['turnkeep', 'inspect']);
    t.match(told, { code: 1, stdout: /memory is unbounded instead of 512 MiB/ });
    await box.sh('turnkeep namespace quota -n cam-one --memory default');
    t.match(await held(), /MemoryMax=2147483648\n/);
    t.match(await box.run(['turnkeep', 'inspect']), { code: 0 });
    const denied = await box.run([
      ...'setpriv --reuid turnkeep --regid turnkeep --init-groups systemctl --no-ask-password set-property'.split(
        ' ',
      ),
      'turnkeep.slice',
      'MemoryMax=1G',
    ]);
    t.not(denied.code, 0, 'the daemon may not touch the slice of all of it');
  });
});
