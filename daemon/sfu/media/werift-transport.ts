/**
 * With the other werift-*.ts files the only one that knows werift's insides. werift runs ICE and DTLS; its
 * sockets are replaced by our shared port, its media path and its SDP are not used. Every field touched here is looked
 * at by self-test.ts at start, so an update of the library that moves one is found before a camera is.
 *
 * Cures applied here for werift 0.25.2: no public STUN server is ever asked, ufrags are long enough to be
 * unique on a shared port, an ICE restart starts its checks, a handshake is put in order (dtls-order.ts), the peer's
 * key possession is verified (dtls-proof.ts), transaction ids of a pair do not pile up, and what is sent after the
 * handshake is sealed by our own records (dtls-records.ts): werift starts its record numbers anew and would use a nonce
 * of AES-GCM twice.
 */
import { randomBytes } from 'node:crypto';
import {
  IceCandidate,
  RTCDtlsFingerprint,
  RTCDtlsParameters,
  RTCDtlsTransport,
  RTCIceGatherer,
  RTCIceTransport,
  UdpTransport,
  type RTCCertificate,
} from 'werift';
import { messageOf } from '../../kit/errors.ts';
import type { Cancel, Clock } from '../../kit/clock.ts';
import type { Logger } from '../../kit/logger.ts';
import type { SrtpKeys } from './core/types.ts';
import { verifyClientProof, type DtlsInsides } from './dtls-proof.ts';
import { DtlsOrder } from './dtls-order.ts';
import { ApplicationRecords, RecordGuard, type RecordKey } from './dtls-records.ts';
import type { MuxEndpoint } from './media-demux.ts';
import type { SealedOutlet, SealKeys } from '../../datagrams/sealed-flow.ts';
import type { MediaPort } from './media-port.ts';
import { patchKeyAgreement } from './werift-shortcuts.ts';
import { SRTP_PROFILES, srtpKeys, type SrtpInsides } from './werift-srtp-keys.ts';
import type {
  DataAssociation,
  DataAssociationEvents,
  LocalTransport,
  RemoteTransport,
  SecureTransport,
  SecureTransportEvents,
  SecureTransportFactory,
  TransportState,
} from './secure-transport.ts';
import { WeriftSctp } from './werift-sctp.ts';

/** From the remote description to DTLS connected; a relayed path needs a few round trips only. */
const CONNECT_TIMEOUT_MS = 30_000;
/** A ClientHello may overtake the nomination; more than a flight of it is not kept. */
const MAX_EARLY_DTLS = 16;
/** A handshake is about 20 datagrams; with ten retransmissions of each side this is never reached. */
const MAX_HANDSHAKE_DATAGRAMS = 400;
/** After the handshake only alerts and a repeated last flight make sense, apart from data. */
const MAX_LATE_DTLS = 64;
/** Content types of DTLS records (RFC 5246 section 6.2.1). */
const FIRST_DTLS_TYPE = 20;
const LAST_DTLS_TYPE = 63;
const APPLICATION_DATA = 23;
/** Checks that werift keeps before it knows the remote side. */
const MAX_EARLY_CHECKS = 32;
const MAX_REMOTE_CANDIDATES = 64;
const MAX_TRANSACTION_IDS = 256;

const PAIR_SUCCEEDED = 3;
/** Beyond every flight of a DTLS handshake (RFC 6347 section 4.2.4). */
const LAST_FLIGHT = 7;

type Address = readonly [string, number];
type Pair = {
  readonly remoteAddr: Address;
  readonly state: number;
  readonly requestTransactionIds: Set<string>;
};
/** The fields of werift's ICE Connection that are used; private ones among them. */
type IceInsides = {
  localUsername: string;
  localPassword: string;
  userHistory: Record<string, string>;
  stunServer: Address | undefined;
  iceControlling: boolean;
  nominated: Pair | undefined;
  checkList: Pair[];
  earlyChecks: unknown[];
  protocols: { localCandidate?: { ufrag?: string } }[];
  setRemoteParams(params: { iceLite: boolean; usernameFragment: string; password: string }): void;
};
type HandshakeInsides = { dtls: { flight: number } };
type RecordInsides = {
  cipher: { cipher: Record<'clientWriteKey' | 'serverWriteKey' | 'clientNonce' | 'serverNonce', Buffer> };
};
/** What werift takes for a bound UDP socket. */
class VirtualUdpTransport {
  readonly type = 'udp';
  closed = false;
  onData: (data: Buffer, address: Address) => void = () => undefined;
  readonly records = new RecordGuard();
  /** A record number would have been used twice: the datagram was kept back. */
  onRepeatedRecord: () => void = () => undefined;
  readonly #mux: MediaPort;
  readonly #endpoint: MuxEndpoint;

