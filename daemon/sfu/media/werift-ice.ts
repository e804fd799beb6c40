/**
 * werift's ICE agent on the shared media port. Cures for werift 0.25.2: no public STUN server is ever asked, ufrags are
 * long enough to be unique on a shared port, an ICE restart starts its checks, a controlled agent follows a later
 * nomination, and transaction ids of a pair do not pile up.
 */
import { randomBytes } from 'node:crypto';
import { IceCandidate, RTCIceGatherer, RTCIceTransport } from 'werift';
import { messageOf } from '../../kit/errors.ts';
import type { Logger } from '../../kit/logger.ts';
import type { MuxEndpoint } from './media-demux.ts';
import type { MediaPort } from './media-port.ts';
import type { RemoteTransport } from './secure-transport.ts';
import type { IceRole } from './stun-binding.ts';
import type { Address, VirtualUdpTransport } from './werift-udp.ts';

/** Checks that werift keeps before it knows the remote side. */
const MAX_EARLY_CHECKS = 32;
const MAX_REMOTE_CANDIDATES = 64;
const MAX_TRANSACTION_IDS = 256;
const PAIR_SUCCEEDED = 3;

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

export type IceEvents = {
  /** A path was found, the first or after a restart. */
  up(): void;
  /** No path, or the one there was is gone. `reason` is one short sentence. */
  failed(reason: string): void;
};

export class WeriftIce {
  /** For the DTLS transport that runs on it. */
  readonly transport: RTCIceTransport;
  readonly #mux: MediaPort;
  readonly #endpoint: MuxEndpoint;
  readonly #udp: VirtualUdpTransport;
  readonly #controlling: boolean;
  readonly #events: IceEvents;
  readonly #log: Logger;
  readonly #gatherer: RTCIceGatherer;
  readonly #insides: IceInsides;
  #remote: RemoteTransport | undefined;
  #previousUfrag: string | undefined;
  #generation = 0;
  #candidates = 0;
  #isUp = false;
  /** A pair was found for the credentials of both sides as they are now. */
  #isSettled = false;
  #isClosed = false;

