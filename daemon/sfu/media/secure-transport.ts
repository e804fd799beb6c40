/** The seam between the legs and the ICE/DTLS engine: plain values in and out, no library type. */
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
  /** Ends everything. Twice is harmless. */
  close(): void;
}

/** Makes transports. `controlling`: we sent the offer (RFC 8445 section 6.1.1). */
export interface SecureTransportFactory {
  create(options: { controlling: boolean; events: SecureTransportEvents }): Promise<SecureTransport>;
}
