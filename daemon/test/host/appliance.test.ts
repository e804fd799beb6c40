/** An installed appliance on a booted Debian: what is set, what goes wrong behind its back, and what it says of it. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { z } from 'zod';
import { blastWallHolds } from '../testbed/blast-wall-test.ts';
import { bootBox, BOX_ADDRESS, CLIENT_ADDRESS } from '../testbed/box.ts';
import { makeBundle } from '../testbed/bundle.ts';
import { enable, untilServed } from '../testbed/installed-box.ts';
import { nameServerOutside, ZONE } from '../testbed/name-server.ts';

t.setTimeout(580_000);
const credentialsSchema = z.object({ username: z.string(), password: z.string() });
const YEAR_MS = 365 * 86_400_000;
/** A program that holds a TURN port. */
const STRANGER = `/opt/turnkeep/current/runtime/node -e "require('node:dgram').createSocket('udp4').bind(3478, '${BOX_ADDRESS}')"`;

t.test('an installed appliance', async (t) => {
  const bundle = await makeBundle();
  const box = await bootBox(t, { enforcesLimits: true });
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
    t.match(await box.sh('turnkeep namespace webrtc-status -n cam-one'), /Memory +512 MiB, takes \d+ MiB\n/);
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

  const inspect = () => box.run(['turnkeep', 'inspect'], { timeoutMs: 60_000 });
  const unit = (kind: string): string => `'turnkeep-${kind}@cam\\x2done.service'`;
  const data = '/var/lib/turnkeep';
  const certificate = `${data}/turn-certificates/cam-one.pem`;
  const expired = t.testdir();
  execFileSync(process.execPath, [
    join(import.meta.dirname, '../helpers/issue-certificate.ts'),
    ...[expired, BOX_ADDRESS, String(Date.now() - 5 * YEAR_MS)],
  ]);
  const expiredPem =
    readFileSync(join(expired, 'turn.key'), 'utf8') + readFileSync(join(expired, 'turn.crt'), 'utf8');
  writeFileSync(join(box.root, 'root/expired.pem'), expiredPem);
  /** Those of a round at once. `broken` may be repeated: the daemon puts some of it right within a minute. */
  const FAULTS: { round: 1 | 2; fault: string; broken: string; mend: string; told: RegExp }[] = [
    {
      round: 1,
      fault: 'firewall rules that a stranger removed',
      broken: 'nft delete table inet turnkeep 2>/dev/null || true',
      mend: '',
      told: /The table inet turnkeep of nftables is gone\.\s+`turnkeep repair` sets them anew now/,
    },
    {
      round: 1,
      fault: 'a masked unit',
      broken: `systemctl mask --runtime ${unit('sfu')}`,
      mend: `systemctl unmask --runtime ${unit('sfu')}`,
      told: /turnkeep-sfu@cam\\x2done\.service is masked.*\s+systemctl unmask/,
    },
    {
      round: 1,
      fault: 'a daemon that does not come with the host',
      broken: 'systemctl disable turnkeepd',
      mend: 'systemctl enable turnkeepd',
      told: /turnkeepd\.service is disabled.*\s+systemctl enable/,
    },
    {
      round: 1,
      fault: 'a service that somebody stopped, and a stranger on its port',
      broken: `systemctl stop ${unit('turn')}; systemctl -q is-active stranger || systemd-run --quiet --unit=stranger ${STRANGER}`,
      mend: `systemctl stop stranger; systemctl start ${unit('turn')}`,
      told: /TURN port 3478 \(udp 10\.99\.0\.1\) of "cam-one" is held by a stranger: a process of user 0\.\s+Stop that program/,
    },
    {
      round: 1,
      fault: 'a damaged certificate',
      broken: `[ -e /root/kept.pem ] || cp -p ${certificate} /root/kept.pem; echo damage > ${certificate}`,
      mend: `cat /root/kept.pem > ${certificate}`,
      told: /TURN certificate \S+ cannot be used/,
    },
    {
      round: 1,
      fault: 'a changed state file',
      broken: `[ -e /root/state ] || cp -p ${data}/cluster_state.json /root/state; sed -i '0,/3478/s//3479/' ${data}/cluster_state.json`,
      mend: `cp -p /root/state ${data}/cluster_state.json`,
      told: /The state file cannot be used: its checksum/,
    },
    {
      round: 1,
      fault: 'another database in its place',
      broken: `[ -e /root/turnkeep.db ] || { mv ${data}/turnkeep.db /root/; cp -p /root/turnkeep.db ${data}/; }`,
      mend: `mv /root/turnkeep.db ${data}/`,
      told: /is another file now/,
    },
    {
      round: 2,
      fault: 'one rule that a stranger added',
      broken: 'nft insert rule inet turnkeep input udp dport 3478 drop',
      mend: '',
      told: /somebody else's \(udp dport 3478 drop\)/,
    },
    {
      round: 2,
      fault: 'the shield is gone',
      broken: 'ip link delete turnkeep0 2>/dev/null || true',
      mend: 'systemctl restart turnkeep-shield',
      told: /No interface of this host has 10\.83\.254\.1 \(shield\.address\).*\s+systemctl restart turnkeep-shield/,
    },
    {
      round: 2,
      fault: 'the public address is gone',
      broken: 'ip address delete 10.99.0.1/24 dev eth0 2>/dev/null || true',
      mend: 'ip address add 10.99.0.1/24 dev eth0; ip route replace default via 10.99.0.2',
      told: /No interface of this host has 10\.99\.0\.1 \(turn\.bindAddresses\)/,
    },
    {
      round: 2,
      fault: 'an expired certificate',
      broken: `cat /root/expired.pem > ${certificate}`,
      mend: `cat /root/kept.pem > ${certificate}`,
      told: /TURN certificate \S+ ended on/,
    },
  ];
  for (const round of [1, 2] as const) {
    const faults = FAULTS.filter((one) => one.round === round);
    await t.test(`inspect finds ${faults.map(({ fault }) => fault).join('; ')}`, async (t) => {
      let seen = { code: 0, stdout: '' };
      for (
        let attempt = 1;
        attempt <= 4 && faults.some(({ told }) => !told.test(seen.stdout));
        attempt += 1
      ) {
        for (const { broken } of faults) await box.sh(broken);
        seen = await inspect();
      }
      t.equal(seen.code, 1);
      for (const { fault, told } of faults) t.match(seen.stdout, told, fault);
      for (const { mend } of faults.toReversed()) await box.sh(mend);
      await box.sh('systemctl restart turnkeepd');
      await untilServed(box, 'cam-one');
      t.match(await inspect(), { code: 0, stdout: /Nothing fails/ }, 'and nothing when all is put right');
    });
  }
  t.match(await box.run(['turnkeep', 'doctor', '--namespace', 'cam-one']), { code: 0 }, 'a viewer is served');

  await t.test('DNS records and ufw come and go with a namespace; others stay', async (t) => {
    const { key, ask } = await nameServerOutside(t, box);
    const name = `turn.ns-cam-two.${ZONE}`;
    writeFileSync(join(box.root, 'etc/turnkeep/dns.key'), key);
    const yaml = join(box.root, 'etc/turnkeep/turnkeep.yaml');
    const config = readFileSync(yaml, 'utf8')
      .replace('manager: nftables', 'manager: ufw')
      .replace('turn:\n', `turn:\n  hostName: turn.ns-{namespace}.${ZONE}\n`);
    const dns = `dns: { manager: rfc2136, server: '${CLIENT_ADDRESS}:53', zone: ${ZONE}, keyFile: /etc/turnkeep/dns.key }`;
    writeFileSync(yaml, `${config}${dns}\n`);
    await box.sh(`chown root:turnkeep /etc/turnkeep/dns.key; chmod 640 /etc/turnkeep/dns.key
      nft delete table inet turnkeep; ufw allow 22/tcp comment mine; ufw allow 8080/tcp; ufw --force enable
      systemctl restart turnkeepd`);
    await untilServed(box, 'cam-one');
    const foreign = ['ufw allow 22/tcp', 'ufw allow 8080/tcp'];
    const rules = async (): Promise<string> => box.sh('ufw show added');
    await enable(box, 'cam-two');
    t.strictSame((await ask(name)).sort(), ['"somebody\'s"', BOX_ADDRESS]);
    t.match(await rules(), /port 3480 proto udp comment 'turnkeep: cam-two'/);
    t.match(await inspect(), { code: 0 });
    await box.sh(`printf 'server ${CLIENT_ADDRESS}\\nupdate delete ${name} A\\nupdate add ${name} 60 A 192.0.2.66\\nsend\\n' |
      nsupdate -k /etc/turnkeep/dns.key; ufw delete allow proto udp to ${BOX_ADDRESS} port 3480`);
    const { code, stdout } = await inspect();
    t.equal(code, 1);
    t.match(stdout, /has 192\.0\.2\.66 instead of 10\.99\.0\.1/);
    t.match(stdout, /1 rules of Turnkeep are missing in ufw/);
    await box.sh('systemctl stop turnkeepd');
    const withdraw = await box.run([
      ...'setpriv --reuid turnkeep --regid turnkeep --clear-groups /opt/turnkeep/current/runtime/node'.split(
        ' ',
      ),
      ...'/opt/turnkeep/current/daemon/dns-withdraw.ts --config /etc/turnkeep/turnkeep.yaml'.split(' '),
    ]);
    t.match(withdraw, { code: 0, stdout: `DNS records of ${name} removed` }, withdraw.stderr);
    t.strictSame(await ask(name), ['"somebody\'s"'], 'an uninstaller takes the record back');
    await box.sh('systemctl start turnkeepd');
    await untilServed(box, 'cam-two');
    t.match(await rules(), /port 3480 proto udp comment 'turnkeep: cam-two'/, 'the next start sets it anew');
    await box.until(async () => (await ask(name)).includes(BOX_ADDRESS));
    await box.sh('turnkeep namespace disable webrtc --namespace cam-two', { timeoutMs: 120_000 });
    t.strictSame(await ask(name), ['"somebody\'s"'], 'the record is gone, and nothing else');
    const left = await rules();
    t.notMatch(left, /cam-two/);
    for (const rule of foreign) t.ok(left.includes(rule), rule);
    t.match(await inspect(), { code: 0 });
  });

  await t.test('a backup becomes the same appliance on a fresh host', async (t) => {
    await box.sh('turnkeep user create guard; turnkeep camera add Dock --namespace cam-one');
    const made = await box.sh('turnkeep --json turn credentials --namespace cam-one --subject before');
    const { username, password } = credentialsSchema.parse(JSON.parse(made));
    const seen = async (): Promise<string> =>
      `${await box.sh('turnkeep --json user list; turnkeep --json namespace list; turnkeep camera list; turnkeep --json namespace quota -n cam-one')}
      ${JSON.stringify((await untilServed(box, 'cam-one')).ports)}`.replaceAll(
        /"(?:quota|used)": \{[^}]*\}/g,
        '',
      );
    await box.sh('turnkeep namespace quota -n cam-one --tasks 111');
    const before = await seen();
    await box.sh(
      `printf 'correct horse battery' > /root/passphrase
      turnkeep backup create /root/turnkeep.backup --passphrase-file /root/passphrase --config /etc/turnkeep/turnkeep.yaml
      systemctl stop turnkeepd 'turnkeep-*@*'
      find ${data} -mindepth 1 -maxdepth 1 ! -name run -exec rm -rf {} +
      systemd-tmpfiles --create /etc/tmpfiles.d/turnkeep.conf
      systemctl start turnkeepd
      [ "$(turnkeep --json namespace list | tr -d ' \n')" = '{"items":[]}' ]
      systemctl stop turnkeepd
      turnkeep backup restore /root/turnkeep.backup --replace --passphrase-file /root/passphrase --config /etc/turnkeep/turnkeep.yaml
      systemctl start turnkeepd`,
      { timeoutMs: 300_000 },
    );
    await untilServed(box, 'cam-one');
    t.equal(await seen(), before, 'users, namespaces, cameras, quotas and ports');
    const ports = (await untilServed(box, 'cam-one')).ports;
    const allocate = [join(import.meta.dirname, '../testbed/allocate.ts'), BOX_ADDRESS, String(ports?.turn)];
    const allocated = await box.outside([process.execPath, ...allocate, username, password]);
    t.equal(allocated.code, 0, `a credential of before still works ${allocated.stdout.slice(-500)}`);
    t.match(await inspect(), { code: 0 });
  });

  await t.test('a namespace that takes all it can get leaves the picture of another alone', async (t) => {
    // As installed: the name server is gone, and ufw knows no tunnel of a camera.
    await box.sh(`ufw --force disable
      sed -i 's/manager: ufw/manager: nftables/; /^dns:/d; /hostName: turn/d' /etc/turnkeep/turnkeep.yaml
      systemctl restart turnkeepd`);
    await untilServed(box, 'cam-one');
    await blastWallHolds(t, box, 'cam-one');
  });
});
