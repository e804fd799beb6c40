import { readdirSync, readFileSync, statSync, writeFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { STATE_FILE_MAX_BYTES } from '../../contract/state-file.ts';
import { FileStateStore } from '../../system/state-file-store.ts';

t.test('nothing is there at first; the first write makes both copies', async (t) => {
  const path = join(t.testdir(), 'deep/state.json');
  const store = new FileStateStore(path);
  t.same(await store.read(), { current: null, previous: null });
  await store.write('one', { keepPrevious: false });
  t.same(await store.read(), { current: 'one', previous: 'one' });
  t.equal(statSync(path).mode & 0o777, 0o600);
  t.equal(statSync(`${path}.prev`).mode & 0o777, 0o600);
});

t.test('a good copy becomes the previous one, a bad one does not', async (t) => {
  const path = join(t.testdir(), 'state.json');
  const store = new FileStateStore(path);
  await store.write('one', { keepPrevious: false });
  await store.write('two', { keepPrevious: true });
  t.same(await store.read(), { current: 'two', previous: 'one' });
  writeFileSync(path, 'tw');
  await store.write('three', { keepPrevious: false });
  t.same(await store.read(), { current: 'three', previous: 'one' });
  t.equal(readFileSync(`${path}.bad`, 'utf8'), 'tw', 'and is kept for whoever wants to see it');
});

t.test('leftovers of a crash are no obstacle and leave nothing behind', async (t) => {
  const dir = t.testdir({ 'state.json': 'one', 'state.json.tmp': 'half', 'state.json.prev.tmp': 'old' });
  const store = new FileStateStore(join(dir, 'state.json'));
  await store.write('two', { keepPrevious: true });
  t.same(await store.read(), { current: 'two', previous: 'one' });
  t.same(readdirSync(dir).sort(), ['state.json', 'state.json.prev']);
});

t.test('a write that fails keeps what was there and says which file', async (t) => {
  const dir = t.testdir({ 'state.json': 'one' });
  mkdirSync(join(dir, 'state.json.tmp/sub'), { recursive: true });
  const store = new FileStateStore(join(dir, 'state.json'));
  await t.rejects(store.write('two', { keepPrevious: true }), {
    message: /state\.json cannot be written/,
    retryable: true,
  });
  t.equal(readFileSync(join(dir, 'state.json'), 'utf8'), 'one');
});

t.test('a file that is far too long is not read into memory', async (t) => {
  const dir = t.testdir({ 'state.json': 'x'.repeat(STATE_FILE_MAX_BYTES + 1) });
  const { current } = await new FileStateStore(join(dir, 'state.json')).read();
  t.ok(current!.trim() === '', 'spaces instead');
});