  constructor(mux: MediaPort, endpoint: MuxEndpoint) {
    this.#mux = mux;
    this.#endpoint = endpoint;
  }

  get address(): { address: string; port: number; family: string } {
    return {
      address: this.#mux.address,
      port: this.#mux.port,
      family: this.addressFamily === 6 ? 'IPv6' : 'IPv4',
    };
  }

  get addressFamily(): 4 | 6 {
    return this.#mux.family;
  }

  get host(): string {
    return this.#mux.address;
  }

  get port(): number {
    return this.#mux.port;
  }

  readonly send = (data: Buffer, address?: Address): Promise<void> => {
    if (!this.closed && address !== undefined) {
      if (isDtls(data) && !this.records.admit(data)) {
        this.onRepeatedRecord();
        return Promise.resolve();
      }
      this.#mux.sendControl(this.#endpoint, data, address[1], address[0]);
    }
    return Promise.resolve();
  };

  readonly close = (): Promise<void> => {
    this.closed = true;
    return Promise.resolve();
  };
}

/** werift asks for a socket with an options object; ours are known by the identity of theirs. */
const virtualTransports = new WeakMap<object, VirtualUdpTransport>();
let patched = false;

/** Lets our agents get virtual transports. Other users of werift in this process keep real sockets. */
function patchUdpTransport(): void {
  if (patched) return;
  patched = true;
  const original = UdpTransport.init.bind(UdpTransport);
  UdpTransport.init = (type, options) => {
    const own =
      options?.interfaceAddresses === undefined
        ? undefined
        : virtualTransports.get(options.interfaceAddresses);
    return own === undefined ? original(type, options) : Promise.resolve(own as unknown as UdpTransport);
  };
}

type CreateOptions = {
  controlling: boolean;
  events: SecureTransportEvents;
  /** `client` exists for the self test only: this library's client does not check the server's Finished. */
  dtlsRole?: 'server' | 'client';
};

export class WeriftTransportFactory implements SecureTransportFactory {
  readonly #mux: MediaPort;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #certificate: RTCCertificate;

  private constructor(options: { mux: MediaPort; clock: Clock; log: Logger; certificate: RTCCertificate }) {
    this.#mux = options.mux;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#certificate = options.certificate;
  }

  /** Makes the certificate of the process (one for all peers, never stored). */
  static async open(options: { mux: MediaPort; clock: Clock; log: Logger }): Promise<WeriftTransportFactory> {
    patchUdpTransport();
    patchKeyAgreement();
    if (!('startSrtp' in RTCDtlsTransport.prototype)) throw new Error('startSrtp is gone');
    return new WeriftTransportFactory({
      ...options,
      certificate: await RTCDtlsTransport.SetupCertificate(),
    });
  }

  async create(options: CreateOptions): Promise<SecureTransport> {
    const transport = new WeriftTransport({
      mux: this.#mux,
      clock: this.#clock,
      log: this.#log,
      certificate: this.#certificate,
      ...options,
    });
    await transport.gather();
    return transport;
  }
}

class WeriftTransport implements SecureTransport, MuxEndpoint {
  readonly #mux: MediaPort;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #events: SecureTransportEvents;
  readonly #certificate: RTCCertificate;
  readonly #controlling: boolean;
  readonly #dtlsRole: 'server' | 'client';
  readonly #virtual: VirtualUdpTransport;
  readonly #gatherer: RTCIceGatherer;
  readonly #ice: RTCIceTransport;
  readonly #insides: IceInsides;
  readonly #dtls: RTCDtlsTransport;
  #state: TransportState = 'new';
  #remote: RemoteTransport | undefined;
  #previousUfrag: string | undefined;
  #iceGeneration = 0;
  #iceUp = false;
  #target: Address | undefined;
  #earlyDtls: { datagram: Buffer; address: Address }[] = [];
  #dtlsDatagrams = 0;
  readonly #order = new DtlsOrder();
  #candidates = 0;
  #cancelTimeout: Cancel = () => undefined;
  #records: ApplicationRecords | undefined;
  #data: WeriftSctp | undefined;

