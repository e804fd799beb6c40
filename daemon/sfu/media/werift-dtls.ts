/**
 * werift's DTLS on the shared media port. Cures for werift 0.25.2: a handshake is put in order (dtls-order.ts), the
 * peer's key possession is verified (dtls-proof.ts), and what is sent after the handshake is sealed by our own records
 * (dtls-records.ts): werift starts its record numbers anew and would use a nonce of AES-GCM twice.
 */
import {
  RTCDtlsFingerprint,
  RTCDtlsParameters,
  RTCDtlsTransport,
  type RTCCertificate,
  type RTCIceTransport,
} from 'werift';
import { messageOf } from '../../kit/errors.ts';
import type { SrtpKeys } from './core/types.ts';
import { verifyClientProof, type DtlsInsides } from './dtls-proof.ts';
import { DtlsOrder } from './dtls-order.ts';
import { ApplicationRecords, type RecordKey } from './dtls-records.ts';
import type { Fingerprint } from './secure-transport.ts';
import { SRTP_PROFILES, srtpKeys, type SrtpInsides } from './werift-srtp-keys.ts';
import type { Address, VirtualUdpTransport } from './werift-udp.ts';

/** A ClientHello may overtake the nomination; more than a flight of it is not kept. */
const MAX_EARLY_DTLS = 16;
/** A handshake is about 20 datagrams; with ten retransmissions of each side this is never reached. */
const MAX_HANDSHAKE_DATAGRAMS = 400;
/** After the handshake only alerts and a repeated last flight make sense, apart from data. */
const MAX_LATE_DTLS = 64;
const APPLICATION_DATA = 23;
/** Beyond every flight of a DTLS handshake (RFC 6347 section 4.2.4). */
const LAST_FLIGHT = 7;

type HandshakeInsides = { dtls: { flight: number } };
type RecordInsides = {
  cipher: { cipher: Record<'clientWriteKey' | 'serverWriteKey' | 'clientNonce' | 'serverNonce', Buffer> };
};

export type DtlsRole = 'server' | 'client';

export type DtlsEvents = {
  /** The peer has proved its fingerprint. Called once. */
  up(keys: SrtpKeys): void;
  /** It failed, or the peer closed it. `reason` is one short sentence. */
  ended(reason: string): void;
};

export class WeriftDtls {
  readonly role: DtlsRole;
  readonly #udp: VirtualUdpTransport;
  readonly #certificate: RTCCertificate;
  readonly #events: DtlsEvents;
  readonly #dtls: RTCDtlsTransport;
  readonly #order = new DtlsOrder();
  #early: { datagram: Buffer; address: Address }[] = [];
  #datagrams = 0;
  #records: ApplicationRecords | undefined;

