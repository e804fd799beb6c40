import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { ServiceLog } from '../../system/service-log.ts';

t.test('only what the present process said counts', async (t) => {
  const base = join(t.testdir({ 'x.log': '{"ready":true}\n', 'x.err': 'old trouble\n' }), 'x');
  const log = new ServiceLog(base, { maxBytes: 10_000 });
  const files = await log.openForProcess();
  t.equal(await log.saidReady(), false);
  t.equal(await log.lastWords(), '');
  await files.out.write('{"level":30,"msg":"listening"}\n{"ready":');
  t.equal(await log.saidReady(), false);
  await files.out.write('true}\n');
  t.equal(await log.saidReady(), true);
  await files.err.write('Error: EADDRINUSE\n    at listen\u001b[0m\n');
  t.equal(await log.lastWords(), 'Error: EADDRINUSE at listen [0m');
  await files.out.close();
  await files.err.close();
});

t.test('without stderr the last logged error is told', async (t) => {
  const base = join(t.testdir(), 'x');
  const log = new ServiceLog(base, { maxBytes: 10_000 });
  const { out, err } = await log.openForProcess();
  await out.write('{"level":60,"msg":"The file is not there."}\n{"level":30,"msg":"bye"}\nnot json\n');
  t.equal(await log.lastWords(), 'The file is not there.');
  await err.write('x'.repeat(100_000));
  t.ok((await log.lastWords()).length < 700, 'bounded');
  await out.close();
  await err.close();
});

t.test('a log that grew too long is moved aside while the writer goes on', async (t) => {
  const base = join(t.testdir(), 'x');
  const log = new ServiceLog(base, { maxBytes: 100 });
  const { out, err } = await log.openForProcess();
  await out.write('y'.repeat(200));
  await log.cap();
  await out.write('{"ready":true}\n');
  t.equal(await log.saidReady(), true);
  appendFileSync(`${base}.err`, 'last');
  t.equal(await log.lastWords(), 'last');
  await out.close();
  await err.close();
});
