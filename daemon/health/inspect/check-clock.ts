/** The clock is right: credentials, tickets and certificates are good by it. */
import type { Finding } from '../../contract/diagnosis.ts';
import type { Facts } from './facts.ts';
import { HOST, orWell, sayAs } from './finding.ts';

const CHECK = 'clock';
const say = sayAs(CHECK);
/** What a credential of some minutes does not notice. */
const SMALL_MS = 5000;
const LARGE_MS = 60_000;
const SYNCHRONISE = 'Synchronise it: `timedatectl set-ntp true`, or install chrony.';

export function checkClock({ clock, node }: Pick<Facts, 'clock' | 'node'>): Finding[] {
  const { nowMs, movedMs, synchronised } = clock;
  const findings = [];
  const moved = Math.abs(movedMs);
  if (moved > SMALL_MS) {
    const sentence = `The clock was set ${seconds(moved)} ${movedMs > 0 ? 'forward' : 'back'} while turnkeepd ran: credentials of before end ${movedMs > 0 ? 'early' : 'late'}.`;
    findings.push(say(moved > LARGE_MS ? 'failure' : 'warning', HOST, sentence, SYNCHRONISE));
  }
  const { current } = node.stateFile;
  const savedMs = current.found === 'good' ? Date.parse(current.state.saved_at) : 0;
  if (savedMs - nowMs > LARGE_MS) {
    const sentence = `The clock is behind: it says ${new Date(nowMs).toISOString()}, but the state file was written ${seconds(savedMs - nowMs)} later.`;
    findings.push(say('failure', HOST, sentence, SYNCHRONISE));
  }
  if (synchronised === false) {
    findings.push(say('warning', HOST, 'The clock is not synchronised with anything.', SYNCHRONISE));
  }
  if (synchronised === null) {
    const sentence = 'Whether the clock is synchronised cannot be told here.';
    findings.push(say('notice', HOST, sentence, 'See to it that it is: credentials end by it.'));
  }
  return orWell(CHECK, findings, 'The clock is synchronised and was not moved.');
}

function seconds(ms: number): string {
  return `${String(Math.round(ms / 1000))} s`;
}