  constructor(options: {
    udp: VirtualUdpTransport;
    ice: RTCIceTransport;
    certificate: RTCCertificate;
    role: DtlsRole;
    events: DtlsEvents;
  }) {
    this.#udp = options.udp;
    this.#certificate = options.certificate;
    this.#events = options.events;
    this.role = options.role;
    this.#dtls = new RTCDtlsTransport({}, options.ice, options.certificate, [...SRTP_PROFILES]);
    this.#dtls.role = options.role;
    // Its SRTP contexts would be derived for nothing: the media core has its own.
    (this.#dtls as unknown as SrtpInsides).startSrtp = () => undefined;
    this.#dtls.onStateChange.subscribe((state) => {
      if (state === 'closed') options.events.ended('The peer closed the connection.');
      if (state === 'failed') options.events.ended('The DTLS handshake failed.');
    });
  }

  /** Of our certificate. */
  get fingerprint(): Fingerprint {
    const [first] = this.#certificate.getFingerprints();
    return { algorithm: first?.algorithm ?? '', value: first?.value ?? '' };
  }

  /** Begins the handshake as soon as ICE has a path. */
  run(fingerprints: readonly Fingerprint[]): void {
    this.#dtls.setRemoteParams(
      new RTCDtlsParameters(
        fingerprints.map((one) => new RTCDtlsFingerprint(one.algorithm, one.value)),
        this.role === 'server' ? 'client' : 'server',
      ),
    );
    this.#dtls.start().then(
      () => {
        this.#onUp();
      },
      (error: unknown) => {
        this.#events.ended(`The DTLS handshake failed: ${messageOf(error)}`);
      },
    );
  }

  /** A datagram of the handshake, or one after it that carries no data. @param hasPath ICE has found one. */
  receive(datagram: Buffer, address: Address, hasPath: boolean): void {
    this.#datagrams += 1;
    if (this.#records === undefined) {
      if (this.#datagrams > MAX_HANDSHAKE_DATAGRAMS) return;
      if (!hasPath) {
        if (this.#early.length < MAX_EARLY_DTLS) this.#early.push({ datagram, address });
        return;
      }
    } else if (this.#datagrams > MAX_HANDSHAKE_DATAGRAMS + MAX_LATE_DTLS || isClientHello(datagram)) {
      return; // A second handshake on this association is not wanted (no DTLS renegotiation).
    }
    this.#feed(datagram, address);
  }

  /** ICE has found a path: what came before it counts now. */
  onPath(): void {
    const early = this.#early;
    this.#early = [];
    for (const { datagram, address } of early) this.#feed(datagram, address);
  }

  /** True for a datagram that `open` reads. */
  isData(datagram: Buffer): boolean {
    return datagram[0] === APPLICATION_DATA;
  }

  /** Payloads of what the peer sealed; none before the handshake is over. */
  open(datagram: Buffer): Buffer[] {
    return this.#records?.open(datagram) ?? [];
  }

  /** Sends one payload as a record of its own. */
  send(packet: Buffer, address: Address | undefined): void {
    const record = address === undefined ? undefined : this.#records?.seal(packet);
    if (record !== undefined) void this.#udp.send(record, address);
  }

  /** Ends the association, and the ICE agent below it. */
  async close(): Promise<void> {
    this.#early = [];
    // A handshake that waits for the peer ends at its next look instead of repeating itself for 30 s.
    const handshake = this.#dtls.dtls as unknown as HandshakeInsides | undefined;
    if (handshake !== undefined) handshake.dtls.flight = LAST_FLIGHT;
    await this.#dtls.stop();
  }

  #feed(datagram: Buffer, address: Address): void {
    if (this.role === 'client') this.#udp.onData(datagram, address);
    else for (const record of this.#order.take(datagram)) this.#udp.onData(record, address);
  }

  #onUp(): void {
    let keys: SrtpKeys;
    try {
      if (this.role === 'server') verifyClientProof(this.#dtls.dtls as unknown as DtlsInsides);
      keys = srtpKeys(this.#dtls as unknown as SrtpInsides);
      this.#records = this.#applicationRecords();
    } catch (error) {
      this.#events.ended(`The DTLS handshake failed: ${messageOf(error)}`);
      return;
    }
    this.#events.up(keys);
  }

  /**
   * Our own records after the handshake, numbered on from its last one. @throws Error when its keys are not there.
   */
  #applicationRecords(): ApplicationRecords {
    const { cipher } = (this.#dtls.dtls as unknown as RecordInsides).cipher;
    const after = this.#udp.records.highest;
    if (after === undefined) throw new Error('the record numbers of the handshake are not known');
    const client = recordKey(cipher.clientWriteKey, cipher.clientNonce);
    const server = recordKey(cipher.serverWriteKey, cipher.serverNonce);
    return this.role === 'server'
      ? new ApplicationRecords({ send: server, receive: client, after })
      : new ApplicationRecords({ send: client, receive: server, after });
  }
}

/** RFC 5288 section 3: the salt is the first part of the nonce. @throws Error when a key has the wrong size. */
function recordKey(key: Buffer, nonce: Buffer): RecordKey {
  if (key.length !== 16 || nonce.length !== 12) throw new Error('DTLS keys have a wrong size');
  return { key, salt: nonce.subarray(0, 4) };
}

/** Content type handshake, epoch 0, message type ClientHello (RFC 6347 section 4.2.2). */
function isClientHello(datagram: Buffer): boolean {
  return datagram[0] === 22 && datagram[3] === 0 && datagram[4] === 0 && datagram[13] === 1;
}
