/**
 * The ingests of all cameras: brings what the SFUs say to the right camera, asks an SFU what it has after
 * every (re)connect, and clears away what belongs to no camera.
 */
import type { CapturePolicy, DeviceMedia } from '../../contract/api.ts';
import type { Ingest, IngestState } from '../../contract/control.ts';
import { cameraRoomId, deviceIdOfRoom } from '../../contract/names.ts';
import { backoffMs } from '../../kit/backoff.ts';
import type { Clock } from '../../kit/clock.ts';
import { messageOf } from '../../kit/errors.ts';
import type { Logger } from '../../kit/logger.ts';
import type { SfuControl, SfuControlEvent, SfuDirectory, TunnelEngine, Unsubscribe } from '../system.ts';
import { CameraIngest } from './camera-ingest.ts';
import { IngestMachine } from './ingest-machine.ts';
import { parseIngestNote } from './ingest-note.ts';
import type { FoundIngest, TunnelView } from './ingest-types.ts';
import { OpenGate } from './open-gate.ts';

/** Dials under way at once over all namespaces. */
const OPEN_WIDTH = 32;
const LIST_TIMEOUT_MS = 5000;
const LIST_BACKOFF = { firstMs: 500, maxMs: 5000 };

export type IngestServiceOptions = {
  engine: Pick<TunnelEngine, 'dial'>;
  sfus: Pick<SfuDirectory, 'sfu' | 'watch'>;
  clock: Clock;
  logger: Logger;
  random: () => number;
  /** Distinguishes the ingests of this run from those of former ones. */
  runId: string;
  onMedia: (deviceId: string, media: DeviceMedia) => void;
  producerTimeoutMs?: number;
};

type Camera = { deviceId: string; namespace: string; ingest: CameraIngest };
/** What came while the lists were on their way; the events are newer than the lists. */
type Sync = { subscribers: Map<string, number>; states: Map<string, IngestState> };
type SfuLink = { ready: boolean; sync: Sync; cancelRetry: (() => void) | undefined };

export class IngestService {
  readonly #options: IngestServiceOptions;
  readonly #cameras = new Map<string, Camera>();
  readonly #links = new Map<string, SfuLink>();
  readonly #gate = new OpenGate(OPEN_WIDTH);
  #unwatch: Unsubscribe | undefined;

  constructor(options: IngestServiceOptions) {
    this.#options = options;
  }

