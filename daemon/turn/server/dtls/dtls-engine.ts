/** What the DTLS listener needs of an implementation of DTLS 1.2 (RFC 6347). No sockets, no timers in it. */
import type { Certificate } from '../certificate.ts';

export type SendDatagram = (datagram: Buffer) => void;

export type DtlsState = 'handshake' | 'open' | 'closed';

/** One association with a client. Nothing here throws; a closed session takes and gives nothing. */
export interface DtlsSession {
  readonly state: DtlsState;
  /** @returns the messages that were in the datagram, in buffers of their own. Garbage gives none. */
  feed(datagram: Buffer): readonly Buffer[];
  /** Sends one message as one record. @returns false when it cannot: not open, empty, or above 16,384 bytes. */
  write(message: Buffer): boolean;
  /** To be called now and then during the handshake: sends a flight again when its time has come. */
  retransmit(): void;
  /** Sends close_notify, unless the session has failed, and frees it. A second call does nothing. */
  close(): void;
}

/** A server's end. Sessions of before a change of certificate go on. */
export interface DtlsServer {
  /** Throws Error with a reason, and keeps the old pair, when the new one cannot serve a handshake. */
  setCertificate(certificate: Certificate): void;
  /**
   * A datagram of an address that has no session. Remembers nothing of it: a ClientHello without the cookie
   * of this address is answered by HelloVerifyRequest (RFC 6347 4.2.1), with it the session begins.
   * @param peer what the cookie is bound to; at most 128 bytes.
   */
  accept(datagram: Buffer, peer: string, send: SendDatagram): DtlsSession | undefined;
  close(): void;
}

export interface DtlsEngine {
  readonly name: 'openssl-addon';
  /** Throws Error with a reason when the pair cannot serve a handshake. */
  createServer(certificate: Certificate): DtlsServer;
  /** A client that trusts any certificate: for the self-test and for tests. The ClientHello is sent at once. */
  connect(send: SendDatagram): DtlsSession;
}
