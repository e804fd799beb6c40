/** What the daemon may ask over the control socket (contract/control.ts), apart from `reload`. */
import { CONTROL_VERSION, type SfuStatus } from '../../contract/control.ts';
import { AppError } from '../../contract/errors.ts';
import type { ModerationEntry, Room, RoomSettings } from '../../contract/rooms.ts';
import type { Kick, Mute } from '../../contract/signaling.ts';
import { processLoad } from '../../kit/process-load.ts';
import type { MediaEngine } from '../media/media-engine.ts';
import { restoreModeration } from '../rooms/restore-moderation.ts';
import type { Ingests } from './ingests.ts';
import type { NamespaceSfu } from './namespace-sfu.ts';
import { roomView } from './room-view.ts';
import { viewerView } from './viewer-view.ts';

const MAX_SLOW_VIEWERS = 50;
/** As many as fit into one line of the control socket. */
const MAX_MODERATION = 1500;

export type ControlDependencies = {
  namespace: string;
  engine: MediaEngine;
  sfu: NamespaceSfu;
  muxDrops: () => Record<string, number>;
  datagrams: 'mmsg-addon' | 'dgram';
};

/** Handlers by method name; the caller adds `reload`, which belongs to the process. */
export function controlMethods(options: ControlDependencies) {
  const { engine, sfu } = options;
  const { director, ingests, sessions } = sfu;
  const { rooms } = director;
  const startedAtMs = engine.clock.nowMs();
  const nowMs = (): number => engine.clock.nowMs();
  const getRoom = (roomId: string): Room => {
    const room = rooms.get(roomId);
    if (room === undefined) throw new AppError('room_not_found', `There is no room "${roomId}".`);
    return roomView(room, director, nowMs());
  };
  return {
    hello: () => ({
      service: 'sfu' as const,
      namespace: options.namespace,
      controlVersion: CONTROL_VERSION,
      pid: process.pid,
      startedAtMs,
    }),
    status: (): SfuStatus => {
      const all = sessions.all();
      return {
        ready: true,
        draining: sfu.draining,
        sessions: all.length,
        rooms: rooms.size,
        publishers: ingests.size + all.filter((session) => session.publishes).length,
        subscriptions: all.reduce((sum, session) => sum + session.viewing.watching, 0),
        forwarded: engine.forwarded(),
        drops: { ...engine.drops(), ...options.muxDrops(), ...sfu.data.drops.totals() },
        process: processLoad(),
        datagrams: options.datagrams,
        data: {
          channels: all.reduce((sum, session) => sum + (session.viewing.dataLink?.channels ?? 0), 0),
          ...sfu.data.totals,
        },
        slowViewers: all
          .flatMap((session) => {
            const path = session.viewing.path;
            if (path === undefined || path.slowSinceMs === null) return [];
            const { bitsPerSecond, queueMs, slowSinceMs } = path;
            return [{ identity: session.identity, sinceMs: slowSinceMs, bitsPerSecond, queueMs }];
          })
          .slice(0, MAX_SLOW_VIEWERS),
      };
    },
    drain: ({ deadlineMs }: { deadlineMs: number }) => {
      sfu.drain(deadlineMs);
      return {};
    },
    'rooms.list': () => ({
      rooms: rooms.list().map((room) => roomView(room, director, nowMs())),
    }),
    'rooms.get': ({ roomId }: { roomId: string }) => getRoom(roomId),
    'rooms.create': ({ roomId, ...settings }: RoomSettings & { roomId: string }) => {
      if (sfu.draining) throw new AppError('shutting_down', 'This server is about to stop.');
      director.apply(rooms.create(roomId, settings, nowMs()));
      return getRoom(roomId);
    },
    'rooms.close': ({ roomId }: { roomId: string }) => {
      director.apply(rooms.close(roomId, 'The room was closed.'));
      return {};
    },
    'rooms.viewers': ({ roomId, participantId }: { roomId: string; participantId?: string | undefined }) => {
      const room = rooms.get(roomId);
      if (room === undefined) throw new AppError('room_not_found', `There is no room "${roomId}".`);
      const viewers = [...room.members.values()].flatMap((member) => {
        const session = member.sessionId === null ? undefined : sessions.get(member.sessionId);
        const asked = participantId === undefined || participantId === member.participantId;
        if (session === undefined || !asked || !member.rights.has('subscribe')) return [];
        return [viewerView(room, member, session.viewing, { director, nowMs: nowMs() })];
      });
      if (participantId !== undefined && viewers.length === 0) {
        throw new AppError('participant_not_found', `No viewer in the room "${roomId}" has this id.`);
      }
      return { roomId, viewers };
    },
    'rooms.kick': ({ roomId, ...kick }: Kick & { roomId: string }) => {
      const { ended, effects } = rooms.moderators.kick(roomId, kick, nowMs());
      director.apply(effects);
      return { ended };
    },
    'rooms.mute': ({ roomId, ...mute }: Mute & { roomId: string }) => {
      const { tracks, effects } = rooms.moderators.mute(roomId, mute);
      director.apply(effects);
      return { tracks };
    },
    'moderation.list': () => ({ entries: director.moderation.list().slice(-MAX_MODERATION) }),
    'moderation.restore': ({
      roomId,
      entries,
    }: {
      roomId: string;
      entries: Omit<ModerationEntry, 'roomId'>[];
    }) => {
      const { moderation } = director;
      director.apply(restoreModeration({ rooms, moderation, nowMs: nowMs() }, roomId, entries));
      return {};
    },
    'sessions.kick': ({ identity, reason }: { identity: string; reason: string }) => ({
      ended: sessions.kick(identity, reason),
    }),
    'watches.list': () => ({ watches: sfu.watches.list() }),
    'demand.list': () => ({ rooms: rooms.demands() }),
    'ingest.open': async (params: {
      ingestId: string;
      roomId: string;
      identity: string;
      note: string;
      audio: boolean;
    }) => ({ sdp: await ingests.open(params) }),
    'ingest.answer': ({ ingestId, sdp }: { ingestId: string; sdp: string }) => {
      ingests.answer(ingestId, sdp);
      return {};
    },
    'ingest.candidate': (params: { ingestId: string; candidate: Parameters<Ingests['addCandidate']>[1] }) => {
      ingests.addCandidate(params.ingestId, params.candidate);
      return {};
    },
    'ingest.note': ({ ingestId, note }: { ingestId: string; note: string }) => {
      ingests.setNote(ingestId, note);
      return {};
    },
    'ingest.close': ({ ingestId }: { ingestId: string }) => {
      ingests.close(ingestId);
      return {};
    },
    'ingest.list': () => ({ ingests: ingests.list() }),
    'relays.restarted': () => ({ sessions: sessions.relaysRestarted() }),
    'source.state': (params: { roomId: string; lost: boolean; message: string }) => {
      const lost = params.lost ? params.message || 'The camera is away.' : null;
      director.apply(rooms.setSource(params.roomId, lost, nowMs()));
      return {};
    },
  };
}
