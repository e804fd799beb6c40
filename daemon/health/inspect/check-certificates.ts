/** Certificates can be used, do not end soon, and are those the services show. */
import type { CertificateFacts, Facts } from './facts.ts';
import { counted, orWell, sayAs, type Check } from './finding.ts';

const CHECK = 'certificates';
const say = sayAs(CHECK);
const DAY_MS = 86_400_000;
/** What most authorities issue for. */
const USUAL_MS = 90 * DAY_MS;

export const checkCertificates: Check = (facts) => {
  const findings = [
    ...facts.certificates.flatMap((one) => [...ofCertificate(one, facts.clock.nowMs), ...ofOrder(one)]),
    ...facts.node.namespaces.flatMap((one) => shown(one, facts)),
  ];
  const soonest = Math.min(...facts.certificates.map(({ notAfterMs }) => notAfterMs));
  const until = Number.isFinite(soonest) ? `; the first ends on ${day(soonest)}` : '';
  return orWell(CHECK, findings, `${counted(facts.certificates.length, 'certificate')} in order${until}.`);
};

function ofCertificate(one: CertificateFacts, nowMs: number): ReturnType<Check> {
  const { title, subject, path, problem, notAfterMs, notBeforeMs } = one;
  const remedy = remedyFor(one);
  if (problem !== null)
    return [say('failure', subject, `The ${title} ${path} cannot be used: ${problem}.`, remedy)];
  if (notBeforeMs > nowMs) {
    const sentence = `The ${title} ${path} is valid from ${day(notBeforeMs)} only.`;
    return [say('failure', subject, sentence, 'Correct the clock of this host, or the certificate.')];
  }
  const days = (notAfterMs - nowMs) / DAY_MS;
  // Certificates of six days are renewed with two left: nobody is warned of what is as it should be.
  const scale = one.renewed === 'by-authority' ? Math.min(1, (notAfterMs - notBeforeMs) / USUAL_MS) : 1;
  if (days <= 0)
    return [say('failure', subject, `The ${title} ${path} ended on ${day(notAfterMs)}.`, remedy)];
  const left = `The ${title} ${path} ends on ${day(notAfterMs)}, in ${counted(Math.ceil(days), 'day')}.`;
  if (days <= scale) return [say('failure', subject, left, remedy)];
  if (days <= 7 * scale) return [say('warning', subject, left, remedy)];
  if (days <= 21 * scale) return [say('notice', subject, left, remedy)];
  return [];
}

function remedyFor({ renewed, path }: CertificateFacts): string {
  if (renewed === 'here') return `Remove ${path} and restart turnkeepd: a new one is made.`;
  if (renewed === 'by-authority') {
    return 'It should have been renewed: `turnkeep certificate status` says why it was not, `turnkeep certificate renew` tries again.';
  }
  return `Put a current certificate and its key at ${path}: it is taken within a minute, no session ends.`;
}

/** The old one serves on: a failed order is a matter of days. */
function ofOrder({ title, subject, orderProblem }: CertificateFacts): ReturnType<Check> {
  if (orderProblem === '') return [];
  const sentence = `The ${title} is not renewed: ${orderProblem}`;
  const remedy = 'It is tried again by itself; at once with `turnkeep certificate renew`.';
  return [say('warning', subject, sentence, remedy)];
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
