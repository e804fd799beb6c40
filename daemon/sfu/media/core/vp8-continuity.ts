/**
 * Keeps PictureID and TL0PICIDX of one viewer's VP8 stream in one line (RFC 7741 section 4.2) while it moves
 * between encodings, is sent cached pictures again, or is spared some. A payload is copied only when a
 * number in it has to change.
 */

const EXTENDED = 0x80;
const NOT_REFERENCE = 0x20;
const HAS_PICTURE_ID = 0x80;
const HAS_LEVEL_INDEX = 0x40;
const HAS_LAYER = 0x20;
const LONG_ID = 0x80;
const NEVER = -1;

export class Vp8Continuity {
  #pictureOffset = 0;
  #levelOffset = 0;
  #lastPicture = NEVER;
  #lastLevel = NEVER;
  #isAligning = false;

  /** The next packet begins a key frame that follows on what was sent last. */
  restart(): void {
    this.#isAligning = true;
  }

  /** A picture of an upper temporal layer is left out: those after it close up. */
  skipPicture(): void {
    this.#pictureOffset -= 1;
  }

  /** @returns the payload to send: the same buffer, or a changed copy. */
  rewrite(payload: Buffer): Buffer {
    const first = payload[0] ?? 0;
    const extension = payload[1] ?? 0;
    if ((first & EXTENDED) === 0 || (extension & HAS_PICTURE_ID) === 0 || payload.length < 5) return payload;
    const isLong = ((payload[2] ?? 0) & LONG_ID) !== 0;
    const modulus = isLong ? 0x8000 : 0x80;
    const picture = isLong ? payload.readUInt16BE(2) & 0x7fff : (payload[2] ?? 0);
    const levelAt = (extension & HAS_LEVEL_INDEX) === 0 ? 0 : isLong ? 4 : 3;
    const level = levelAt === 0 ? 0 : (payload[levelAt] ?? 0);
    if (this.#isAligning) {
      this.#isAligning = false;
      if (this.#lastPicture !== NEVER) this.#pictureOffset = this.#lastPicture + 1 - picture;
      if (this.#lastLevel !== NEVER) this.#levelOffset = this.#lastLevel + 1 - level;
    }
    const newPicture = wrap(picture + this.#pictureOffset, modulus);
    const newLevel = wrap(level + this.#levelOffset, 0x100);
    this.#lastPicture = newPicture;
    if (levelAt !== 0) this.#lastLevel = newLevel;
    if (newPicture === picture && newLevel === level) return payload;
    const copy = Buffer.from(payload);
    if (isLong) copy.writeUInt16BE(0x8000 | newPicture, 2);
    else copy.writeUInt8(newPicture, 2);
    if (levelAt !== 0) copy.writeUInt8(newLevel, levelAt);
    return copy;
  }
}

/** RFC 7741 section 4.2, N bit: nothing depends on a picture that is not. */
export function vp8IsReference(payload: Buffer): boolean {
  return ((payload[0] ?? 0) & NOT_REFERENCE) === 0;
}

/** Y bit: this picture of an upper layer depends on the base layer only. */
export function vp8IsLayerSync(payload: Buffer): boolean {
  const at = layerAt(payload);
  return at !== -1 && ((payload[at] ?? 0) & 0x20) !== 0;
}

/** The temporal layer of a packet; 0 when it says none. */
export function vp8TemporalLayer(payload: Buffer): number {
  const at = layerAt(payload);
  return at === -1 ? 0 : (payload[at] ?? 0) >>> 6;
}

/** Where TID, Y and KEYIDX are; -1 without them. */
function layerAt(payload: Buffer): number {
  const extension = payload[1] ?? 0;
  if (((payload[0] ?? 0) & EXTENDED) === 0 || (extension & HAS_LAYER) === 0) return -1;
  let at = 2;
  if ((extension & HAS_PICTURE_ID) !== 0) at += ((payload[2] ?? 0) & LONG_ID) !== 0 ? 2 : 1;
  if ((extension & HAS_LEVEL_INDEX) !== 0) at += 1;
  return at;
}

function wrap(value: number, modulus: number): number {
  return ((value % modulus) + modulus) % modulus;
}
