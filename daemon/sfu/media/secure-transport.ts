/** The seam between the legs and the ICE/DTLS engine: plain values in and out, no library type. */
import type { SealedOutlet, SealKeys } from '../../datagrams/sealed-flow.ts';
import type { SrtpKeys } from './core/types.ts';

export type Fingerprint = { algorithm: string; value: string };

/** Our side of one ICE generation and DTLS association, as SDP tells it. */
export type LocalTransport = {
  ufrag: string;
  password: string;
  /** RFC 8839 candidate-attribute values without `a=`; all there are. */
  candidates: string[];
  fingerprint: Fingerprint;
};

/** What the remote description says. */
export type RemoteTransport = { ufrag: string; password: string; fingerprints: Fingerprint[] };

/**
 * `new`: no remote description yet; `connecting`: ICE, then DTLS; `connected`: keys are out; `closed`:
 * for good. An ICE restart leaves `connected` as it is.
 */
export type TransportState = 'new' | 'connecting' | 'connected' | 'closed';

export type SecureTransportEvents = {
  /** ICE has found a path, the first or after a restart. */
  pathFound?(): void;
  /** DTLS is up and the peer has proved its fingerprint. Called once. */
  connected(keys: SrtpKeys): void;
  /** SRTP or SRTCP, not before `connected`. The buffer is the handler's until it returns. */
  media(datagram: Buffer): void;
  /** The transport ended by itself; never called after `close()`. `reason` is one short sentence. */
  closed(reason: string): void;
};

/** Told about one SCTP association. Called from the packet path: must not throw. */
export type DataAssociationEvents = {
  /** Both sides have shaken hands: streams can be used. */
  open(): void;
  /** One whole message; `protocol` is its payload protocol identifier (RFC 8831 section 8). */
  message(stream: number, protocol: number, payload: Buffer): void;
  /** The peer has reset streams (RFC 6525), or has answered our reset. */
  streamsEnded(streams: readonly number[]): void;
  /** There is room for more after `busy`. */
  writable(): void;
  /** It ended by itself; never called after `close()`. `reason` is one sentence. */
  closed(reason: string): void;
};

/** SCTP over the transport's DTLS (RFC 8261): what data channels run on. */
export interface DataAssociation {
  /** True while the path has enough to do; what is sent now waits in memory. */
  readonly busy: boolean;
  /** The payload must not change afterwards. */
  send(stream: number, protocol: number, payload: Buffer, ordered: boolean): void;
  /** Resets a stream: its channel is closed. */
  endStream(stream: number): void;
  /** Ends the association, not the transport. Twice is harmless. */
  close(): void;
}

/** One ICE agent with one DTLS-SRTP association over the shared media port. We are always DTLS server. */
export interface SecureTransport {
  readonly state: TransportState;
  readonly local: LocalTransport;
  /** Starts connecting. Later calls with other ICE credentials continue an ICE restart. */
  setRemote(remote: RemoteTransport): void;
  /** A remote candidate line that has passed the relay-only filter. */
  addCandidate(candidate: string): void;
  /** Makes new local ICE credentials (RFC 8445 section 9); media flows on over the old pair meanwhile. */
  restartIce(): Promise<void>;
  /** Sends SRTP or SRTCP to the nominated address, at once. Dropped while there is none. */
  send(datagram: Buffer): void;
  /** The way of RTP packets to the same address that protects them itself; undefined where there is none. */
  openOutlet(keys: SealKeys): SealedOutlet | undefined;
  /** Opens SCTP, once, when `connected`. The peer begins (every browser does). */
  openData(events: DataAssociationEvents): DataAssociation;
  /** Ends everything. Twice is harmless. */
  close(): void;
}

/** Makes transports. `controlling`: we sent the offer (RFC 8445 section 6.1.1). */
export interface SecureTransportFactory {
  create(options: { controlling: boolean; events: SecureTransportEvents }): Promise<SecureTransport>;
}
