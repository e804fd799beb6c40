/** Lines of the audit in the console's words. Pure. */
import type { AuditEntry, AuditVerification } from '../../../daemon/contract/audit.ts';
import type { StateName } from './tile-facts.ts';
import { duration, grouped } from './wording.ts';

/** What was done; `%` is what it was done to. */
const DONE: Readonly<Record<string, string>> = {
  'session.open': 'signed in',
  'session.close': 'signed out',
  'session.end': 'ended a session of %',
  'user.create': 'made the user %',
  'user.change': 'changed the user %',
  'user.delete': 'deleted the user %',
  'user.reset-password': 'reset the password of %',
  'user.sign-in-code': 'made a sign-in code for %',
  'api-key.create': 'made the API key %',
  'api-key.delete': 'revoked the API key %',
  'api-key.wrong': 'came with an API key that is not valid',
  'namespace.create': 'added the namespace %',
  'namespace.delete': 'deleted the namespace %',
  'namespace.quota': 'set the quota of a namespace',
  'webrtc.enable': 'enabled WebRTC',
  'webrtc.disable': 'disabled WebRTC',
  'turn.credentials': 'was given TURN credentials for %',
  'turn.disconnect': 'disconnected TURN sessions',
  'turn.drain': 'drained the TURN service',
  'turn.rotate-secret': 'rotated the TURN secret',
  'turn.revoke': 'revoked %',
  'turn.unrevoke': 'let % in again',
  'turn.add-key': 'registered the TURN key of %',
  'turn.remove-key': 'removed the TURN key of %',
  'camera.watch': 'started watching %',
  'camera.watched': 'stopped watching %',
  'view.ticket': 'was given a ticket to watch',
  'view.credentials': 'was given credentials to watch %',
  'camera.create': 'added the camera %',
  'camera.change': 'changed the camera %',
  'camera.rotate': 'was shown a new secret for %',
  'camera.delete': 'deleted the camera %',
  'camera.tunnel': 'opened its tunnel',
  'camera.turn-credentials': 'was given TURN credentials',
  'room.create': 'made the room %',
  'room.close': 'closed the room %',
  'room.kick': 'sent somebody out of %',
  'room.mute': 'muted somebody in %',
  'doctor.run': 'ran the doctor',
  'host.repair': 'had rules and records set anew',
  'config.check': 'checked a configuration',
  'config.reload': 'reloaded the configuration',
  'certificate.renew': 'renewed a certificate',
  'backup.create': 'made a backup',
  'backup.restore': 'restored a backup',
  'issuer.add': 'believes tokens of %',
  'issuer.remove': 'removed the issuer %',
  'issuer.test': 'tried a token',
  'token.issue': 'was given a token for %',
  'token.wrong': 'came with a token that is not valid',
  'tenant.cross': 'reached for another tenant',
};

/** For the filter: what there is to look for. */
export const AUDIT_ACTIONS: readonly string[] = Object.keys(DONE);

export function actionText(action: string): string {
  const text = DONE[action];
  if (text === undefined) return action;
  const words = text.replace(/ ?%/, '');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Behind the name of a key; its own line names the namespace anyway. */
const KEY_OF = / \(key of [^)]*\)$/;

export type Names = {
  /** Of cameras by id, and of API keys by `key:ID`. */
  names: ReadonlyMap<string, string>;
};

export type AuditLine = {
  who: string;
  /** Before and after what it was done to. */
  before: string;
  object: string;
  after: string;
  detail: string;
  /** Null for what went well. */
  refusal: { state: StateName; label: string } | null;
};

/** One line: who did what to what, and what else is known of it. */
export function auditLine(entry: AuditEntry, { names }: Names): AuditLine {
  const { actor, action, subject, outcome, namespace, detail } = entry;
  const crossed = action === 'tenant.cross';
  const text = DONE[action] ?? `${action} %`;
  const object =
    subject === null
      ? ''
      : (names.get(subject) ?? names.get(`key:${subject}`)?.replace(KEY_OF, '') ?? subject);
  const [before = '', after = ''] = text.split('%');
  const asked = crossed ? `: asked for ${String(namespace)}` : '';
  return {
    who: whoText(actor, names, detail),
    before:
      `${outcome === 'ok' ? '' : `${refusedWord(outcome)}: `}${before}${crossed ? asked : ''}`.trimEnd(),
    object: text.includes('%') ? object : action === 'session.open' && actor === '-' ? object : '',
    after,
    detail: detailText(entry),
    refusal:
      outcome === 'ok'
        ? null
        : {
            state: crossed ? 'error' : outcome === 'failed' ? 'error' : 'degraded',
            label: crossed ? 'Other tenant' : refusedWord(outcome) === 'failed' ? 'Failed' : 'Refused',
          },
  };
}

