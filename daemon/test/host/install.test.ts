/** install.sh on a booted Debian: install, use, upgrade, roll back, lose power, remove. */
import t from 'tap';
import { bootBox, BOX_ADDRESS, type Box } from '../testbed/box.ts';
import { makeBundle } from '../testbed/bundle.ts';
import { namespaceStatus, untilServed } from '../testbed/installed-box.ts';

t.setTimeout(580_000);

/** Everything an installation may touch: files with owner and mode, users, addresses, units. */
const SNAPSHOT = `
  find / -xdev \\( -path /proc -o -path /sys -o -path /run -o -path /src -o -path /tmp -o -path /var/log -o -path /var/tmp \\
    -o -path /var/lib/systemd -o -path /root -o -name 'passwd-' -o -name 'group-' -o -name 'shadow-' -o -name 'gshadow-' -o -name '.pwd.lock' \\
    -o -name 'machine-id' -o -name 'subuid*' -o -name 'subgid*' \\) -prune -o -printf '%M %U %G %p\\n' | sort -k4
  getent passwd; getent group; ip -o address | awk '{print $2, $4}'; systemctl list-unit-files --no-legend 'turnkeep*' || true; nft list ruleset
`;

const pidOf = async (box: Box, kind: string): Promise<string> =>
  (await box.sh(`systemctl show --property=MainPID --value 'turnkeep-${kind}@cam\\x2done.service'`)).trim();

/** Another version: the same bundle with one change, and honest checksums. */
const anotherVersion = (box: Box, from: string, to: string, change: string): Promise<string> =>
  box.sh(
    `cp -r ${from} ${to} && cd ${to} && ${change} &&
     find . -type f ! -name SHA256SUMS ! -name RELEASE -print0 | sort -z | xargs -0 sha256sum > SHA256SUMS &&
     printf '0.1.1-%s\\n' "$(sha256sum SHA256SUMS | cut -c1-12)" > RELEASE`,
    { timeoutMs: 120_000 },
  );

