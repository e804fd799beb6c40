/**
 * The rooms of the namespaces, over the control links of their SFUs, and which node serves which room: a row
 * for each that is open. Rooms made on purpose are made again when an SFU process has taken another's place.
 */
import { CONTROL_VERSION } from '../contract/control.ts';
import { AppError } from '../contract/errors.ts';
import type { Room, RoomList, RoomSettings, RoomView, RoomViewers } from '../contract/rooms.ts';
import type { Kick, Mute } from '../contract/signaling.ts';
import type { TurnRefusal, TurnRefusalList } from '../contract/turn-operations.ts';
import type { Clock } from '../kit/clock.ts';
import { messageOf } from '../kit/errors.ts';
import type { Logger } from '../kit/logger.ts';
import type { ControlLinks, SfuLinkEvent } from './control-links.ts';
import { ModerationMemory } from './moderation-memory.ts';
import { waitsForRelay, withRefusal } from './refused-allocations.ts';
import type { NamespaceStore, SfuControl, Unsubscribe } from './system.ts';

/** Of one room, in one call; those said last. */
const MAX_RESTORED = 1000;

export type RoomServiceOptions = {
  node: string;
  store: Pick<NamespaceStore, 'setRoomAffinity' | 'roomAffinities' | 'deleteRoomAffinity' | 'webrtcConfig'>;
  links: Pick<ControlLinks, 'sfu' | 'watch'>;
  /** What the namespace's TURN service refused last. */
  turn: { refusals: (namespace: string) => Promise<TurnRefusalList> };
  /** Throws namespace_not_found or webrtc_not_enabled. */
  requireEnabled: (namespace: string) => void;
  controlTimeoutMs: number;
  clock: Clock;
  log: Logger;
};

export class RoomService {
  readonly #options: RoomServiceOptions;
  /** What was told of rooms while their list was under way: newer than the list. */
  readonly #news = new Map<string, Map<string, 'opened' | 'closed'>>();
  readonly #moderation = new ModerationMemory();
  /** The SFU process that spoke last, by namespace. */
  readonly #process = new Map<string, string>();
  #unwatch: Unsubscribe = () => undefined;

  constructor(options: RoomServiceOptions) {
    this.#options = options;
  }

