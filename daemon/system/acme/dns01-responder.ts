/**
 * Answers DNS-01 challenges (RFC 8555 section 8.4) by dynamic update: a TXT record that is there only while an
 * authority asks. The authority is told only after the zone's server itself answers with the record.
 */
import { Resolver } from 'node:dns/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { formatEndpoint } from '../../kit/ip-address.ts';
import { AdapterError, messageOf } from '../../kit/errors.ts';
import { challengeName, challengeScript, type DnsZone } from '../dns/nsupdate-script.ts';
import { sendUpdate } from '../dns/send-update.ts';
import type { ChallengeResponder } from './acme-authority.ts';

const QUERY = { timeout: 2000, tries: 1 };
const VISIBLE_WITHIN_MS = 30_000;
const LOOK_EVERY_MS = 250;

export class Dns01Responder implements ChallengeResponder {
  readonly type = 'dns-01';
  readonly #zone: DnsZone & { keyFile: string };

  constructor(zone: DnsZone & { keyFile: string }) {
    this.#zone = zone;
  }

  /** Rejects with an AdapterError when the server does not take the record, or does not answer with it. */
  async answer(challenge: { name: string; answer: string }): Promise<() => Promise<void>> {
    const { name, answer: text } = challenge;
    const withdraw = (): Promise<void> => this.#send(name, { verb: 'delete', text });
    await this.#send(name, { verb: 'add', text });
    try {
      await this.#whenVisible(challengeName(name), text);
    } catch (error) {
      await withdraw().catch(() => undefined);
      throw error;
    }
    return withdraw;
  }

  async #send(name: string, change: { verb: 'add' | 'delete'; text: string }): Promise<void> {
    try {
      await sendUpdate(this.#zone.keyFile, challengeScript(this.#zone, name, change));
    } catch (cause) {
      const verb = change.verb === 'add' ? 'take' : 'delete';
      throw this.#failure(
        name,
        `did not ${verb} the TXT record ${challengeName(name)}: ${messageOf(cause)}`,
        cause,
      );
    }
  }

  async #whenVisible(record: string, text: string): Promise<void> {
    const { host, port } = this.#zone.server;
    const resolver = new Resolver(QUERY);
    resolver.setServers([formatEndpoint(host, port)]);
    const untilMs = performance.now() + VISIBLE_WITHIN_MS;
    while (performance.now() < untilMs) {
      const found = await resolver.resolveTxt(record).catch(() => []);
      if (found.some((one) => one.join('') === text)) return;
      await pause(LOOK_EVERY_MS);
    }
    throw this.#failure(record, `took the TXT record ${record}, and does not answer with it.`);
  }

  #failure(target: string, what: string, cause?: unknown): AdapterError {
    const { host, port } = this.#zone.server;
    return new AdapterError(
      `The DNS server ${formatEndpoint(host, port)} ${what} Check dns.server, dns.zone, and that the key in dns.keyFile may change TXT records.`,
      { operation: 'acme-dns-01', target, retryable: true, cause },
    );
  }
}
