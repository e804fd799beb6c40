/**
 * The table `inet turnkeep` as a script of nft(8), which the kernel takes over whole or not at all. Pure.
 *
 * A packet passes when every table of the host lets it pass. This table therefore closes the ranges that
 * listeners are taken from and opens single ports in them; it cannot open what another table drops.
 */
import type { FirewallOpening } from '../../contract/firewall.ts';
import type { PortRange } from '../../contract/names.ts';
import { isUnspecified, parseIp } from '../../kit/ip-address.ts';

export const NFT_TABLE = 'inet turnkeep';

/** Adding it first makes the deletion harmless when there is none. */
export const REMOVE_TABLE = `add table ${NFT_TABLE}\ndelete table ${NFT_TABLE}\n`;

/** @param closed ranges outsiders reach no port of, but those of `openings`. */
export function nftRuleset(openings: readonly FirewallOpening[], closed: readonly PortRange[]): string {
  const ranges = closed.map(portsText).join(', ');
  const accepts = openings.map((opening) => {
    const { protocol, namespace } = opening;
    return `${destination(opening.address)}${protocol} dport ${portsText(opening)} accept comment "turnkeep ${namespace}"`;
  });
  const rules = [
    // Before the filters of others, so that what is closed costs them nothing.
    'type filter hook input priority filter - 10; policy accept;',
    'iifname "lo" accept',
    ...accepts,
    `udp dport { ${ranges} } drop`,
    `tcp dport { ${ranges} } drop`,
  ];
  const chain = rules.map((rule) => `    ${rule}\n`).join('');
  return `${REMOVE_TABLE}table ${NFT_TABLE} {\n  chain input {\n${chain}  }\n}\n`;
}

/** How a listing of the table differs from the script that made it, in a sentence; empty when it does not. */
export function nftDifference(listed: string, script: string): string {
  const is = linesOf(listed);
  const shall = linesOf(script.slice(REMOVE_TABLE.length));
  if (is.join('\n') === shall.join('\n')) return '';
  const missing = shall.filter((line) => !is.includes(line));
  const foreign = is.filter((line) => !shall.includes(line));
  const parts = [
    ...(missing.length > 0
      ? [`missing are ${String(missing.length)} of its rules (${missing[0] ?? ''})`]
      : []),
    ...(foreign.length > 0 ? [`${String(foreign.length)} are somebody else's (${foreign[0] ?? ''})`] : []),
  ];
  const what = parts.length === 0 ? 'its rules stand in another order' : parts.join(', ');
  return `The table ${NFT_TABLE} of nftables was changed: ${what}.`;
}

/** Without indentation; the kernel lists the elements of a set in an order of its own. */
function linesOf(text: string): string[] {
  return text
    .split('\n')
    .map((line) =>
      line.trim().replace(/\{ ([^}]*) \}/, (_, set: string) => `{ ${set.split(', ').sort().join(', ')} }`),
    )
    .filter((line) => line !== '');
}

/** `::` takes both families, as a socket bound to it does. */
function destination(address: string): string {
  const parsed = parseIp(address);
  if (parsed === undefined || address === '::') return '';
  if (isUnspecified(parsed)) return 'meta nfproto ipv4 ';
  return parsed.family === 4 ? `ip daddr ${address} ` : `ip6 daddr ${address} `;
}

function portsText({ minPort, maxPort }: PortRange): string {
  return minPort === maxPort ? String(minPort) : `${String(minPort)}-${String(maxPort)}`;
}
