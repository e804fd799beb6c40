/** Runs the checks. A new one is a file beside this one, what it judges a member of `Facts`. */
import type { Finding, Inspection } from '../../contract/diagnosis.ts';
import { checkAddresses } from './check-addresses.ts';
import { checkCertificates } from './check-certificates.ts';
import { checkClock } from './check-clock.ts';
import { checkDatabase } from './check-database.ts';
import { checkDns } from './check-dns.ts';
import { checkFirewall } from './check-firewall.ts';
import { checkLedger } from './check-ledger.ts';
import { checkQuotas } from './check-quotas.ts';
import { checkRelays } from './check-relays.ts';
import { checkResources } from './check-resources.ts';
import { checkServices } from './check-services.ts';
import { checkSockets } from './check-sockets.ts';
import { checkStateFile } from './check-state-file.ts';
import { checkUnits } from './check-units.ts';
import type { Facts } from './facts.ts';
import type { Check } from './finding.ts';

const CHECKS: readonly Check[] = [
  checkDatabase,
  checkStateFile,
  checkLedger,
  checkServices,
  checkUnits,
  checkSockets,
  checkAddresses,
  checkFirewall,
  checkDns,
  checkQuotas,
  checkRelays,
  checkCertificates,
  checkClock,
  checkResources,
];

const ORDER = ['failure', 'warning', 'notice', 'ok'] as const;

/** Every finding, the worst first. Pure. */
export function findingsOf(facts: Facts): Finding[] {
  const findings = CHECKS.flatMap((check) => check(facts));
  return ORDER.flatMap((severity) => findings.filter((one) => one.severity === severity));
}

export function inspectionOf(facts: Facts, times: { startedMs: number; endedMs: number }): Inspection {
  const findings = findingsOf(facts);
  return {
    at: new Date(times.startedMs).toISOString(),
    durationMs: times.endedMs - times.startedMs,
    ok: !findings.some(({ severity }) => severity === 'failure'),
    findings,
  };
}
