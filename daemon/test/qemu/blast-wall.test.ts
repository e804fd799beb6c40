/**
 * The blast wall, measured: one namespace takes all the memory, tasks or CPU it may have, and the other relays on.
 * Minutes long, so it runs only when it is asked for: TURNKEEP_QEMU=1 scripts/test daemon/test/qemu (qemu-system-x86).
 */
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { z } from 'zod';
import { Box } from '../testbed/box.ts';
import { makeBundle } from '../testbed/bundle.ts';
import { enable, untilServed } from '../testbed/installed-box.ts';
import { bootMachine, ensureKernelRootfs } from '../testbed/virtual-machine.ts';

const LIMIT_MS = 1_500_000;
t.setTimeout(LIMIT_MS);

const reportSchema = z.object({
  kind: z.string(),
  hitTheWall: z.number().optional(),
  sameProcesses: z.boolean().optional(),
  transports: z
    .array(z.object({ transport: z.string(), ok: z.boolean(), sent: z.number(), lost: z.number() }).loose())
    .optional(),
});

/** The address of the box, without a cable; and the script at the end of the boot. */
const UNITS = {
  'box-address.service': `[Unit]
DefaultDependencies=no
Before=network.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'ip link add eth0 type dummy; ip address add 10.99.0.1/24 dev eth0; ip link set eth0 up'
`,
  'blast-wall.service': `[Unit]
After=turnkeepd.service
[Service]
ExecStart=/opt/turnkeep/current/runtime/node /root/blast-wall.ts
Environment=PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin NODE_NO_WARNINGS=1
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
`,
};

t.test('one namespace takes all it may have', async (t) => {
  const bundle = await makeBundle();
  const box = new Box(await ensureKernelRootfs());
  t.teardown(() => box.close());
  await box.boot();
  const { code, stderr } = await box.run([`${bundle}/install.sh`, '--yes'], { timeoutMs: 300_000 });
  t.equal(code, 0, stderr);
  for (const name of ['a', 'b']) {
    await enable(box, name);
    await untilServed(box, name);
  }
  await box.sh("systemctl stop turnkeepd 'turnkeep-*@*' && sync");
  const units = join(box.root, 'etc/systemd/system');
  mkdirSync(join(units, 'multi-user.target.wants'), { recursive: true });
  for (const [name, text] of Object.entries(UNITS)) {
    writeFileSync(join(units, name), text);
    symlinkSync(`../${name}`, join(units, 'multi-user.target.wants', name));
  }
  cpSync(join(import.meta.dirname, '../testbed/inside/blast-wall.ts'), join(box.root, 'root/blast-wall.ts'));
  const said = await bootMachine(box.root, { timeoutMs: LIMIT_MS - 300_000 });
  const lines = [...said.matchAll(/^BLAST (\{.*\})\r?$/gm)].map(([, json = '']) => json);
  for (const line of lines) t.comment(line);
  const reports = new Map(
    lines.map((line) => reportSchema.safeParse(JSON.parse(line)).data).map((one) => [one?.kind, one]),
  );
  for (const kind of ['memory', 'tasks', 'cpu']) {
    const report = reports.get(kind);
    t.ok((report?.hitTheWall ?? 0) > 0, `${kind}: the kernel held a to its quota`);
    t.equal(report?.sameProcesses, true, `${kind}: the services of b go on`);
    for (const { transport, ok, lost } of report?.transports ?? [
      { transport: 'none', ok: false, lost: -1 },
    ]) {
      t.ok(ok, `${kind}: b relays over ${transport}`);
      t.equal(lost, 0, `${kind}: and loses nothing over ${transport}`);
    }
  }
  t.ok(
    reports.get('after')?.transports?.every(({ ok }) => ok),
    'and a itself is back',
  );
  if (lines.length < 6) t.comment(said.slice(-3000));
});
