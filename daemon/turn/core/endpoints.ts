/** The two ends of an allocation as the core sees them: the shell's own objects carry more. */
import type { TurnTransport } from '../../contract/turn-config.ts';
import type { IpFamily } from '../../kit/ip-address.ts';

/** The client's half of a five-tuple. `listener` stands for transport and server address. */
export interface ClientRef {
  readonly listener: number;
  readonly transport: TurnTransport;
  /** As the kernel writes it; IPv6 may carry a zone. */
  readonly address: string;
  readonly port: number;
}

/** What a relayed transport address speaks to peers: datagrams, or TCP (RFC 6062). */
export type RelayTransport = 'udp' | 'tcp';

/** An open relay socket: the relayed transport address. */
export interface RelayRef {
  readonly family: IpFamily;
  readonly address: string;
  readonly port: number;
}
