/** What is wrong with a stream itself, as a sentence with its remedy. Pure. */
import type { SourceStats } from '../media/core/types.ts';
import { levelOf, type TrackCodec } from '../media/codecs.ts';

const B_FRAMES =
  'The camera sends B-frames, which browsers show as stutter. Turn them off in the camera (baseline profile, or zero latency).';

type Stream = Pick<SourceStats, 'hasBFrames' | 'profileLevelId'>;

/** `declared`: what its sender has said that it would send. @returns undefined when nothing is known to be wrong. */
export function problemOf(streams: readonly Stream[], declared: TrackCodec | undefined): string | undefined {
  if (streams.some((one) => one.hasBFrames)) return B_FRAMES;
  if (declared?.name !== 'H264') return undefined;
  const said = levelOf(declared.fmtp);
  const sent = Math.max(0, ...streams.map(({ profileLevelId }) => levelOfSps(profileLevelId)));
  if (sent <= said) return undefined;
  return `The stream is H.264 level ${name(sent)}, but level ${name(said)} was declared: viewers are offered what it is, and some hardware decoders will refuse it. Set the camera to a smaller picture or frame rate, or let it declare its true level.`;
}

/** level_idc of a profile-level-id; 0 when there is none. */
function levelOfSps(profileLevelId: string | null): number {
  return /^[0-9a-f]{6}$/i.test(profileLevelId ?? '') ? parseInt(profileLevelId?.slice(4) ?? '', 16) : 0;
}

/** Ten times the level (RFC 6184 section 8.1). */
function name(level: number): string {
  return (level / 10).toFixed(1);
}
