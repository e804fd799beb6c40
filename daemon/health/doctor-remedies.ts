/** What to do about a path of the doctor's that does not carry. Pure. */
import type { DoctorRow } from '../contract/diagnosis.ts';
import type { ProbeFault } from './relay-probe.ts';

export type FailedPath = Pick<DoctorRow, 'namespace' | 'transport' | 'address' | 'port'> & {
  fault: ProbeFault;
  /** The address is one of this host. */
  isHere: boolean;
  /** `firewall.manager` of the configuration. */
  firewall: 'none' | 'nftables' | 'ufw';
  /** Where relays reach the SFU: `10.255.255.1 udp 20000-20499`. */
  sfu: string;
};

/** Codes of Node for certificates that do not stand: OpenSSL's names, and its own for a name that is not in it. */
const CERTIFICATE = /CERT|SIGNATURE|ISSUER/;

/** A sentence or two, with commands in backticks. */
export function remedyFor(path: FailedPath): string {
  const { namespace, fault } = path;
  const inspect = '`turnkeep inspect` says which part of this host is wrong.';
  if (fault.step === 'connect' && CERTIFICATE.test(fault.code)) {
    return `Clients refuse that certificate. ${inspect}`;
  }
  if (fault.code === 'ECONNREFUSED') {
    return `Nothing listens there, or a firewall refuses in its place. \`turnkeep namespace webrtc-status --namespace ${namespace}\` says how the service is. ${inspect}`;
  }
  if (fault.step === 'binding' || fault.step === 'echo') {
    return `The relays of this host have to reach its SFU: let ${path.sfu} pass on this host. ${inspect}`;
  }
  if (fault.code === 'ETIMEDOUT') return openThePort(path);
  if (fault.code === '486' || fault.code === '508' || fault.code === '429') {
    return `\`turnkeep turn status --namespace ${namespace}\` names the limit that is reached.`;
  }
  return inspect;
}

function openThePort({ transport, port, firewall, isHere }: FailedPath): string {
  const protocol = transport === 'udp' || transport === 'dtls' ? 'udp' : 'tcp';
  const here =
    firewall === 'none'
      ? `Open ${protocol} port ${String(port)} in the firewall of this host (firewall.manager does so by itself)`
      : `Look for other rules on this host that drop ${protocol} port ${String(port)}: those of Turnkeep are set anew by \`turnkeep repair\``;
  if (isHere) return `${here}, and in whatever stands before it.`;
  return (
    `${here}, and forward it on the router that has the address. Many routers do not send their own address back ` +
    'inside: try from outside before you change anything.'
  );
}
