/**
 * The subscribe connections of a session: one, or one for each worker of the server where it spreads its rooms over
 * several. They stand for one connection: its state is the worst of theirs.
 */
import type { IceServer } from '../../daemon/contract/ice.ts';
import type { ServerFrameData } from '../../daemon/contract/signaling.ts';
import { Emitter } from './emitter.ts';
import { Subscriber, type SubscriberEvents, type SubscriberOptions } from './subscriber.ts';

/** Best first. */
const STATES: RTCPeerConnectionState[] = [
  'connected',
  'new',
  'connecting',
  'disconnected',
  'failed',
  'closed',
];

export class SubscribeConnections extends Emitter<SubscriberEvents> {
  readonly #options: Omit<SubscriberOptions, 'iceServers' | 'connectionId'>;
  /** By connectionId; '' where the server has one for all rooms. */
  readonly #all = new Map<string, Subscriber>();

  constructor(options: Omit<SubscriberOptions, 'iceServers' | 'connectionId'>) {
    super();
    this.#options = options;
  }

  get connectionState(): RTCPeerConnectionState {
    let worst = 0;
    for (const one of this.#all.values()) worst = Math.max(worst, STATES.indexOf(one.connectionState));
    return this.#all.size === 0 ? 'new' : (STATES[worst] ?? 'new');
  }

  setIceServers(iceServers: IceServer[]): void {
    for (const one of this.#all.values()) one.setIceServers(iceServers);
  }

  takeOffer(offer: ServerFrameData<'offer'>, iceServers: IceServer[]): void {
    this.#one(offer.connectionId, iceServers).takeOffer(offer);
  }

  /** A data channel of a connection, before or after its first offer. */
  createChannel(
    connectionId: string,
    label: string,
    init: RTCDataChannelInit,
    iceServers: IceServer[],
  ): RTCDataChannel {
    return this.#one(connectionId, iceServers).createChannel(label, init);
  }

  #one(id = '', iceServers: IceServer[]): Subscriber {
    let one = this.#all.get(id);
    if (!one) {
      one = new Subscriber({ ...this.#options, iceServers, connectionId: id || undefined });
      for (const name of ['slots', 'relayed', 'blocked', 'failed'] as const) {
        one.on(name, (data) => {
          this.emit(name, data);
        });
      }
      one.on('connection', () => {
        this.emit('connection', this.connectionState);
      });
      this.#all.set(id, one);
    }
    return one;
  }

  takeCandidate({ connectionId = '', candidate }: ServerFrameData<'ice-candidate'>): void {
    this.#all.get(connectionId)?.takeCandidate(candidate);
  }

  takeSlot(slot: ServerFrameData<'slot'>): void {
    this.#all.get(slot.connectionId ?? '')?.takeSlot(slot);
  }

  /** The server has ended this one; the others go on. */
  drop(connectionId: string): void {
    this.#all.get(connectionId)?.close();
    if (!this.#all.delete(connectionId)) return;
    this.emit('slots');
    this.emit('connection', this.connectionState);
  }

  /** Asks the server to offer each with new ICE credentials. */
  restart(): void {
    const connection = 'subscribe';
    if (this.#all.size === 0) this.#options.send({ type: 'restart', connection });
    for (const one of this.#all.values()) {
      this.#options.send({ type: 'restart', connection, ...one.which });
    }
  }

  receiverTrack(trackId: string): MediaStreamTrack | undefined {
    for (const one of this.#all.values()) {
      const track = one.receiverTrack(trackId);
      if (track) return track;
    }
    return undefined;
  }

  /** One report of all; ids, which are unique in a connection only, get its place in front. */
  getStats(): Promise<RTCStatsReport> | undefined {
    const [first, ...others] = this.#all.values();
    return others.length === 0 ? first?.getStats() : this.#merged();
  }

  close(): void {
    for (const one of this.#all.values()) one.close();
    this.#all.clear();
    this.clear();
  }

  async #merged(): Promise<RTCStatsReport> {
    const reports = await Promise.all([...this.#all.values()].map((one) => one.getStats()));
    const entries = reports.flatMap((report, at) => {
      const text = JSON.stringify([...report.values()]);
      const renamed: unknown = JSON.parse(text.replace(/"(id|\w+Id)":"/g, `"$1":"${String(at)}-`));
      return renamed as { id: string }[];
    });
    return new Map(entries.map((entry) => [entry.id, entry]));
  }
}
