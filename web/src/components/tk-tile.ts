/** One picture of the wall: always dark inside, draws a TileView, never opens a connection itself. */
import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import type { TileAction, TileView } from '../actions/tile-facts.ts';
import { bitRate, pictureName } from '../actions/wording.ts';
import type { StatsSample } from '../actions/statistics.ts';
import type { CameraFeed } from '../resources/camera-feed.ts';
import { base } from '../styles/base.ts';
import { glyph, icon } from './icon.ts';
import { saveSnapshot } from './snapshot.ts';
import { tileStyles } from './tk-tile-styles.ts';

const same = (before: unknown, now: unknown): boolean => JSON.stringify(before) !== JSON.stringify(now);

/** Fires `open`, `act` (detail: TileAction) and `snapshot` (detail: file name or null). */
export class TkTile extends LitElement {
  static override properties = {
    cameraId: { attribute: false },
    name: { attribute: false },
    namespace: { attribute: false },
    watching: { attribute: false },
    feed: { attribute: false },
    view: { attribute: false, hasChanged: same },
    current: { attribute: false },
    sample: { state: true },
    muted: { state: true },
    pointed: { state: true },
  };
  declare cameraId: string;
  declare name: string;
  /** Null: there is only one, so it is not said. */
  declare namespace: string | null;
  declare watching: number;
  declare feed: CameraFeed | null;
  declare view: TileView | null;
  /** The tile that has the tab stop of the wall. */
  declare current: boolean;
  declare sample: StatsSample | null;
  declare muted: boolean;
  /** Figures are drawn only while someone looks at them. */
  declare pointed: boolean;
  #unobserve: () => void = () => undefined;
  #unsample: () => void = () => undefined;

  constructor() {
    super();
    this.cameraId = '';
    this.name = '';
    this.namespace = null;
    this.watching = 0;
    this.feed = null;
    this.view = null;
    this.current = false;
    this.sample = null;
    this.muted = true;
    this.pointed = false;
    const point = (on: boolean) => (): void => {
      this.pointed = on;
    };
    this.addEventListener('pointerenter', point(true));
    this.addEventListener('pointerleave', point(false));
    this.addEventListener('focusin', point(true));
    this.addEventListener('focusout', point(false));
    this.addEventListener('dblclick', () => {
      this.#fire('open');
    });
  }

