/** Runs in the box as the daemon's user: asks the helper unit for the openings of the first argument, says the remark. */
import { firewallOpeningSchema } from '../../../contract/firewall.ts';
import { HelperFirewall } from '../../../system/firewall/helper-firewall.ts';
import { ProcessSystemctl } from '../../../system/systemd/systemctl.ts';

const openings = firewallOpeningSchema.array().parse(JSON.parse(process.argv[2] ?? '[]'));
const firewall = new HelperFirewall({ manager: 'nftables', systemctl: new ProcessSystemctl() });
try {
  console.log(`applied: ${await firewall.apply(openings)}`);
} catch (error) {
  console.log(`refused: ${error instanceof Error ? error.message : String(error)}`);
}
