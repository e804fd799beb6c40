/**
 * Takes back the DNS records of this host's namespaces, for the uninstaller: they lead to nobody then.
 *
 *   node daemon/dns-withdraw.ts --config FILE
 *
 * Which names: what the state file says. Prints each that is gone; exit code 1, and a sentence, for each that is not.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { loadConfig } from './config/load.ts';
import { openDns } from './host-dns.ts';
import { messageOf } from './kit/errors.ts';
import { chooseState } from './namespaces/state-file.ts';
import { FileStateStore } from './system/state-file-store.ts';

const { values: args } = parseArgs({ options: { config: { type: 'string' } } });
try {
  await main();
} catch (error) {
  console.error(messageOf(error));
  process.exitCode = 1;
}

async function main(): Promise<void> {
  // The environment is not the daemon's.
  const config = loadConfig({ path: args.config, environment: {} });
  const dns = openDns(config);
  if (dns.manager === 'none') return;
  const { state } = chooseState(await new FileStateStore(join(config.dataDir, 'cluster_state.json')).read());
  const names = new Set(state?.namespaces.flatMap(({ domain }) => domain ?? []));
  for (const name of names) {
    try {
      await dns.set(name, []);
      console.log(`DNS records of ${name} removed`);
    } catch (error) {
      console.error(messageOf(error));
      process.exitCode = 1;
    }
  }
}
