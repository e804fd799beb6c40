/** The grid of tiles: its maths, roving focus, and which pictures play. */
import { css, html, LitElement, type PropertyValues } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import { gridFor, movedFocus, playBudget, chosenToPlay, type Box } from '../actions/wall-layout.ts';
import type { TileAction, TileView } from '../actions/tile-facts.ts';
import type { CameraFeed } from '../resources/camera-feed.ts';
import { base } from '../styles/base.ts';
import './tk-tile.ts';
import type { TkTile } from './tk-tile.ts';

export type WallTile = {
  id: string;
  name: string;
  namespace: string | null;
  watching: number;
  feed: CameraFeed;
  view: TileView | null;
};

const START_GAP_MS = 60;
const MARGIN = 10;
const TOUCH_MARGIN = 6;

/** Fires `open` (camera id), `act` ({id, action}), `snapshot` (file name), `playing` (ids), `box` (Box). */
export class TkWall extends LitElement {
  static override properties = {
    tiles: { attribute: false },
    places: { attribute: false },
    oneColumn: { attribute: false },
    label: { attribute: false },
    box: { state: true },
    focused: { state: true },
  };
  declare tiles: WallTile[];
  /** Tiles the grid is made for: the chosen density, even if fewer cameras fill it. */
  declare places: number;
  declare oneColumn: boolean;
  declare label: string;
  declare box: Box;
  declare focused: string | null;
  readonly #visible = new Set<string>();
  readonly #starts = new Map<string, ReturnType<typeof setTimeout>>();
  #playing = new Set<string>();
  #resize: ResizeObserver | undefined;
  #intersection: IntersectionObserver | undefined;

  constructor() {
    super();
    this.tiles = [];
    this.places = 1;
    this.oneColumn = false;
    this.label = '';
    this.box = { width: 0, height: 0 };
    this.focused = null;
    this.addEventListener('keydown', (event) => {
      this.#key(event);
    });
    this.addEventListener('focusin', (event) => {
      const tile = event.composedPath().find((one) => isTile(one));
      if (tile !== undefined) this.focused = tile.cameraId;
    });
  }

  static gap(): number {
    return matchMedia('(pointer: coarse), (max-width: 639px)').matches ? 4 : 6;
  }

