/** Rooms as the console tells of them: names, states, what each participant sends. Pure. */
import type { RoomParticipant, RoomTrack, RoomView } from '../../../daemon/contract/rooms.ts';
import type { LiveData } from './live-state.ts';
import type { StateName } from './tile-facts.ts';
import { bitRate, counted, duration, pictureName } from './wording.ts';

const CAMERA = 'camera:';

/** The camera a room belongs to; null for a room of people. */
export function cameraOfRoom(roomId: string): string | null {
  return roomId.startsWith(CAMERA) ? roomId.slice(CAMERA.length) : null;
}

/** A camera's room has the camera's name. */
export function roomName(data: LiveData, roomId: string): string {
  const camera = cameraOfRoom(roomId);
  return camera === null ? roomId : (data.devices.get(camera)?.name ?? roomId);
}

/** People first, then cameras, each by name: "Gate 2" before "Gate 10". */
export function sortedRooms(data: LiveData, rooms: readonly RoomView[]): RoomView[] {
  const key = ({ roomId }: RoomView): string =>
    `${cameraOfRoom(roomId) === null ? '0' : '1'} ${roomName(data, roomId)}`;
  return [...rooms].sort((a, b) => key(a).localeCompare(key(b), undefined, { numeric: true }));
}

export function roomState(room: RoomView, nowMs: number): { state: StateName; label: string } {
  if (room.sourceLost !== null) return { state: 'degraded', label: 'No picture from the camera' };
  if (room.emptySinceMs !== null) {
    return { state: 'idle', label: `Empty for ${duration(nowMs - room.emptySinceMs)}` };
  }
  const people = counted(room.participants.length, 'participant');
  const sends = room.participants.some(({ tracks }) => tracks.some((track) => !track.muted));
  return { state: sends ? 'live' : 'idle', label: people };
}

/** How long it is kept, and how many it holds; null for one that came by itself. */
export function settingsText({ settings }: RoomView): string | null {
  if (settings === null) return null;
  const kept =
    settings.emptyTimeoutSeconds === null
      ? 'kept until it is closed'
      : `kept ${duration(settings.emptyTimeoutSeconds * 1000)} while empty`;
  return settings.maxParticipants === null
    ? kept
    : `${kept}, at most ${counted(settings.maxParticipants, 'participant')}`;
}

export function participantState(
  one: RoomParticipant,
  speaker: string | null,
): { state: StateName; label: string } {
  if (!one.connected) return { state: 'connecting', label: 'Reconnecting' };
  if (one.participantId === speaker) return { state: 'live', label: 'Speaks' };
  if (one.kind === 'camera') return { state: one.tracks.length > 0 ? 'live' : 'idle', label: 'Camera' };
  if (one.tracks.some(({ muted }) => !muted)) return { state: 'live', label: 'Sends' };
  return one.subscriptions > 0
    ? { state: 'live', label: `Watches ${counted(one.subscriptions, 'track')}` }
    : { state: 'idle', label: 'Here' };
}

/** A moderator has muted something it sends. */
export function isForced(one: RoomParticipant): boolean {
  return one.tracks.some(({ forced }) => forced === true);
}

/** `Camera, H264, 2.4 Mbit/s, 1080p 25 fps, 3 watching`. */
export function trackText(track: RoomTrack): string {
  const [largest] = track.encodings.toSorted((a, b) => (b.height ?? 0) - (a.height ?? 0));
  const layers = track.encodings.length > 1 ? ` in ${String(track.encodings.length)} sizes` : '';
  const { width = null, height = null, framesPerSecond = 0 } = largest ?? {};
  const parts = [
    SOURCES[track.source] === '' ? capital(track.kind) : SOURCES[track.source],
    track.mimeType.split('/')[1] ?? track.mimeType,
    track.muted ? (track.forced === true ? 'muted by a moderator' : 'muted') : bitRate(track.bitsPerSecond),
    track.kind === 'audio' || width === null || height === null || track.muted
      ? null
      : `${pictureName(width, height)} ${String(Math.round(framesPerSecond))} fps${layers}`,
    track.watchers === 0 ? null : `${String(track.watchers)} watching`,
  ];
  return parts.filter((part) => part !== null).join(', ');
}

const SOURCES: Record<RoomTrack['source'], string> = {
  camera: 'Camera',
  screen: 'Screen',
  microphone: 'Microphone',
  ingest: '',
  unknown: '',
};

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