  constructor(options: {
    mux: MediaPort;
    /** Whom checks for our credentials are for. */
    endpoint: MuxEndpoint;
    udp: VirtualUdpTransport;
    controlling: boolean;
    events: IceEvents;
    log: Logger;
  }) {
    this.#mux = options.mux;
    this.#endpoint = options.endpoint;
    this.#udp = options.udp;
    this.#controlling = options.controlling;
    this.#events = options.events;
    this.#log = options.log;
    this.#gatherer = new RTCIceGatherer({
      interfaceAddresses: options.udp.interfaceAddresses,
      additionalHostAddresses: [options.mux.address],
      // Off, so that no interface of this host is listed: the shield is the only address.
      useIpv4: false,
      useIpv6: false,
    });
    this.transport = new RTCIceTransport(this.#gatherer);
    this.#insides = this.transport.connection as unknown as IceInsides;
    // werift falls back to a public STUN server when none is configured. None is.
    this.#insides.stunServer = undefined;
    this.#insides.iceControlling = options.controlling;
    this.#takeFreshCredentials();
    this.transport.onStateChange.subscribe((state) => {
      if (state === 'failed') options.events.failed('The path to the peer is gone (ICE).');
    });
  }

  /** True once a path was found. */
  get isUp(): boolean {
    return this.#isUp;
  }

  /** The peer's address of the nominated pair. */
  get nominated(): Address | undefined {
    return this.#insides.nominated?.remoteAddr;
  }

  get ufrag(): string {
    return this.#insides.localUsername;
  }

  get password(): string {
    return this.#insides.localPassword;
  }

  async gather(): Promise<void> {
    await this.#gatherer.gather();
  }

  /** Starts the checks. @returns false when it is told what it knows. */
  setRemote(remote: RemoteTransport): boolean {
    const known = this.#remote;
    if (known?.ufrag === remote.ufrag && known.password === remote.password) return false;
    this.#remote = remote;
    this.#isSettled = false;
    this.#insides.setRemoteParams({
      iceLite: false,
      usernameFragment: remote.ufrag,
      password: remote.password,
    });
    this.#run();
    return true;
  }

  addCandidate(candidate: string): void {
    if (this.#candidates >= MAX_REMOTE_CANDIDATES) return;
    this.#candidates += 1;
    const parsed = IceCandidate.fromJSON({ candidate });
    if (parsed === undefined) return;
    Promise.resolve(this.transport.addRemoteCandidate(parsed)).catch(this.#ignore);
  }

  /** New credentials; the old pair stays until a new one is found. */
  restart(): void {
    const before = this.#insides.localUsername;
    this.transport.restart();
    this.#generation += 1;
    this.#isSettled = false;
    this.#candidates = 0;
    // The role of a generation is set anew while nothing is nominated (RFC 8445 section 6.1.1).
    this.#insides.iceControlling = this.#controlling;
    this.#takeFreshCredentials(before);
  }

  /** See MuxEndpoint.isSettled: a check on the pair in use, from a peer that is of the other role. */
  isSettled(host: string, port: number, role: IceRole | undefined): boolean {
    const { nominated, iceControlling } = this.#insides;
    return (
      this.#isSettled &&
      !this.#isClosed &&
      role === (iceControlling ? 'controlled' : 'controlling') &&
      nominated?.state === PAIR_SUCCEEDED &&
      nominated.remoteAddr[0] === host &&
      nominated.remoteAddr[1] === port
    );
  }

  /** A connectivity check. @returns the address the peer nominated with it, when it is another one now. */
  onStun(datagram: Buffer, host: string, port: number, useCandidate: boolean): Address | undefined {
    if (this.#insides.earlyChecks.length >= MAX_EARLY_CHECKS) return undefined;
    for (const pair of this.#insides.checkList) {
      if (pair.requestTransactionIds.size > MAX_TRANSACTION_IDS) pair.requestTransactionIds.clear();
    }
    this.#udp.onData(datagram, [host, port]);
    return useCandidate && !this.#controlling && this.#isUp ? this.#followNomination(host, port) : undefined;
  }

  /** Ends what it does by itself; the library's transport is stopped by its DTLS. */
  close(): void {
    this.#isClosed = true;
  }

  readonly #ignore = (error: unknown): void => {
    this.#log.debug({ reason: messageOf(error) }, 'ice');
  };

  #run(): void {
    const generation = this.#generation;
    this.transport.start().then(
      () => {
        if (this.#isClosed) {
          // werift starts its consent checks even when it was closed while the last check was out.
          this.transport.connection.close().catch(this.#ignore);
          return;
        }
        if (generation !== this.#generation) return;
        this.#isUp = true;
        this.#isSettled = true;
        this.#events.up();
      },
      (error: unknown) => {
        if (generation === this.#generation) {
          this.#events.failed(`No path to the peer: ${messageOf(error)}.`);
        }
      },
    );
  }

  /** As controlled agent: the client may nominate a better pair later (RFC 8445 section 8.1.1). */
  #followNomination(host: string, port: number): Address | undefined {
    const insides = this.#insides;
    if (insides.nominated?.remoteAddr[0] === host && insides.nominated.remoteAddr[1] === port)
      return undefined;
    const pair = insides.checkList.find(
      (one) => one.state === PAIR_SUCCEEDED && one.remoteAddr[0] === host && one.remoteAddr[1] === port,
    );
    if (pair === undefined) return undefined;
    insides.nominated = pair;
    return pair.remoteAddr;
  }

  /** Replaces werift's four-character ufrag: on a shared port it must be unique among all peers. */
  #takeFreshCredentials(previous?: string): void {
    const insides = this.#insides;
    const endpoint = this.#endpoint;
    const { demux } = this.#mux;
    if (this.#previousUfrag !== undefined) demux.dropCredential(this.#previousUfrag);
    const previousPassword = previous === undefined ? undefined : insides.userHistory[previous];
    insides.localUsername = randomBytes(9).toString('base64');
    insides.localPassword = randomBytes(18).toString('base64');
    insides.userHistory = { [insides.localUsername]: insides.localPassword };
    for (const protocol of insides.protocols) {
      if (protocol.localCandidate !== undefined) protocol.localCandidate.ufrag = insides.localUsername;
    }
    demux.setCredential(insides.localUsername, { endpoint, password: insides.localPassword, current: true });
    this.#previousUfrag = previous;
    if (previous !== undefined && previousPassword !== undefined) {
      demux.setCredential(previous, { endpoint, password: previousPassword, current: false });
    }
  }
}
