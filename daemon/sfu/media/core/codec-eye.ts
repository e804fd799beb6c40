/**
 * The eye for a codec: what the core must know of it. One eye per video source looks at each packet once,
 * in order. Audio has no eye.
 */
import { Av1Eye } from './av1-eye.ts';
import type { CodecEye } from './codec-facts.ts';
import { H264Eye } from './h264-eye.ts';
import type { CodecName } from './types.ts';
import { Vp8Eye } from './vp8-eye.ts';
import { Vp9Eye } from './vp9-eye.ts';

/** @returns undefined for audio. */
export function createCodecEye(codec: CodecName): CodecEye | undefined {
  switch (codec) {
    case 'H264':
      return new H264Eye();
    case 'VP8':
      return new Vp8Eye();
    case 'VP9':
      return new Vp9Eye();
    case 'AV1':
      return new Av1Eye();
    case 'opus':
    case 'PCMU':
    case 'PCMA':
    case 'G722':
      return undefined;
  }
}
