/** The wall on the whole screen: it stays awake, and the cursor hides while nobody moves it. */
import type { ReactiveController, ReactiveControllerHost } from 'lit';

const IDLE_MS = 3000;

export class FillController implements ReactiveController {
  readonly #element: () => HTMLElement | null;
  #filled = false;
  #lock: WakeLockSentinel | undefined;
  #idle: ReturnType<typeof setTimeout> | undefined;

  /** @param element what fills the screen; it has the attribute `idle` while the cursor is to be hidden. */
  constructor(host: ReactiveControllerHost, element: () => HTMLElement | null) {
    this.#element = element;
    host.addController(this);
  }

  hostConnected(): void {
    document.addEventListener('fullscreenchange', this.#changed);
  }

  hostDisconnected(): void {
    document.removeEventListener('fullscreenchange', this.#changed);
    clearTimeout(this.#idle);
  }

  toggle(): void {
    if (document.fullscreenElement !== null) void document.exitFullscreen();
    else
      this.#element()
        ?.requestFullscreen()
        .catch(() => undefined);
  }

  /** The pointer moved. */
  readonly stirred = (): void => {
    const element = this.#element();
    clearTimeout(this.#idle);
    element?.removeAttribute('idle');
    if (!this.#filled) return;
    this.#idle = setTimeout(() => {
      element?.setAttribute('idle', '');
    }, IDLE_MS);
  };

  readonly #changed = (): void => {
    this.#filled = document.fullscreenElement !== null;
    if (!this.#filled) {
      void this.#lock?.release();
      this.#lock = undefined;
      return;
    }
    this.stirred();
    // Absent on a page that is not served over TLS.
    if (!('wakeLock' in navigator)) return;
    navigator.wakeLock.request('screen').then(
      (lock) => {
        this.#lock = lock;
      },
      () => undefined, // Low battery: the screen may sleep, the wall stays.
    );
  };
}
