/** What changes about who may use a namespace's TURN service. Pure: from one document to the next. */
import { restSubject } from '../credentials/turn-rest.ts';
import { MAX_OLDER_TURN_SECRETS, type TurnAccess } from '../contract/turn-access.ts';

/** What issues, and what is accepted beside it. */
export type TurnKeys = { sealedTurnSecret: string; turnAccess: TurnAccess };

/** Sealed as they are stored, newest first: the same before and after a coming secret begins to issue. */
export function acceptedSecrets({ sealedTurnSecret, turnAccess }: TurnKeys): string[] {
  const sealed = (coming: boolean): string[] =>
    turnAccess.secrets.filter(({ untilMs }) => (untilMs === null) === coming).map((one) => one.sealed);
  return [...sealed(true), sealedTurnSecret, ...sealed(false)];
}

/** There is a secret that is accepted but issues nothing yet. */
export function hasComingSecret({ secrets }: TurnAccess): boolean {
  return secrets.some(({ untilMs }) => untilMs === null);
}

/** When the first of the older secrets ends, if there are so many that no other one fits; else undefined. */
export function fullUntilMs({ secrets }: TurnAccess): number | undefined {
  const ends = secrets.flatMap(({ untilMs }) => (untilMs === null ? [] : [untilMs]));
  return ends.length < MAX_OLDER_TURN_SECRETS ? undefined : Math.min(...ends);
}

export function withComingSecret(access: TurnAccess, sealed: string): TurnAccess {
  return { ...access, secrets: [{ sealed, untilMs: null }, ...access.secrets] };
}

export function withoutComingSecret(access: TurnAccess): TurnAccess {
  return { ...access, secrets: access.secrets.filter(({ untilMs }) => untilMs !== null) };
}

/** The coming secret issues; the one that did is accepted until `untilMs`. Without a coming one: as it was. */
export function issueComingSecret(keys: TurnKeys, untilMs: number): TurnKeys {
  const { sealedTurnSecret, turnAccess } = keys;
  const coming = turnAccess.secrets.find((one) => one.untilMs === null);
  if (coming === undefined) return keys;
  const older = withoutComingSecret(turnAccess).secrets;
  return {
    sealedTurnSecret: coming.sealed,
    turnAccess: { ...turnAccess, secrets: [{ sealed: sealedTurnSecret, untilMs }, ...older] },
  };
}

export function withoutOlderSecrets(access: TurnAccess): TurnAccess {
  return { ...access, secrets: access.secrets.filter(({ untilMs }) => untilMs === null) };
}

/** The subject in the usernames of an identity; a derived one's is written as it is. */
export function revocableSubject(identity: string): string {
  return /^(?:pat|app):[A-Za-z0-9._@-]{1,64}$/.test(identity) ? identity : restSubject(identity);
}

/** A revocation is never cut short by another one. `untilMs` null: until it is taken back. */
export function withRevoked(access: TurnAccess, subject: string, untilMs: number | null): TurnAccess {
  const before = access.revoked.find((one) => one.subject === subject);
  const longest =
    before === undefined
      ? untilMs
      : before.untilMs === null || untilMs === null
        ? null
        : Math.max(before.untilMs, untilMs);
  return {
    ...access,
    revoked: [{ subject, untilMs: longest }, ...withoutRevoked(access, subject).revoked],
  };
}

export function withoutRevoked(access: TurnAccess, subject: string): TurnAccess {
  return { ...access, revoked: access.revoked.filter((one) => one.subject !== subject) };
}

/** Without what has served its time; the same object when that is nothing. */
export function withoutExpired(access: TurnAccess, nowMs: number): TurnAccess {
  const counts = ({ untilMs }: { untilMs: number | null }): boolean => untilMs === null || untilMs > nowMs;
  const secrets = access.secrets.filter(counts);
  const revoked = access.revoked.filter(counts);
  const keys = access.keys.filter(counts);
  const same =
    secrets.length === access.secrets.length &&
    revoked.length === access.revoked.length &&
    keys.length === access.keys.length;
  return same ? access : { ...access, secrets, revoked, keys };
}
