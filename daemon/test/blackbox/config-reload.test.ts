/** A changed file while everything runs: what can be followed is in force at once, the rest is named, nothing restarts. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { ConfigReloadAnswer } from '../../contract/config-view.ts';
import type { DeviceWebrtc } from '../../contract/api.ts';
import type { TurnStatus } from '../../contract/control.ts';
import { Appliance } from '../helpers/appliance.ts';

const ADDRESS = '127.0.60.1';

t.test('a changed configuration file is followed without a restart', async (t) => {
  const appliance = await Appliance.start(t, ADDRESS);
  await appliance.enableNamespace('demo');
  const file = join(appliance.dir, 'turnkeep.yaml');
  const write = (change: object): void => {
    writeFileSync(
      file,
      JSON.stringify({
        dataDir: appliance.dir,
        api: { listen: `${ADDRESS}:8080` },
        public: { addresses: [ADDRESS] },
        turn: { bindAddresses: [ADDRESS] },
        shield: { address: ADDRESS },
        tunnels: { embedded: { listen: `${ADDRESS}:8443` } },
        logging: { level: 'info' },
        ...change,
      }),
    );
  };
  const reload = (): Promise<ConfigReloadAnswer> => appliance.api.post('/v1/config/reload', {});
  const limit = async (): Promise<number | undefined> => {
    const { limits } = await appliance.api.get<TurnStatus>('/v1/namespaces/demo/turn/status');
    return limits.find(({ name }) => name === 'allocationsPerUser')?.limit;
  };
  const pids = async (): Promise<(number | null | undefined)[]> => {
    const { turn, sfu } = await appliance.status('demo');
    return [appliance.daemon.pid, turn?.pid, sfu?.pid];
  };
  const before = await pids();
  t.same(await reload(), { problems: [], applied: [], waiting: [] }, 'the same file changes nothing');

  write({ turn: { bindAddresses: [ADDRESS], limits: { allocationsPerUser: 3 }, encryptedOnly: true } });
  t.match(await reload(), {
    problems: [],
    applied: [{ key: 'turn.limits.allocationsPerUser', running: 16, file: 3, restarts: 'nothing' }],
    waiting: [{ key: 'turn.encryptedOnly', running: false, file: true, restarts: 'services' }],
  });
  t.equal(await limit(), 3, 'the running TURN service has the new bound');
  t.match((await reload()).waiting, [{ key: 'turn.encryptedOnly' }], 'what waits is named again');
  t.match((await reload()).applied, []);

  write({ logging: { level: 'lout' }, viewers: { credentialTtlSeconds: 120 } });
  t.match(await reload(), { problems: [{ line: 1, key: 'logging.level' }], applied: [], waiting: [] });

  const { device } = await appliance.addCamera('Gate', { namespace: 'demo' });
  write({ viewers: { credentialTtlSeconds: 120 }, logging: { level: 'error' } });
  process.kill(appliance.daemon.pid!, 'SIGHUP');
  await appliance.until('the viewers get shorter credentials', async () => {
    const path = `/api/devices/${device.id}/webrtc`;
    const { expiration } = (await appliance.api.get<DeviceWebrtc>(path)).credentials;
    return Date.parse(expiration) - Date.now() <= 120_000;
  });
  t.same(await pids(), before, 'no process began anew');
});
