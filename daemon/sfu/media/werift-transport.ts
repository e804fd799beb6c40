/**
 * One peer's transport: ICE, DTLS and data by werift, whose sockets are replaced by our shared port; its media path and
 * its SDP are not used. The werift-*.ts files are the only ones that know werift's insides. Every field touched there is
 * looked at by self-test.ts at start, so an update of the library that moves one is found before a camera is.
 */
import { RTCDtlsTransport, type RTCCertificate } from 'werift';
import { messageOf } from '../../kit/errors.ts';
import type { Cancel, Clock } from '../../kit/clock.ts';
import type { Logger } from '../../kit/logger.ts';
import type { SealedOutlet, SealKeys } from '../../datagrams/sealed-flow.ts';
import type { SrtpKeys } from './core/types.ts';
import type { MuxEndpoint } from './media-demux.ts';
import type { MediaPort } from './media-port.ts';
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
import type { IceRole } from './stun-binding.ts';
import { WeriftDtls, type DtlsRole } from './werift-dtls.ts';
import { WeriftIce } from './werift-ice.ts';
import { WeriftSctp } from './werift-sctp.ts';
import { patchKeyAgreement } from './werift-shortcuts.ts';
import { patchUdpTransport, VirtualUdpTransport, type Address } from './werift-udp.ts';

/** From the remote description to DTLS connected; a relayed path needs a few round trips only. */
const CONNECT_TIMEOUT_MS = 30_000;

type CreateOptions = {
  controlling: boolean;
  events: SecureTransportEvents;
  /** `client` exists for the self test only: this library's client does not check the server's Finished. */
  dtlsRole?: DtlsRole;
};

type FactoryOptions = { mux: MediaPort; clock: Clock; log: Logger };

export class WeriftTransportFactory implements SecureTransportFactory {
  readonly #options: FactoryOptions & { certificate: RTCCertificate };

  private constructor(options: FactoryOptions & { certificate: RTCCertificate }) {
    this.#options = options;
  }

  /** Makes the certificate of the process (one for all peers, never stored). */
  static async open(options: FactoryOptions): Promise<WeriftTransportFactory> {
    patchUdpTransport();
    patchKeyAgreement();
    if (!('startSrtp' in RTCDtlsTransport.prototype)) throw new Error('startSrtp is gone');
    const certificate = await RTCDtlsTransport.SetupCertificate();
    return new WeriftTransportFactory({ ...options, certificate });
  }

