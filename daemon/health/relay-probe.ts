/**
 * Proves that a TURN service relays: a real allocation, a permission, a STUN Binding request to the peer
 * through the relay and its answer back, and a 403 for a peer that must not be reachable.
 */
import { randomBytes } from 'node:crypto';
import { PROBE_UFRAG } from '../credentials/probe.ts';
import { messageOf } from '../kit/errors.ts';
import { formatEndpoint, formatIp, parseIp } from '../kit/ip-address.ts';
import { ATTRIBUTE, METHOD, TRANSPORT_UDP } from '../turn/codec/attribute-types.ts';
import {
  addressFamily,
  channelNumber,
  lifetime,
  readXorAddress,
  requestedTransport,
  text,
  type Endpoint,
} from '../turn/codec/attributes.ts';
import { CHANNEL_FIRST } from '../turn/codec/channel-data.ts';
import { verifyIntegrity } from '../turn/codec/message-integrity.ts';
import {
  attributeOf,
  buildStun,
  parseStun,
  TRANSACTION_ID_BYTES,
  type StunMessage,
} from '../turn/codec/stun-message.ts';
import {
  ClientSession,
  readDataIndication,
  type ClientAnswer,
  type ClientRequest,
} from '../turn/core/client-session.ts';
import { echoes, type EchoResult } from './relay-echo.ts';
import type { ConnectDtls } from './relay-probe-dtls.ts';
import { openTurnLink, type TlsTrust } from './relay-probe-link.ts';
import type { TurnLink } from './turn-link.ts';

const DEFAULT_TIMEOUT_MS = 5000;
/** First wait before a UDP request is sent again; doubles (RFC 8489 section 6.2.1). */
const RETRANSMIT_MS = 250;
const MAX_RETRANSMIT_MS = 2000;
/** The release has its own limit: a proof that ran out of time still gives its allocation back. */
const RELEASE_TIMEOUT_MS = 1000;
const MAX_NAMED_OPEN = 50;

export type ProbeAddress = { address: string; port: number };

export type RelayProbeOptions = {
  transport: 'udp' | 'tcp' | 'tls' | 'dtls';
  /** The TURN server. */
  address: string;
  port: number;
  /** For `tls`: what is trusted, and whom the certificate must name. */
  tls?: TlsTrust;
  /** For `dtls`. */
  dtls?: ConnectDtls;
  username: string;
  password: string;
  /** Who must answer a STUN Binding request through the relay. */
  peer: ProbeAddress;
  /** Signs the Binding request as `probe:<random>` and checks the answer; see credentials/probe.ts. */
  probePassword?: string;
  /** A peer the server must refuse with 403. */
  forbiddenPeer?: ProbeAddress;
  /** So many more Binding requests, one by one, for round trip time and loss. */
  echoes?: number;
  /** Instead of the Binding request: none of these peers may be permitted, and none at these ports bound. */
  attack?: { peers: readonly ProbeAddress[]; ports: readonly ProbeAddress[] };
  /** Limit of the first two steps, until there is an allocation; without it the next one counts alone. */
  contactTimeoutMs?: number;
  /** Limit of the whole proof. */
  timeoutMs?: number;
};

export type RelayProbeStepName =
  'connect' | 'allocate' | 'permission' | 'forbidden-peer' | 'binding' | 'echo' | 'attack' | 'release';

export type RelayProbeStep = {
  name: RelayProbeStepName;
  ok: boolean;
  durationMs: number;
  /** What went wrong, for the operator; null when it is well. */
  sentence: string | null;
};

export type RelayProbeResult = {
  ok: boolean;
  /** In order; a failed step is the last but for `release`. */
  steps: RelayProbeStep[];
  /** The relayed address the proof used. */
  relayed: ProbeAddress | null;
  /** The first failed step's sentence. */
  sentence: string | null;
  /** The same for programs; null when nothing failed. */
  fault: ProbeFault | null;
  /** Undefined when not asked for, or not got to. */
  echo?: EchoResult | undefined;
  attack?: AttackResult | undefined;
};

/** `code`: of the system (`ETIMEDOUT` also for whatever was not answered), of TLS, of TURN (`403`), or empty. */
export type ProbeFault = { step: RelayProbeStepName; code: string };

export type AttackResult = { tried: number; refused: number; open: string[] };

/** Runs the proof. Never rejects: every failure is a step with a sentence. */
export async function probeRelay(options: RelayProbeOptions): Promise<RelayProbeResult> {
  const probe = new RelayProbe(options);
  return probe.run();
}

