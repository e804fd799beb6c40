/**
 * How large one camera is shown, over all its <video> elements (a tile, the player, both while one hands over to the
 * other): the largest counts. Told when the step changes and things have come to rest.
 */
import type { Timers } from '../../client/timers.ts';
import { askedLines, shownLines } from '../actions/picture-size.ts';

const REST_MS = 250;

export class PictureSizes {
  readonly #timers: Timers;
  readonly #tell: (lines: number | null) => void;
  readonly #lines = new Map<HTMLVideoElement, number>();
  #observer: ResizeObserver | undefined;
  #told: number | null | undefined;
  #cancel: () => void = () => undefined;

  /** @param tell the lines to ask for; null: as many as there are. */
  constructor(timers: Timers, tell: (lines: number | null) => void) {
    this.#timers = timers;
    this.#tell = tell;
  }

  /** @returns a function that stops measuring this element. */
  watch(video: HTMLVideoElement): () => void {
    this.#observer ??= new ResizeObserver((entries) => {
      for (const { target } of entries) this.#measure(target as HTMLVideoElement);
    });
    this.#observer.observe(video);
    // The picture's own shape comes with its first frame, and may change.
    const measure = (): void => {
      this.#measure(video);
    };
    video.addEventListener('resize', measure);
    return () => {
      video.removeEventListener('resize', measure);
      this.#observer?.unobserve(video);
      this.#lines.delete(video);
      this.#soon();
    };
  }

  close(): void {
    this.#cancel();
    this.#observer?.disconnect();
    this.#lines.clear();
  }

  #measure(video: HTMLVideoElement): void {
    const box = { width: video.clientWidth, height: video.clientHeight };
    // Not laid out (a hidden page, a folded box): what it was shown at last stands.
    if (box.width === 0 || box.height === 0) return;
    const picture = { width: video.videoWidth, height: video.videoHeight };
    this.#lines.set(video, shownLines(box, picture, devicePixelRatio));
    this.#soon();
  }

  #soon(): void {
    // Of a picture that is shown nowhere nothing is said: it is paused.
    if (this.#lines.size === 0) return;
    // The first size is told at once: the server chooses before it sends.
    if (this.#told === undefined) {
      this.#say();
      return;
    }
    this.#cancel();
    this.#cancel = this.#timers.after(REST_MS, () => {
      this.#say();
    });
  }

  #say(): void {
    if (this.#lines.size === 0) return;
    const lines = askedLines(Math.max(...this.#lines.values()));
    if (lines === this.#told) return;
    this.#told = lines;
    this.#tell(lines);
  }
}
