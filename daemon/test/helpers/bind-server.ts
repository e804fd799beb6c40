/** A real BIND on a loopback address of a `netns` test: one zone that takes updates signed with one key, and one key it does not know. */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { Resolver } from 'node:dns/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Test } from 'tap';

export const BIND = { host: '127.0.53.1', port: 53_053 };
export const ZONE = 'video.test';

/** Why it cannot run; false when it can. */
export const bindSkip =
  process.env['TURNKEEP_TEST_NETWORK_ADDRESS'] === undefined
    ? 'needs a network namespace (root)'
    : existsSync('/usr/sbin/named') && existsSync('/usr/bin/nsupdate')
      ? false
      : 'needs bind9 and bind9-dnsutils';

export type BindServer = {
  keyFile: string;
  strangerKeyFile: string;
  resolver: Resolver;
  serial: () => Promise<number>;
};

export async function bindServer(t: Test): Promise<BindServer> {
  const home = t.testdir();
  const key = (name: string): string => {
    const path = join(home, `${name}.key`);
    writeFileSync(path, execFileSync('tsig-keygen', ['-a', 'hmac-sha256', name]), { mode: 0o600 });
    return path;
  };
  const keyFile = key('turnkeep');
  const strangerKeyFile = key('stranger');
  mkdirSync(join(home, 'zones'));
  writeFileSync(
    join(home, 'zones', 'zone'),
    `$TTL 60
@ SOA ns.${ZONE}. admin.${ZONE}. 1 3600 600 86400 60
@ NS ns.${ZONE}.
ns A ${BIND.host}
turn.ns-demo TXT "somebody's"
alias CNAME ns
`,
  );
  writeFileSync(
    join(home, 'named.conf'),
    `include "${keyFile}";
options {
  directory "${home}"; pid-file "${home}/pid"; session-keyfile "${home}/session.key";
  listen-on port ${String(BIND.port)} { ${BIND.host}; }; listen-on-v6 { none; };
  recursion no; dnssec-validation no; notify no;
};
controls { };
zone "${ZONE}" { type primary; file "zones/zone"; update-policy { grant turnkeep zonesub A AAAA TXT; }; };
`,
  );
  // BIND listens on addresses that an interface has.
  execFileSync('ip', ['address', 'add', `${BIND.host}/32`, 'dev', 'lo']);
  const named = spawn('/usr/sbin/named', ['-g', '-n', '1', '-c', join(home, 'named.conf')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  named.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-4000)));
  const gone = new Promise((resolve) => named.once('exit', resolve));
  t.teardown(async () => {
    named.kill('SIGKILL');
    await gone;
  });
  const resolver = new Resolver({ timeout: 1000, tries: 2 });
  resolver.setServers([`${BIND.host}:${String(BIND.port)}`]);
  const deadline = Date.now() + 30_000;
  while ((await resolver.resolve4(`ns.${ZONE}`).catch(() => [])).length === 0) {
    if (Date.now() > deadline || named.exitCode !== null) throw new Error(`named does not answer:\n${said}`);
    await pause(50);
  }
  return { keyFile, strangerKeyFile, resolver, serial: async () => (await resolver.resolveSoa(ZONE)).serial };
}