  /** Begins to follow the SFUs; add the known cameras before. */
  start(): void {
    this.#unwatch = this.#options.sfus.watch((event) => {
      if (event.type === 'connected') this.#onConnected(event.namespace);
      else if (event.type === 'disconnected') this.#onDisconnected(event.namespace);
      else if (event.type === 'relays-restarted') this.#onRelaysRestarted(event.namespace);
      else this.#onEvent(event.namespace, event.event);
    });
    // A connection that was there before we listened is told by nobody.
    for (const { namespace } of this.#cameras.values()) this.#follow(namespace);
  }

  /** Lets go of all cameras; see CameraIngest.stop. */
  async stop(): Promise<void> {
    this.#unwatch?.();
    for (const link of this.#links.values()) link.cancelRetry?.();
    this.#links.clear();
    const cameras = [...this.#cameras.values()];
    this.#cameras.clear();
    await Promise.all(cameras.map((camera) => camera.ingest.stop()));
  }

  add(camera: { deviceId: string; namespace: string; capture: CapturePolicy }): void {
    const { deviceId, namespace, capture } = camera;
    const { clock, random, runId, logger, engine, producerTimeoutMs } = this.#options;
    const machine = new IngestMachine({
      capture,
      ingestIdPrefix: `${deviceId}-${runId}`,
      random,
      nowMs: clock.nowMs(),
    });
    const ingest = new CameraIngest({
      deviceId,
      machine,
      engine,
      sfu: () => this.#options.sfus.sfu(namespace),
      gate: this.#gate,
      clock,
      logger,
      onMedia: (media) => {
        this.#options.onMedia(deviceId, media);
      },
      ...(producerTimeoutMs === undefined ? {} : { producerTimeoutMs }),
    });
    this.#cameras.set(deviceId, { deviceId, namespace, ingest });
    // A camera that is made while its SFU is connected has neither viewers nor media yet.
    if (this.#links.get(namespace)?.ready === true) {
      ingest.handle({ type: 'sfu-ready', subscribers: 0, found: null });
    } else if (this.#unwatch !== undefined) this.#follow(namespace);
  }

  setCapture(deviceId: string, capture: CapturePolicy): void {
    this.#cameras.get(deviceId)?.ingest.handle({ type: 'capture', capture });
  }

  setTunnel(deviceId: string, tunnel: TunnelView): void {
    this.#cameras.get(deviceId)?.ingest.handle({ type: 'tunnel', tunnel });
  }

  /** Closes the camera's ingest and session and sends its viewers away. */
  remove(deviceId: string): void {
    const camera = this.#cameras.get(deviceId);
    if (camera === undefined) return;
    this.#cameras.delete(deviceId);
    camera.ingest.handle({ type: 'remove' });
    void camera.ingest.settled().then(() => camera.ingest.stop());
    this.#tell(camera.namespace, 'rooms.close', (sfu) =>
      sfu.call('rooms.close', { roomId: cameraRoomId(deviceId) }),
    );
  }

  media(deviceId: string): DeviceMedia | undefined {
    return this.#cameras.get(deviceId)?.ingest.media;
  }

  #follow(namespace: string): void {
    if (!this.#links.has(namespace) && this.#options.sfus.sfu(namespace) !== undefined) {
      this.#onConnected(namespace);
    }
  }

  #onConnected(namespace: string): void {
    this.#links.get(namespace)?.cancelRetry?.();
    const link: SfuLink = {
      ready: false,
      sync: { subscribers: new Map(), states: new Map() },
      cancelRetry: undefined,
    };
    this.#links.set(namespace, link);
    this.#synchronise(namespace, link, 1);
  }

  #onDisconnected(namespace: string): void {
    this.#links.get(namespace)?.cancelRetry?.();
    this.#links.delete(namespace);
    for (const camera of this.#camerasOf(namespace)) camera.ingest.handle({ type: 'sfu-lost' });
  }

  #onRelaysRestarted(namespace: string): void {
    for (const camera of this.#camerasOf(namespace)) camera.ingest.handle({ type: 'relays-restarted' });
  }

  #onEvent(namespace: string, event: SfuControlEvent): void {
    const link = this.#links.get(namespace);
    if (link === undefined || event.name === 'watch' || event.name === 'moderated') return;
    const deviceId = deviceIdOfRoom(event.data.roomId);
    const camera = deviceId === undefined ? undefined : this.#cameras.get(deviceId);
    // A room of another namespace's camera is nobody's business here.
    if (camera?.namespace !== namespace) return;
    if (event.name === 'demand') {
      const { roomId, subscribers } = event.data;
      if (link.ready) camera.ingest.handle({ type: 'demand', subscribers });
      else link.sync.subscribers.set(roomId, subscribers);
    } else if (event.name === 'ingest') {
      const { ingestId, state } = event.data;
      if (link.ready) camera.ingest.handle({ type: 'ingest', ingestId, state });
      else link.sync.states.set(ingestId, state);
    }
  }

  #synchronise(namespace: string, link: SfuLink, attempt: number): void {
    const isCurrent = (): boolean => this.#links.get(namespace) === link;
    void this.#lists(namespace).then(
      ({ rooms, ingests }) => {
        if (isCurrent()) this.#onLists(namespace, link, rooms, ingests);
      },
      (error: unknown) => {
        if (!isCurrent()) return;
        this.#options.logger.warn(
          { namespace, reason: messageOf(error) },
          'the SFU does not list its ingests',
        );
        const waitMs = backoffMs(attempt, LIST_BACKOFF, this.#options.random());
        link.cancelRetry = this.#options.clock.after(waitMs, () => {
          this.#synchronise(namespace, link, attempt + 1);
        });
      },
    );
  }

  async #lists(
    namespace: string,
  ): Promise<{ rooms: { roomId: string; subscribers: number }[]; ingests: Ingest[] }> {
    const sfu = this.#options.sfus.sfu(namespace);
    if (sfu === undefined) throw new Error('no control connection');
    const options = { timeoutMs: LIST_TIMEOUT_MS };
    const [demand, list] = await Promise.all([
      sfu.call('demand.list', {}, options),
      sfu.call('ingest.list', {}, options),
    ]);
    return { rooms: demand.rooms, ingests: list.ingests };
  }

  #onLists(
    namespace: string,
    link: SfuLink,
    rooms: { roomId: string; subscribers: number }[],
    ingests: Ingest[],
  ): void {
    const subscribers = new Map(rooms.map((room) => [room.roomId, room.subscribers]));
    for (const [roomId, count] of link.sync.subscribers) subscribers.set(roomId, count);
    const found = new Map<string, Ingest>();
    for (const listed of ingests) {
      const ingest = { ...listed, state: link.sync.states.get(listed.ingestId) ?? listed.state };
      if (ingest.state === 'closed') continue;
      const deviceId = deviceIdOfRoom(ingest.roomId);
      if (deviceId === undefined) continue; // Not a camera's: somebody else looks after it.
      const known = this.#cameras.get(deviceId)?.namespace === namespace;
      const other = found.get(ingest.roomId);
      if (!known) this.#closeOrphan(namespace, ingest);
      else if (other === undefined) found.set(ingest.roomId, ingest);
      else if (other.openedAtMs < ingest.openedAtMs) {
        this.#closeOrphan(namespace, other);
        found.set(ingest.roomId, ingest);
      } else this.#closeOrphan(namespace, ingest);
    }
    link.ready = true;
    link.sync.subscribers.clear();
    link.sync.states.clear();
    for (const camera of this.#camerasOf(namespace)) {
      const roomId = cameraRoomId(camera.deviceId);
      camera.ingest.handle({
        type: 'sfu-ready',
        subscribers: subscribers.get(roomId) ?? 0,
        found: foundIngest(found.get(roomId), camera.deviceId),
      });
    }
  }

  /** Media of a camera that was deleted while the SFU could not be told. */
  #closeOrphan(namespace: string, ingest: Ingest): void {
    this.#tell(namespace, 'ingest.close', (sfu) => sfu.call('ingest.close', { ingestId: ingest.ingestId }));
  }

  #camerasOf(namespace: string): Camera[] {
    return [...this.#cameras.values()].filter((camera) => camera.namespace === namespace);
  }

  #tell(namespace: string, what: string, call: (sfu: SfuControl) => Promise<unknown>): void {
    const sfu = this.#options.sfus.sfu(namespace);
    if (sfu === undefined) return;
    call(sfu).catch((error: unknown) => {
      this.#options.logger.debug({ namespace, what, reason: messageOf(error) }, 'the SFU refused');
    });
  }
}

function foundIngest(ingest: Ingest | undefined, deviceId: string): FoundIngest | null {
  if (ingest === undefined) return null;
  const note = parseIngestNote(ingest.note, deviceId) ?? null;
  return { ingestId: ingest.ingestId, state: ingest.state, note };
}
