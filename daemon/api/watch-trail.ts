/**
 * Writes into the audit who watched which camera, from when to when, as the SFUs tell it. What happened while
 * the daemon was away is asked for when an SFU is reached again; nothing is written twice.
 */
import type { SfuDirectory } from '../cameras/system.ts';
import type { Watch } from '../contract/control.ts';
import { deviceIdOfRoom } from '../contract/names.ts';
import type { Audit } from '../identity/audit.ts';
import { messageOf } from '../kit/errors.ts';
import type { Logger } from '../kit/logger.ts';

const BEGAN = 'camera.watch';
const ENDED = 'camera.watched';
/** How far back is looked for what was written before: far above what an SFU keeps. */
const MAX_PAGES = 10;
const PAGE = 1000;

type Begun = Pick<Watch, 'roomId' | 'identity' | 'sinceMs'>;
/** Of one namespace: watches that were written down, by their id. */
type Written = { begun: Map<string, Begun>; ended: Set<string> };

export class WatchTrail {
  readonly #audit: Audit;
  readonly #sfus: SfuDirectory;
  readonly #log: Logger;
  readonly #written = new Map<string, Written>();
  readonly #stop: () => void;

  constructor(options: { audit: Audit; sfus: SfuDirectory; namespaces: string[]; log: Logger }) {
    this.#audit = options.audit;
    this.#sfus = options.sfus;
    this.#log = options.log;
    this.#stop = options.sfus.watch((event) => {
      if (event.type === 'connected') void this.#catchUp(event.namespace);
      else if (event.type === 'event' && event.event.name === 'watch') {
        this.#write(event.namespace, event.event.data);
      }
    });
    for (const name of options.namespaces) if (options.sfus.sfu(name) !== undefined) void this.#catchUp(name);
  }

  close(): void {
    this.#stop();
  }

  async #catchUp(namespace: string): Promise<void> {
    try {
      const answer = await this.#sfus.sfu(namespace)?.call('watches.list', {});
      if (answer === undefined) return;
      for (const watch of answer.watches) this.#write(namespace, watch);
      const there = new Set(answer.watches.map(({ watchId }) => watchId));
      for (const [watchId, begun] of this.#writtenOf(namespace).begun) {
        // Its SFU is gone, and nobody else knows when.
        if (!there.has(watchId)) this.#end(namespace, watchId, begun, null);
      }
    } catch (error) {
      this.#log.warn({ namespace, reason: messageOf(error) }, 'the SFU does not say who watches');
    }
  }

  #write(namespace: string, watch: Watch): void {
    const { begun, ended } = this.#writtenOf(namespace);
    const { watchId, roomId, identity, sinceMs, untilMs } = watch;
    if (ended.has(watchId)) return;
    if (!begun.has(watchId)) {
      const detail = { watch: watchId, room: roomId, from: iso(sinceMs) };
      if (!this.#record({ actor: identity, action: BEGAN, namespace, subject: subjectOf(roomId), detail }))
        return;
      begun.set(watchId, watch);
    }
    if (untilMs !== null) this.#end(namespace, watchId, watch, untilMs);
  }

  #end(
    namespace: string,
    watchId: string,
    { roomId, identity, sinceMs }: Begun,
    untilMs: number | null,
  ): void {
    const { begun, ended } = this.#writtenOf(namespace);
    const to = untilMs === null ? null : iso(untilMs);
    const detail = { watch: watchId, room: roomId, from: iso(sinceMs), to };
    const subject = subjectOf(roomId);
    if (!this.#record({ actor: identity, action: ENDED, namespace, subject, detail })) return;
    begun.delete(watchId);
    ended.add(watchId);
    const [oldest] = ended;
    if (ended.size > MAX_PAGES * PAGE && oldest !== undefined) ended.delete(oldest);
  }

  /** @returns false when it could not be written: the next time this SFU is reached it is tried again. */
  #record(event: Parameters<Audit['record']>[0]): boolean {
    try {
      this.#audit.record(event);
      return true;
    } catch (error) {
      this.#log.error({ err: error, action: event.action }, 'the audit cannot be written');
      return false;
    }
  }

  /** Read from the audit itself the first time. */
  #writtenOf(namespace: string): Written {
    const known = this.#written.get(namespace);
    if (known !== undefined) return known;
    const written: Written = { begun: new Map(), ended: new Set() };
    for (const { detail } of this.#lines(namespace, ENDED)) written.ended.add(String(detail['watch']));
    for (const { actor, detail } of this.#lines(namespace, BEGAN)) {
      const watchId = String(detail['watch']);
      if (written.ended.has(watchId)) continue;
      const sinceMs = Date.parse(String(detail['from']));
      written.begun.set(watchId, { roomId: String(detail['room']), identity: actor, sinceMs });
    }
    this.#written.set(namespace, written);
    return written;
  }

  *#lines(namespace: string, action: string) {
    let before: number | undefined;
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const query = { namespace, action, limit: PAGE, ...(before === undefined ? {} : { before }) };
      const { items, next } = this.#audit.list(query);
      yield* items;
      if (next === null) return;
      before = next;
    }
  }
}

function iso(ms: number): string {
  return new Date(Number.isFinite(ms) ? ms : 0).toISOString();
}

/** The camera, or the room of people. */
function subjectOf(roomId: string): string {
  return deviceIdOfRoom(roomId) ?? roomId;
}
