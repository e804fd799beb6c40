/** What the API tells about a camera's upstream, in the words of its fault. Pure. */
import type { DeviceMedia } from '../../contract/api.ts';
import { sentenceOf, type IngestFault } from './fault.ts';
import type { IngestPhase, ProducerKind } from './ingest-types.ts';

export type MediaFacts = {
  phase: IngestPhase['name'];
  /** Why there is no picture although one is wanted. */
  fault: IngestFault | undefined;
  /** Of the session that is open. */
  producer: ProducerKind | null;
  watching: number;
};

/** @returns `before` itself while nothing changed. */
export function mediaReport(before: DeviceMedia, facts: MediaFacts, nowMs: number): DeviceMedia {
  const { fault, producer, watching } = facts;
  const state = stateOf(facts);
  const message = fault === undefined ? null : sentenceOf(fault);
  const same = before.state === state && before.message === message;
  if (same && before.producer === producer && before.watching === watching) return before;
  return { state, sinceMs: before.state === state ? before.sinceMs : nowMs, message, producer, watching };
}

function stateOf({ phase, fault }: MediaFacts): DeviceMedia['state'] {
  if (phase === 'idle' || phase === 'removed') return 'idle';
  if (fault === 'no-picture') return 'no-picture';
  if (fault !== undefined) return 'reconnecting';
  return phase === 'live' ? 'live' : 'connecting';
}
