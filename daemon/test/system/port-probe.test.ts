import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import t from 'tap';
import { portHolder, portHolders } from '../../system/port-holder.ts';
import { BindingPortProbe } from '../../system/port-probe.ts';

const address = '127.0.15.9';

t.test('held ports are found, by protocol; free ones are free again afterwards', async (t) => {
  const udp = createSocket('udp4').bind(0, address);
  const tcp = createServer().listen(0, address);
  t.teardown(() => {
    udp.close();
    tcp.close();
  });
  await Promise.all([once(udp, 'listening'), once(tcp, 'listening')]);
  const held = { udp: udp.address().port, tcp: (tcp.address() as AddressInfo).port };
  const uses = (['udp', 'tcp'] as const).flatMap((protocol) =>
    [held.udp, held.tcp].map((port) => ({ protocol, address, port })),
  );
  const probe = new BindingPortProbe();
  const wanted = [
    { protocol: 'udp', address, port: held.udp },
    { protocol: 'tcp', address, port: held.tcp },
  ];
  const holder = `node port-probe.test.ts, process ${process.pid}`;
  const answer = wanted.map((use) => ({ ...use, holder }));
  t.same(await probe.busy(uses), answer, 'who holds them is told');
  t.same(await probe.busy(uses), answer, 'asking leaves nothing bound');
  t.same((await probe.busy([{ protocol: 'udp', address: '192.0.2.1', port: 5000 }])).length, 1, 'not ours');
});

t.test('another program is named, without its arguments; nobody where nobody is', async (t) => {
  const child = spawn(
    process.execPath,
    [
      '-e',
      `require('dgram').createSocket('udp6').bind(0, '::', function () { console.log(this.address().port); })`,
      'a-secret',
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  t.teardown(() => child.kill());
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const port = Number(line.toString());
  t.equal(await portHolder({ protocol: 'udp', address: '::1', port }), `node, process ${child.pid}`);
  t.equal(await portHolder({ protocol: 'udp', address: '127.0.42.9', port }), `node, process ${child.pid}`);
  t.equal(await portHolder({ protocol: 'tcp', address: '::1', port }), undefined);
  t.same(await portHolders([]), []);
});

t.test('a block of 800 ports is asked in one go', async (t) => {
  const uses = Array.from({ length: 800 }, (_, at) => ({
    protocol: 'udp' as const,
    address,
    port: 21000 + at,
  }));
  t.same(await new BindingPortProbe().busy(uses), []);
});
