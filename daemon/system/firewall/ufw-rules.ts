/** The rules of ufw(8) as `ufw show added` prints them, and which of them have to change. Pure. */
import type { FirewallOpening } from '../../contract/firewall.ts';
import { isUnspecified, parseIp } from '../../kit/ip-address.ts';

/** Rules with such a comment are ours; all others belong to somebody else. */
const TAG = /^turnkeep: [a-z0-9-]+$/;

export type UfwChange = {
  /** Arguments of `ufw`, in order; what is missing is opened before anything is closed. */
  commands: string[][];
  /** What is left alone because the operator has a rule of the same ports, in sentences. */
  remarks: string[];
};

type Rule = { action: string; match: string; comment: string };

/** `ufw allow to 192.0.2.7 port 3478 proto udp comment 'turnkeep: demo'` */
const LINE = /^ufw (allow|deny|reject|limit) (.*?)(?: comment '([^']*)')?$/;

/** @param added what `ufw show added` prints; lines that are no rules are passed over. */
export function ufwChanges(added: string, openings: readonly FirewallOpening[]): UfwChange {
  const rules = added.split('\n').flatMap((line): Rule[] => {
    const [, action, match, comment = ''] = LINE.exec(line.trim()) ?? [];
    return action === undefined || match === undefined ? [] : [{ action, match, comment }];
  });
  const isOurs = (rule: Rule): boolean => rule.action === 'allow' && TAG.test(rule.comment);
  const foreign = new Map(rules.filter((rule) => !isOurs(rule)).map((rule) => [rule.match, rule]));
  const ours = new Map(rules.filter(isOurs).map((rule) => [rule.match, rule]));
  const commands: string[][] = [];
  const remarks: string[] = [];
  const wanted = new Set<string>();
  for (const opening of openings) {
    const match = matchText(opening);
    const comment = `turnkeep: ${opening.namespace}`;
    if (wanted.has(match)) continue;
    wanted.add(match);
    const theirs = foreign.get(match);
    // ufw would change that rule instead of adding ours beside it.
    if (theirs !== undefined) {
      if (theirs.action === 'allow') continue;
      remarks.push(
        `ufw has a rule "${theirs.action} ${match}" that is not Turnkeep's and was left: nobody reaches that port until it is deleted.`,
      );
    } else if (ours.get(match)?.comment !== comment) {
      commands.push(['allow', ...matchWords(opening), 'comment', comment]);
    }
  }
  for (const match of ours.keys()) {
    if (!wanted.has(match)) commands.push(['delete', 'allow', ...match.split(' ')]);
  }
  return { commands, remarks };
}

/** As ufw itself spells the rule when it lists it. */
function matchText(opening: FirewallOpening): string {
  const { protocol, address } = opening;
  const ports = portsText(opening);
  return isAnywhere(address) ? `${ports}/${protocol}` : `to ${address} port ${ports} proto ${protocol}`;
}

function matchWords(opening: FirewallOpening): string[] {
  const { protocol, address } = opening;
  const to = isAnywhere(address) ? 'any' : address;
  return ['proto', protocol, 'to', to, 'port', portsText(opening)];
}

/** ufw knows no "all addresses of one family". */
function isAnywhere(address: string): boolean {
  const parsed = parseIp(address);
  return parsed === undefined || isUnspecified(parsed);
}

function portsText({ minPort, maxPort }: FirewallOpening): string {
  return minPort === maxPort ? String(minPort) : `${String(minPort)}:${String(maxPort)}`;
}
