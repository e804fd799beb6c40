/**
 * Why a viewer has no relay, where its TURN service said so: the last refusal of an allocation with a credential of
 * this viewer, as the cause in its timeline. Pure.
 */
import type { RoomViewer, ViewerTimeline } from '../contract/rooms.ts';
import type { TurnRefusal } from '../contract/turn-operations.ts';
import { parseRestUsername, restSubject } from '../credentials/turn-rest.ts';

/** What was refused this long before the session asked for a relay is another story. */
const BEFORE_MS = 10_000;

export function waitsForRelay({ timelines }: RoomViewer): boolean {
  return timelines.some(({ missing }) => missing === 'allocation');
}

/** @param refusals newest first. */
export function withRefusal(
  viewer: RoomViewer,
  namespace: string,
  refusals: readonly TurnRefusal[],
): RoomViewer {
  const subject = restSubject(viewer.identity);
  const own = refusals.find((one) => {
    const name = one.username === null ? undefined : parseRestUsername(one.username);
    return one.method === 'Allocate' && name?.namespace === namespace && name.subject === subject;
  });
  if (own === undefined) return viewer;
  const timelines = viewer.timelines.map((line): ViewerTimeline => {
    const sinceMs = line.steps.find(({ id }) => id === 'credential')?.atMs ?? 0;
    // Where nobody publishes no relay was asked for.
    if (line.missing !== 'allocation' || line.trackId === null || own.atMs < sinceMs - BEFORE_MS) return line;
    const at = new Date(own.atMs).toISOString().slice(11, 19);
    const sentence = `It has no relay: TURN refused it one with ${String(own.code)} at ${at} UTC, because ${own.sentence}.`;
    return { ...line, sentence };
  });
  return { ...viewer, timelines };
}
