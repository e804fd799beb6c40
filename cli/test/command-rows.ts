/** Every command of the tree, and words to run each with: for tests of what holds for all of them. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { buildProgram } from '../program.ts';

export const folder = mkdtempSync(join(tmpdir(), 'tk-cli-'));
export const SECRET = 'secret-of-this-test';
const given = (name: string, content: string): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};
const token = given('token', SECRET);
const config = given('turnkeep.yaml', `dataDir: ${join(folder, 'var')}\n`);
const passphrase = ['--passphrase-file', given('passphrase', SECRET), '--config', config];

/** Words that are well formed; what they name need not be there. */
export const ROWS: Record<string, string[]> = {
  status: [],
  'monitor report': [],
  ports: [],
  inspect: [],
  repair: [],
  doctor: ['-n', 'a'],
  'namespace create': ['shop'],
  'namespace list': [],
  'namespace delete': ['nobody'],
  'namespace enable': ['webrtc', '-n', 'a', '--no-wait'],
  'namespace disable': ['webrtc', '-n', 'a', '--no-wait'],
  'namespace webrtc-status': ['-n', 'a'],
  'namespace quota': ['-n', 'a'],
  'camera add': ['Gate', '-n', 'a'],
  'camera list': ['-n', 'a'],
  'camera remove': ['nothing'],
  'camera rotate': ['nothing'],
  'turn status': ['-n', 'a'],
  'turn sessions': ['-n', 'a'],
  'turn disconnect': ['-n', 'a', '--subject', 'alice'],
  'turn credentials': ['-n', 'a'],
  'turn drain': ['-n', 'a'],
  'turn rotate-secret': ['-n', 'a', '--no-wait'],
  'turn revoke': ['-n', 'a', '--subject', 'alice'],
  'turn unrevoke': ['-n', 'a', '--subject', 'alice'],
  'turn revoked': ['-n', 'a'],
  'turn add-key': ['-n', 'a', '--token-file', token],
  'turn keys': ['-n', 'a'],
  'turn remove-key': ['pat:0badc0de', '-n', 'a'],
  'room list': ['-n', 'a'],
  'room show': ['lobby', '-n', 'a'],
  'room why': ['lobby', '-n', 'a'],
  'room create': ['lobby', '-n', 'a'],
  'room kick': ['lobby', 'p_1', '-n', 'a'],
  'room mute': ['lobby', 'p_1', '-n', 'a'],
  'room unmute': ['lobby', 'p_1', '-n', 'a'],
  'room close': ['lobby', '-n', 'a'],
  'user list': [],
  'user create': ['guard'],
  'user delete': ['guard'],
  'user reset-password': ['guard'],
  'user sign-in-code': ['guard'],
  'user set-role': ['guard', 'viewer'],
  'user disable': ['guard'],
  'user enable': ['guard'],
  'key create': ['shop', '-n', 'a'],
  'key list': ['-n', 'a'],
  'key delete': ['ak_0', '-n', 'a'],
  'issuer add': [
    'corp',
    '--issuer',
    'http://127.0.0.1:9',
    '--audience',
    'x',
    '-n',
    'a',
    '--default-role',
    'viewer',
  ],
  'issuer list': [],
  'issuer remove': ['corp'],
  'issuer test': [token],
  'issuer sign': ['-n', 'a', '--subject', 'alice'],
  'certificate status': [],
  'certificate renew': [],
  'config check': [config],
  'config show': [],
  'config diff': [config],
  'config reload': [],
  'backup create': [join(folder, 'never.backup'), ...passphrase],
  'backup restore': [join(folder, 'never.backup'), ...passphrase],
  'audit list': [],
  'audit verify': [],
};

/** Those that start a program of the daemon beside it: a process each, and none of them needs the daemon. */
export const BESIDE = ['config check', 'backup create', 'backup restore'];

export type Leaf = { path: string; words: string[]; command: Command };

function leaves(command: Command, words: string[] = []): Leaf[] {
  if (command.commands.length === 0) return [{ path: words.join(' '), words, command }];
  return command.commands.flatMap((child) => leaves(child, [...words, child.name()]));
}

/** The leaves of the tree as it is. */
export const COMMANDS = leaves(buildProgram({ out: () => undefined, err: () => undefined }, {}));