const refusedWord = (outcome: AuditEntry['outcome']): string =>
  outcome === 'failed' ? 'failed' : 'was refused';

function whoText(actor: string, names: Names['names'], detail: AuditEntry['detail']): string {
  if (actor === 'local') return 'Command line';
  if (actor === '-') return typeof detail['address'] === 'string' ? detail['address'] : 'A stranger';
  if (actor.startsWith('camera:')) return names.get(actor.slice('camera:'.length)) ?? actor;
  return names.get(actor) ?? actor;
}

/** What of the detail tells something: who asks what, from where, for how long. Hashes and ids stay in the export. */
function detailText({ actor, action, namespace, detail }: AuditEntry): string {
  const text = (name: string): string => (typeof detail[name] === 'string' ? detail[name] : '');
  const parts: string[] = [];
  if (action === 'tenant.cross') parts.push(`key of ${text('of')}`, text('route'));
  else if (namespace !== null) parts.push(namespace);
  if (text('role') !== '') parts.push(text('role'));
  if (detail['disabled'] === true) parts.push('disabled');
  if (detail['disabled'] === false) parts.push('enabled');
  if (text('way') !== '') parts.push(`by ${text('way')}`);
  if (detail['attack'] === true) parts.push('attack');
  const seconds = (Date.parse(text('to')) - Date.parse(text('from'))) / 1000;
  if (Number.isFinite(seconds)) parts.push(duration(seconds * 1000));
  if (typeof detail['leftOutBefore'] === 'number') {
    parts.push(`${grouped(detail['leftOutBefore'])} more like it before`);
  }
  if (actor !== '-' && text('address') !== '') parts.push(text('address'));
  return parts.filter((part) => part !== '').join(', ');
}

// -- Days ----------------------------------------------------------------------------------------------

const MONTHS = 'January February March April May June July August September October November December'.split(
  ' ',
);

/** Lines of the same day together, as they come. */
export function byDay(
  entries: readonly AuditEntry[],
  nowMs: number,
): { title: string; entries: AuditEntry[] }[] {
  const days: { title: string; entries: AuditEntry[] }[] = [];
  for (const entry of entries) {
    const title = dayTitle(Date.parse(entry.at), nowMs);
    const last = days.at(-1);
    if (last?.title === title) last.entries.push(entry);
    else days.push({ title, entries: [entry] });
  }
  return days;
}

/** `Today, 14 September`. */
function dayTitle(atMs: number, nowMs: number): string {
  const at = new Date(atMs);
  const day = `${String(at.getDate())} ${MONTHS[at.getMonth()] ?? ''}`;
  const midnight = new Date(nowMs).setHours(0, 0, 0, 0);
  if (atMs >= midnight) return `Today, ${day}`;
  if (atMs >= midnight - 86_400_000) return `Yesterday, ${day}`;
  return at.getFullYear() === new Date(nowMs).getFullYear() ? day : `${day} ${String(at.getFullYear())}`;
}

// -- Verification ----------------------------------------------------------------------------------------

export function verificationText(result: AuditVerification): {
  kind: 'live' | 'error';
  title: string;
  text: string;
} {
  const { intact, lines, problems, mark } = result;
  if (intact) {
    return {
      kind: 'live',
      title:
        lines === 0
          ? 'The audit is empty.'
          : `Nothing was changed: all ${grouped(lines)} entries fit together.`,
      text: mark === null ? '' : 'Write the newest fingerprint down elsewhere to prove it later.',
    };
  }
  const first = problems[0];
  const more = problems.length - 1;
  return {
    kind: 'error',
    title: `The audit was changed: ${first?.message ?? 'its lines do not fit together.'}`,
    text:
      more > 0
        ? `${grouped(more)} more places do not fit. Compare with a backup of before.`
        : 'Compare with a backup of before.',
  };
}

/** Of `SEQ:HASH`, as people compare it: `line 48213, 9f3c 71ab e04d`. */
export function fingerprint(mark: string): string {
  const [seq = '', hash = ''] = mark.split(':');
  return `line ${grouped(Number(seq))}, ${hash.slice(0, 12).replaceAll(/(.{4})(?=.)/g, '$1 ')}`;
}
