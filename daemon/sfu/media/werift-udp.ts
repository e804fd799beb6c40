/**
 * What werift takes for a bound UDP socket: the shared media port, as one endpoint of it sees it. Every agent of ours
 * gets one; other users of werift in this process keep real sockets.
 */
import { UdpTransport } from 'werift';
import { RecordGuard } from './dtls-records.ts';
import type { MuxEndpoint } from './media-demux.ts';
import type { MediaPort } from './media-port.ts';

/** Content types of DTLS records (RFC 5246 section 6.2.1). */
const FIRST_DTLS_TYPE = 20;
const LAST_DTLS_TYPE = 63;

export type Address = readonly [string, number];

export class VirtualUdpTransport {
  readonly type = 'udp';
  closed = false;
  onData: (data: Buffer, address: Address) => void = () => undefined;
  readonly records = new RecordGuard();
  /** A record number would have been used twice: the datagram was kept back. */
  onRepeatedRecord: () => void = () => undefined;
  /** werift asks for a socket with an options object: by its identity it gets this one. */
  readonly interfaceAddresses: Record<string, string>;
  readonly #mux: MediaPort;
  readonly #endpoint: MuxEndpoint;

  constructor(mux: MediaPort, endpoint: MuxEndpoint) {
    this.#mux = mux;
    this.#endpoint = endpoint;
    this.interfaceAddresses = { [mux.family === 6 ? 'udp6' : 'udp4']: mux.address };
    virtualTransports.set(this.interfaceAddresses, this);
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

const virtualTransports = new WeakMap<object, VirtualUdpTransport>();
let patched = false;

/** Lets our agents get virtual transports. */
export function patchUdpTransport(): void {
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

/** RFC 7983: what shares the port with STUN and SRTP. */
function isDtls(datagram: Buffer): boolean {
  const first = datagram[0] ?? 0;
  return first >= FIRST_DTLS_TYPE && first <= LAST_DTLS_TYPE;
}
