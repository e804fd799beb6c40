/** What every way to a TURN server is for a client: whole frames in, whole frames out. */
export interface TurnLink {
  /** TCP and TLS deliver or fail; over UDP and DTLS the caller sends again. */
  readonly reliable: boolean;
  send(bytes: Buffer): void;
  close(): void;
}
