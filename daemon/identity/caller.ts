/** Who asks, and what they may do: one table. Pure. */
import type { Role, User } from '../contract/api.ts';
import { AppError, type ErrorCode } from '../contract/errors.ts';
import type { TokenCaller } from './token-claims.ts';

export type Caller =
  /** Came over the unix socket: file permissions are the proof. */
  | { kind: 'local' }
  | { kind: 'user'; user: User; tokenHash: string }
  | { kind: 'api-key'; id: string; namespace: string; role: Role }
  | TokenCaller;

/** Who belongs to one namespace: an application by its key, or one of its users by a token. */
export type TenantCaller = Extract<Caller, { kind: 'api-key' | 'token' }>;

/** `scope`: whether the action is about one namespace; API keys and tokens may do nothing else. */
const ACTIONS = {
  'events.watch': { minRole: 'viewer', scope: 'namespace' },
  'namespace.read': { minRole: 'viewer', scope: 'namespace' },
  'namespace.create': { minRole: 'owner', scope: 'host' },
  'namespace.delete': { minRole: 'owner', scope: 'host' },
  /** What it takes of the host is the host's to say. */
  'namespace.quota': { minRole: 'owner', scope: 'host' },
  'webrtc.change': { minRole: 'owner', scope: 'namespace' },
  'operation.read': { minRole: 'operator', scope: 'namespace' },
  'device.read': { minRole: 'viewer', scope: 'namespace' },
  'device.change': { minRole: 'operator', scope: 'namespace' },
  /** Seed 002's capability: watch a camera. */
  live_view: { minRole: 'viewer', scope: 'namespace' },
  'turn.credentials': { minRole: 'viewer', scope: 'namespace' },
  /** Sessions and refusals name users and their addresses. */
  'turn.read': { minRole: 'operator', scope: 'namespace' },
  /** End sessions, drain, credentials for somebody else. */
  'turn.change': { minRole: 'owner', scope: 'namespace' },
  'room.read': { minRole: 'operator', scope: 'namespace' },
  /** Make rooms; send people away and mute them. */
  'room.change': { minRole: 'operator', scope: 'namespace' },
  'room.close': { minRole: 'owner', scope: 'namespace' },
  'api-key.change': { minRole: 'owner', scope: 'namespace' },
  /** Tokens for users of the tenant, never above the caller's own role. */
  'token.issue': { minRole: 'operator', scope: 'namespace' },
  'metrics.read': { minRole: 'operator', scope: 'namespace' },
  'monitor.read': { minRole: 'operator', scope: 'namespace' },
  /** Ports, findings and probes of the whole host. */
  'host.inspect': { minRole: 'operator', scope: 'host' },
  /** Firewall rules and DNS records, as the configuration wants them. */
  'host.repair': { minRole: 'operator', scope: 'host' },
  /** An authority counts orders: too many, and it refuses for a week. */
  'certificate.renew': { minRole: 'owner', scope: 'host' },
  'config.read': { minRole: 'owner', scope: 'host' },
  'config.reload': { minRole: 'owner', scope: 'host' },
  /** Hundreds of requests against the own TURN services, each in their journal of refusals. */
  'host.attack': { minRole: 'owner', scope: 'host' },
  'audit.read': { minRole: 'owner', scope: 'host' },
  'issuer.read': { minRole: 'owner', scope: 'host' },
  'issuer.change': { minRole: 'owner', scope: 'host' },
  'user.read': { minRole: 'owner', scope: 'host' },
  'user.change': { minRole: 'owner', scope: 'host' },
  /** Taking over an account: only who has the host. */
  'user.take-over': { minRole: 'local', scope: 'host' },
} as const satisfies Record<string, { minRole: Role | 'local'; scope: 'namespace' | 'host' }>;
export type Action = keyof typeof ACTIONS;
export const ALL_ACTIONS = Object.keys(ACTIONS) as Action[];

const RANK = { viewer: 1, operator: 2, owner: 3, local: 4 } as const;

/** True when the caller may do this, in this namespace (undefined: in none in particular). */
export function may(caller: Caller, action: Action, namespace?: string): boolean {
  const { minRole, scope } = ACTIONS[action];
  if (RANK[roleOf(caller)] < RANK[minRole]) return false;
  if (!isTenant(caller)) return true;
  return scope === 'namespace' && (namespace === undefined || namespace === caller.namespace);
}

/** A key or token of one namespace asked for something of another: refused like anything else, and written down. */
export class OtherTenant extends AppError {
  readonly namespace: string;

  constructor(code: ErrorCode, message: string, namespace: string) {
    super(code, message);
    this.namespace = namespace;
  }
}

/** Throws `code` (default forbidden) when the caller may not. The sentence names the role that may. */
export function requireMay(
  caller: Caller,
  action: Action,
  options: { namespace?: string | undefined; code?: ErrorCode } = {},
): void {
  if (may(caller, action, options.namespace)) return;
  const { minRole, scope } = ACTIONS[action];
  const { namespace, code = 'forbidden' } = options;
  const reason = reasonFor(caller, minRole, scope);
  if (isTenant(caller) && namespace !== undefined && namespace !== caller.namespace) {
    throw new OtherTenant(code, reason, namespace);
  }
  throw new AppError(code, reason);
}

function reasonFor(caller: Caller, minRole: Role | 'local', scope: 'namespace' | 'host'): string {
  if (minRole === 'local') return 'Only the command line on this server may do this.';
  if (RANK[roleOf(caller)] < RANK[minRole]) {
    return `This needs the role ${minRole}; ${isTenant(caller) ? `this ${WORDS[caller.kind]} has` : 'you have'} ${roleOf(caller)}.`;
  }
  const what = isTenant(caller) ? WORDS[caller.kind] : 'caller';
  return scope === 'host'
    ? `${what === WORDS.token ? 'A' : 'An'} ${what} may not do this.`
    : `This ${what} belongs to another namespace.`;
}

const WORDS = { 'api-key': 'API key', token: 'token' } as const;

export function isTenant(caller: Caller): caller is TenantCaller {
  return caller.kind === 'api-key' || caller.kind === 'token';
}

export function roleOf(caller: Caller): Role | 'local' {
  if (caller.kind === 'local') return 'local';
  return caller.kind === 'user' ? caller.user.role : caller.role;
}

/** The name others and the logs see. */
export function identityOf(caller: Caller): string {
  if (caller.kind === 'local') return 'local';
  if (caller.kind === 'token') return caller.identity;
  return caller.kind === 'user' ? caller.user.name : apiKeyIdentity(caller.id);
}

export function apiKeyIdentity(id: string): string {
  return `key:${id}`;
}

/** How the live snapshot shows the caller. */
export function userOf(caller: Caller): User {
  if (caller.kind === 'user') return caller.user;
  return { name: identityOf(caller), role: caller.kind === 'local' ? 'owner' : caller.role };
}
