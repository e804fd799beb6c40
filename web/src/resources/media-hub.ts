/**
 * All pictures of the page: one viewer per namespace, one feed per camera, one clock for both. Owns them all
 * and lets a viewer sleep that shows nothing for a minute, so that an idle page holds no relay.
 */
import { Emitter } from '../../client/emitter.ts';
import type { SignalingSocket } from '../../client/signaling-session.ts';
import type { Timers } from '../../client/timers.ts';
import { CameraFeed } from './camera-feed.ts';
import { NamespaceViewer, type ViewerMedia } from './namespace-viewer.ts';

export type MediaHubOptions = {
  fetchTicket: (namespace: string, signal: AbortSignal) => Promise<string>;
  openSocket: (ticket: string) => SignalingSocket;
  media: ViewerMedia;
  timers: Timers;
};

const TICK_MS = 500;
const IDLE_VIEWER_MS = 60_000;
const HIDDEN_PAUSE_MS = 10_000;
const ROOM_PREFIX = 'camera:';

type Served = { viewer: NamespaceViewer; idleSinceMs: number; asleep: boolean };

export class MediaHub extends Emitter<{ tick: number }> {
  readonly #options: MediaHubOptions;
  readonly #timers: Timers;
  readonly #served = new Map<string, Served>();
  readonly #feeds = new Map<string, CameraFeed>();
  #ticks = 0;
  #hidden = false;
  #cancelTick: () => void = () => undefined;
  #cancelHide: () => void = () => undefined;

  constructor(options: MediaHubOptions) {
    super();
    this.#options = options;
    this.#timers = options.timers;
  }

  start(): void {
    this.#cancelTick();
    this.#cancelTick = this.#timers.after(TICK_MS, () => {
      this.#tick();
      this.start();
    });
  }

  feed(camera: { id: string; namespace: string }): CameraFeed {
    const existing = this.#feeds.get(camera.id);
    if (existing !== undefined) return existing;
    const roomId = ROOM_PREFIX + camera.id;
    const feed = new CameraFeed({
      cameraId: camera.id,
      roomId,
      namespace: camera.namespace,
      viewer: this.#viewer(camera.namespace),
      timers: this.#timers,
    });
    this.#feeds.set(camera.id, feed);
    return feed;
  }

  /** A camera is gone for good. */
  forget(cameraId: string): void {
    this.#feeds.get(cameraId)?.close();
    this.#feeds.delete(cameraId);
  }

  /** The page is hidden (nothing is shown after 10 s, except picture in picture) or visible again. */
  setHidden(hidden: boolean): void {
    this.#hidden = hidden;
    this.#cancelHide();
    const tell = (): void => {
      for (const feed of this.#feeds.values()) feed.setHidden(hidden);
    };
    if (hidden) this.#cancelHide = this.#timers.after(HIDDEN_PAUSE_MS, tell);
    else tell();
  }

  close(): void {
    this.#cancelTick();
    this.#cancelHide();
    for (const feed of this.#feeds.values()) feed.close();
    this.#feeds.clear();
    for (const { viewer } of this.#served.values()) viewer.close();
    this.#served.clear();
  }

  #viewer(namespace: string): NamespaceViewer {
    const served = this.#served.get(namespace);
    if (served !== undefined) return served.viewer;
    const { fetchTicket, openSocket, media } = this.#options;
    const viewer = new NamespaceViewer({
      fetchTicket: (signal) => fetchTicket(namespace, signal),
      openSocket,
      timers: this.#timers,
      media,
      isHidden: () => this.#hidden,
    });
    const feedsOf = (): CameraFeed[] =>
      [...this.#feeds.values()].filter((feed) => feed.namespace === namespace);
    viewer.on('room', (roomId) => {
      this.#feeds.get(roomId.slice(ROOM_PREFIX.length))?.roomChanged();
    });
    viewer.on('connection', () => {
      for (const feed of feedsOf()) feed.emit('change', undefined);
    });
    this.#served.set(namespace, { viewer, idleSinceMs: this.#timers.now(), asleep: false });
    return viewer;
  }

  #tick(): void {
    const nowMs = this.#timers.now();
    this.#ticks++;
    this.#sleepWhenIdle(nowMs);
    // Nothing is painted on a hidden page: silence there is no fault.
    if (this.#hidden) return;
    for (const feed of this.#feeds.values()) if (feed.interest !== null) feed.tick();
    if (this.#ticks % 2 === 0) this.#sample(this.#ticks % 4 === 0);
    this.emit('tick', nowMs);
  }

  /** One report per connection and round; every second round only for the camera on the big screen. */
  #sample(everyone: boolean): void {
    for (const [namespace, { viewer }] of this.#served) {
      const feeds = [...this.#feeds.values()].filter(
        (feed) =>
          feed.namespace === namespace &&
          (feed.interest === 'player' || (everyone && feed.interest === 'tile')),
      );
      if (feeds.length === 0) continue;
      viewer
        .getStats()
        ?.then((report) => {
          for (const feed of feeds) feed.take(report, this.#timers.now());
        })
        .catch(() => {
          // The connection was closed meanwhile; the next one has figures again.
        });
    }
  }

  #sleepWhenIdle(nowMs: number): void {
    for (const served of this.#served.values()) {
      if (!served.viewer.isIdle) {
        served.idleSinceMs = nowMs;
        served.asleep = false;
      } else if (!served.asleep && nowMs - served.idleSinceMs > IDLE_VIEWER_MS) {
        served.asleep = true;
        served.viewer.sleep();
      }
    }
  }
}
