/** A BIND outside of a box, in the client's network: one zone that takes updates signed with one key. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Test } from 'tap';
import { CLIENT_ADDRESS, type Box } from './box.ts';

export const ZONE = 'video.test';
const READY_LIMIT_MS = 60_000;

/** @returns its key file as text, and what the box is told of a name: `A`, `AAAA` and `TXT` values. */
export async function nameServerOutside(
  t: Test,
  box: Box,
): Promise<{ key: string; ask: (name: string) => Promise<string[]> }> {
  const home = t.testdir();
  const key = execFileSync('tsig-keygen', ['-a', 'hmac-sha256', 'turnkeep'], { encoding: 'utf8' });
  mkdirSync(join(home, 'zones'));
  writeFileSync(join(home, 'turnkeep.key'), key, { mode: 0o600 });
  writeFileSync(
    join(home, 'zones', 'zone'),
    `$TTL 60
@ SOA ns.${ZONE}. admin.${ZONE}. 1 3600 600 86400 60
@ NS ns.${ZONE}.
ns A ${CLIENT_ADDRESS}
turn.ns-cam-two TXT "somebody's"
`,
  );
  writeFileSync(
    join(home, 'named.conf'),
    `include "${home}/turnkeep.key";
options {
  directory "${home}"; pid-file "${home}/pid"; session-keyfile "${home}/session.key";
  listen-on port 53 { ${CLIENT_ADDRESS}; }; listen-on-v6 { none; };
  recursion no; dnssec-validation no; notify no;
};
controls { };
zone "${ZONE}" { type primary; file "zones/zone"; update-policy { grant turnkeep zonesub A AAAA; }; };
`,
  );
  box.startOutside(['/usr/sbin/named', '-g', '-n', '1', '-c', join(home, 'named.conf')], {});
  const ask = async (name: string): Promise<string[]> => {
    const words = ['A', 'AAAA', 'TXT'].flatMap((type) => [name, type]);
    const dig = ['dig', '+short', '+time=2', '+tries=1', `@${CLIENT_ADDRESS}`, ...words];
    const { stdout } = await box.run(dig);
    return stdout.split('\n').filter((line) => line !== '' && !line.startsWith(';'));
  };
  const deadline = Date.now() + READY_LIMIT_MS;
  while ((await ask(`ns.${ZONE}`)).length === 0) {
    if (Date.now() > deadline) throw new Error(`named does not answer:\n${box.saidOutside}`);
    await pause(100);
  }
  return { key, ask };
}
