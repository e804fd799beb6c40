/** install.sh on a booted Debian: install, use, upgrade, roll back, lose power, remove. */
import t from 'tap';
import { setTimeout as pause } from 'node:timers/promises';
import { ApiClient } from '../../../cli/api-client.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { bootBox, BOX_ADDRESS, type Box, type Ran } from '../testbed/box.ts';
import { makeBundle } from '../testbed/bundle.ts';
import { namespaceStatus, untilServed } from '../testbed/installed-box.ts';
import { WatchedPicture, type Seen } from '../testbed/watched-picture.ts';

t.setTimeout(580_000);

/** Everything an installation may touch: files with owner, mode and contents, users, addresses, units. */
const SNAPSHOT = `
  find / -xdev \\( -path /proc -o -path /sys -o -path /run -o -path /src -o -path /tmp -o -path /var/log -o -path /var/tmp \\
    -o -path /var/lib/systemd -o -path '/var/cache/turnkeep*/*' -o -path /root -o -name 'turnkeep.db-*' -o -name 'passwd-' -o -name 'group-' -o -name 'shadow-' -o -name 'gshadow-' -o -name '.pwd.lock' \\
    -o -name 'machine-id' -o -name 'subuid*' -o -name 'subgid*' \\) -prune -o -printf '%M %U %G %p\\n' | sort -k4
  find /etc -xdev -type f ! -name '*-' ! -name 'machine-id' ! -name 'subuid' ! -name 'subgid' -exec sha256sum {} + | sort -k2
  getent passwd; getent group; ip -o address | awk '{print $2, $4}'; systemctl list-unit-files --no-legend 'turnkeep*' || true; nft list ruleset
`;

const pidOf = async (box: Box, kind: string): Promise<string> =>
  (await box.sh(`systemctl show --property=MainPID --value 'turnkeep-${kind}@cam\\x2done.service'`)).trim();

async function during(picture: WatchedPicture, act: () => Promise<unknown>): Promise<Seen> {
  const fromMs = Date.now();
  await act();
  return picture.seen(fromMs, Date.now());
}

/** Another version: the same bundle with some changes, and honest checksums. */
const anotherVersion = (box: Box, from: string, to: string, change: string): Promise<string> =>
  box.sh(
    `mkdir ${to} ${to}.d && mount -t tmpfs tmpfs ${to}.d && mkdir ${to}.d/up ${to}.d/work
     mount -t overlay overlay -o lowerdir=${from},upperdir=${to}.d/up,workdir=${to}.d/work ${to}
     cd ${to}; ${change}
     (cd ${to}.d/up; find . -type f) > ${to}.changed
     { grep -vFf ${to}.changed SHA256SUMS; xargs sha256sum < ${to}.changed; } > ${to}.sums && cp ${to}.sums SHA256SUMS
     printf '0.1.1-%s\\n' "$(sha256sum SHA256SUMS | cut -c1-12)" > RELEASE`,
    { timeoutMs: 120_000 },
  );

/** A schema that is one, two, ... versions newer. */
const migrations = (...sql: string[]): string => {
  const added = sql.map((text, at) => `{ version: ${String(1001 + at)}, title: "new", sql: "${text}" },`);
  return `sed -i '/^  namespacesMigration,$/,/^\\];/ s/^\\];/${added.join('')}&/' daemon/store/sqlite/database.ts`;
};

/** Everything that an upgrade may put outside of its own folder is another one. */
const OTHER_FILES = `
  for file in turnkeepd.service turnkeep-turn@.service turnkeep.slice turnkeep-.slice.d/10-limits.conf turnkeep.tmpfiles.conf; do
    echo '# Another version.' >> systemd/$file
  done
  echo '// Another version.' >> systemd/turnkeep.polkit.rules
  sed 's/8388608/9000000/' -i systemd/turnkeep.sysctl.conf
  cp systemd/turnkeep-boot.service systemd/turnkeep-more.service`;

