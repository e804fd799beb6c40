/**
 * The client's half of TURN, Sans-IO: builds requests, signs them once the server has named realm and
 * nonce, reads answers and Data indications. For the relay proof and for tests.
 */
import { ATTRIBUTE, METHOD } from '../codec/attribute-types.ts';
import { readErrorCode, readXorAddress, text, xorAddress, type Endpoint } from '../codec/attributes.ts';
import { longTermKey, verifyIntegrity, type IntegrityHash } from '../codec/message-integrity.ts';
import {
  announcesPasswordAlgorithms,
  chooseAlgorithm,
  passwordAlgorithm,
} from '../codec/password-algorithms.ts';
import {
  attributeOf,
  buildStun,
  parseStun,
  TRANSACTION_ID_BYTES,
  type StunAttribute,
  type StunMessage,
} from '../codec/stun-message.ts';

export type ClientRequest = { bytes: Buffer; transactionId: Buffer };

export type ClientAnswer =
  | { type: 'success'; message: StunMessage }
  | { type: 'error'; code: number; message: StunMessage }
  /** 401 before we were authenticated, or 438: build the request again, it will be signed now. */
  | { type: 'again' }
  /** The answer's MESSAGE-INTEGRITY is not by our key. */
  | { type: 'forged' };

/** `echo`: what a client of RFC 8489 sends back of the negotiation; without one `hash` is `sha1`. */
type Challenge = {
  realm: string;
  nonce: string;
  key: Buffer;
  hash: IntegrityHash;
  echo: readonly StunAttribute[];
};

export class ClientSession {
  readonly #username: string;
  readonly #password: string;
  readonly #randomBytes: (count: number) => Buffer;
  readonly #hash: IntegrityHash;
  #challenge: Challenge | undefined;

  /**
   * @param options.hash `sha1` (the default) is what browsers and cameras do. `sha256` negotiates the
   * password algorithm and refuses a challenge somebody weakened (RFC 8489 section 9.2.5).
   */
  constructor(options: {
    username: string;
    password: string;
    randomBytes: (count: number) => Buffer;
    hash?: IntegrityHash;
  }) {
    this.#hash = options.hash ?? 'sha1';
    this.#username = options.username;
    this.#password = options.password;
    this.#randomBytes = options.randomBytes;
  }

  /** A request, signed as soon as a challenge was seen. */
  request(method: number, attributes: readonly StunAttribute[]): ClientRequest {
    const transactionId = this.#randomBytes(TRANSACTION_ID_BYTES);
    const challenge = this.#challenge;
    const signed: StunAttribute[] =
      challenge === undefined
        ? [...attributes]
        : [
            ...attributes,
            text(ATTRIBUTE.USERNAME, this.#username),
            text(ATTRIBUTE.REALM, challenge.realm),
            text(ATTRIBUTE.NONCE, challenge.nonce),
            ...challenge.echo,
          ];
    const bytes = buildStun({ class: 'request', method, transactionId }, signed, {
      key: challenge?.key,
      hash: challenge?.hash,
      fingerprint: true,
    });
    return { bytes, transactionId };
  }

  /** Like `request`, for methods that name peers. */
  peerRequest(method: number, peer: Endpoint, attributes: readonly StunAttribute[] = []): ClientRequest {
    // XOR-PEER-ADDRESS of IPv6 is masked with the transaction id, so it is built with a known one.
    const transactionId = this.#randomBytes(TRANSACTION_ID_BYTES);
    const session = new ClientSession({
      username: this.#username,
      password: this.#password,
      randomBytes: () => transactionId,
      hash: this.#hash,
    });
    session.#challenge = this.#challenge;
    return session.request(method, [
      ...attributes,
      xorAddress(ATTRIBUTE.XOR_PEER_ADDRESS, peer, transactionId),
    ]);
  }

  /** Reads the answer to a request. @returns undefined when the bytes are not its answer. */
  read(bytes: Buffer, request: ClientRequest): ClientAnswer | undefined {
    const message = parseStun(bytes);
    if (message === undefined || !message.transactionId.equals(request.transactionId)) return undefined;
    if (message.class !== 'success' && message.class !== 'error') return undefined;
    const key = this.#challenge?.key;
    const hash = this.#challenge?.hash ?? 'sha1';
    const integrityAt = hash === 'sha1' ? message.integrityAt : message.integritySha256At;
    if (message.class === 'success') {
      const genuine =
        key === undefined || (integrityAt !== undefined && verifyIntegrity(bytes, integrityAt, key, hash));
      if (!genuine) return { type: 'forged' };
      return { type: 'success', message };
    }
    const value = attributeOf(message, ATTRIBUTE.ERROR_CODE);
    const code = value === undefined ? undefined : readErrorCode(value);
    if (code === undefined) return undefined;
    if ((code === 401 && key === undefined) || code === 438) {
      const challenge = this.#readChallenge(message);
      if (challenge !== undefined) {
        this.#challenge = challenge;
        return { type: 'again' };
      }
    }
    return { type: 'error', code, message };
  }

  /** @returns undefined for a challenge that cannot, or must not, be followed. */
  #readChallenge(message: StunMessage): Challenge | undefined {
    const realm = attributeOf(message, ATTRIBUTE.REALM)?.toString('utf8');
    const nonce = attributeOf(message, ATTRIBUTE.NONCE)?.toString('utf8');
    if (realm === undefined || nonce === undefined) return undefined;
    const key = longTermKey(this.#username, realm, this.#password);
    const plain: Challenge = { realm, nonce, key, hash: 'sha1', echo: [] };
    if (this.#hash === 'sha1') return plain;
    const offer = attributeOf(message, ATTRIBUTE.PASSWORD_ALGORITHMS);
    if (!announcesPasswordAlgorithms(nonce)) return plain;
    // Announced by the nonce but not there, or nothing in it we know: taken out on the way.
    const algorithm = offer === undefined ? undefined : chooseAlgorithm(offer);
    if (offer === undefined || algorithm === undefined) return undefined;
    const value = Buffer.from(offer);
    return {
      ...plain,
      key: longTermKey(this.#username, realm, this.#password, algorithm),
      hash: 'sha256',
      echo: [{ type: ATTRIBUTE.PASSWORD_ALGORITHMS, value }, passwordAlgorithm(algorithm)],
    };
  }

  /** A Send indication: unsigned, never answered. */
  send(peer: Endpoint, payload: Buffer): Buffer {
    const transactionId = this.#randomBytes(TRANSACTION_ID_BYTES);
    return buildStun({ class: 'indication', method: METHOD.SEND, transactionId }, [
      xorAddress(ATTRIBUTE.XOR_PEER_ADDRESS, peer, transactionId),
      { type: ATTRIBUTE.DATA, value: payload },
    ]);
  }
}

/** Peer and payload of a Data indication. @returns undefined when the bytes are none. */
export function readDataIndication(bytes: Buffer): { peer: Endpoint; payload: Buffer } | undefined {
  const message = parseStun(bytes);
  if (message?.class !== 'indication' || message.method !== METHOD.DATA) return undefined;
  const peerValue = attributeOf(message, ATTRIBUTE.XOR_PEER_ADDRESS);
  const payload = attributeOf(message, ATTRIBUTE.DATA);
  const peer = peerValue === undefined ? undefined : readXorAddress(peerValue, message.transactionId);
  return peer === undefined || payload === undefined ? undefined : { peer, payload };
}
