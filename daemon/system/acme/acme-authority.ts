/**
 * Orders certificates from an ACME authority (RFC 8555): account, order, challenge, finalize, chain. The protocol is
 * the library's; the account's key, the answers to challenges, deadlines and the words for failures are here.
 */
import { createPublicKey, X509Certificate } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { Agent } from 'node:https';
import { dirname } from 'node:path';
import type * as AcmeLibrary from 'acme-client';
import { AdapterError, isErrno, messageOf } from '../../kit/errors.ts';
import { replaceFile } from '../atomic-file.ts';
import type { Pair } from '../local-ca.ts';

type Acme = typeof AcmeLibrary;

/** One request; the authority's longest answer is a chain. */
const REQUEST_MS = 20_000;
const MAX_ANSWER_BYTES = 512 * 1024;
const MAX_WORDS = 600;
/** Polls of an authorization or an order, further and further apart: together below `ORDER_MS`. */
const POLL = { backoffAttempts: 20, backoffMin: 500, backoffMax: 10_000 };
/** A whole order, polls and DNS included. */
const ORDER_MS = 180_000;

/** Proves to an authority that this host has a name. */
export interface ChallengeResponder {
  readonly type: 'http-01' | 'dns-01';
  /**
   * Resolves when the authority may ask. @returns what takes the answer away again.
   * @param challenge.answer what is to be found: the key authorization; of DNS-01 its digest, in base64url.
   */
  answer(challenge: { name: string; token: string; answer: string }): Promise<() => Promise<void>>;
}

export type AcmeAuthorityOptions = {
  directory: string;
  /** PEM of the authority's own server, where no public one vouches for it; null: the system's. */
  directoryCaFile: string | null;
  email: string | null;
  accountKeyFile: string;
  responder: ChallengeResponder;
};

export class AcmeAuthority {
  readonly #options: AcmeAuthorityOptions;

  constructor(options: AcmeAuthorityOptions) {
    this.#options = options;
  }

  /**
   * A new key (P-256) and the chain for it, the certificate of `name` first. One at a time: challenges share a port.
   * Rejects with an AdapterError in the authority's own words, with what to do; when `signal` aborts, at once.
   */
  async obtain(name: string, signal: AbortSignal): Promise<Pair> {
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(ORDER_MS)]);
    try {
      return await orAborted(this.#order(name, deadline), deadline);
    } catch (cause) {
      const { directory, responder } = this.#options;
      const host = new URL(directory).host;
      const why = deadline.aborted ? `no certificate within ${String(ORDER_MS / 1000)} s` : wordsOf(cause);
      throw new AdapterError(
        `${host} issues no certificate for ${name}: ${why}${remedyFor(cause, responder.type, name)}`,
        {
          operation: 'acme-order',
          target: name,
          retryable: true,
          cause,
        },
      );
    }
  }

  async #order(name: string, signal: AbortSignal): Promise<Pair> {
    const { directory, responder } = this.#options;
    const acme = await this.#library();
    const accountKey = await this.#accountKey(acme);
    const client = new acme.Client({ directoryUrl: directory, accountKey, ...POLL });
    await this.#account(client);
    const order = await client.createOrder({ identifiers: [{ type: 'dns', value: name }] });
    for (const authorization of await client.getAuthorizations(order)) {
      if (authorization.status === 'valid') continue;
      const challenge = authorization.challenges.find(({ type }) => type === responder.type);
      if (challenge === undefined) throw new Error(`it offers no ${responder.type} challenge`);
      const answer = await client.getChallengeKeyAuthorization(challenge);
      signal.throwIfAborted();
      const withdraw = await responder.answer({ name, token: challenge.token, answer });
      try {
        await client.completeChallenge(challenge);
        await orAborted(client.waitForValidStatus(challenge), signal);
      } finally {
        await withdraw().catch(() => undefined); // A leftover proves nothing by itself; what matters was said above.
      }
    }
    const [key, request] = await acme.crypto.createCsr(
      { commonName: name, altNames: [name] },
      await acme.crypto.createPrivateEcdsaKey('P-256'),
    );
    const finalized = await client.finalizeOrder(order, request);
    const pair = { keyPem: key.toString(), certPem: await client.getCertificate(finalized) };
    requireUsable(pair, name);
    return pair;
  }

  /** The account of our key: the one there is, or a new one. Who has no address to tell must not send an update. */
  async #account(client: AcmeLibrary.Client): Promise<void> {
    const { email } = this.#options;
    const terms = { termsOfServiceAgreed: true };
    if (email !== null) {
      await client.createAccount({ ...terms, contact: [`mailto:${email}`] });
      return;
    }
    try {
      await client.createAccount({ onlyReturnExisting: true });
    } catch {
      await client.createAccount(terms);
    }
  }

  /** Loaded when it is needed: most hosts never order anything. */
  async #library(): Promise<Acme> {
    const acme = await import('acme-client');
    const { directoryCaFile } = this.#options;
    const { defaults, interceptors } = acme.axios;
    if (directoryCaFile !== null) defaults.httpsAgent = new Agent({ ca: await readFile(directoryCaFile) });
    defaults.timeout = REQUEST_MS;
    defaults.maxContentLength = MAX_ANSWER_BYTES;
    defaults.proxy = false;
    // The library's own retries sleep where nothing can wake them, and end a failure of the network as a TypeError:
    // whoever is told to wait waits between orders.
    interceptors.request.clear();
    interceptors.response.clear();
    return acme;
  }

  async #accountKey(acme: Acme): Promise<string> {
    const { accountKeyFile } = this.#options;
    try {
      return await readFile(accountKeyFile, 'utf8');
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error;
    }
    const key = (await acme.crypto.createPrivateEcdsaKey('P-256')).toString();
    await mkdir(dirname(accountKeyFile), { recursive: true, mode: 0o700 });
    await replaceFile(accountKeyFile, key);
    return key;
  }
}

