import { existsSync } from 'node:fs';

/** Why a test on a real firewall cannot run; false when it can. */
export function firewallTools(program: 'nft' | 'ufw'): string | false {
  if (process.getuid?.() !== 0) return 'needs root';
  if (process.env['TURNKEEP_TEST_NETWORK_ADDRESS'] === undefined) return 'needs scripts/run-tests.ts';
  return existsSync(`/usr/sbin/${program}`) ? false : `needs ${program}`;
}
