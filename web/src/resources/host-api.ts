/** What the console asks of the host: inspection, repair, doctor, ports. Answers are checked, as in api.ts. */
import type { CertificateView } from '../../../daemon/contract/certificates.ts';
import type { DoctorReport, Inspection, PortMap, RepairReport } from '../../../daemon/contract/diagnosis.ts';
import type { LoadHistory, LoadSpan } from '../../../daemon/contract/load.ts';
import { isObject, unreadable, type Call } from './http.ts';

/** An inspection collects every fact of the host; a doctor waits for transports that do not answer. */
const EXAMINATION_LIMIT_MS = 60_000;

export class HostApi {
  readonly #call: Call;

  constructor(call: Call) {
    this.#call = call;
  }

  async inspect(): Promise<Inspection> {
    const answer = await this.#call('GET', '/v1/inspect', undefined, undefined, EXAMINATION_LIMIT_MS);
    if (isObject(answer) && Array.isArray(answer['findings'])) return answer as Inspection;
    throw unreadable();
  }

  /** Sets firewall rules and DNS records anew. A DNS server that is away is waited for. */
  async repair(): Promise<RepairReport> {
    const answer = await this.#call('POST', '/v1/repair', {}, undefined, EXAMINATION_LIMIT_MS);
    if (isObject(answer) && Array.isArray(answer['repairs'])) return answer as RepairReport;
    throw unreadable();
  }

  /** @param options.namespace without it every enabled one; @param options.attack tries what must be refused. */
  async doctor(options: { namespace?: string; attack: boolean }): Promise<DoctorReport> {
    const answer = await this.#call('POST', '/v1/doctor', options, undefined, EXAMINATION_LIMIT_MS);
    if (isObject(answer) && Array.isArray(answer['transports']) && Array.isArray(answer['attacks'])) {
      return answer as DoctorReport;
    }
    throw unreadable();
  }

  /** Those of an ACME authority; none while certificates come from elsewhere. */
  async certificates(): Promise<CertificateView[]> {
    const answer = await this.#call('GET', '/v1/certificates');
    if (isObject(answer) && Array.isArray(answer['items'])) return answer['items'] as CertificateView[];
    throw unreadable();
  }

  /** Resolves when it is being ordered. */
  async renewCertificate(name: string): Promise<void> {
    await this.#call('POST', '/v1/certificates/renew', { name });
  }

  async loadHistory(span: LoadSpan): Promise<LoadHistory> {
    const answer = await this.#call('GET', `/v1/load?span=${span}`);
    if (isObject(answer) && Array.isArray(answer['at']) && Array.isArray(answer['namespaces'])) {
      return answer as LoadHistory;
    }
    throw unreadable();
  }

  async ports(): Promise<PortMap> {
    const answer = await this.#call('GET', '/v1/ports');
    if (isObject(answer) && Array.isArray(answer['ranges'])) return answer as PortMap;
    throw unreadable();
  }
}