function requireUsable({ certPem, keyPem }: Pair, name: string): void {
  const leaf = new X509Certificate(certPem);
  if (leaf.checkHost(name) === undefined) throw new Error(`the certificate it issued does not name ${name}`);
  if (!leaf.publicKey.equals(createPublicKey(keyPem)))
    throw new Error('the certificate it issued has another key');
}

/** The work goes on unseen when it cannot be stopped; nobody waits for it. */
function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const aborted = (): void => {
      reject(new Error('it was given up'));
    };
    if (signal.aborted) aborted();
    signal.addEventListener('abort', aborted, { once: true });
    work.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', aborted);
    });
  });
}

function wordsOf(error: unknown): string {
  if (isErrno(error, 'ECONNREFUSED') || isErrno(error, 'ENOTFOUND') || isErrno(error, 'ETIMEDOUT')) {
    return `it cannot be reached (${messageOf(error)})`;
  }
  return messageOf(error).slice(0, MAX_WORDS).trim() || 'it gave no reason';
}

/** What the operator can do, by what usually is the cause. */
function remedyFor(error: unknown, type: ChallengeResponder['type'], name: string): string {
  if (error instanceof AdapterError) return ''; // Has its own.
  const text = messageOf(error);
  const end = /[.!?]$/.test(text) ? ' ' : '. ';
  if (/certificate|self.signed|issuer/i.test(text) && !/challenge|authz/i.test(text)) {
    return `${end}Is certificates.directory right? An authority of your own needs certificates.directoryCaFile.`;
  }
  if (/rate.?limit|too many/i.test(text)) return `${end}Wait: ordering again sooner makes it longer.`;
  if (/reach|ECONN|ENOTFOUND|EAI_AGAIN|timeout of/i.test(text)) {
    return `${end}Check certificates.directory and this host's way to the internet.`;
  }
  return type === 'http-01'
    ? `${end}Check that the A and AAAA records of ${name} are this host's and that port 80 is open from outside.`
    : `${end}Check that every name server of the zone answers with the record, and that the zone is delegated to dns.server.`;
}
