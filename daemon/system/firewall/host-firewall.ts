/** The host's firewall, changed by this very process: it needs CAP_NET_ADMIN, and ufw needs root. */
import type { FirewallManager, FirewallOpening } from '../../contract/firewall.ts';
import type { PortRange } from '../../contract/names.ts';
import { AdapterError, isErrno, messageOf } from '../../kit/errors.ts';
import type { Firewall } from '../../namespaces/system.ts';
import { runCommand } from '../run-command.ts';
import { NFT_TABLE, nftDifference, nftRuleset, REMOVE_TABLE } from './nft-ruleset.ts';
import { ufwChanges } from './ufw-rules.ts';

const TIMEOUT_MS = 20_000;

export type HostFirewallOptions = {
  manager: FirewallManager;
  /** Ranges that only listeners of this node are in; nftables closes the rest of them. */
  listenerRanges: readonly PortRange[];
  /** Where relays of `relay: public` are. */
  relayRange: PortRange;
  /** Single listener ports outside the ranges that may be opened too. */
  alsoAllow: readonly number[];
};

export class HostFirewall implements Firewall {
  readonly manager: FirewallManager;
  readonly #options: HostFirewallOptions;

  constructor(options: HostFirewallOptions) {
    this.manager = options.manager;
    this.#options = options;
  }

  async apply(openings: readonly FirewallOpening[]): Promise<string> {
    for (const opening of openings) this.#refuseForeign(opening);
    if (this.manager === 'nftables') return applyNft(openings, this.#options.listenerRanges);
    if (this.manager === 'ufw') return applyUfw(openings);
    return '';
  }

  async check(openings: readonly FirewallOpening[]): Promise<string> {
    if (this.manager === 'nftables') return checkNft(openings, this.#options.listenerRanges);
    if (this.manager === 'ufw') return checkUfw(openings);
    return '';
  }

  remove(): Promise<void> {
    return removeEveryRule();
  }

  /** Whoever asks may be an intruder in the daemon: only ports that are Turnkeep's by configuration. */
  #refuseForeign(opening: FirewallOpening): void {
    const { listenerRanges, relayRange, alsoAllow } = this.#options;
    const { minPort, maxPort } = opening;
    const within = (range: PortRange): boolean => minPort >= range.minPort && maxPort <= range.maxPort;
    if ([...listenerRanges, relayRange].some(within)) return;
    if (minPort === maxPort && alsoAllow.includes(minPort)) return;
    const ports = minPort === maxPort ? `port ${String(minPort)}` : `${String(minPort)}-${String(maxPort)}`;
    throw new AdapterError(
      `The firewall is not opened for ${ports}: it lies outside ports.turn, ports.turns and ports.turnRelay. Add it to firewall.alsoAllow, or choose another port.`,
      { operation: 'firewall', target: String(minPort) },
    );
  }
}

/** Nothing of ours stays, whichever manager it was left by and whatever the configuration says. */
export async function removeEveryRule(): Promise<void> {
  await ifInstalled(() => nft(REMOVE_TABLE));
  await ifInstalled(() => applyUfw([]));
}

async function applyNft(
  openings: readonly FirewallOpening[],
  listenerRanges: readonly PortRange[],
): Promise<string> {
  await nft(nftRuleset(openings, listenerRanges));
  return '';
}

async function checkNft(
  openings: readonly FirewallOpening[],
  listenerRanges: readonly PortRange[],
): Promise<string> {
  let listed: string;
  try {
    listed = await runCommand('nft', ['list', 'table', ...NFT_TABLE.split(' ')], {
      timeoutMs: TIMEOUT_MS,
      debianPackage: 'nftables',
    });
  } catch (error) {
    if (/No such file/.test(messageOf(error))) return `The table ${NFT_TABLE} of nftables is gone.`;
    throw error;
  }
  return nftDifference(listed, nftRuleset(openings, listenerRanges));
}

async function checkUfw(openings: readonly FirewallOpening[]): Promise<string> {
  const { commands } = ufwChanges(await ufw(['show', 'added']), openings);
  const missing = commands.filter(([verb]) => verb !== 'delete').length;
  const surplus = commands.length - missing;
  const off = openings.length > 0 && !/^Status: active/m.test(await ufw(['status']));
  return [
    ...(missing > 0 ? [`${String(missing)} rules of Turnkeep are missing in ufw.`] : []),
    ...(surplus > 0 ? [`${String(surplus)} rules of Turnkeep too many are in ufw.`] : []),
    ...(off ? ['ufw is off: its rules have no effect until "ufw enable".'] : []),
  ].join(' ');
}

async function nft(script: string): Promise<void> {
  await runCommand('nft', ['-f', '-'], { input: script, timeoutMs: TIMEOUT_MS, debianPackage: 'nftables' });
}

async function applyUfw(openings: readonly FirewallOpening[]): Promise<string> {
  const { commands, remarks } = ufwChanges(await ufw(['show', 'added']), openings);
  for (const command of commands) await ufw(command);
  if (openings.length === 0) return '';
  const active = /^Status: active/m.test(await ufw(['status']));
  if (!active) remarks.unshift('ufw is off: its rules have no effect until "ufw enable".');
  return remarks.join(' ');
}

function ufw(args: readonly string[]): Promise<string> {
  return runCommand('ufw', args, { timeoutMs: TIMEOUT_MS, debianPackage: 'ufw' });
}

async function ifInstalled(act: () => Promise<unknown>): Promise<void> {
  try {
    await act();
  } catch (error) {
    if (!(error instanceof AdapterError && isErrno(error.cause, 'ENOENT'))) throw error;
  }
}