  start(): void {
    this.#unwatch = this.#options.links.watch((event) => {
      this.#onEvent(event);
    });
  }

  stop(): void {
    this.#unwatch();
  }

  /** In the order of their ids. */
  async list(namespace: string, page: { limit: number; after?: string | undefined }): Promise<RoomList> {
    const { rooms } = await this.#call(namespace, (sfu, options) => sfu.call('rooms.list', {}, options));
    const nodes = this.#nodes(namespace);
    const sorted = rooms.sort((one, other) => (one.roomId < other.roomId ? -1 : 1));
    const { after, limit } = page;
    const rest = after === undefined ? sorted : sorted.filter(({ roomId }) => roomId > after);
    const shown = rest.slice(0, limit);
    return {
      rooms: shown.map((room) => ({ ...room, namespace, node: nodes.get(room.roomId) ?? null })),
      total: rooms.length,
      next: rest.length > limit ? (shown.at(-1)?.roomId ?? null) : null,
    };
  }

  async get(namespace: string, roomId: string): Promise<RoomView> {
    return this.#view(
      namespace,
      await this.#call(namespace, (sfu, options) => sfu.call('rooms.get', { roomId }, options)),
    );
  }

  async create(namespace: string, roomId: string, settings: RoomSettings): Promise<RoomView> {
    this.requireHere(namespace, roomId);
    const room = await this.#call(namespace, (sfu, options) =>
      sfu.call('rooms.create', { ...settings, roomId }, options),
    );
    this.#set(namespace, roomId, settings);
    return this.#view(namespace, room);
  }

  async close(namespace: string, roomId: string): Promise<void> {
    await this.#call(namespace, (sfu, options) => sfu.call('rooms.close', { roomId }, options));
    this.#options.store.deleteRoomAffinity(namespace, roomId);
  }

  /** How far each viewer, or one, has come towards a picture. */
  async viewers(namespace: string, roomId: string, participantId?: string): Promise<RoomViewers> {
    const answer = await this.#call(namespace, (sfu, options) =>
      sfu.call('rooms.viewers', { roomId, ...(participantId !== undefined && { participantId }) }, options),
    );
    if (!answer.viewers.some(waitsForRelay)) return answer;
    const refusals = await this.#refusals(namespace);
    return { ...answer, viewers: answer.viewers.map((viewer) => withRefusal(viewer, namespace, refusals)) };
  }

  /** Of a TURN service that does not answer nothing is known: the sentence is then the SFU's alone. */
  async #refusals(namespace: string): Promise<TurnRefusal[]> {
    try {
      return (await this.#options.turn.refusals(namespace)).items;
    } catch (error) {
      this.#options.log.debug({ namespace, reason: messageOf(error) }, 'the refusals of TURN are not known');
      return [];
    }
  }

  /** Sends people away. @returns how many participants that were. */
  async kick(namespace: string, roomId: string, kick: Kick): Promise<{ ended: number }> {
    return this.#call(namespace, (sfu, options) => sfu.call('rooms.kick', { ...kick, roomId }, options));
  }

  /** @returns how many tracks it concerns now. */
  async mute(namespace: string, roomId: string, mute: Mute): Promise<{ tracks: number }> {
    return this.#call(namespace, (sfu, options) => sfu.call('rooms.mute', { ...mute, roomId }, options));
  }

  /** Throws unavailable when another node serves this room. */
  requireHere(namespace: string, roomId: string): void {
    const node = this.#nodes(namespace).get(roomId);
    if (node === undefined || node === this.#options.node) return;
    throw new AppError('unavailable', `The room "${roomId}" is served by the node "${node}": go there.`, {
      details: { node },
      retryAfterSeconds: 5,
    });
  }

  async #call<Answer>(
    namespace: string,
    call: (sfu: SfuControl, options: { timeoutMs: number }) => Promise<Answer>,
  ): Promise<Answer> {
    const { links, requireEnabled, controlTimeoutMs } = this.#options;
    requireEnabled(namespace);
    const sfu = links.sfu(namespace);
    if (sfu === undefined) {
      throw new AppError('unavailable', `The SFU of ${namespace} does not answer.`, { retryAfterSeconds: 5 });
    }
    return call(sfu, { timeoutMs: controlTimeoutMs });
  }

  #nodes(namespace: string): Map<string, string> {
    const rows = this.#options.store.roomAffinities(namespace);
    return new Map(rows.map(({ roomId, node }) => [roomId, node]));
  }

  #view(namespace: string, room: Room): RoomView {
    return { ...room, namespace, node: this.#nodes(namespace).get(room.roomId) ?? this.#options.node };
  }

  #set(namespace: string, roomId: string, settings?: RoomSettings): void {
    const { node, store, clock } = this.#options;
    // Of a namespace that is being disabled nothing is written any more.
    if (store.webrtcConfig(namespace) === undefined) return;
    const updatedAtMs = clock.nowMs();
    store.setRoomAffinity({ namespace, roomId, node, updatedAtMs, ...(settings && { settings }) });
  }

  #onEvent(event: SfuLinkEvent): void {
    const { namespace } = event;
    if (event.type === 'connected') void this.#synchronise(namespace);
    if (event.type === 'event' && event.event.name === 'moderation') {
      this.#moderation.take(namespace, event.event.data);
    }
    if (event.type !== 'event' || event.event.name !== 'room') return;
    const { roomId, state } = event.event.data;
    this.#news.get(namespace)?.set(roomId, state);
    if (state === 'opened') {
      this.#set(namespace, roomId);
      void this.#restoreModeration(namespace, roomId);
    } else {
      this.#moderation.roomClosed(namespace, roomId);
      this.#options.store.deleteRoomAffinity(namespace, roomId);
    }
  }

  /** A process that was there before knows best; a new one knows nothing, and is told as its rooms open. */
  async #learnModeration(namespace: string, sfu: SfuControl): Promise<void> {
    const timeoutMs = this.#options.controlTimeoutMs;
    const { pid, startedAtMs } = await sfu.call('hello', { controlVersion: CONTROL_VERSION }, { timeoutMs });
    const process = `${String(pid)} ${String(startedAtMs)}`;
    const before = this.#process.get(namespace);
    this.#process.set(namespace, process);
    if (before !== undefined && before !== process) return;
    const { entries } = await sfu.call('moderation.list', {}, { timeoutMs });
    this.#moderation.replace(namespace, entries);
  }

  /** Says to an SFU what was said of this room to the one before it. */
  async #restoreModeration(namespace: string, roomId: string): Promise<void> {
    const { links, clock, controlTimeoutMs: timeoutMs, log } = this.#options;
    const known = this.#moderation.ofRoom(namespace, roomId, clock.nowMs());
    const entries = known.slice(-MAX_RESTORED).map(({ identity, ban, muted }) => ({ identity, ban, muted }));
    if (entries.length === 0) return;
    try {
      await links.sfu(namespace)?.call('moderation.restore', { roomId, entries }, { timeoutMs });
    } catch (error) {
      log.warn({ namespace, roomId, reason: messageOf(error) }, 'bans and mutes were not handed over');
    }
  }

  /** Brings rows and rooms in line with an SFU that has just been reached. */
  async #synchronise(namespace: string): Promise<void> {
    const { node, store, links, log, controlTimeoutMs: timeoutMs } = this.#options;
    const sfu = links.sfu(namespace);
    if (sfu === undefined) return;
    const news = new Map<string, 'opened' | 'closed'>();
    this.#news.set(namespace, news);
    try {
      await this.#learnModeration(namespace, sfu);
      const { rooms } = await sfu.call('rooms.list', {}, { timeoutMs });
      const open = new Set(rooms.map(({ roomId }) => roomId));
      const rows = store.roomAffinities(namespace).filter((row) => row.node === node);
      const known = new Set(rows.map(({ roomId }) => roomId));
      for (const { roomId } of rooms) {
        await this.#restoreModeration(namespace, roomId);
        if (!known.has(roomId) && !news.has(roomId)) this.#set(namespace, roomId);
      }
      for (const { roomId, settings } of rows) {
        if (open.has(roomId) || news.has(roomId)) continue;
        if (settings) await sfu.call('rooms.create', { ...settings, roomId }, { timeoutMs });
        else store.deleteRoomAffinity(namespace, roomId);
      }
    } catch (error) {
      log.warn({ namespace, reason: messageOf(error) }, 'the rooms could not be brought in line');
    } finally {
      if (this.#news.get(namespace) === news) this.#news.delete(namespace);
    }
  }
}
