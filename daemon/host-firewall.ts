/** Who opens this host's firewall: nobody, this process, or the helper unit of an installed daemon. */
import type { DaemonConfig } from './contract/daemon-config.ts';
import { NO_FIREWALL } from './namespaces/node-firewall.ts';
import type { Firewall } from './namespaces/system.ts';
import { HelperFirewall } from './system/firewall/helper-firewall.ts';
import { HostFirewall } from './system/firewall/host-firewall.ts';
import { ProcessSystemctl } from './system/systemd/systemctl.ts';

export function openFirewall(config: DaemonConfig): Firewall {
  const { manager } = config.firewall;
  if (manager === 'none') return NO_FIREWALL;
  if (config.services.manager === 'systemd') {
    return new HelperFirewall({ manager, systemctl: new ProcessSystemctl() });
  }
  return hostFirewallOf(config);
}

/** The one that changes it, within what the configuration allows. */
export function hostFirewallOf({ firewall, ports }: DaemonConfig): HostFirewall {
  return new HostFirewall({
    manager: firewall.manager,
    listenerRanges: [ports.turn, ports.turns],
    relayRange: ports.turnRelay,
    alsoAllow: firewall.alsoAllow,
  });
}
