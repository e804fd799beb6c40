/** From the claims of a verified token to a caller. Pure. */
import type { Role } from '../contract/api.ts';
import { sha256Hex } from '../kit/secret.ts';

export type TokenCaller = {
  kind: 'token';
  /** Name of the issuer. */
  issuer: string;
  /** `jwt:ISSUER.SUBJECT`: what others and the logs see. */
  identity: string;
  namespace: string;
  role: Role;
  expiresAtMs: number;
};

/** Where in the claims, and what may come of it. `namespaces` null: whatever the claim names. */
export type ClaimMapping = {
  namespaces: readonly string[] | null;
  namespaceClaim: string | null;
  roleClaim: string | null;
  roles: Readonly<Record<string, Role>>;
  defaultRole: Role | null;
};

const RANK: Record<Role, number> = { viewer: 1, operator: 2, owner: 3 };
/** Texts that TURN user names and identities can hold as they are. */
const PLAIN_SUBJECT = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,31}$/;

/** Two subjects never share an identity: one that cannot stand as it is becomes a digest, which begins with `-`. */
export function tokenIdentity(issuer: string, subject: string): string {
  const plain = PLAIN_SUBJECT.test(subject) ? subject : `-${sha256Hex(subject).slice(0, 31)}`;
  return `jwt:${issuer}.${plain}`;
}

/** Where the row maps the claims to; a text: why it does not, as the rest of "This token is not accepted: ...". */
export function callerOfClaims(
  claims: Record<string, unknown>,
  row: ClaimMapping,
): { namespace: string; role: Role } | string {
  const namespace = namespaceOf(claims, row);
  if (namespace.length !== 1 || namespace[0] === undefined) {
    return namespace.length === 0
      ? 'it is for no namespace that its issuer may speak for'
      : 'it names several namespaces; it has to name one';
  }
  const known = row.roleClaim === null ? [] : textsAt(claims, row.roleClaim);
  const roles = known.flatMap((value) => (Object.hasOwn(row.roles, value) ? [row.roles[value]] : []));
  const role = roles.reduce<Role | null>(
    (best, one) => (one !== undefined && (best === null || RANK[one] > RANK[best]) ? one : best),
    null,
  );
  const granted = role ?? row.defaultRole;
  if (granted === null) return `its claim ${String(row.roleClaim)} stands for no role here`;
  return { namespace: namespace[0], role: granted };
}

/** Whether the first may hand out the second. */
export function covers(role: Role, asked: Role): boolean {
  return RANK[role] >= RANK[asked];
}

function namespaceOf(claims: Record<string, unknown>, row: ClaimMapping): readonly string[] {
  const { namespaces, namespaceClaim } = row;
  if (namespaceClaim === null) return namespaces ?? [];
  const claimed = [...new Set(textsAt(claims, namespaceClaim))];
  return namespaces === null ? claimed : claimed.filter((name) => namespaces.includes(name));
}

/** A text or the texts of a list; the claim of that very name, else the path through nested ones. */
function textsAt(claims: Record<string, unknown>, path: string): string[] {
  let at: unknown = claims;
  if (Object.hasOwn(claims, path)) {
    at = claims[path];
  } else {
    for (const part of path.split('.')) {
      at = isRecord(at) && Object.hasOwn(at, part) ? at[part] : undefined;
    }
  }
  const values: unknown[] = Array.isArray(at) ? at : [at];
  return values.filter((value) => typeof value === 'string');
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
