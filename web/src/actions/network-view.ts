/** How a namespace is reached from outside, in the console's words: DNS, firewall, certificate. Pure. */
import type { WebrtcStatus } from '../../../daemon/contract/api.ts';
import type { CertificateView } from '../../../daemon/contract/certificates.ts';
import type { TurnOperationsStatus } from '../../../daemon/contract/turn-operations.ts';
import type { Word } from './namespace-view.ts';
import { certificateText } from './turn-view.ts';
import { counted, dayAndTime } from './wording.ts';

export type Outside = {
  word: Word;
  /** What is behind the word, in a sentence. */
  sentence: string;
  /** Records or rules, to be copied where somebody has to make them by hand. */
  lines: string[];
  byHand: boolean;
  /** Why it is not as wanted, with what happens next; empty when it is. */
  problem: string;
};

const AGAIN = 'It is tried again every minute.';

/** Null: the server does not tell. */
export function dnsView(dns: WebrtcStatus['dns']): Outside | null {
  if (dns === undefined) return null;
  const { manager, records, problem } = dns;
  return outside(manager, records, problem, {
    nothing: 'No name',
    nothingSentence: 'Clients are sent to addresses, not to a name. Set turn.hostName to give it one.',
    byHandSentence: 'No DNS server is managed. Make these records where the zone is kept:',
    failed: 'Not set',
    managedSentence: `Set by ${manager}:`,
  });
}

/** Null: the server does not tell. */
export function firewallView(firewall: WebrtcStatus['firewall']): Outside | null {
  if (firewall === undefined) return null;
  const { manager, open, problem } = firewall;
  return outside(manager, open, problem, {
    nothing: 'Nothing to open',
    nothingSentence: 'Everything is bound to loopback: nobody outside has to reach it.',
    byHandSentence: 'No firewall is managed. If this host has one, open these ports:',
    failed: 'Not as wanted',
    managedSentence: `Open in ${manager}:`,
  });
}

type OutsideWords = Record<
  'nothing' | 'nothingSentence' | 'byHandSentence' | 'failed' | 'managedSentence',
  string
>;

/** What the adapter keeps, or what somebody has to make by hand where there is none. */
function outside(manager: string, lines: string[], problem: string, words: OutsideWords): Outside {
  const idle = (label: string): Word => ({ state: 'idle', label });
  if (lines.length === 0) {
    const word = idle(words.nothing);
    return { word, sentence: words.nothingSentence, lines: [], byHand: false, problem: '' };
  }
  if (manager === 'none') {
    return { word: idle('By hand'), sentence: words.byHandSentence, lines, byHand: true, problem: '' };
  }
  return {
    word: problem === '' ? { state: 'live', label: 'As wanted' } : { state: 'error', label: words.failed },
    sentence: words.managedSentence,
    lines,
    byHand: false,
    problem: problem === '' ? '' : `${problem} ${AGAIN}`,
  };
}

type Shown = NonNullable<TurnOperationsStatus['certificate']>;

export type CertificateFacts = {
  word: Word;
  lines: { title: string; text: string }[];
  problem: string;
  /** Said at the top of the page; null while there is time. */
  warning: { title: string; text: string } | null;
  /** What an authority can be asked to renew. */
  renewable: string | null;
};

const SOON_DAYS = 21;

/** @param shown what the TURN service shows; @param issued what an ACME authority says of it, null: it is not of one. */
export function certificateView(
  shown: Shown,
  issued: CertificateView | null,
  nowMs: number,
): CertificateFacts {
  const days = Math.floor((shown.notAfterMs - nowMs) / 86_400_000);
  const problem = [shown.problem, issued?.problem ?? ''].filter((text) => text !== '').join(' ');
  const ends =
    shown.notAfterMs <= nowMs
      ? 'The TURN certificate has ended'
      : `The TURN certificate ends in ${counted(days, 'day')}`;
  const soon = days < SOON_DAYS;
  return {
    word: certificateText({ ...shown, problem }, nowMs),
    lines: [
      { title: 'Ends', text: dayAndTime(shown.notAfterMs, nowMs) },
      {
        title: 'Issued by',
        text: issued === null ? 'the local authority, or the operator' : (issued.issuer ?? 'nobody yet'),
      },
      ...(issued === null ? [] : [{ title: 'For', text: issued.name }]),
      ...(issued === null
        ? []
        : [
            {
              title: issued.state === 'ordering' ? 'Being renewed' : 'Renewed',
              text: issued.state === 'ordering' ? 'now' : dayAndTime(Date.parse(issued.nextOrderAt), nowMs),
            },
          ]),
      { title: 'Fingerprint', text: fingerprintText(shown.fingerprint) },
    ],
    problem,
    warning:
      problem !== ''
        ? {
            title: soon ? `${ends} and its renewal failed.` : 'The TURN certificate was not renewed.',
            text: problem,
          }
        : days < 7
          ? {
              title: `${ends}.`,
              text:
                issued === null ? 'Put a newer one in its place, or let the local authority make one.' : '',
            }
          : null,
    renewable: issued?.name ?? null,
  };
}

/** The first 24 digits, in pairs: enough to compare. */
function fingerprintText(fingerprint: string): string {
  const digits = fingerprint.replaceAll(':', '').slice(0, 24).toLowerCase();
  return `${digits.replaceAll(/(..)(?=.)/g, '$1 ')} …`;
}
