/** One large picture with its bar and statistics. Draws a TileView; the stream comes from the feed the tile had. */
import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import type { TileAction, TileView } from '../actions/tile-facts.ts';
import { pathText, type StatsSample } from '../actions/statistics.ts';
import { milliseconds } from '../actions/wording.ts';
import type { CameraFeed } from '../resources/camera-feed.ts';
import { base } from '../styles/base.ts';
import { glyph, icon } from './icon.ts';
import { saveSnapshot } from './snapshot.ts';
import { playerStyles } from './tk-player-styles.ts';
import './tk-command.ts';
import './tk-stats.ts';
import type { StatsLevel } from './tk-stats.ts';

const BAR_MS = 3000;

/** Fires `act` (TileAction), `snapshot` (file name or null) and `level` (StatsLevel). */
export class TkPlayer extends LitElement {
  static override properties = {
    name: { attribute: false },
    feed: { attribute: false },
    view: { attribute: false },
    sample: { attribute: false },
    level: { attribute: false },
    muted: { state: true },
    barShown: { state: true },
    full: { state: true },
  };
  declare name: string;
  declare feed: CameraFeed | null;
  declare view: TileView | null;
  declare sample: StatsSample | null;
  declare level: StatsLevel;
  declare muted: boolean;
  declare barShown: boolean;
  declare full: boolean;
  #unobserve: () => void = () => undefined;
  #barTimer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    super();
    this.name = '';
    this.feed = null;
    this.view = null;
    this.sample = null;
    this.level = 0;
    this.muted = true;
    this.barShown = true;
    this.full = false;
    this.addEventListener('pointermove', () => {
      this.#stir();
    });
    for (const name of ['focusin', 'pointerdown']) {
      this.addEventListener(name, () => {
        this.#stir();
      });
    }
    this.addEventListener('fullscreenchange', () => {
      this.full = document.fullscreenElement !== null;
    });
    this.addEventListener('dblclick', () => {
      this.toggleFullscreen();
    });
  }

  get video(): HTMLVideoElement | null {
    return this.renderRoot.querySelector('video');
  }

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.hasUpdated) this.#attach();
    this.#stir();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.#barTimer);
    const { video } = this;
    // A picture that floats goes on: the feed watches it until its window closes.
    if (video !== null && document.pictureInPictureElement === video) {
      const stop = this.#unobserve;
      video.addEventListener('leavepictureinpicture', stop, { once: true });
    } else {
      this.#unobserve();
    }
  }

  protected override updated(changed: PropertyValues<this>): void {
    if (changed.has('feed')) this.#attach();
  }

  #attach(): void {
    this.#unobserve();
    const { feed, video } = this;
    if (feed === null || video === null) return;
    this.#unobserve = feed.show(video);
  }

  /** The bar leaves after 3 s without pointer or key, never while the focus is in it. */
  #stir(): void {
    this.barShown = true;
    clearTimeout(this.#barTimer);
    this.#barTimer = setTimeout(() => {
      const inside = this.renderRoot.querySelector('.bar:focus-within') !== null;
      if (!inside && this.view?.picture === 'shown') this.barShown = false;
    }, BAR_MS);
  }

  /** A key of the page was used: the bar shows what it did. */
  stir(): void {
    this.#stir();
  }

  toggleSound(): void {
    this.muted = !this.muted;
  }

  toggleFullscreen(): void {
    if (document.fullscreenElement !== null) void document.exitFullscreen();
    else this.requestFullscreen().catch(() => undefined);
  }

  togglePictureInPicture(): void {
    const { video } = this;
    if (video === null || !document.pictureInPictureEnabled) return;
    if (document.pictureInPictureElement !== null) void document.exitPictureInPicture();
    else video.requestPictureInPicture().catch(() => undefined); // Without a frame there is nothing to float.
  }

  async snapshot(): Promise<void> {
    const name = this.#hasPicture ? await saveSnapshot(this.video, this.name) : null;
    this.dispatchEvent(new CustomEvent('snapshot', { detail: name }));
  }

  nextLevel(): void {
    const next = ((this.level + 1) % 3) as StatsLevel;
    this.dispatchEvent(new CustomEvent<StatsLevel>('level', { detail: next }));
  }

  get #hasPicture(): boolean {
    return this.view?.picture === 'shown';
  }

  #act(id: TileAction): void {
    const { feed, video } = this;
    if (id === 'play' && feed !== null && video !== null) feed.playIn(video);
    else this.dispatchEvent(new CustomEvent<TileAction>('act', { detail: id }));
  }

  protected override render(): unknown {
    const { view } = this;
    const picture = view?.picture ?? 'none';
    return html`<div class="tk-player ${picture} ${this.barShown ? '' : 'quiet'}">
      <video
        playsinline
        tabindex="-1"
        .muted=${this.muted}
        class=${picture === 'none' ? 'away' : ''}
        aria-label="Picture of ${this.name}"
      ></video>
      ${view?.cover ? this.#cover(view, view.cover) : nothing}
      ${
        this.level > 0
          ? html`<tk-stats class="desk" .sample=${this.sample} .level=${this.level}></tk-stats>`
          : nothing
      }
      ${this.#bar()}
    </div>`;
  }

  #cover(view: TileView, cover: NonNullable<TileView['cover']>): TemplateResult {
    // "See why" leads here, and "Back to the wall" is in the header.
    const action =
      cover.action !== null && ['play', 'copy-network'].includes(cover.action.id) ? cover.action : null;
    return html`<div class="cover ${view.picture === 'shaded' ? 'shade' : ''}">
      <span class="big">${glyph(view.state)}</span>
      <div class="title">${cover.title}</div>
      <p class="muted">${cover.text}${cover.more === null ? nothing : html` ${cover.more}`}</p>
      ${
        view.row === 13
          ? html`<p class="muted">
                Your connection is fine, and so is the camera's tunnel. Restart the encoder on the camera, or
                look at its log:
              </p>
              <tk-command .text=${'journalctl -u webrtc-video-streaming -n 50'}></tk-command>`
          : nothing
      }
      ${
        view.steps === null
          ? nothing
          : html`<span class="steps" role="img" aria-label="Step ${view.steps + 1} of 4"
              >${[1, 2, 3, 4].map((step) => html`<i class=${step <= (view.steps ?? 0) ? 'on' : ''}></i>`)}</span
            >`
      }
      ${
        action === null
          ? nothing
          : html`<button
              class="tk-button"
              @click=${() => {
                this.#act(action.id);
              }}
            >
              ${action.label}
            </button>`
      }
    </div>`;
  }

  #bar(): TemplateResult {
    const { view, sample } = this;
    const path = sample?.path ?? null;
    const roundTrip = sample?.roundTripMs ?? null;
    const words = [
      this.#hasPicture ? null : 'No picture',
      path === null ? null : pathText(path),
      path === null || roundTrip === null ? null : milliseconds(roundTrip),
    ].filter((part) => part !== null);
    const trouble = view?.state !== 'live' && view?.state !== 'degraded' && !this.#hasPicture;
    return html`<div class="bar" role="toolbar" aria-label="Player" @dblclick=${stop}>
      ${
        this.feed?.hasAudio === true
          ? this.#button(
              this.muted ? 'Sound on (M)' : 'Sound off (M)',
              this.muted ? 'i-mute' : 'i-sound',
              () => {
                this.toggleSound();
              },
            )
          : nothing
      }
      ${
        view === null
          ? nothing
          : html`<span class="path">${glyph(view.state)}<span class="cut">${words.join(', ')}</span></span>`
      }
      <span class="grow"></span>
      ${
        trouble || view?.row === 13
          ? html`<button
              title="Try now (R)"
              @click=${() => {
                this.#act('try-now');
              }}
            >
              ${icon('i-refresh')}Try now
            </button>`
          : nothing
      }
      <button
        class="desk"
        aria-pressed=${this.level > 0}
        title="Statistics (I)"
        @click=${() => {
          this.nextLevel();
        }}
      >
        ${icon('i-stats')}<span>Statistics</span>
      </button>
      <button
        aria-label=${this.#hasPicture ? 'Snapshot (S)' : 'Snapshot, needs a picture'}
        title=${this.#hasPicture ? 'Snapshot (S)' : 'Snapshot, needs a picture'}
        ?disabled=${!this.#hasPicture}
        @click=${() => {
          void this.snapshot();
        }}
      >
        ${icon('i-snap')}
      </button>
      ${
        document.pictureInPictureEnabled
          ? this.#button(
              'Picture in picture (P)',
              'i-pip',
              () => {
                this.togglePictureInPicture();
              },
              'desk',
            )
          : nothing
      }
      ${this.#button(this.full ? 'Leave fullscreen (F)' : 'Fullscreen (F)', 'i-full', () => {
        this.toggleFullscreen();
      })}
    </div>`;
  }

  #button(label: string, name: string, press: () => void, kind = ''): TemplateResult {
    return html`<button class=${kind} aria-label=${label} title=${label} @click=${press}>
      ${icon(name)}
    </button>`;
  }

  static override styles = [base, playerStyles];
}

function stop(event: Event): void {
  event.stopPropagation();
}

customElements.define('tk-player', TkPlayer);