t.test('from install to removal', async (t) => {
  const bundle = await makeBundle();
  const box = await bootBox(t);
  await box.sh('systemctl start polkit');
  const before = await box.sh(SNAPSHOT);
  const install = (folder: string, ...options: string[]) =>
    box.run([`${folder}/install.sh`, ...options], { timeoutMs: 180_000 });

  /** The script is killed as it calls a program. */
  const killedAt = async (program: string, folder: string): Promise<void> => {
    const wrapper = `/root/killing/${program}`;
    await box.sh(
      `mkdir -p /root/killing; printf '#!/bin/sh\\nkill -9 $PPID\\n' > ${wrapper}; chmod +x ${wrapper}`,
    );
    const killed = await box.run(
      ['sh', '-c', `PATH=/root/killing:$PATH ${folder}/install.sh --yes; echo "ended with $?"`],
      {
        timeoutMs: 180_000,
      },
    );
    t.match(killed.stdout, /ended with 137/, `killed at ${program}`);
    await box.sh(`rm ${wrapper}`);
  };

  await t.test('it refuses what it cannot do, and changes nothing', async (t) => {
    t.match(await install(bundle), {
      code: 1,
      stdout: /units +turnkeepd\.service/,
      stderr: /There is nobody to ask/,
    });
    for (const [options, said] of [
      ['--purge', /belongs to --uninstall/],
      ['--nonsense', /Unknown option --nonsense/],
      ['--yes --public-address 999.1.1.1', /999\.1\.1\.1 is no IPv4 address/],
      [
        '--yes --bind-address 10.99.0.77',
        /No interface of this machine has 10\.99\.0\.77\.\nName one of: 10\.99\.0\.1/,
      ],
      ['--yes --console-port 99999', /--console-port 99999 is no port/],
    ] as const) {
      t.match(await install(bundle, ...options.split(' ')), { code: 1, stderr: said });
    }
    const inPlaceOf = (file: string, act: string): Promise<Ran> =>
      box.run(['unshare', '--mount', 'sh', '-c', `mount ${act} ${file} && ${bundle}/install.sh --yes`]);
    await box.sh(
      `printf 'ID=debian\\nVERSION_ID=11\\nPRETTY_NAME="Debian 11"\\n' > /root/debian-11; echo ID=fedora > /root/fedora`,
    );
    const systems = { code: 1, stderr: /Turnkeep installs on Debian 12 and Ubuntu 24\.04/ };
    t.match(await inPlaceOf('/etc/os-release', '--bind /root/debian-11'), systems);
    t.match(await inPlaceOf('/etc/os-release', '--bind /root/fedora'), systems);
    t.match(await inPlaceOf('/opt', '-t tmpfs -o size=100m tmpfs'), {
      code: 1,
      stderr: /\/opt has 100 MiB left.*\nFree some/,
    });
    await box.sh(
      `systemd-run --quiet --unit=stranger ${bundle}/runtime/node -e "require('node:net').createServer().listen(8080)"`,
    );
    await box.until(async () => (await box.sh('ss -Hlnt sport = :8080')) !== '');
    t.match(await install(bundle, '--yes'), {
      code: 1,
      stderr: /Port 8080 \(tcp\) is taken by \/\S+\/node \(process \d+\).*\n.*--console-port/,
    });
    await box.sh('systemctl stop stranger');
    await anotherVersion(box, bundle, '/root/cut', 'echo more >> README.md');
    await box.sh('touch -d 2100-01-01 /root/cut/RELEASE');
    t.match(await install('/root/cut', '--yes'), { code: 1, stderr: /The clock of this machine is wrong/ });
    await box.sh('touch /root/cut/RELEASE; echo damage >> /root/cut/daemon/turnkeepd.ts');
    t.match(await install('/root/cut', '--yes'), { code: 1, stderr: /a checksum is wrong/ });
    await box.sh('cd /root/cut; grep -v turnkeepd.ts SHA256SUMS > sums; mv sums SHA256SUMS');
    t.match(
      await install('/root/cut', '--yes'),
      { code: 1, stderr: /a checksum is wrong/ },
      'nor a shorter list',
    );
    t.match(
      await box.run(['setpriv', '--reuid', '1000', '--clear-groups', `${bundle}/install.sh`, '--yes']),
      { code: 1, stderr: /needs root/ },
    );
    // From within a bundle, where all that it wants would be there.
    const cuts = await box.run([
      ...['sh', '-c'],
      `cd ${bundle}; size=$(stat -c %s install.sh); for n in 2000 $(seq $((size - 30)) $((size - 2))); do head -c $n install.sh | bash -s -- --yes; done`,
    ]);
    t.equal(cuts.stdout, '', 'a cut download runs nothing');
    t.equal(await box.sh(SNAPSHOT), before);
  });

  await t.test('it installs, says how to sign in, and a second run changes nothing', async (t) => {
    await killedAt('systemd-tmpfiles', bundle);
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

  await t.test('an upgrade that was killed is taken up, and the picture goes on meanwhile', async (t) => {
    const [turn, sfu] = [await pidOf(box, 'turn'), await pidOf(box, 'sfu')];
    await anotherVersion(box, bundle, '/root/v2', migrations('CREATE TABLE marker (a)'));
    const api = new ApiClient({ socketPath: box.pathOf('/run/turnkeep/turnkeepd.sock') });
    const picture = await WatchedPicture.start(box, api, 'cam-one', tempDir(t));
    const quiet = await during(picture, () => pause(2000));
    const seen = await during(picture, async () => {
      await killedAt('ln', '/root/v2');
      t.match(
        await box.run(['systemctl', 'is-active', 'turnkeepd']),
        { stdout: /inactive/ },
        'in the middle',
      );
      const upgraded = await install('/root/v2', '--yes');
      t.match(upgraded, { code: 0, stdout: /go on with the former version/ }, upgraded.stderr);
    });
    t.comment('quiet', JSON.stringify(quiet), 'upgrade', JSON.stringify(seen));
    t.ok(seen.framesPerSecond > quiet.framesPerSecond / 2, 'the picture of a running viewer is kept');
    t.strictSame(
      picture.words.filter((word) => word.startsWith('lost')),
      [],
      'and so is its session',
    );
    t.match(await box.sh('readlink /opt/turnkeep/current'), /0\.1\.1-/);
    t.strictSame([await pidOf(box, 'turn'), await pidOf(box, 'sfu')], [turn, sfu]);
    await untilServed(box, 'cam-one');
  });

  await t.test('a version that does not become ready, or cannot read the data, is taken back', async (t) => {
    const was = await box.sh(SNAPSHOT);
    await anotherVersion(
      box,
      '/root/v2',
      '/root/v3',
      `${OTHER_FILES}; ${migrations('CREATE TABLE marker (a)', 'DROP TABLE namespaces')}
      sed -i 's/constructor(.*{$/& throw new Error("no good");/' daemon/store/sqlite/identity-store.ts`,
    );
    const refused = await install('/root/v3', '--yes');
    t.match(refused, { code: 1, stderr: /no good[\s\S]*did not become ready; 0\.1\.1-\w+ is back/ });
    t.match(await install(bundle, '--yes'), {
      code: 1,
      stderr: /schema version 1001 is newer[\s\S]*did not become ready; 0\.1\.1-\w+ is back/,
    });
    t.equal(await box.sh(SNAPSHOT), was, 'units, rules, settings and program are as they were');
    await untilServed(box, 'cam-one');
  });

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
    await box.sh('cp -al "$(readlink -f /opt/turnkeep/current)" /root/same');
    t.match(await install(bundle, '--uninstall', '--yes'), { code: 0 });
    await box.sh('test -e /var/lib/turnkeep/turnkeep.db && test -e /etc/turnkeep/turnkeep.yaml');
    t.match(await install('/root/same', '--yes'), { code: 0 });
    await untilServed(box, 'cam-one');
    t.match(await box.sh('turnkeep --json namespace list'), /cam-one/, 'the data was found again');
    t.match(await box.run(['turnkeep', 'doctor', '-n', 'cam-one']), { code: 0 }, 'and a viewer is served');
    await box.sh('echo "a: [" > /etc/turnkeep/turnkeep.yaml'); // Rules go, whatever the file says.
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