  static get isPhone(): boolean {
    return matchMedia('(max-width: 639px)').matches;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#resize = new ResizeObserver(() => {
      const margin = 2 * (TkWall.isPhone ? TOUCH_MARGIN : MARGIN);
      const box = { width: this.clientWidth - margin, height: this.clientHeight - margin };
      if (box.width === this.box.width && box.height === this.box.height) return;
      this.box = box;
      this.dispatchEvent(new CustomEvent<Box>('box', { detail: box }));
    });
    this.#resize.observe(this);
    this.#intersection = new IntersectionObserver(
      (entries) => {
        for (const { target, intersectionRatio, isIntersecting } of entries) {
          if (!isTile(target)) continue;
          if (isIntersecting && intersectionRatio >= 0.5) this.#visible.add(target.cameraId);
          else this.#visible.delete(target.cameraId);
        }
        this.#choose();
      },
      { rootMargin: '120px', threshold: [0, 0.5, 1] },
    );
    if (this.hasUpdated) this.#observe();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#resize?.disconnect();
    this.#intersection?.disconnect();
    for (const timer of this.#starts.values()) clearTimeout(timer);
    this.#starts.clear();
    for (const tile of this.tiles) tile.feed.rest(this);
    this.#playing.clear();
    this.#visible.clear();
  }

  get #elements(): TkTile[] {
    return [...this.renderRoot.querySelectorAll<TkTile>('tk-tile')];
  }

  /** The tile keys act on. */
  get current(): TkTile | null {
    return this.#elements.find((tile) => tile.cameraId === this.focused) ?? null;
  }

  focusTile(id: string | null): void {
    const tile = this.#elements.find((one) => one.cameraId === id) ?? this.#elements[0];
    tile?.focus();
  }

  #observe(): void {
    this.#intersection?.disconnect();
    for (const tile of this.#elements) this.#intersection?.observe(tile);
  }

  /** Starts and rests feeds. Starts are staggered, visible first, so that the first pictures come first. */
  #choose(): void {
    const connection = (navigator as { connection?: { saveData?: boolean } }).connection;
    const budget = playBudget({
      coarsePointer: matchMedia('(pointer: coarse)').matches,
      saveData: connection?.saveData === true,
      viewportWidth: innerWidth,
    });
    const ids = this.tiles.map((tile) => tile.id);
    const chosen = chosenToPlay(ids, this.#visible, this.focused, budget);
    for (const [id, timer] of this.#starts) {
      if (chosen.has(id)) continue;
      clearTimeout(timer);
      this.#starts.delete(id);
    }
    let place = 0;
    for (const { id, feed } of this.tiles) {
      if (!chosen.has(id)) {
        feed.rest(this);
      } else if (!this.#playing.has(id) && !this.#starts.has(id)) {
        this.#starts.set(
          id,
          setTimeout(() => {
            this.#starts.delete(id);
            if (this.isConnected) feed.play(this, 'tile');
          }, START_GAP_MS * place++),
        );
      }
    }
    const same = chosen.size === this.#playing.size && [...chosen].every((id) => this.#playing.has(id));
    this.#playing = chosen;
    if (!same) this.dispatchEvent(new CustomEvent<ReadonlySet<string>>('playing', { detail: chosen }));
  }

  #key(event: KeyboardEvent): void {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    const [origin] = event.composedPath();
    if (!isTile(origin)) return;
    if (event.key === 'Enter') {
      event.preventDefault();
      this.#open(origin.cameraId);
      return;
    }
    const index = this.tiles.findIndex((tile) => tile.id === origin.cameraId);
    const next = movedFocus(event.key, index, this.tiles.length, this.#columns());
    if (!/^(Arrow|Home|End)/.test(event.key)) return;
    event.preventDefault();
    const id = this.tiles[next]?.id;
    if (id !== undefined) this.focusTile(id);
  }

  #columns(): number {
    if (TkWall.isPhone) return this.oneColumn ? 1 : 2;
    return gridFor(this.places, this.box, TkWall.gap()).columns;
  }

  #open(id: string): void {
    this.dispatchEvent(new CustomEvent<string>('open', { detail: id }));
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (!changed.has('tiles')) return;
    const before = changed.get('tiles') ?? [];
    const ids = new Set(this.tiles.map((tile) => tile.id));
    for (const tile of before) {
      if (ids.has(tile.id)) continue;
      tile.feed.rest(this);
      this.#playing.delete(tile.id);
      this.#visible.delete(tile.id);
    }
    if (this.focused === null || !ids.has(this.focused)) this.focused = this.tiles[0]?.id ?? null;
  }

  protected override updated(changed: PropertyValues<this>): void {
    const before = changed.get('tiles') ?? [];
    const moved =
      changed.has('tiles') &&
      (before.length !== this.tiles.length ||
        before.some((tile, index) => tile.id !== this.tiles[index]?.id));
    if (moved) this.#observe();
    if (changed.has('focused')) this.#choose();
    const grid = gridFor(this.places, this.box, TkWall.gap());
    this.style.setProperty('--columns', String(grid.columns));
    this.style.setProperty('--tile', `${String(grid.tileWidth)}px`);
  }

  /** Tiles by row, for the grid's structure: places in `tiles`. */
  #rows(): number[][] {
    const columns = Math.max(1, this.#columns());
    const places = this.tiles.map((_, index) => index);
    // On a phone the first picture has a row of its own.
    const rows = TkWall.isPhone && columns > 1 ? [places.splice(0, 1)] : [];
    for (let at = 0; at < places.length; at += columns) rows.push(places.slice(at, at + columns));
    return rows.filter((row) => row.length > 0);
  }

  /**
   * The rows own their tiles by id instead of holding them: another number of columns moves no element, so
   * no picture begins anew.
   */
  protected override render(): unknown {
    return html`<div class="sr" role="grid" aria-label=${this.label}>
        ${this.#rows().map(
          (row) =>
            html`<div role="row" aria-owns=${row.map((index) => `tile-${String(index)}`).join(' ')}></div>`,
        )}
      </div>
      <div class="grid ${this.oneColumn ? '' : 'pair'}">
        ${repeat(
          this.tiles,
          (tile) => tile.id,
          (tile, index) =>
            html`<tk-tile
              id="tile-${index}"
              role="gridcell"
              tabindex=${tile.id === this.focused ? 0 : -1}
              class=${index === 0 ? 'lead' : ''}
              .cameraId=${tile.id}
              .name=${tile.name}
              .namespace=${tile.namespace}
              .watching=${tile.watching}
              .feed=${tile.feed}
              .view=${tile.view}
              .current=${tile.id === this.focused}
              @open=${() => {
                this.#open(tile.id);
              }}
              @act=${(event: CustomEvent<TileAction>) => {
                this.dispatchEvent(new CustomEvent('act', { detail: { id: tile.id, action: event.detail } }));
              }}
              @snapshot=${(event: CustomEvent<string | null>) => {
                this.dispatchEvent(new CustomEvent('snapshot', { detail: event.detail }));
              }}
            ></tk-tile>`,
        )}
      </div>`;
  }

  static override styles = [
    base,
    css`
      :host {
        display: grid;
        flex: 1;
        min-height: 0;
        background: var(--tk-canvas);
      }
      .grid {
        padding: 10px;
        display: grid;
        place-content: center;
        gap: var(--tk-wall-gap);
        grid-template-columns: repeat(var(--columns, 1), var(--tile, 1fr));
      }
      :host(:fullscreen) {
        background: #000;
      }
      :host([idle]) {
        cursor: none;
      }
      @media (max-width: 639px) {
        .grid {
          padding: 6px;
          place-content: start stretch;
          grid-template-columns: minmax(0, 1fr);
        }
        .grid.pair {
          grid-template-columns: repeat(2, minmax(0, 1fr));
        }
        .pair .lead {
          grid-column: 1 / -1;
        }
      }
    `,
  ];
}

function isTile(target: EventTarget | undefined): target is TkTile {
  return target instanceof HTMLElement && target.localName === 'tk-tile';
}

customElements.define('tk-wall', TkWall);
