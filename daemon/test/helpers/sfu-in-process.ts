/**
 * A namespace's SFU in the test process, with the real sessions, rooms, legs and media core, on transports that
 * connect by themselves and a clock that the test moves. Which path ICE would find is checked by credentials: media
 * passes only while each side has the other's newest.
 */
import type { SfuServiceConfig } from '../../contract/sfu-config.ts';
import { DEFAULT_ROOM_POLICY } from '../../contract/rooms.ts';
import { DEFAULT_SFU_LIMITS } from '../../contract/sfu-config.ts';
import { createMediaCore } from '../../sfu/media/core/media-core.ts';
import type { SrtpKeys } from '../../sfu/media/core/types.ts';
import { MediaEngine } from '../../sfu/media/media-engine.ts';
import { RelaySet } from '../../sfu/media/relay-set.ts';
import type {
  LocalTransport,
  RemoteTransport,
  SecureTransport,
  SecureTransportEvents,
  TransportState,
} from '../../sfu/media/secure-transport.ts';
import { NamespaceSfu } from '../../sfu/signaling/namespace-sfu.ts';
import { FakeClock } from './fake-clock.ts';
import { silentLog } from './silent-log.ts';

export const RELAY = { address: '127.0.64.99', minPort: 40_000, maxPort: 40_099 };
export const SFU_FINGERPRINT = 'AA:'.repeat(31) + 'AA';

/** What a client that has the credentials of a transport may do with it. */
export class FakeTransport implements SecureTransport {
  state: TransportState = 'new';
  remote: RemoteTransport | undefined;
  readonly candidates: string[] = [];
  /** What the client gets. */
  onSent: (datagram: Buffer) => void = () => undefined;
  readonly theirs: SrtpKeys;
  readonly #ours: SrtpKeys;
  readonly #events: SecureTransportEvents;
  readonly #later: (fn: () => void) => void;
  readonly #id: number;
  #generation = 0;

  constructor(options: { id: number; events: SecureTransportEvents; later: (fn: () => void) => void }) {
    this.#id = options.id;
    this.#events = options.events;
    this.#later = options.later;
    const side = (value: number): { key: Buffer; salt: Buffer } => ({
      key: Buffer.alloc(16, value),
      salt: Buffer.alloc(12, value + 1),
    });
    const fill = (options.id % 120) * 2;
    const [a, b] = [side(fill), side(fill + 1)];
    this.#ours = { profile: 'AEAD_AES_128_GCM', local: a, remote: b };
    this.theirs = { profile: 'AEAD_AES_128_GCM', local: b, remote: a };
  }

  get local(): LocalTransport {
    return {
      ufrag: `sfu${this.#id}g${this.#generation}`,
      password: `password-of-transport-${this.#id}-${this.#generation}`,
      candidates: ['candidate:1 1 udp 2130706431 127.0.64.98 20000 typ host'],
      fingerprint: { algorithm: 'sha-256', value: SFU_FINGERPRINT },
    };
  }

  setRemote(remote: RemoteTransport): void {
    if (this.state === 'closed') return;
    this.remote = remote;
    if (this.state !== 'new') return;
    this.state = 'connecting';
    this.#later(() => {
      if (this.state !== 'connecting') return;
      this.state = 'connected';
      this.#events.connected(this.#ours);
    });
  }

  addCandidate(candidate: string): void {
    this.candidates.push(candidate);
  }

  async restartIce(): Promise<void> {
    if (this.state === 'closed') return;
    this.#generation += 1;
    await new Promise((resolve) => setImmediate(resolve));
  }

  send(datagram: Buffer): void {
    if (this.state === 'connected') this.onSent(Buffer.from(datagram));
  }

  /** From the client. */
  receive(datagram: Buffer): void {
    if (this.state === 'connected') this.#events.media(datagram);
  }

  openOutlet(): undefined {
    return undefined;
  }

  openData(): never {
    throw new Error('no data channels on these transports');
  }

  close(): void {
    this.state = 'closed';
  }

  /** The path is gone for good. */
  fail(): void {
    if (this.state === 'closed') return;
    this.close();
    this.#events.closed('The path to the peer is gone (ICE).');
  }
}

export class SfuInProcess {
  readonly clock = new FakeClock();
  readonly sfu: NamespaceSfu;
  readonly engine: MediaEngine;
  /** By the user fragment of any generation, without it. */
  readonly transports = new Map<string, FakeTransport>();
  #made = 0;

  constructor() {
    this.engine = new MediaEngine({
      createCore: (events) => createMediaCore({ events, random: Math.random }),
      transports: {
        create: ({ events }) => {
          this.#made += 1;
          const transport = new FakeTransport({
            ...{ id: this.#made, events },
            later: (fn) => this.clock.after(5, fn),
          });
          this.transports.set(transport.local.ufrag.split('g')[0]!, transport);
          return Promise.resolve(transport);
        },
      },
      relays: () => new RelaySet([RELAY]),
      clock: this.clock,
      log: silentLog,
    });
    const config: SfuServiceConfig = {
      version: 1,
      namespace: 'demo',
      shield: '127.0.64.98',
      signaling: { port: 1, ticketKey: Buffer.alloc(32, 7).toString('base64url') },
      media: { minPort: 20_000, maxPort: 20_000 },
      relays: [RELAY],
      turn: { uris: ['turn:x'], secret: 'a-secret-of-the-test-run', ttlSeconds: 600 },
      limits: DEFAULT_SFU_LIMITS,
      rooms: DEFAULT_ROOM_POLICY,
      controlSocket: '/nowhere',
      alternatives: [],
      workers: 1,
      worker: null,
    };
    this.sfu = new NamespaceSfu({ config, engine: this.engine, log: silentLog, emit: () => undefined });
  }

  /** The transport that an SDP of ours speaks of. */
  transportOf(sdp: string): FakeTransport {
    const [, ufrag = ''] = /a=ice-ufrag:(sfu\d+)g/.exec(sdp) ?? [];
    const found = this.transports.get(ufrag);
    if (found === undefined) throw new Error(`no transport ${ufrag}`);
    return found;
  }

  /** Transports that are open; those that are not are forgotten. */
  openTransports(): number {
    for (const [ufrag, { state }] of this.transports) if (state === 'closed') this.transports.delete(ufrag);
    return this.transports.size;
  }

  close(): void {
    this.sfu.close();
    this.engine.close();
  }
}