/** A step's failure in words for the operator. */
class ProbeFailure extends Error {
  override readonly name = 'ProbeFailure';
  readonly code: string;

  constructor(message: string, code = '') {
    super(message);
    this.code = code;
  }
}

class RelayProbe {
  readonly #options: RelayProbeOptions;
  readonly #server: string;
  readonly #session: ClientSession;
  /** Of the step under way: aborted by the time limit and by a broken link. */
  #abort = new AbortController();
  readonly #steps: RelayProbeStep[] = [];
  #link: TurnLink | undefined;
  #onFrame: (frame: Buffer) => void = () => undefined;
  #relayed: ProbeAddress | null = null;
  #broken = false;
  #fault: ProbeFault | null = null;
  #echoResult: EchoResult | undefined;
  #attackResult: AttackResult | undefined;

  constructor(options: RelayProbeOptions) {
    this.#options = options;
    this.#server = `${options.transport} ${formatEndpoint(options.address, options.port)}`;
    this.#session = new ClientSession({ ...options, randomBytes });
  }

  async run(): Promise<RelayProbeResult> {
    const { peer, forbiddenPeer, attack, echoes: count } = this.#options;
    const cancelLimit = this.#limit(this.#options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    const { contactTimeoutMs } = this.#options;
    const cancelContact = contactTimeoutMs === undefined ? undefined : this.#limit(contactTimeoutMs);
    let allocated = false;
    try {
      let ok = await this.#step('connect', () => this.#connect());
      if (ok) ok = allocated = await this.#step('allocate', () => this.#allocate());
      cancelContact?.();
      if (ok) ok = await this.#step('permission', () => this.#permission(endpointOf(peer)));
      if (ok && forbiddenPeer !== undefined) {
        ok = await this.#step('forbidden-peer', () => this.#forbidden(endpointOf(forbiddenPeer)));
      }
      if (attack !== undefined) {
        if (ok) await this.#step('attack', () => this.#attack(attack));
      } else if (ok) {
        ok = await this.#step('binding', () => this.#binding(endpointOf(peer)));
        if (ok && count !== undefined) await this.#step('echo', () => this.#echo(endpointOf(peer), count));
      }
    } finally {
      cancelContact?.();
      cancelLimit();
    }
    if (allocated) {
      if (!this.#broken) this.#abort = new AbortController();
      const cancelReleaseLimit = this.#limit(RELEASE_TIMEOUT_MS);
      await this.#step('release', () => this.#release());
      cancelReleaseLimit();
    }
    this.#link?.close();
    const failed = this.#steps.find((step) => !step.ok);
    return {
      ok: failed === undefined,
      steps: this.#steps,
      relayed: this.#relayed,
      sentence: failed?.sentence ?? null,
      fault: this.#fault,
      echo: this.#echoResult,
      attack: this.#attackResult,
    };
  }

  /** Aborts the step under way after `timeoutMs`. @returns cancels it. */
  #limit(timeoutMs: number): () => void {
    const abort = this.#abort;
    const timer = setTimeout(() => {
      abort.abort(new ProbeFailure(`no answer within ${String(timeoutMs)} ms`, 'ETIMEDOUT'));
    }, timeoutMs);
    return () => {
      clearTimeout(timer);
    };
  }