  constructor(options: {
    mux: MediaPort;
    clock: Clock;
    log: Logger;
    certificate: RTCCertificate;
    controlling: boolean;
    events: SecureTransportEvents;
    dtlsRole?: 'server' | 'client';
  }) {
    this.#mux = options.mux;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#events = options.events;
    this.#certificate = options.certificate;
    this.#controlling = options.controlling;
    this.#virtual = new VirtualUdpTransport(options.mux, this);
    this.#virtual.onRepeatedRecord = () => {
      this.#log.error('a DTLS record number came twice; the connection is closed');
      this.#end('The encryption of this connection is not safe any more.');
    };
    const interfaceAddresses = { [options.mux.family === 6 ? 'udp6' : 'udp4']: options.mux.address };
    virtualTransports.set(interfaceAddresses, this.#virtual);
    this.#gatherer = new RTCIceGatherer({
      interfaceAddresses,
      additionalHostAddresses: [options.mux.address],
      // Off, so that no interface of this host is listed: the shield is the only address.
      useIpv4: false,
      useIpv6: false,
    });
    this.#ice = new RTCIceTransport(this.#gatherer);
    this.#insides = this.#ice.connection as unknown as IceInsides;
    // werift falls back to a public STUN server when none is configured. None is.
    this.#insides.stunServer = undefined;
    this.#insides.iceControlling = options.controlling;
    this.#dtls = new RTCDtlsTransport({}, this.#ice, options.certificate, [...SRTP_PROFILES]);
    this.#dtlsRole = options.dtlsRole ?? 'server';
    this.#dtls.role = this.#dtlsRole;
    // Its SRTP contexts would be derived for nothing: the media core has its own.
    (this.#dtls as unknown as SrtpInsides).startSrtp = () => undefined;
    this.#takeFreshCredentials();
    this.#ice.onStateChange.subscribe((state) => {
      if (state === 'failed') this.#end('The path to the peer is gone (ICE).');
    });
    this.#dtls.onStateChange.subscribe((state) => {
      if (state === 'closed') this.#end('The peer closed the connection.');
      if (state === 'failed') this.#end('The DTLS handshake failed.');
    });
  }

  get state(): TransportState {
    return this.#state;
  }

  get local(): LocalTransport {
    const { address, port } = this.#virtual;
    return {
      ufrag: this.#insides.localUsername,
      password: this.#insides.localPassword,
      candidates: [`candidate:1 1 udp 2130706431 ${address.address} ${String(port)} typ host`],
      fingerprint: this.#fingerprint(),
    };
  }

  async gather(): Promise<void> {
    await this.#gatherer.gather();
  }

  setRemote(remote: RemoteTransport): void {
    if (this.#state === 'closed') return;
    const known = this.#remote;
    if (known?.ufrag === remote.ufrag && known.password === remote.password) return;
    this.#remote = remote;
    this.#insides.setRemoteParams({
      iceLite: false,
      usernameFragment: remote.ufrag,
      password: remote.password,
    });
    this.#runIce();
    if (known === undefined) {
      this.#state = 'connecting';
      this.#startTimeout();
      this.#runDtls(remote);
    }
  }

  addCandidate(candidate: string): void {
    if (this.#state === 'closed' || this.#candidates >= MAX_REMOTE_CANDIDATES) return;
    this.#candidates += 1;
    const parsed = IceCandidate.fromJSON({ candidate });
    if (parsed === undefined) return;
    Promise.resolve(this.#ice.addRemoteCandidate(parsed)).catch(this.#ignore);
  }

  async restartIce(): Promise<void> {
    if (this.#state === 'closed') return;
    const before = this.#insides.localUsername;
    this.#ice.restart();
    this.#iceGeneration += 1;
    this.#candidates = 0;
    // The role of a generation is set anew while nothing is nominated (RFC 8445 section 6.1.1).
    this.#insides.iceControlling = this.#controlling;
    this.#takeFreshCredentials(before);
    // The consent checks of the old pair ended with it: without this limit a restart that the client
    // never answers would keep a dead peer for ever.
    this.#startTimeout();
    await this.#gatherer.gather();
  }

  send(datagram: Buffer): void {
    const target = this.#target;
    if (target !== undefined && this.#state === 'connected') this.#mux.send(datagram, target[1], target[0]);
  }

  openData(events: DataAssociationEvents): DataAssociation {
    if (this.#state !== 'connected' || this.#data !== undefined) throw new Error('no data can be opened now');
    this.#data = new WeriftSctp({
      send: (packet) => {
        this.#sendRecord(packet);
      },
      events,
      log: this.#log,
      initiate: this.#dtlsRole === 'client',
    });
    return this.#data;
  }

  openOutlet(keys: SealKeys): SealedOutlet | undefined {
    return this.#mux.openOutlet(keys, () => (this.#state === 'connected' ? this.#target : undefined));
  }

  close(): void {
    if (this.#state === 'closed') return;
    this.#data?.close();
    this.#state = 'closed';
    this.#cancelTimeout();
    this.#earlyDtls = [];
    this.#mux.demux.remove(this);
    this.#target = undefined;
    // A handshake that waits for the peer ends at its next look instead of repeating itself for 30 s.
    const handshake = this.#dtls.dtls as unknown as HandshakeInsides | undefined;
    if (handshake !== undefined) handshake.dtls.flight = LAST_FLIGHT;
    this.#dtls.stop().catch(this.#ignore);
  }

  // -- From the shared port ------------------------------------------------------------------------

  onStun(datagram: Buffer, host: string, port: number, useCandidate: boolean): void {
    if (this.#insides.earlyChecks.length >= MAX_EARLY_CHECKS) return;
    for (const pair of this.#insides.checkList) {
      if (pair.requestTransactionIds.size > MAX_TRANSACTION_IDS) pair.requestTransactionIds.clear();
    }
    this.#virtual.onData(datagram, [host, port]);
    if (useCandidate && !this.#controlling && this.#iceUp) this.#followNomination(host, port);
  }

  onDtls(datagram: Buffer, host: string, port: number): void {
    if (this.#data !== undefined && datagram[0] === APPLICATION_DATA) {
      for (const packet of this.#records?.open(datagram) ?? []) this.#data.receive(packet);
      return;
    }
    this.#dtlsDatagrams += 1;
    if (this.#state === 'connecting' || this.#state === 'new') {
      if (this.#dtlsDatagrams > MAX_HANDSHAKE_DATAGRAMS) return;
      if (!this.#iceUp) {
        if (this.#earlyDtls.length < MAX_EARLY_DTLS) {
          this.#earlyDtls.push({ datagram, address: [host, port] });
        }
        return;
      }
    } else if (this.#dtlsDatagrams > MAX_HANDSHAKE_DATAGRAMS + MAX_LATE_DTLS || isClientHello(datagram)) {
      return; // A second handshake on this association is not wanted (no DTLS renegotiation).
    }
    this.#feedDtls(datagram, [host, port]);
  }

  #feedDtls(datagram: Buffer, address: Address): void {
    if (this.#dtlsRole === 'client') this.#virtual.onData(datagram, address);
    else for (const record of this.#order.take(datagram)) this.#virtual.onData(record, address);
  }

  onMedia(datagram: Buffer): void {
    if (this.#state === 'connected') this.#events.media(datagram);
  }

  // -- ICE and DTLS ----------------------------------------------------------------------------------

  readonly #ignore = (error: unknown): void => {
    this.#log.debug({ reason: messageOf(error) }, 'transport');
  };

  #startTimeout(): void {
    this.#cancelTimeout();
    this.#cancelTimeout = this.#clock.after(CONNECT_TIMEOUT_MS, () => {
      this.#end('The peer did not connect in time.');
    });
  }

  #runIce(): void {
    const generation = this.#iceGeneration;
    this.#ice.start().then(
      () => {
        if (this.#state === 'closed') {
          // werift starts its consent checks even when it was closed while the last check was out.
          this.#ice.connection.close().catch(this.#ignore);
          return;
        }
        if (generation !== this.#iceGeneration) return;
        this.#target = this.#insides.nominated?.remoteAddr;
        this.#iceUp = true;
        this.#events.pathFound?.();
        if (this.#state === 'connected') this.#cancelTimeout();
        const early = this.#earlyDtls;
        this.#earlyDtls = [];
        for (const { datagram, address } of early) this.#feedDtls(datagram, address);
      },
      (error: unknown) => {
        if (generation === this.#iceGeneration) this.#end(`No path to the peer: ${messageOf(error)}.`);
      },
    );
  }

  #runDtls(remote: RemoteTransport): void {
    this.#dtls.setRemoteParams(
      new RTCDtlsParameters(
        remote.fingerprints.map((one) => new RTCDtlsFingerprint(one.algorithm, one.value)),
        this.#dtlsRole === 'server' ? 'client' : 'server',
      ),
    );
    this.#dtls.start().then(
      () => {
        this.#onDtlsUp();
      },
      (error: unknown) => {
        this.#end(`The DTLS handshake failed: ${messageOf(error)}`);
      },
    );
  }

  #onDtlsUp(): void {
    if (this.#state !== 'connecting') return;
    let keys: SrtpKeys;
    try {
      if (this.#dtlsRole === 'server') verifyClientProof(this.#dtls.dtls as unknown as DtlsInsides);
      keys = srtpKeys(this.#dtls as unknown as SrtpInsides);
      this.#records = this.#applicationRecords();
    } catch (error) {
      this.#end(`The DTLS handshake failed: ${messageOf(error)}`);
      return;
    }
    this.#cancelTimeout();
    this.#state = 'connected';
    this.#target = this.#insides.nominated?.remoteAddr ?? this.#target;
    try {
      this.#events.connected(keys);
    } catch (error) {
      this.#log.error({ err: error }, 'a connected peer cannot be served');
      this.#end('The server cannot serve this peer.');
    }
  }

  /**
   * Our own records after the handshake, numbered on from its last one. @throws Error when its keys are not there.
   */
  #applicationRecords(): ApplicationRecords {
    const { cipher } = (this.#dtls.dtls as unknown as RecordInsides).cipher;
    const after = this.#virtual.records.highest;
    if (after === undefined) throw new Error('the record numbers of the handshake are not known');
    const client = recordKey(cipher.clientWriteKey, cipher.clientNonce);
    const server = recordKey(cipher.serverWriteKey, cipher.serverNonce);
    return this.#dtlsRole === 'server'
      ? new ApplicationRecords({ send: server, receive: client, after })
      : new ApplicationRecords({ send: client, receive: server, after });
  }

  #sendRecord(packet: Buffer): void {
    const record = this.#target === undefined ? undefined : this.#records?.seal(packet);
    if (record !== undefined) void this.#virtual.send(record, this.#target);
  }

  /** As controlled agent: the client may nominate a better pair later (RFC 8445 section 8.1.1). */
  #followNomination(host: string, port: number): void {
    const insides = this.#insides;
    if (insides.nominated?.remoteAddr[0] === host && insides.nominated.remoteAddr[1] === port) return;
    const pair = insides.checkList.find(
      (one) => one.state === PAIR_SUCCEEDED && one.remoteAddr[0] === host && one.remoteAddr[1] === port,
    );
    if (pair === undefined) return;
    insides.nominated = pair;
    this.#target = pair.remoteAddr;
  }

  /** Replaces werift's four-character ufrag: on a shared port it must be unique among all peers. */
  #takeFreshCredentials(previous?: string): void {
    const insides = this.#insides;
    const demux = this.#mux.demux;
    if (this.#previousUfrag !== undefined) demux.dropCredential(this.#previousUfrag);
    const previousPassword = previous === undefined ? undefined : insides.userHistory[previous];
    insides.localUsername = randomBytes(9).toString('base64');
    insides.localPassword = randomBytes(18).toString('base64');
    insides.userHistory = { [insides.localUsername]: insides.localPassword };
    for (const protocol of insides.protocols) {
      if (protocol.localCandidate !== undefined) protocol.localCandidate.ufrag = insides.localUsername;
    }
    demux.setCredential(insides.localUsername, {
      endpoint: this,
      password: insides.localPassword,
      current: true,
    });
    this.#previousUfrag = previous;
    if (previous !== undefined && previousPassword !== undefined) {
      demux.setCredential(previous, { endpoint: this, password: previousPassword, current: false });
    }
  }

  #fingerprint(): { algorithm: string; value: string } {
    const [first] = this.#certificate.getFingerprints();
    return { algorithm: first?.algorithm ?? '', value: first?.value ?? '' };
  }

  #end(reason: string): void {
    if (this.#state === 'closed') return;
    this.close();
    this.#events.closed(reason);
  }
}

/** RFC 5288 section 3: the salt is the first part of the nonce. @throws Error when a key has the wrong size. */
function recordKey(key: Buffer, nonce: Buffer): RecordKey {
  if (key.length !== 16 || nonce.length !== 12) throw new Error('DTLS keys have a wrong size');
  return { key, salt: nonce.subarray(0, 4) };
}

/** RFC 7983: what shares the port with STUN and SRTP. */
function isDtls(datagram: Buffer): boolean {
  const first = datagram[0] ?? 0;
  return first >= FIRST_DTLS_TYPE && first <= LAST_DTLS_TYPE;
}

/** Content type handshake, epoch 0, message type ClientHello (RFC 6347 section 4.2.2). */
function isClientHello(datagram: Buffer): boolean {
  return datagram[0] === 22 && datagram[3] === 0 && datagram[4] === 0 && datagram[13] === 1;
}
