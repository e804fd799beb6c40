/** What a reload takes up and what it leaves for the next start. */
import t from 'tap';
import { resolvedConfig, type LoadedConfig } from '../../config/load.ts';
import { RunningConfig } from '../../config/running-config.ts';

const parsed = (text: string): LoadedConfig => resolvedConfig(text, { source: 'test', environment: {} });

t.test('live keys are in force at once, others wait, a file with a problem changes nothing', async (t) => {
  let text = '';
  const configuration = new RunningConfig(() => parsed(text));
  const seen: string[] = [];
  configuration.follow((config) => void seen.push(config.logging.level));
  text = 'logging: { level: warn }\nrooms: { creation: api }\nservices: { stopOnExit: false }';
  const { applied, waiting } = await configuration.reload();
  t.same(applied.map(({ key }) => key).sort(), ['logging.level', 'rooms.creation']);
  t.match(waiting, [{ key: 'services.stopOnExit', running: true, file: false, restarts: 'daemon' }]);
  t.match(configuration.current, {
    logging: { level: 'warn' },
    rooms: { creation: 'api' },
    services: { stopOnExit: true },
  });
  t.same(seen, ['warn']);
  t.match(await configuration.reload(), { applied: [], waiting: [{ key: 'services.stopOnExit' }] });
  t.same(seen, ['warn'], 'nobody is told of nothing');
  text = 'logging: { level: loud }';
  await t.rejects(configuration.reload(), { name: 'ConfigError' });
  t.equal(configuration.current.logging.level, 'warn');
  text = '';
  t.same((await configuration.reload()).applied.map(({ key }) => key).sort(), [
    'logging.level',
    'rooms.creation',
  ]);
  t.equal(configuration.current.logging.level, 'info', 'a key that left the file has its default again');
});

t.test('reloads follow one another', async (t) => {
  let text = '';
  const configuration = new RunningConfig(() => parsed(text));
  const order: string[] = [];
  configuration.follow(async ({ logging }) => {
    await new Promise((resolve) => setImmediate(resolve));
    order.push(logging.level);
  });
  text = 'logging: { level: warn }';
  const first = configuration.reload();
  await Promise.resolve();
  text = 'logging: { level: error }';
  await Promise.all([first, configuration.reload()]);
  t.equal(order.at(-1), 'error');
  t.equal(configuration.current.logging.level, 'error');
});
