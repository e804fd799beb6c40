/** What the console asks of namespaces and of their TURN services. Answers are checked, as in api.ts. */
import type { EnableWebrtc, WebrtcStatus } from '../../../daemon/contract/api.ts';
import type { TurnCredentials } from '../../../daemon/contract/ice.ts';
import type { DisconnectTarget } from '../../../daemon/contract/turn-operations.ts';
import type { RevokedList, TurnKey, TurnKeyList } from '../../../daemon/contract/turn-access.ts';
import { isObject, unreadable, type Call } from './http.ts';

export type EnableOptions = Omit<EnableWebrtc, 'dryRun'>;
export type PlanStep = { id: string; label: string; note: string | null };

export class NamespaceApi {
  readonly #call: Call;

  constructor(call: Call) {
    this.#call = call;
  }

  async create(name: string): Promise<void> {
    await this.#call('POST', '/v1/namespaces', { name });
  }

  async delete(name: string): Promise<void> {
    await this.#call('DELETE', path(name));
  }

  /** What an enable would do, in order; nothing changes. */
  async plan(name: string, options: EnableOptions, signal?: AbortSignal): Promise<PlanStep[]> {
    const body = { ...options, dryRun: true };
    const answer = await this.#call('POST', `${path(name)}/webrtc/enable`, body, signal);
    if (isObject(answer) && Array.isArray(answer['plan'])) return answer['plan'] as PlanStep[];
    throw unreadable();
  }

  /** Resolves when it has begun: its steps come with live events. */
  async enable(name: string, options: EnableOptions): Promise<void> {
    await this.#call('POST', `${path(name)}/webrtc/enable`, options);
  }

  async disable(name: string): Promise<void> {
    await this.#call('POST', `${path(name)}/webrtc/disable`);
  }

  /** By live probes: takes up to a few seconds. */
  async status(name: string): Promise<WebrtcStatus> {
    const answer = await this.#call('GET', `${path(name)}/webrtc/status`);
    if (isObject(answer) && Array.isArray(answer['uris'])) return answer as WebrtcStatus;
    throw unreadable();
  }

  /** @returns how many sessions were ended. */
  async disconnect(name: string, target: DisconnectTarget): Promise<number> {
    const answer = await this.#call('POST', `${path(name)}/turn/disconnect`, target);
    if (isObject(answer) && typeof answer['ended'] === 'number') return answer['ended'];
    throw unreadable();
  }

  /** Resolves when it has begun. `now`: credentials of the older secret open no session from then on. */
  async rotateSecret(name: string, options: { now: boolean }): Promise<void> {
    await this.#call('POST', `${path(name)}/turn/rotate-secret`, options);
  }

  /** The subject gets nothing more until that is taken back. @returns how many sessions that ended. */
  async revoke(name: string, subject: string): Promise<number> {
    const answer = await this.#call('POST', `${path(name)}/turn/revoke`, { subject });
    if (isObject(answer) && typeof answer['ended'] === 'number') return answer['ended'];
    throw unreadable();
  }

  async unrevoke(name: string, subject: string): Promise<void> {
    await this.#call('POST', `${path(name)}/turn/unrevoke`, { subject });
  }

  async revoked(name: string): Promise<RevokedList['items']> {
    const answer = await this.#call('GET', `${path(name)}/turn/revoked`);
    if (isObject(answer) && Array.isArray(answer['items'])) return answer['items'] as RevokedList['items'];
    throw unreadable();
  }

  /** Who may derive credentials by tokens or keys of their own. */
  async turnKeys(name: string): Promise<TurnKeyList> {
    const answer = await this.#call('GET', `${path(name)}/turn/keys`);
    if (isObject(answer) && Array.isArray(answer['items'])) return answer as TurnKeyList;
    throw unreadable();
  }

  /** Its sessions end. */
  async removeTurnKey(name: string, { kind, subject }: TurnKey): Promise<void> {
    await this.#call('DELETE', `${path(name)}/turn/keys/${kind}/${encodeURIComponent(subject)}`);
  }

  async drain(name: string, deadlineSeconds: number): Promise<void> {
    await this.#call('POST', `${path(name)}/turn/drain`, { deadlineSeconds });
  }

  async credentials(name: string, subject: string): Promise<TurnCredentials> {
    const answer = await this.#call('POST', `${path(name)}/turn/credentials`, { subject });
    if (isObject(answer) && typeof answer['password'] === 'string' && Array.isArray(answer['uris'])) {
      return answer as TurnCredentials;
    }
    throw unreadable();
  }
}

function path(name: string): string {
  return `/v1/namespaces/${encodeURIComponent(name)}`;
}
