/**
 * Sets the firewall as the daemon asks, within what the configuration allows: the only part of Turnkeep with the
 * right to do so. It runs to its end, by the unit `turnkeep-firewall.service`, and trusts nothing of the daemon.
 *
 *   node daemon/firewall-helper.ts --config FILE --request FILE
 *   node daemon/firewall-helper.ts --remove
 *
 * `--remove` takes back every rule it has ever set, for the uninstaller: a configuration that cannot be read keeps none.
 * Exit code 1, and one sentence, on failure.
 */
import { parseArgs } from 'node:util';
import { loadConfig } from './config/load.ts';
import { hostFirewallOf } from './host-firewall.ts';
import { messageOf } from './kit/errors.ts';
import { FIREWALL_DONE } from './system/firewall/helper-firewall.ts';
import { removeEveryRule } from './system/firewall/host-firewall.ts';
import { readFirewallRequest } from './system/firewall/request-file.ts';

/** A daemon that changes its mind meanwhile: systemd starts no second run. */
const MAX_ROUNDS = 5;

const { values: args } = parseArgs({
  options: { config: { type: 'string' }, request: { type: 'string' }, remove: { type: 'boolean' } },
});
try {
  await main();
} catch (error) {
  console.error(messageOf(error));
  process.exitCode = 1;
}

async function main(): Promise<void> {
  if (args.remove === true) {
    await removeEveryRule();
    return;
  }
  // The environment is not the operator's: only the file counts.
  const firewall = hostFirewallOf(loadConfig({ path: args.config, environment: {} }));
  if (args.request === undefined) throw new Error('Which request? Give --request FILE, or --remove.');
  let request = await readFirewallRequest(args.request);
  for (let round = 1; round <= MAX_ROUNDS; round += 1) {
    const { openings, check } = request;
    const remark = await (check ? firewall.check(openings) : firewall.apply(openings));
    const again = await readFirewallRequest(args.request);
    if (again.text === request.text) {
      console.log(remark === '' ? FIREWALL_DONE : remark);
      return;
    }
    request = again;
  }
  throw new Error('The request changes faster than it can be carried out.');
}
