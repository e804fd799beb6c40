/** What holds for every command of the tree. A command without a row here fails: rows are how one of each is run. */
import { mkdtempSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Option } from 'commander';
import t, { type Test } from 'tap';
import { apiBench } from '../../daemon/test/helpers/api-bench.ts';
import { run } from '../program.ts';
import { BESIDE, COMMANDS, folder, ROWS, SECRET } from './command-rows.ts';

function runner(socket: string) {
  return async (...argv: string[]) => {
    let [out, err] = ['', ''];
    const streams = { out: (text: string) => void (out += text), err: (text: string) => void (err += text) };
    const code = await run(argv, streams, { TURNKEEP_SOCKET: socket });
    return { code, out, err };
  };
}
type Cli = ReturnType<typeof runner>;
const nobody = runner(join(folder, 'nobody.sock'));

/** Right usage that ends before anything is asked: the daemon is not there. */
const isUsage = async (t: Test, cli: Cli, argv: string[], says: RegExp): Promise<void> => {
  const { code, out, err } = await cli(...argv);
  t.match({ code, out }, { code: 2, out: '' }, argv.join(' '));
  t.match(err, says, argv.join(' '));
};

const plain = (t: Test, text: string, what: string): void => {
  t.notMatch(text, '\u001b', `${what} draws nothing where no terminal is`);
  t.notMatch(text, SECRET, `${what} says no secret`);
  t.notMatch(
    text,
    /\n +at |undefined|\bNaN\b|Invalid input|E[A-Z]{4,}:|\[object/,
    `${what} speaks to people`,
  );
};

void t.test('every command is known here', (t) => {
  t.strictSame(COMMANDS.map(({ path }) => path).sort(), Object.keys(ROWS).sort());
  t.end();
});

void t.test(
  'help: a sentence, every word explained, an example where words are needed, no long line',
  async (t) => {
    for (const { path, words, command } of COMMANDS) {
      const { code, out, err } = await nobody(...words, '--help');
      t.match({ code, err }, { code: 0, err: '' }, path);
      t.match(command.description(), /^[a-z].*[^.]$/, `${path} says what it does`);
      for (const one of [...command.registeredArguments, ...command.options]) {
        t.ok(one.description !== '' || one.argChoices !== undefined, `${path} explains ${one.name()}`);
      }
      if (ROWS[path]?.length !== 0)
        t.match(out, new RegExp(`Example[^\n]*:\n[^]*  turnkeep ${path}[ \n]`), `${path} has an example`);
      t.ok(
        out.split('\n').every((line) => line.length <= 120),
        `${path}: no line of its help is longer than 120`,
      );
      plain(t, out, path);
    }
  },
);

void t.test(
  'wrong words are exit code 2 with the word in the sentence, and nothing on standard output',
  async (t) => {
    for (const { path, words, command } of COMMANDS) {
      const row = [...words, ...(ROWS[path] ?? [])];
      await isUsage(t, nobody, [...row, '--nonsense'], /unknown option '--nonsense'[^]*--help/);
      const takes = command.registeredArguments.length;
      await isUsage(
        t,
        nobody,
        [...row, ...Array.from({ length: takes + 1 }, () => 'extra')],
        /too many arguments/,
      );
      const [first] = command.registeredArguments.filter(({ required }) => required);
      if (first !== undefined) await isUsage(t, nobody, words, /missing required argument|required option/);
      for (const option of command.options.filter(({ mandatory }) => mandatory)) {
        const without = row.filter(
          (word, at) => !flags(option).includes(word) && !(at > 0 && flags(option).includes(row[at - 1]!)),
        );
        await isUsage(t, nobody, without, new RegExp(`required option.*${option.long ?? ''}`));
      }
      for (const option of command.options.filter((one) => one.required)) {
        await isUsage(t, nobody, [...row, option.long ?? ''], /argument missing/);
      }
    }
  },
);

/** Placeholders that stand for numbers: what is no number never gets to the daemon. */
const NUMBERS = /<(seconds|count|port|line|lines|percent|weight|size|ms)>/;

void t.test('wrong values are exit code 2 and name the option', async (t) => {
  for (const { path, words, command } of COMMANDS) {
    const row = [...words, ...(ROWS[path] ?? [])];
    for (const option of command.options) {
      const wrong = option.argChoices !== undefined || NUMBERS.test(option.flags);
      if (!wrong) continue;
      for (const value of ['x', '-1', '1.5', '99999999999']) {
        if (option.flags.includes('<line>') && value.startsWith('9')) continue; // An audit may be that long.
        await isUsage(t, nobody, [...row, `${option.long ?? ''}=${value}`], new RegExp(option.long ?? ''));
      }
    }
  }
});

void t.test('without a daemon: exit code 3, where it was looked for, and what to do', async (t) => {
  for (const { path, words } of COMMANDS) {
    if (BESIDE.includes(path)) continue;
    const argv = [...words, ...(ROWS[path] ?? [])];
    t.match(
      await nobody(...argv),
      { code: 3, out: '', err: /nobody\.sock\. Nothing is there\. Start / },
      path,
    );
    const { code, out, err } = await nobody(...argv, '--json');
    t.match({ code, out }, { code: 3, out: '' }, path);
    t.match(JSON.parse(err), { error: 'unreachable', message: /nobody\.sock/ }, path);
  }
});

void t.test(
  '--json: one document on standard output, or one that says why not on standard error',
  async (t) => {
    const bench = await apiBench(t);
    const socket = join(mkdtempSync(join(tmpdir(), 'tk-cli-')), 'daemon.sock');
    await bench.local.listen({ path: socket });
    const cli = runner(socket);
    for (const { path, words } of COMMANDS) {
      const argv = [...words, ...(ROWS[path] ?? [])];
      const { code, out, err } = await cli(...argv, '--json');
      plain(t, out, path);
      plain(t, err, path);
      t.ok([0, 1, 4].includes(code), `${path} is used right: ${String(code)} ${err}`);
      t.equal(out === '' || err === '', true, `${path} writes to one of the two`);
      if (err === '') t.type(JSON.parse(out), Object, `${path} answers JSON`);
      else t.match(JSON.parse(err), { error: /^[a-z_]+$/, message: /[.]$/ }, `${path} refuses in JSON`);
    }
    t.match(JSON.parse((await cli('camera', 'add', '--json')).err), {
      error: 'usage',
      message: /missing required/,
    });
    t.match(JSON.parse((await cli('--json')).err), { error: 'usage' });
  },
);

void t.test('an answer that breaks off, or is none, is a sentence', async (t) => {
  const socket = await listening(
    t,
    createServer((_request, response) => response.end('<html>')),
  );
  for (const { path, words } of COMMANDS) {
    if (BESIDE.includes(path)) continue;
    const { code, err } = await runner(socket)(...words, ...(ROWS[path] ?? []));
    if (code === 0) continue; // Nothing is read of the answer.
    t.match({ code, err }, { code: 1, err: /not understood/ }, path);
    plain(t, err, path);
  }
});

const flags = ({ short, long }: Option): string[] => [short, long].filter((one) => one !== undefined);

async function listening(t: Test, server: Server): Promise<string> {
  const socket = join(mkdtempSync(join(tmpdir(), 'tk-cli-')), 'daemon.sock');
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  t.teardown(() => server.close());
  return socket;
}
