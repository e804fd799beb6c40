/** Certificates can be used, do not end soon, and are those the services show. */
import type { CertificateFacts, Facts } from './facts.ts';
import { counted, orWell, sayAs, type Check } from './finding.ts';

const CHECK = 'certificates';
const say = sayAs(CHECK);
const DAY_MS = 86_400_000;

export const checkCertificates: Check = (facts) => {
  const findings = [
    ...facts.certificates.flatMap((one) => ofCertificate(one, facts.clock.nowMs)),
    ...facts.node.namespaces.flatMap((one) => shown(one, facts)),
  ];
  const soonest = Math.min(...facts.certificates.map(({ notAfterMs }) => notAfterMs));
  const until = Number.isFinite(soonest) ? `; the first ends on ${day(soonest)}` : '';
  return orWell(CHECK, findings, `${counted(facts.certificates.length, 'certificate')} in order${until}.`);
};

function ofCertificate(one: CertificateFacts, nowMs: number): ReturnType<Check> {
  const { title, subject, path, problem, notAfterMs, notBeforeMs } = one;
  const remedy =
    one.renewed === 'here'
      ? `Remove ${path} and restart turnkeepd: a new one is made.`
      : `Put a current certificate and its key at ${path}: it is taken within a minute, no session ends.`;
  if (problem !== null)
    return [say('failure', subject, `The ${title} ${path} cannot be used: ${problem}.`, remedy)];
  if (notBeforeMs > nowMs) {
    const sentence = `The ${title} ${path} is valid from ${day(notBeforeMs)} only.`;
    return [say('failure', subject, sentence, 'Correct the clock of this host, or the certificate.')];
  }
  const days = (notAfterMs - nowMs) / DAY_MS;
  if (days <= 0)
    return [say('failure', subject, `The ${title} ${path} ended on ${day(notAfterMs)}.`, remedy)];
  const left = `The ${title} ${path} ends on ${day(notAfterMs)}, in ${counted(Math.ceil(days), 'day')}.`;
  if (days <= 1) return [say('failure', subject, left, remedy)];
  if (days <= 7) return [say('warning', subject, left, remedy)];
  if (days <= 21) return [say('notice', subject, left, remedy)];
  return [];
}

/** What the running TURN service shows against what lies on the disk. */
function shown(one: Facts['node']['namespaces'][number], { certificates }: Facts): ReturnType<Check> {
  const certificate = one.turn.answer?.certificate;
  if (certificate === undefined) return [];
  if (certificate.problem !== '') {
    const sentence = `The TURN service of "${one.namespace}" does not show its newest certificate: ${certificate.problem}`;
    return [say('failure', one.namespace, sentence, 'Correct the files: they are taken within a minute.')];
  }
  const file = certificates.find(
    ({ subject, fingerprint }) => subject === one.namespace && fingerprint !== null,
  );
  if (file === undefined || file.fingerprint === certificate.fingerprint) return [];
  const sentence = `The TURN service of "${one.namespace}" still shows another certificate than ${file.path}.`;
  return [
    say(
      'notice',
      one.namespace,
      sentence,
      'It reads the file within a minute. If it does not, restart turnkeepd.',
    ),
  ];
}

function day(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 10);
}
