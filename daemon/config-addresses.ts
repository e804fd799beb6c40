/**
 * Which addresses of this host a configuration file uses, for install.sh: `node daemon/config-addresses.ts FILE` prints
 * the shield's in a line, and in the next one those that relays may have besides, with blanks between them.
 */
import { loadConfig } from './config/load.ts';

const [file] = process.argv.slice(2);
if (file === undefined) {
  console.error('Say which file: node daemon/config-addresses.ts FILE');
  process.exit(2);
}
// The environment of whoever installs is not the daemon's.
const { shield, turn, public: reachable } = loadConfig({ path: file, environment: {} });
const relays = new Set([...turn.bindAddresses, ...reachable.addresses]);
relays.delete(shield.address);
process.stdout.write(`${shield.address}\n${[...relays].join(' ')}\n`);
