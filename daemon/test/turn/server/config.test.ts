import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { listenFailure } from '../../../turn/server/listen-failure.ts';
import { loadServiceConfig } from '../../../turn/server/service-config.ts';
import { restartReasons } from '../../../turn/server/turn-settings.ts';
import { turnConfig } from '../../helpers/turn-client.ts';

t.test('only sockets and identity need a restart', (t) => {
  const running = turnConfig();
  t.same(restartReasons(running, turnConfig()), []);
  t.same(
    restartReasons(running, {
      ...running,
      secrets: [{ id: 'b', secret: 'another secret of sixteen' }],
      peers: { scope: 'sfu', allow: [] },
      limits: { ...running.limits, allocations: 1 },
      rfc5766Channels: true,
    }),
    [],
  );
  t.same(restartReasons(running, { ...running, realm: 'x', relay: { ...running.relay, maxPort: 65535 } }), [
    'realm',
    'relay',
  ]);
  t.end();
});

t.test('a wrong file is refused with every problem and no value', async (t) => {
  const dir = t.testdir({});
  const write = (name: string, text: string): string => {
    const file = join(dir, name);
    writeFileSync(file, text);
    return file;
  };
  const config = turnConfig();
  await t.resolves(loadServiceConfig(write('good.json', JSON.stringify(config))));
  await t.rejects(loadServiceConfig(join(dir, 'none.json')), {
    code: 'invalid_request',
    message: /none\.json/,
  });
  await t.rejects(loadServiceConfig(write('text.json', 'hunter2 {')), { message: /it is not JSON$/ });
  const bad = {
    ...config,
    realm: '',
    listeners: [],
    color: 'hunter2',
    secrets: [{ id: 'a', secret: 'hunter2' }],
  };
  const error = await loadServiceConfig(write('bad.json', JSON.stringify(bad))).then(
    () => new Error('accepted'),
    (reason: unknown) => reason as Error,
  );
  for (const part of ['realm', 'listeners', 'color', 'secrets.0.secret']) t.match(error.message, part);
  t.notMatch(error.message, 'hunter2');
  const tls = { ...config, listeners: [{ transport: 'tls', address: '127.0.0.1', port: 5349 }] };
  await t.rejects(loadServiceConfig(write('tls.json', JSON.stringify(tls))), { message: /certFile/ });
});

t.test('a listener that cannot open has one sentence with address, port and remedy', (t) => {
  const listener = { transport: 'udp', address: '::1', port: 3478 } as const;
  for (const [code, remedy] of [
    ['EADDRINUSE', /udp \[::1\]:3478: another program uses this port/],
    ['EADDRNOTAVAIL', /does not have the address/],
    ['EACCES', /CAP_NET_BIND_SERVICE/],
    ['EIO', /EIO/],
  ] as const) {
    t.match(listenFailure(listener, Object.assign(new Error(code), { code })).message, remedy);
  }
  t.match(listenFailure({ ...listener, transport: 'dtls' }, new Error('x')).message, /certificate/);
  t.match(listenFailure({ ...listener, transport: 'tls' }, new Error('x')).message, /certificate/);
  t.end();
});