t.test('from install to removal', async (t) => {
  const bundle = await makeBundle();
  const box = await bootBox(t);
  await box.sh('systemctl start polkit');
  const before = await box.sh(SNAPSHOT);
  const install = (folder: string, ...options: string[]) =>
    box.run([`${folder}/install.sh`, ...options], { timeoutMs: 180_000 });

  await t.test('it refuses what it cannot do, and changes nothing', async (t) => {
    t.match(await install(bundle), { code: 1, stderr: /There is nobody to ask/ });
    t.match(await install(bundle, '--purge'), { code: 1, stderr: /belongs to --uninstall/ });
    t.match(await install(bundle, '--nonsense'), { code: 1, stderr: /Unknown option --nonsense/ });
    await anotherVersion(box, bundle, '/root/cut', 'echo more >> README.md');
    await box.sh('echo damage >> /root/cut/daemon/turnkeepd.ts');
    t.match(await install('/root/cut', '--yes'), { code: 1, stderr: /a checksum is wrong/ });
    await box.sh('rm -r /root/cut');
    t.match(
      await box.run(['sh', '-c', `head -c 6000 ${bundle}/install.sh | bash -s -- --yes`]),
      { code: 2 },
      'a cut download',
    );
    t.equal(await box.sh(SNAPSHOT), before);
  });

  await t.test('it installs, says how to sign in, and a second run changes nothing', async (t) => {
    const first = await install(bundle, '--yes');
    t.match(
      first,
      { code: 0, stdout: /Console {2}https:\/\/10\.99\.0\.1:8080\/sign-in#code=\S+/ },
      first.stderr,
    );
    t.match(await install(bundle, '--yes'), { code: 0, stdout: /Nothing to change/ });
    t.equal((await box.sh('systemctl is-active turnkeepd turnkeep-shield')).trim(), 'active\nactive');
    const outside = await box.outside([
      'curl',
      '-ksS',
      '--max-time',
      '10',
      `https://${BOX_ADDRESS}:8080/healthz`,
    ]);
    t.equal(outside.code, 0, outside.stderr);
  });

  await t.test('a namespace runs as units, proved through a real relay', async (t) => {
    await box.sh('turnkeep namespace create cam-one');
    const enabled = await box.run(['turnkeep', 'namespace', 'enable', 'webrtc', '--namespace', 'cam-one'], {
      timeoutMs: 120_000,
    });
    t.match(
      enabled,
      { code: 0, stdout: /answered through the relay[\s\S]*WebRTC is enabled/ },
      enabled.stderr,
    );
    t.match(await box.sh('nft list table inet turnkeep'), /3478/, 'its ports are open');
    t.match(await box.sh('systemctl status turnkeep.slice'), /turnkeep-cam\\x2done\.slice/);
    for (const unit of [
      'turnkeepd.service',
      'turnkeep-turn@cam\\x2done.service',
      'turnkeep-sfu@cam\\x2done.service',
    ]) {
      const limit = unit === 'turnkeepd.service' ? 35 : 20;
      const { code, stdout } = await box.run([
        'systemd-analyze',
        'security',
        `--threshold=${String(limit)}`,
        unit,
      ]);
      t.equal(code, 0, `${unit} ${/Overall exposure.*/.exec(stdout)?.[0] ?? ''}`);
    }
  });

  await t.test('a killed daemon comes back and finds its services as they were', async (t) => {
    const turn = await pidOf(box, 'turn');
    await box.sh('systemctl kill --signal=KILL turnkeepd');
    await untilServed(box, 'cam-one');
    t.equal(await pidOf(box, 'turn'), turn);
  });

  await t.test(
    'an upgrade keeps the services running; a version that does not start is taken back',
    async (t) => {
      const [turn, sfu] = [await pidOf(box, 'turn'), await pidOf(box, 'sfu')];
      await anotherVersion(box, bundle, '/root/v2', 'echo more >> README.md');
      const upgraded = await install('/root/v2', '--yes');
      t.match(upgraded, { code: 0, stdout: /go on with the former version/ }, upgraded.stderr);
      const current = await box.sh('readlink /opt/turnkeep/current');
      t.match(current, /0\.1\.1-/);
      await anotherVersion(
        box,
        '/root/v2',
        '/root/v3',
        'printf \'throw new Error("no good")\' > daemon/turnkeepd.ts',
      );
      const refused = await install('/root/v3', '--yes');
      t.match(refused, { code: 1, stderr: /no good[\s\S]*did not become ready; 0\.1\.1-\w+ is back/ });
      t.equal(await box.sh('readlink /opt/turnkeep/current'), current);
      await untilServed(box, 'cam-one');
      t.strictSame([await pidOf(box, 'turn'), await pidOf(box, 'sfu')], [turn, sfu], 'no picture was lost');
      await box.sh('rm -r /root/v2 /root/v3');
    },
  );

  await t.test('after a power cut everything is back on the same ports', async (t) => {
    const { ports } = await namespaceStatus(box, 'cam-one');
    t.ok(ports);
    const startedMs = await box.cutPower();
    await untilServed(box, 'cam-one');
    t.comment(
      `from the boot of systemd to a working relay: ${String(Math.round(performance.now() - startedMs))} ms`,
    );
    t.strictSame((await namespaceStatus(box, 'cam-one')).ports, ports);
    t.match(await box.sh('nft list table inet turnkeep'), /3478/, 'and open');
  });

  await t.test('removal leaves nothing, and without --purge the data', async (t) => {
    t.match(await install(bundle, '--uninstall', '--yes'), { code: 0 });
    await box.sh('test -e /var/lib/turnkeep/turnkeep.db && test -e /etc/turnkeep/turnkeep.yaml');
    t.match(await install(bundle, '--yes'), { code: 0 });
    await untilServed(box, 'cam-one');
    t.match(await box.sh('turnkeep --json namespace list'), /cam-one/, 'the data was found again');
    t.match(await install(bundle, '--uninstall', '--purge', '--yes'), { code: 0 });
    const gone = new Set((await box.sh(SNAPSHOT)).split('\n'));
    const was = new Set(before.split('\n'));
    t.strictSame(
      [...gone].filter((line) => !was.has(line)),
      [],
      'nothing is left',
    );
    t.strictSame(
      [...was].filter((line) => !gone.has(line)),
      [],
      'nothing else is gone',
    );
  });
});
