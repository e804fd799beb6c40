/** Reads an H.264 Annex B file into access units. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One coded picture: its NAL units without start codes. */
export type AccessUnit = { nalUnits: Buffer[]; isKeyFrame: boolean };

const NAL_NON_IDR = 1;
const NAL_IDR = 5;
const NAL_AUD = 9;

export function loadClip(path = join(import.meta.dirname, 'clip.h264')): AccessUnit[] {
  return accessUnits(readFileSync(path));
}

/** One slice per picture is assumed: each slice ends its access unit. */
export function accessUnits(file: Buffer): AccessUnit[] {
  const units: AccessUnit[] = [];
  let nalUnits: Buffer[] = [];
  for (const nal of splitNalUnits(file)) {
    const type = (nal[0] ?? 0) & 0x1f;
    if (type === NAL_AUD) continue;
    nalUnits.push(nal);
    if (type !== NAL_IDR && type !== NAL_NON_IDR) continue;
    units.push({ nalUnits, isKeyFrame: type === NAL_IDR });
    nalUnits = [];
  }
  if (units[0]?.isKeyFrame !== true) throw new Error('The clip does not begin with a key frame.');
  return units;
}

function splitNalUnits(file: Buffer): Buffer[] {
  const starts: number[] = [];
  for (let at = file.indexOf('000001', 0, 'hex'); at !== -1; at = file.indexOf('000001', at + 3, 'hex')) {
    starts.push(at + 3);
  }
  return starts.map((start, index) => {
    let end = (starts[index + 1] ?? file.length + 3) - 3;
    while (end > start && file[end - 1] === 0) end -= 1; // The fourth byte of a long start code.
    return file.subarray(start, end);
  });
}
