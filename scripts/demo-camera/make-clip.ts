/**
 * Makes `clip.h264`, the committed test clip: H.264 constrained baseline, 640x360, 30 fps, 8 s, one key frame
 * in 2 s, one slice and one reference per picture, no B-frames. Needs ffmpeg; run it only to change the picture:
 *
 *   node scripts/demo-camera/make-clip.ts
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { drawFrame, FRAME_COUNT, FRAMES_PER_SECOND, HEIGHT, WIDTH } from './picture.ts';

const target = join(import.meta.dirname, 'clip.h264');
const input = [
  '-f',
  'rawvideo',
  '-pix_fmt',
  'yuv420p',
  '-s',
  `${WIDTH}x${HEIGHT}`,
  '-r',
  `${FRAMES_PER_SECOND}`,
];
const coding = ['-c:v', 'libx264', '-profile:v', 'baseline', '-preset', 'veryslow', '-crf', '17'];
const params =
  'keyint=60:min-keyint=60:scenecut=0:bframes=0:ref=1:slices=1:repeat-headers=1:threads=1:info=0';
const ffmpeg = spawn(
  'ffmpeg',
  ['-loglevel', 'error', '-y', ...input, '-i', '-', ...coding, '-x264-params', params, '-f', 'h264', target],
  { stdio: ['pipe', 'inherit', 'inherit'] },
);
for (let frame = 0; frame < FRAME_COUNT; frame += 1) {
  if (!ffmpeg.stdin.write(drawFrame(frame))) await once(ffmpeg.stdin, 'drain');
}
ffmpeg.stdin.end();
const [code] = (await once(ffmpeg, 'close')) as [number | null];
if (code !== 0) throw new Error(`ffmpeg ended with ${code}`);
console.log(`${target}: ${statSync(target).size} bytes`);
