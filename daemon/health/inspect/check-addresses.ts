/** The addresses of the configuration are those of this host, or of a NAT in front of it. */
import { isLoopback, isPrivate, parseIp, isUnspecified } from '../../kit/ip-address.ts';
import { HOST, orWell, sayAs, type Check } from './finding.ts';

const CHECK = 'addresses';
const say = sayAs(CHECK);

export const checkAddresses: Check = ({ addresses }) => {
  const { bind, shield, announced, host } = addresses;
  const findings = [];
  for (const [key, address, remedy] of [
    ...bind.map((one) => ['turn.bindAddresses', one, 'Correct it, then restart turnkeepd.'] as const),
    [
      'shield.address',
      shield,
      'systemctl restart turnkeep-shield brings it back on an installed host; else correct it.',
    ] as const,
  ]) {
    if (has(host, address)) continue;
    const sentence = `No interface of this host has ${address} (${key}): services that start cannot bind it.`;
    findings.push(say('failure', HOST, sentence, remedy));
  }
  const reachable = host.filter(isGlobal);
  for (const address of announced.filter((one) => !has(host, one))) {
    if (reachable.length > 0) {
      const sentence = `Viewers are sent to ${address} (public.addresses), which this host does not have; it has ${reachable.join(', ')}.`;
      findings.push(say('failure', HOST, sentence, 'Correct public.addresses, then restart turnkeepd.'));
    } else {
      const sentence = `Viewers are sent to ${address} (public.addresses), which no interface of this host has: it must be of a NAT that hands everything on.`;
      const remedy =
        '`turnkeep doctor` shows whether it does: udp and tcp of the TURN ports. Else correct it.';
      findings.push(say('warning', HOST, sentence, remedy));
    }
  }
  return orWell(CHECK, findings, `Viewers are sent to ${announced.join(', ')}, which is this host.`);
};

function has(host: readonly string[], address: string): boolean {
  const parsed = parseIp(address);
  if (parsed === undefined) return false;
  return isUnspecified(parsed) || (isLoopback(parsed) && parsed.family === 4) || host.includes(address);
}

function isLinkLocal(address: string): boolean {
  return address.startsWith('169.254.');
}

function isGlobal(address: string): boolean {
  const parsed = parseIp(address);
  return parsed?.family === 4 && !isPrivate(parsed) && !isLinkLocal(address);
}