  async create(options: CreateOptions): Promise<SecureTransport> {
    const transport = new WeriftTransport({ ...this.#options, ...options });
    await transport.gather();
    return transport;
  }
}

class WeriftTransport implements SecureTransport, MuxEndpoint {
  readonly #mux: MediaPort;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #events: SecureTransportEvents;
  readonly #udp: VirtualUdpTransport;
  readonly #ice: WeriftIce;
  readonly #dtls: WeriftDtls;
  #state: TransportState = 'new';
  #target: Address | undefined;
  #cancelTimeout: Cancel = () => undefined;
  #data: WeriftSctp | undefined;

  constructor(options: FactoryOptions & CreateOptions & { certificate: RTCCertificate }) {
    const { mux, clock, log, certificate, controlling, events } = options;
    this.#mux = mux;
    this.#clock = clock;
    this.#log = log;
    this.#events = events;
    this.#udp = new VirtualUdpTransport(mux, this);
    this.#udp.onRepeatedRecord = () => {
      log.error('a DTLS record number came twice; the connection is closed');
      this.#end('The encryption of this connection is not safe any more.');
    };
    const ended = (reason: string): void => {
      this.#end(reason);
    };
    const up = (): void => {
      this.#onPath();
    };
    this.#ice = new WeriftIce({
      ...{ mux, log, controlling, endpoint: this, udp: this.#udp },
      events: { up, failed: ended },
    });
    this.#dtls = new WeriftDtls({
      ...{ certificate, udp: this.#udp, ice: this.#ice.transport, role: options.dtlsRole ?? 'server' },
      events: {
        up: (keys) => {
          this.#onConnected(keys);
        },
        ended,
      },
    });
  }

  get state(): TransportState {
    return this.#state;
  }

  get local(): LocalTransport {
    const { address, port } = this.#udp.address;
    return {
      ufrag: this.#ice.ufrag,
      password: this.#ice.password,
      candidates: [`candidate:1 1 udp 2130706431 ${address} ${String(port)} typ host`],
      fingerprint: this.#dtls.fingerprint,
    };
  }

  async gather(): Promise<void> {
    await this.#ice.gather();
  }

  setRemote(remote: RemoteTransport): void {
    if (this.#state === 'closed' || !this.#ice.setRemote(remote) || this.#state !== 'new') return;
    this.#state = 'connecting';
    this.#startTimeout();
    this.#dtls.run(remote.fingerprints);
  }

  addCandidate(candidate: string): void {
    if (this.#state !== 'closed') this.#ice.addCandidate(candidate);
  }

  async restartIce(): Promise<void> {
    if (this.#state === 'closed') return;
    this.#ice.restart();
    // The consent checks of the old pair ended with it: without this limit a restart that the client
    // never answers would keep a dead peer for ever.
    this.#startTimeout();
    await this.#ice.gather();
  }

  send(datagram: Buffer): void {
    const target = this.#target;
    if (target !== undefined && this.#state === 'connected') this.#mux.send(datagram, target[1], target[0]);
  }

  openData(events: DataAssociationEvents): DataAssociation {
    if (this.#state !== 'connected' || this.#data !== undefined) throw new Error('no data can be opened now');
    this.#data = new WeriftSctp({
      send: (packet) => {
        this.#dtls.send(packet, this.#target);
      },
      events,
      log: this.#log,
      initiate: this.#dtls.role === 'client',
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
    this.#mux.demux.remove(this);
    this.#target = undefined;
    this.#ice.close();
    this.#dtls.close().catch((error: unknown) => {
      this.#log.debug({ reason: messageOf(error) }, 'transport');
    });
  }

  // -- From the shared port ------------------------------------------------------------------------

  onStun(datagram: Buffer, host: string, port: number, useCandidate: boolean): void {
    const moved = this.#ice.onStun(datagram, host, port, useCandidate);
    if (moved !== undefined) this.#target = moved;
  }

  isSettled(host: string, port: number, role: IceRole | undefined): boolean {
    return this.#ice.isSettled(host, port, role);
  }

  onDtls(datagram: Buffer, host: string, port: number): void {
    if (this.#data !== undefined && this.#dtls.isData(datagram)) {
      for (const packet of this.#dtls.open(datagram)) this.#data.receive(packet);
    } else this.#dtls.receive(datagram, [host, port], this.#ice.isUp);
  }

  onMedia(datagram: Buffer): void {
    if (this.#state === 'connected') this.#events.media(datagram);
  }

  // -- ICE and DTLS ----------------------------------------------------------------------------------

  #startTimeout(): void {
    this.#cancelTimeout();
    this.#cancelTimeout = this.#clock.after(CONNECT_TIMEOUT_MS, () => {
      this.#end('The peer did not connect in time.');
    });
  }

  #onPath(): void {
    this.#target = this.#ice.nominated;
    this.#events.pathFound?.();
    if (this.#state === 'connected') this.#cancelTimeout();
    this.#dtls.onPath();
  }

  #onConnected(keys: SrtpKeys): void {
    if (this.#state !== 'connecting') return;
    this.#cancelTimeout();
    this.#state = 'connected';
    this.#target = this.#ice.nominated ?? this.#target;
    try {
      this.#events.connected(keys);
    } catch (error) {
      this.#log.error({ err: error }, 'a connected peer cannot be served');
      this.#end('The server cannot serve this peer.');
    }
  }

  #end(reason: string): void {
    if (this.#state === 'closed') return;
    this.close();
    this.#events.closed(reason);
  }
}
