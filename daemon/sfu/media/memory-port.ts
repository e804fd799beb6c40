/** One end of a cable without a socket: what the start-up check of the transport engine runs over. */
import { DropCounter } from '../../kit/drop-counter.ts';
import { recordNumbers } from './dtls-records.ts';
import { MediaDemux, type MuxDrop, type MuxEndpoint } from './media-demux.ts';
import type { MediaPort } from './media-port.ts';
import { RelaySet } from './relay-set.ts';

const ADDRESS = '127.0.0.1';

export class MemoryPort implements MediaPort {
  readonly address = ADDRESS;
  readonly family = 4;
  readonly port: number;
  readonly demux: MediaDemux;
  peer: MemoryPort | undefined;
  /** Encrypted DTLS records that were sent under a number that had been used before. */
  repeated = 0;
  readonly #used = new Set<string>();

  constructor(port: number) {
    this.port = port;
    this.demux = new MediaDemux({
      relays: new RelaySet([{ address: ADDRESS, minPort: 1, maxPort: 65535 }]),
      probePassword: 'self-test',
      drops: new DropCounter<MuxDrop>(),
      reply: (datagram) => {
        this.send(datagram);
      },
    });
  }

  /** Two ends that are joined. */
  static pair(): readonly [MemoryPort, MemoryPort] {
    const ports = [new MemoryPort(4001), new MemoryPort(4002)] as const;
    ports[0].peer = ports[1];
    ports[1].peer = ports[0];
    return ports;
  }

  send(datagram: Buffer): void {
    const copy = Buffer.from(datagram);
    this.#note(copy);
    setImmediate(() => this.peer?.demux.receive(copy, ADDRESS, this.port));
  }

  /** Our own count, apart from that of the engine's guard. */
  #note(datagram: Buffer): void {
    const first = datagram[0] ?? 0;
    if (first < 20 || first > 63) return;
    for (const { epoch, sequence } of recordNumbers(datagram)) {
      if (epoch === 0) continue;
      const number = `${String(epoch)}.${String(sequence)}`;
      if (this.#used.has(number)) this.repeated += 1;
      this.#used.add(number);
    }
  }

  openOutlet(): undefined {
    return undefined;
  }

  sendControl(endpoint: MuxEndpoint, datagram: Buffer): void {
    this.demux.noteOutgoingStun(endpoint, datagram);
    this.send(datagram);
  }
}
