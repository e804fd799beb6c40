/**
 * Draws the frames of the test clip: a conveyor with moving boxes, a clock with hand and digits, and the frame
 * number as a barcode that a test can read back from decoded pixels. Raw YUV 4:2:0, nothing but arithmetic.
 */

export const WIDTH = 640;
export const HEIGHT = 360;
export const FRAMES_PER_SECOND = 30;
export const FRAME_COUNT = 240;

/** The barcode: 8 cells for the frame number, most significant first, then 8 cells with its complement. */
export const BARCODE = { cells: 16, left: 64, top: 312, cell: 32, height: 32 } as const;

type Colour = { y: number; u: number; v: number };

const SKY: Colour = rgb(28, 36, 48);
const WALL: Colour = rgb(44, 55, 70);
const BELT: Colour = rgb(24, 27, 32);
const STRIPE: Colour = rgb(222, 170, 52);
const BOX: Colour = rgb(188, 132, 78);
const TAPE: Colour = rgb(226, 200, 160);
const FACE: Colour = rgb(236, 239, 244);
const INK: Colour = rgb(18, 22, 28);
const HAND: Colour = rgb(196, 44, 44);
const BLACK: Colour = { y: 16, u: 128, v: 128 };
const WHITE: Colour = { y: 235, u: 128, v: 128 };

/** Segments of a digit, bit 0 = top, then clockwise, bit 6 = middle. */
const DIGITS = [0x3f, 0x06, 0x5b, 0x4f, 0x66, 0x6d, 0x7d, 0x07, 0x7f, 0x6f];

/** One frame of the loop, `frame` in [0, FRAME_COUNT). */
export function drawFrame(frame: number): Buffer {
  const picture = new Picture();
  picture.fill(0, 0, WIDTH, HEIGHT, SKY);
  picture.fill(0, 40, WIDTH, 180, WALL);
  for (let x = 0; x < WIDTH; x += 80) picture.fill(x, 40, 2, 180, SKY);
  drawConveyor(picture, frame);
  drawClock(picture, frame);
  drawDigits(picture, frame);
  drawBarcode(picture, frame);
  return picture.data;
}

function drawConveyor(picture: Picture, frame: number): void {
  picture.fill(0, 250, WIDTH, 40, BELT);
  // Both speeds divide the loop, so the last frame leads into the first.
  const shift = (frame * 640) / FRAME_COUNT;
  for (let at = -1; at < 9; at += 1) picture.fill(at * 80 + (shift % 80), 284, 40, 6, STRIPE);
  for (let at = 0; at < 4; at += 1) {
    const x = ((at * 160 + shift) % 640) - 60;
    picture.fill(x, 190, 84, 60, BOX);
    picture.fill(x + 36, 190, 12, 60, TAPE);
    picture.fill(x, 216, 84, 2, INK);
  }
}

function drawClock(picture: Picture, frame: number): void {
  const [cx, cy, radius] = [540, 110, 60];
  for (let y = -radius; y <= radius; y += 1) {
    const half = Math.floor(Math.sqrt(radius * radius - y * y));
    picture.fill(cx - half, cy + y, half * 2, 1, FACE);
  }
  for (let mark = 0; mark < 8; mark += 1) {
    const angle = (mark / 8) * 2 * Math.PI;
    picture.fill(cx + Math.sin(angle) * 50 - 3, cy - Math.cos(angle) * 50 - 3, 6, 6, INK);
  }
  const angle = (frame / FRAME_COUNT) * 2 * Math.PI;
  for (let at = 0; at < 46; at += 1) {
    picture.fill(cx + Math.sin(angle) * at - 2, cy - Math.cos(angle) * at - 2, 4, 4, HAND);
  }
}

/** `s.ff`: the second and the frame within it. */
function drawDigits(picture: Picture, frame: number): void {
  const second = Math.floor(frame / FRAMES_PER_SECOND);
  const part = frame % FRAMES_PER_SECOND;
  drawDigit(picture, 60, 70, second);
  picture.fill(122, 144, 10, 10, FACE);
  drawDigit(picture, 146, 70, Math.floor(part / 10));
  drawDigit(picture, 212, 70, part % 10);
}

function drawDigit(picture: Picture, x: number, y: number, digit: number): void {
  const lit = DIGITS[digit] ?? 0;
  const bars: [number, number, number, number][] = [
    [8, 0, 36, 8],
    [44, 8, 8, 32],
    [44, 48, 8, 32],
    [8, 80, 36, 8],
    [0, 48, 8, 32],
    [0, 8, 8, 32],
    [8, 40, 36, 8],
  ];
  bars.forEach(([left, top, width, height], bit) => {
    if ((lit >> bit) & 1) picture.fill(x + left, y + top, width, height, FACE);
  });
}

function drawBarcode(picture: Picture, frame: number): void {
  const bits = (frame << 8) | (~frame & 0xff);
  picture.fill(
    BARCODE.left - 8,
    BARCODE.top - 8,
    BARCODE.cells * BARCODE.cell + 16,
    BARCODE.height + 16,
    BLACK,
  );
  for (let cell = 0; cell < BARCODE.cells; cell += 1) {
    const set = (bits >> (BARCODE.cells - 1 - cell)) & 1;
    picture.fill(
      BARCODE.left + cell * BARCODE.cell,
      BARCODE.top,
      BARCODE.cell,
      BARCODE.height,
      set ? WHITE : BLACK,
    );
  }
}

/** Limited-range BT.601, the default of H.264 decoders for this size. */
function rgb(red: number, green: number, blue: number): Colour {
  return {
    y: 16 + (65.738 * red + 129.057 * green + 25.064 * blue) / 256,
    u: 128 + (-37.945 * red - 74.494 * green + 112.439 * blue) / 256,
    v: 128 + (112.439 * red - 94.154 * green - 18.285 * blue) / 256,
  };
}

class Picture {
  readonly data = Buffer.alloc((WIDTH * HEIGHT * 3) / 2);
  readonly #u = WIDTH * HEIGHT;
  readonly #v = WIDTH * HEIGHT * 1.25;

  /** Fills a rectangle, clipped to the picture. */
  fill(x: number, y: number, width: number, height: number, colour: Colour): void {
    const left = Math.max(0, Math.round(x));
    const right = Math.min(WIDTH, Math.round(x + width));
    const bottom = Math.min(HEIGHT, Math.round(y + height));
    if (right <= left) return;
    for (let row = Math.max(0, Math.round(y)); row < bottom; row += 1) {
      this.data.fill(colour.y, row * WIDTH + left, row * WIDTH + right);
      const chroma = (row >> 1) * (WIDTH / 2);
      this.data.fill(colour.u, this.#u + chroma + (left >> 1), this.#u + chroma + ((right + 1) >> 1));
      this.data.fill(colour.v, this.#v + chroma + (left >> 1), this.#v + chroma + ((right + 1) >> 1));
    }
  }
}