  get video(): HTMLVideoElement | null {
    return this.renderRoot.querySelector('video');
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#detach();
  }

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.hasUpdated) this.#attach();
  }

  protected override updated(changed: PropertyValues<this>): void {
    if (changed.has('feed')) this.#attach();
    if (this.view === null) this.setAttribute('aria-busy', 'true');
    else this.removeAttribute('aria-busy');
  }

  #attach(): void {
    this.#detach();
    const { feed, video } = this;
    if (feed === null || video === null) return;
    this.#unobserve = feed.show(video);
    this.#unsample = feed.on('sample', (sample) => {
      if (this.pointed) this.sample = sample;
    });
  }

  #detach(): void {
    this.#unobserve();
    this.#unsample();
  }

  toggleSound(): void {
    this.muted = !this.muted;
  }

  async snapshot(): Promise<void> {
    const name = this.view?.picture === 'shown' ? await saveSnapshot(this.video, this.name) : null;
    this.dispatchEvent(new CustomEvent('snapshot', { detail: name }));
  }

  #fire(type: 'open'): void {
    this.dispatchEvent(new Event(type));
  }

  #act(id: TileAction): void {
    const { video, feed } = this;
    if (id === 'play' && video !== null && feed !== null) feed.playIn(video);
    else this.dispatchEvent(new CustomEvent<TileAction>('act', { detail: id }));
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has('pointed') && this.pointed) this.sample = this.feed?.sample ?? null;
  }

  protected override render(): unknown {
    const { view } = this;
    const state = view?.state ?? 'idle';
    const ground =
      view === null ? 'blank' : view.row === 5 || view.row === 1 || view.row === 3 ? 'hatch' : 'well';
    return html`<div class="tk-tile ${ground} ${view?.picture ?? 'none'}">
      <video
        playsinline
        disablepictureinpicture
        tabindex="-1"
        aria-hidden="true"
        .muted=${this.muted}
        class=${view?.picture === 'none' || view === null ? 'away' : ''}
      ></video>
      ${view?.cover ? this.#cover(view, view.cover) : nothing}
      ${this.pointed && view?.picture === 'shown' ? this.#meta() : nothing}
      <span class="plate">
        ${glyph(state)}<span class="cut">${this.name}</span>${
          this.namespace === null ? nothing : html`<span class="ns cut">${this.namespace}</span>`
        }
        ${view === null ? html`<span class="ns">loading</span>` : html`<span class="sr">${view.word}</span>`}
        ${view?.why ? html`<span class="why">${view.why}</span>` : nothing}
        ${this.muted ? nothing : html`<span class="ns" aria-label="sound on">${icon('i-sound')}</span>`}
      </span>
      ${view?.picture === 'shown' ? this.#tools() : nothing}
    </div>`;
  }

  #cover(view: TileView, cover: NonNullable<TileView['cover']>): TemplateResult {
    const { action } = cover;
    return html`<div class="cover ${view.picture === 'shaded' ? 'shade' : ''}">
      <span class="t">${glyph(view.state)}${cover.title}</span>
      <p>
        ${
          cover.busy ? html`<span class="connecting ring">${icon('g-connecting')}</span>` : nothing
        }${cover.text}${cover.more === null ? nothing : html`<span class="more"> ${cover.more}</span>`}
      </p>
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
              class="remedy"
              tabindex=${this.current ? 0 : -1}
              @click=${() => {
                this.#act(action.id);
              }}
              @dblclick=${stop}
            >
              ${action.label}
            </button>`
      }
    </div>`;
  }

  #meta(): TemplateResult | typeof nothing {
    const { sample } = this;
    if (sample === null) return nothing;
    const { width, height, framesPerSecond, bitsPerSecond } = sample;
    const parts = [
      width === null || height === null ? null : pictureName(width, height),
      framesPerSecond === null ? null : `${String(Math.round(framesPerSecond))} fps`,
      bitsPerSecond === null ? null : bitRate(bitsPerSecond),
      this.watching > 1 ? `${String(this.watching)} watching` : null,
    ].filter((part) => part !== null);
    return parts.length === 0
      ? nothing
      : html`<span class="meta">${parts.map((part) => html`<span>${part}</span>`)}</span>`;
  }

  #tools(): TemplateResult {
    const index = this.current ? 0 : -1;
    return html`<span class="tools" @dblclick=${stop}>
      ${
        this.feed?.hasAudio === true
          ? html`<button
              aria-label=${this.muted ? 'Sound on (M)' : 'Sound off (M)'}
              title=${this.muted ? 'Sound on (M)' : 'Sound off (M)'}
              tabindex=${index}
              @click=${() => {
                this.toggleSound();
              }}
            >
              ${icon(this.muted ? 'i-mute' : 'i-sound')}
            </button>`
          : nothing
      }
      <button
        aria-label="Snapshot (S)"
        title="Snapshot (S)"
        tabindex=${index}
        @click=${() => {
          void this.snapshot();
        }}
      >
        ${icon('i-snap')}
      </button>
      <button
        aria-label="Full view (Enter)"
        title="Full view (Enter)"
        tabindex=${index}
        @click=${() => {
          this.#fire('open');
        }}
      >
        ${icon('i-full')}
      </button>
    </span>`;
  }

  static override styles = [base, tileStyles];
}

/** Two quick clicks on a button are not the double click that opens the tile. */
function stop(event: Event): void {
  event.stopPropagation();
}

customElements.define('tk-tile', TkTile);
