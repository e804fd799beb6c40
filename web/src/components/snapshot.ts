/** A PNG of the frame a <video> shows, saved by the browser. Nothing is sent anywhere. */
import { clock } from '../actions/wording.ts';
import { saveFile } from './save-file.ts';

/** @returns the file's name, or null when there is no frame to save. */
export async function saveSnapshot(
  video: HTMLVideoElement | null,
  cameraName: string,
): Promise<string | null> {
  if (video === null || video.videoWidth === 0) return null;
  const canvas = document.createElement('canvas');
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext('2d')?.drawImage(video, 0, 0);
  const picture = await new Promise<Blob | null>((resolve) => {
    canvas.toBlob(resolve, 'image/png');
  });
  if (picture === null) return null;
  const name = snapshotName(cameraName, Date.now());
  saveFile(name, picture);
  return name;
}

/** `yard-gate-2026-09-14-140237.png`. */
export function snapshotName(cameraName: string, atMs: number): string {
  const at = new Date(atMs);
  const slug = cameraName
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '-')
    .replace(/^-|-$/g, '');
  const day = [at.getFullYear(), at.getMonth() + 1, at.getDate()]
    .map((part) => String(part).padStart(2, '0'))
    .join('-');
  return `${slug === '' ? 'camera' : slug}-${day}-${clock(atMs).replaceAll(':', '')}.png`;
}
