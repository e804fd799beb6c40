/** What the console asks about people, keys and the audit. Answers are checked, as in api.ts. */
import type { Role } from '../../../daemon/contract/api.ts';
import type { AuditList, AuditQuery, AuditVerification } from '../../../daemon/contract/audit.ts';
import type {
  ApiKey,
  ChangeUser,
  ConsoleSession,
  ListedUser,
  UserPassword,
} from '../../../daemon/contract/identity.ts';
import type { CreateIssuer, Issuer, TokenVerdict } from '../../../daemon/contract/issuers.ts';
import { isObject, unreadable, type Call } from './http.ts';

/** Every line is read. */
const VERIFY_LIMIT_MS = 120_000;

export class AccessApi {
  readonly #call: Call;

  constructor(call: Call) {
    this.#call = call;
  }

  users(): Promise<ListedUser[]> {
    return this.#items<ListedUser>('/v1/users');
  }

  /** @returns the password, shown this once. */
  async createUser(name: string, role: Role): Promise<UserPassword> {
    const answer = await this.#call('POST', '/v1/users', { name, role });
    if (isObject(answer) && typeof answer['password'] === 'string') return answer as UserPassword;
    throw unreadable();
  }

  async changeUser(name: string, change: ChangeUser): Promise<void> {
    await this.#call('PATCH', `/v1/users/${encodeURIComponent(name)}`, change);
  }

  async deleteUser(name: string): Promise<void> {
    await this.#call('DELETE', `/v1/users/${encodeURIComponent(name)}`);
  }

  sessions(): Promise<ConsoleSession[]> {
    return this.#items<ConsoleSession>('/v1/sessions');
  }

  async endSession(id: string): Promise<void> {
    await this.#call('DELETE', `/v1/sessions/${encodeURIComponent(id)}`);
  }

  apiKeys(namespace: string): Promise<ApiKey[]> {
    return this.#items<ApiKey>(`/v1/namespaces/${encodeURIComponent(namespace)}/api-keys`);
  }

  /** @returns the key, shown this once. */
  async createApiKey(namespace: string, name: string, role: Role): Promise<{ apiKey: ApiKey; key: string }> {
    const path = `/v1/namespaces/${encodeURIComponent(namespace)}/api-keys`;
    const answer = await this.#call('POST', path, { name, role });
    if (isObject(answer) && typeof answer['key'] === 'string' && isObject(answer['apiKey'])) {
      return answer as { apiKey: ApiKey; key: string };
    }
    throw unreadable();
  }

  async deleteApiKey({ namespace, id }: Pick<ApiKey, 'namespace' | 'id'>): Promise<void> {
    const path = `/v1/namespaces/${encodeURIComponent(namespace)}/api-keys/${encodeURIComponent(id)}`;
    await this.#call('DELETE', path);
  }

  issuers(): Promise<Issuer[]> {
    return this.#items<Issuer>('/v1/issuers');
  }

  /** @returns why its keys cannot be fetched now; null: they can. It is added either way. */
  async createIssuer(
    issuer: Pick<CreateIssuer, 'name' | 'issuer' | 'audience' | 'namespaces' | 'defaultRole'>,
  ): Promise<{ problem: string | null }> {
    const answer = await this.#call('POST', '/v1/issuers', issuer);
    if (isObject(answer) && isObject(answer['issuer'])) {
      return { problem: typeof answer['problem'] === 'string' ? answer['problem'] : null };
    }
    throw unreadable();
  }

  async deleteIssuer(name: string): Promise<void> {
    await this.#call('DELETE', `/v1/issuers/${encodeURIComponent(name)}`);
  }

  async testToken(token: string): Promise<TokenVerdict> {
    const answer = await this.#call('POST', '/v1/issuers/test', { token });
    if (isObject(answer) && typeof answer['accepted'] === 'boolean') return answer as TokenVerdict;
    throw unreadable();
  }

  async audit(query: Partial<AuditQuery>): Promise<AuditList> {
    const text = new URLSearchParams(
      Object.entries(query).map(([name, value]) => [name, String(value)]),
    ).toString();
    const answer = await this.#call('GET', `/v1/audit?${text}`);
    if (isObject(answer) && Array.isArray(answer['items'])) return answer as AuditList;
    throw unreadable();
  }

  async verifyAudit(): Promise<AuditVerification> {
    const answer = await this.#call('GET', '/v1/audit/verify', undefined, undefined, VERIFY_LIMIT_MS);
    if (isObject(answer) && typeof answer['intact'] === 'boolean') return answer as AuditVerification;
    throw unreadable();
  }

  async #items<Item>(path: string): Promise<Item[]> {
    const answer = await this.#call('GET', path);
    if (isObject(answer) && Array.isArray(answer['items'])) return answer['items'] as Item[];
    throw unreadable();
  }
}
