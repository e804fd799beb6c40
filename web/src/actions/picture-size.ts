/** How large a picture is asked for: in steps, so that a window that is dragged asks for little. Pure. */

/** Heights publishers send, and halves of them. */
const STEPS = [90, 180, 270, 360, 480, 540, 720, 1080, 1440, 2160] as const;

/**
 * Lines a picture takes in a box where it is shown whole (`object-fit: contain`), in device pixels.
 * @param box in CSS pixels. @param picture its own size; zero while it is not known: 16:9.
 */
export function shownLines(
  box: { width: number; height: number },
  picture: { width: number; height: number },
  pixelRatio: number,
): number {
  const aspect = picture.width > 0 && picture.height > 0 ? picture.width / picture.height : 16 / 9;
  return Math.round(Math.min(box.height, box.width / aspect) * pixelRatio);
}

/** A picture may be stretched by this much before a larger one is asked for: nobody sees it, and it costs four times less. */
const STRETCH = 1.25;

/** @returns the step to ask for so many lines; null: as many as there are. */
export function askedLines(lines: number): number | null {
  return STEPS.find((step) => step * STRETCH >= lines) ?? null;
}