  async #step(name: RelayProbeStepName, work: () => Promise<void>): Promise<boolean> {
    const startedMs = performance.now();
    let sentence: string | null = null;
    try {
      await work();
    } catch (error) {
      sentence = messageOf(error);
      this.#fault ??= { step: name, code: codeOf(error) };
    }
    const durationMs = Math.round((performance.now() - startedMs) * 10) / 10;
    this.#steps.push({ name, ok: sentence === null, durationMs, sentence });
    return sentence === null;
  }

  async #connect(): Promise<void> {
    const { transport, address, port, tls, dtls } = this.#options;
    try {
      this.#link = await openTurnLink({
        transport,
        address,
        port,
        ...(tls === undefined ? {} : { tls }),
        ...(dtls === undefined ? {} : { dtls }),
        signal: this.#abort.signal,
        onFrame: (frame) => {
          this.#onFrame(frame);
        },
        onClosed: (error) => {
          this.#broken = true;
          this.#abort.abort(
            new ProbeFailure(`the path to ${this.#server} broke: ${error.message}`, codeOf(error)),
          );
        },
      });
    } catch (error) {
      throw new ProbeFailure(`Nothing answers at ${this.#server}: ${messageOf(error)}.`, codeOf(error));
    }
  }

  async #allocate(): Promise<void> {
    const { family } = endpointOf(this.#options.peer).address;
    const attributes = [requestedTransport(TRANSPORT_UDP), lifetime(60)];
    if (family === 6) attributes.push(addressFamily(ATTRIBUTE.REQUESTED_ADDRESS_FAMILY, family));
    // Peers of both families are tried; a server without IPv6 answers with IPv4 alone.
    else if (this.#options.attack !== undefined)
      attributes.push(addressFamily(ATTRIBUTE.ADDITIONAL_ADDRESS_FAMILY, 6));
    const message = await this.#request('an allocation', () =>
      this.#session.request(METHOD.ALLOCATE, attributes),
    );
    const value = attributeOf(message, ATTRIBUTE.XOR_RELAYED_ADDRESS);
    const relayed = value === undefined ? undefined : readXorAddress(value, message.transactionId);
    if (relayed === undefined) throw new ProbeFailure(`${this.#server} named no relayed address.`);
    this.#relayed = { address: formatIp(relayed.address), port: relayed.port };
  }

  async #permission(peer: Endpoint): Promise<void> {
    await this.#request(`a permission for ${nameOf(peer)}`, () =>
      this.#session.peerRequest(METHOD.CREATE_PERMISSION, peer),
    );
  }

  /** ChannelBind, because it names address and port. */
  async #forbidden(peer: Endpoint): Promise<void> {
    const answer = await this.#exchange(`the refusal of ${nameOf(peer)}`, () =>
      this.#session.peerRequest(METHOD.CHANNEL_BIND, peer, [channelNumber(CHANNEL_FIRST)]),
    );
    if (answer.type === 'error' && answer.code === 403) return;
    const got = answer.type === 'error' ? String(answer.code) : answer.type;
    throw new ProbeFailure(
      `${this.#server} must refuse the peer ${nameOf(peer)} with 403, but answered ${got}: the relay is open to more than the SFU.`,
    );
  }

  /** The request goes as a Send indication, its answer comes back as a Data indication. */
  async #binding(peer: Endpoint): Promise<void> {
    const { indication, isAnswer } = this.#bindingRequest(peer);
    await this.#sendUntil(
      indication,
      false,
      (frame) => (isAnswer(frame) ? true : undefined),
      `${nameOf(peer)} did not answer through the relay ${this.#relayedName()}: the SFU is not up, or a firewall stands between relay and SFU`,
    );
  }

  #bindingRequest(peer: Endpoint): { indication: Buffer; isAnswer: (frame: Buffer) => boolean } {
    const { probePassword } = this.#options;
    const key = probePassword === undefined ? undefined : Buffer.from(probePassword, 'utf8');
    const transactionId = randomBytes(TRANSACTION_ID_BYTES);
    const name = text(ATTRIBUTE.USERNAME, `${PROBE_UFRAG}:${randomBytes(4).toString('hex')}`);
    const request = buildStun(
      { class: 'request', method: METHOD.BINDING, transactionId },
      key === undefined ? [] : [name],
      { key, fingerprint: true },
    );
    const isAnswer = (frame: Buffer): boolean => {
      const payload = readDataIndication(frame)?.payload;
      const answer = payload === undefined ? undefined : parseStun(payload);
      if (answer?.class !== 'success' || !answer.transactionId.equals(transactionId)) return false;
      if (key === undefined) return true;
      const { bytes, integrityAt } = answer;
      return integrityAt !== undefined && verifyIntegrity(bytes, integrityAt, key);
    };
    return { indication: this.#session.send(peer, request), isAnswer };
  }

  async #echo(peer: Endpoint, count: number): Promise<void> {
    const { signal } = this.#abort;
    const result = await echoes({
      count,
      signal,
      listen: (onFrame) => {
        this.#onFrame = onFrame;
      },
      send: () => {
        const { indication, isAnswer } = this.#bindingRequest(peer);
        this.#link?.send(indication);
        return isAnswer;
      },
    });
    this.#echoResult = result;
    if (signal.aborted) throw new ProbeFailure(messageOf(signal.reason), codeOf(signal.reason));
    if (result.rttMs === null)
      throw new ProbeFailure(`None of ${String(count)} round trips came back.`, 'ETIMEDOUT');
  }

  async #attack({ peers, ports }: NonNullable<RelayProbeOptions['attack']>): Promise<void> {
    const result: AttackResult = { tried: 0, refused: 0, open: [] };
    this.#attackResult = result;
    const attempt = async (what: string, build: () => ClientRequest): Promise<void> => {
      const answer = await this.#exchange(what, build);
      result.tried += 1;
      if (answer.type === 'error') result.refused += 1;
      else if (result.open.length < MAX_NAMED_OPEN) result.open.push(what);
    };
    const bind = (peer: Endpoint): Promise<void> => {
      // A channel that was bound would refuse the next peer for its own reasons.
      const channel = CHANNEL_FIRST + (result.tried - result.refused);
      return attempt(`ChannelBind ${nameOf(peer)}`, () =>
        this.#session.peerRequest(METHOD.CHANNEL_BIND, peer, [channelNumber(channel)]),
      );
    };
    for (const peer of peers.map(endpointOf)) {
      await attempt(`CreatePermission ${nameOf(peer)}`, () =>
        this.#session.peerRequest(METHOD.CREATE_PERMISSION, peer),
      );
      await bind(peer);
    }
    for (const peer of ports.map(endpointOf)) await bind(peer);
    const [first] = result.open;
    if (first !== undefined) throw new ProbeFailure(`${this.#server} did not refuse: ${first}.`);
  }

  async #release(): Promise<void> {
    await this.#request('the release of the allocation', () =>
      this.#session.request(METHOD.REFRESH, [lifetime(0)]),
    );
  }

  #relayedName(): string {
    return this.#relayed === null ? '' : formatEndpoint(this.#relayed.address, this.#relayed.port);
  }

  /** A request that must succeed. `what` completes "refused ...". */
  async #request(what: string, build: () => ClientRequest): Promise<StunMessage> {
    const answer = await this.#exchange(what, build);
    if (answer.type === 'success') return answer.message;
    if (answer.type === 'error') {
      throw new ProbeFailure(
        `${this.#server} refused ${what} with ${explained(answer.code)}.`,
        String(answer.code),
      );
    }
    throw new ProbeFailure(`The answer of ${this.#server} to ${what} is not signed with our key.`);
  }

  /** Sends a request until it is answered; at most once again for each challenge. */
  async #exchange(
    what: string,
    build: () => ClientRequest,
  ): Promise<Exclude<ClientAnswer, { type: 'again' }>> {
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const request = build();
      const answer = await this.#sendUntil(
        request.bytes,
        this.#link?.reliable ?? true,
        (frame) => this.#session.read(frame, request),
        `${this.#server} did not answer the request for ${what}`,
      );
      if (answer.type !== 'again') return answer;
    }
    throw new ProbeFailure(`${this.#server} keeps asking for another nonce.`);
  }

  /** Sends, and again while nothing comes if the way may lose it, until `accept` takes a frame. */
  #sendUntil<Value>(
    bytes: Buffer,
    once: boolean,
    accept: (frame: Buffer) => Value | undefined,
    failure: string,
  ): Promise<Value> {
    const { signal } = this.#abort;
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      const finish = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
        this.#onFrame = () => undefined;
      };
      const onAbort = (): void => {
        finish();
        reject(new ProbeFailure(`${failure} (${messageOf(signal.reason)}).`, codeOf(signal.reason)));
      };
      const send = (waitMs: number): void => {
        this.#link?.send(bytes);
        if (!once) timer = setTimeout(send, waitMs, Math.min(waitMs * 2, MAX_RETRANSMIT_MS));
      };
      if (signal.aborted) {
        onAbort();
        return;
      }
      signal.addEventListener('abort', onAbort);
      this.#onFrame = (frame) => {
        const value = accept(frame);
        if (value === undefined) return;
        finish();
        resolve(value);
      };
      send(RETRANSMIT_MS);
    });
  }
}

function codeOf(error: unknown): string {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : '';
}

function explained(code: number): string {
  if (code === 401) return '401: it does not accept the credential';
  if (code === 403) return '403: its peer policy does not allow it';
  if (code === 440) return '440: it has no relay address of that family';
  if (code === 486) return '486: the user has too many allocations';
  if (code === 508) return '508: it has no capacity left';
  return String(code);
}

function endpointOf(peer: ProbeAddress): Endpoint {
  const address = parseIp(peer.address);
  if (address === undefined) throw new ProbeFailure(`"${peer.address}" is not an IP address.`);
  return { address, port: peer.port };
}

function nameOf(peer: Endpoint): string {
  return formatEndpoint(formatIp(peer.address), peer.port);
}
