/** The wall: header with counts by state, density and pages, and the grid. The address restores all of it. */
import { html, LitElement, nothing, type TemplateResult } from 'lit';
import type { Device } from '../../../daemon/contract/api.ts';
import { sortedDevices, wallState } from '../actions/live-state.ts';
import { cameraPath, wallPath, type Route } from '../actions/route.ts';
import type { StateName, TileAction, TileView } from '../actions/tile-facts.ts';
import {
  DENSITIES,
  paging,
  tilesPerPage,
  type Box,
  type Density,
  type Paging,
} from '../actions/wall-layout.ts';
import { counted } from '../actions/wording.ts';
import { glyph, icon } from '../components/icon.ts';
import { currentView, networkRequest } from '../components/tile-inputs.ts';
import { TkWall, type WallTile } from '../components/tk-wall.ts';
import { WatchController } from '../components/watch-controller.ts';
import type { ConsoleContext } from '../console-context.ts';
import { base } from '../styles/base.ts';
import { page } from '../styles/page.ts';
import { emptyWall } from './empty-wall.ts';
import { wallPageStyles } from './tk-wall-page-styles.ts';

type WallRoute = Extract<Route, { page: 'wall' }>;
const FILTERS: { state: StateName; word: string }[] = [
  { state: 'live', word: 'live' },
  { state: 'degraded', word: 'degraded' },
  { state: 'error', word: 'failed' },
  { state: 'connecting', word: 'connecting' },
  { state: 'idle', word: 'ready' },
  { state: 'offline', word: 'offline' },
  { state: 'unknown', word: 'unknown' },
];
const DENSITY_KEYS: Record<string, Density> = { '1': 1, '4': 4, '9': 9, '6': 16, '0': 'auto' };
const GONE_SHOWN_MS = 30_000;

export class TkWallPage extends LitElement {
  static override properties = {
    context: { attribute: false },
    route: { attribute: false },
    box: { state: true },
    oneColumn: { state: true },
    playing: { state: true },
    filled: { state: true },
  };
  declare context: ConsoleContext;
  declare route: WallRoute;
  declare box: Box;
  declare oneColumn: boolean;
  declare playing: ReadonlySet<string>;
  declare filled: boolean;
  #lock: WakeLockSentinel | undefined;
  #idle: ReturnType<typeof setTimeout> | undefined;
  #views = new Map<string, TileView | null>();

  constructor() {
    super();
    this.box = { width: 0, height: 0 };
    this.oneColumn = false;
    this.playing = new Set();
    this.filled = false;
    new WatchController(this, () => {
      const redraw = (): void => {
        this.requestUpdate();
      };
      const { live, media } = this.context;
      const onFill = (): void => {
        this.#fillChanged();
      };
      document.addEventListener('fullscreenchange', onFill);
      return [
        live.on('data', redraw),
        live.on('state', redraw),
        media.on('tick', redraw),
        () => {
          document.removeEventListener('fullscreenchange', onFill);
          clearTimeout(this.#idle);
        },
      ];
    });
  }

  get #wall(): TkWall | null {
    return this.renderRoot.querySelector<TkWall>('tk-wall');
  }

  focusMain(): void {
    const wall = this.#wall;
    if (wall === null) this.renderRoot.querySelector<HTMLElement>('main')?.focus();
    else
      void wall.updateComplete.then(() => {
        wall.focusTile(this.context.lastCamera);
      });
  }

  handleKey(event: KeyboardEvent): boolean {
    const density = DENSITY_KEYS[event.key];
    if (density !== undefined) {
      this.#go({ density, number: 0 });
      return true;
    }
    const { current } = this.#wall ?? { current: null };
    switch (event.key.toLowerCase()) {
      case 'pagedown':
        this.#go({ number: this.route.number + 1 });
        return true;
      case 'pageup':
        this.#go({ number: Math.max(0, this.route.number - 1) });
        return true;
      case 'f':
        this.#fill();
        return true;
      case 'm':
        current?.toggleSound();
        return current !== null;
      case 's':
        void current?.snapshot();
        return current !== null;
      default:
        return false;
    }
  }

  #go(change: Partial<WallRoute>): void {
    this.context.navigate(wallPath({ ...this.route, ...change }), { replace: true });
  }

  // -- Fill the screen -----------------------------------------------------------------------------

  #fill(): void {
    if (document.fullscreenElement !== null) void document.exitFullscreen();
    else this.#wall?.requestFullscreen().catch(() => undefined);
  }

  #fillChanged(): void {
    this.filled = document.fullscreenElement !== null;
    if (!this.filled) {
      void this.#lock?.release();
      this.#lock = undefined;
      return;
    }
    this.#stirred();
    // Absent on a page that is not served over TLS.
    if (!('wakeLock' in navigator)) return;
    navigator.wakeLock.request('screen').then(
      (lock) => {
        this.#lock = lock;
      },
      () => undefined, // Low battery: the screen may sleep, the wall stays.
    );
  }

  /** The cursor hides after 3 s without movement while the wall fills the screen. */
  readonly #stirred = (): void => {
    const wall = this.#wall;
    clearTimeout(this.#idle);
    wall?.removeAttribute('idle');
    if (!this.filled) return;
    this.#idle = setTimeout(() => {
      wall?.setAttribute('idle', '');
    }, 3000);
  };

  // -- What is shown -------------------------------------------------------------------------------

  #act(id: string, action: TileAction): void {
    const feed = this.#feedOf(id);
    switch (action) {
      case 'see-why':
      case 'why-black':
        this.context.navigate(cameraPath(id));
        break;
      case 'try-now':
        feed?.retryNow();
        break;
      case 'copy-network':
        void this.#copyNetwork(feed?.subscription().blockedTransports ?? []);
        break;
      case 'back-to-wall':
        this.context.media.forget(id);
        this.requestUpdate();
        break;
      case 'play':
        break;
    }
  }

  async #copyNetwork(transports: string[]): Promise<void> {
    try {
      await navigator.clipboard.writeText(networkRequest(transports, location.hostname));
      this.context.say('Copied');
    } catch {
      this.context.tell({
        kind: 'error',
        title: 'The text could not be copied.',
        text: networkRequest(transports, location.hostname),
      });
    }
  }

  #feedOf(id: string) {
    const { live, media } = this.context;
    const device = live.data?.devices.get(id) ?? live.data?.removed.get(id)?.device;
    return device === undefined ? null : media.feed(device);
  }

  #counts(devices: Device[], nowMs: number): Map<StateName, number> {
    const counts = new Map<StateName, number>();
    for (const device of devices) {
      const state = this.#stateOf(device, nowMs);
      counts.set(state, (counts.get(state) ?? 0) + 1);
    }
    return counts;
  }

  #stateOf(device: Device, nowMs: number): StateName {
    const { context } = this;
    const view = this.playing.has(device.id)
      ? currentView(context, context.media.feed(device), device.id, true)
      : null;
    return view === null ? wallState(device, nowMs) : view.state;
  }

  protected override render(): unknown {
    const { context, route } = this;
    const { data } = context.live;
    if (data === null) return this.#loading();
    const nowMs = context.timers.now();
    const all = sortedDevices(data);
    const namespaces = [...new Set(all.map((device) => device.namespace))].sort();
    const several = namespaces.length > 1;
    const inNamespace =
      route.namespace === null ? all : all.filter((one) => one.namespace === route.namespace);
    const counts = this.#counts(inNamespace, nowMs);
    const filter = FILTERS.find(({ state }) => state === route.show);
    const shown =
      filter === undefined
        ? inNamespace
        : inNamespace.filter((device) => this.#stateOf(device, nowMs) === filter.state);
    // A camera deleted while it was watched says so for a while, in its place at the end.
    const gone = [...data.removed.values()]
      .filter(({ atMs, device }) => nowMs - atMs < GONE_SHOWN_MS && this.#views.has(device.id))
      .map(({ device }) => device);
    const cameras = filter === undefined ? [...shown, ...gone] : shown;

    const phone = TkWall.isPhone;
    const perPage = phone
      ? Math.max(1, cameras.length)
      : tilesPerPage(route.density, cameras.length, this.box, TkWall.gap(), innerWidth);
    const place = paging(cameras.length, perPage, route.number);
    const tiles = cameras.slice(place.first, place.end).map((device): WallTile => {
      const feed = context.media.feed(device);
      const view = currentView(context, feed, device.id, this.playing.has(device.id));
      return {
        id: device.id,
        name: device.name,
        namespace: several ? device.namespace : null,
        watching: device.media.watching,
        feed,
        view,
      };
    });
    this.#remember(tiles, nowMs);
    const places = this.box.width === 0 ? perPage : Math.min(perPage, Math.max(tiles.length, perPage));
    return html`
      ${this.#header(inNamespace.length, counts, place, cameras.length, several ? namespaces : [])}
      <slot name="notice"></slot>
      <main id="main" tabindex="-1" @pointermove=${this.#stirred}>
        <div class="filters phone-only" role="group" aria-label="Show">
          <div class="row close">${this.#filters(inNamespace.length, counts)}</div>
        </div>
        ${
          all.length === 0 && gone.length === 0
            ? emptyWall(context)
            : cameras.length === 0
              ? this.#nothingMatches(filter?.word ?? 'here', inNamespace.length)
              : html`<tk-wall
                  .tiles=${tiles}
                  .places=${places}
                  .oneColumn=${this.oneColumn}
                  .label=${`Wall of ${counted(tiles.length, 'camera')}`}
                  @box=${(event: CustomEvent<Box>) => {
                    this.box = event.detail;
                  }}
                  @playing=${(event: CustomEvent<ReadonlySet<string>>) => {
                    this.playing = event.detail;
                  }}
                  @open=${(event: CustomEvent<string>) => {
                    context.lastCamera = event.detail;
                    context.navigate(cameraPath(event.detail));
                  }}
                  @act=${(event: CustomEvent<{ id: string; action: TileAction }>) => {
                    this.#act(event.detail.id, event.detail.action);
                  }}
                  @snapshot=${(event: CustomEvent<string | null>) => {
                    this.#snapshotSaved(event.detail);
                  }}
                ></tk-wall>`
        }
      </main>
    `;
  }

  #snapshotSaved(name: string | null): void {
    this.context.tell(
      name === null
        ? { kind: 'idle', title: 'There is no picture to save.', text: 'Try again when it is live.' }
        : { kind: 'live', title: `Snapshot saved as ${name}.`, text: 'It is in your downloads.' },
    );
  }

  /** Views are kept for the counts, and their changes are announced. */
  #remember(tiles: WallTile[], nowMs: number): void {
    this.#views = new Map(tiles.map((tile) => [tile.id, tile.view]));
    for (const { id, view } of tiles) {
      if (view === null || view.row === 9) continue;
      const key = view.row === 11 && view.says === null ? 'starting' : String(view.row);
      this.context.announcements.enter(id, key, view.says, nowMs);
    }
  }

  #loading(): TemplateResult {
    return html`<header class="tk-header"><h1>Wall</h1></header>
      <slot name="notice"></slot>
      <main id="main" tabindex="-1" aria-busy="true">
        <p class="sr">Loading the cameras</p>
      </main>`;
  }

  #nothingMatches(word: string, total: number): TemplateResult {
    return html`<div class="tk-empty">
      <h2>No camera is ${word}</h2>
      <p>${total === 1 ? 'The only camera is' : `All ${String(total)} cameras are`} in another state.</p>
      <div class="row">
        <button
          class="tk-button"
          @click=${() => {
            this.#go({ show: null, number: 0 });
          }}
        >
          Show all
        </button>
      </div>
    </div>`;
  }

  #filters(total: number, counts: Map<StateName, number>): TemplateResult[] {
    const { show } = this.route;
    const button = (state: string | null, content: unknown): TemplateResult =>
      html`<button
        class="tk-filter"
        aria-pressed=${show === state}
        @click=${() => {
          this.#go({ show: state, number: 0 });
        }}
      >
        ${content}
      </button>`;
    return [
      button(null, html`All <b>${total}</b>`),
      ...FILTERS.filter(({ state }) => (counts.get(state) ?? 0) > 0 || show === state).map(
        ({ state, word }) => button(state, html`${glyph(state)}<b>${counts.get(state) ?? 0}</b> ${word}`),
      ),
    ];
  }

  #header(
    total: number,
    counts: Map<StateName, number>,
    place: Paging,
    cameras: number,
    namespaces: string[],
  ): TemplateResult {
    const { route, context } = this;
    const range =
      place.end - place.first === 1
        ? `${String(place.end)} of ${String(cameras)}`
        : `${String(place.first + 1)}–${String(place.end)} of ${String(cameras)}`;
    return html`<header class="tk-header">
      <h1>Wall</h1>
      ${
        namespaces.length === 0
          ? nothing
          : html`<label class="ns"
              >${icon('i-namespace')}<span class="sr">Namespace</span
              ><select
                @change=${(event: Event) => {
                  const { value } = event.target as HTMLSelectElement;
                  this.#go({ namespace: value === '' ? null : value, number: 0 });
                }}
              >
                <option value="" ?selected=${route.namespace === null}>All namespaces</option>
                ${namespaces.map(
                  (name) =>
                    html`<option value=${name} ?selected=${route.namespace === name}>${name}</option>`,
                )}
              </select></label
            >`
      }
      <div class="row close desk" role="group" aria-label="Show">${this.#filters(total, counts)}</div>
      <span class="grow"></span>
      ${
        place.pages < 2
          ? nothing
          : html`<div class="row close desk small muted">
              <button
                class="tk-button icon ghost"
                aria-label="Previous page (Page Up)"
                title="Previous page (Page Up)"
                ?disabled=${place.page === 0}
                @click=${() => {
                  this.#go({ number: place.page - 1 });
                }}
              >
                ${icon('i-left')}</button
              ><span class="nowrap">${range}</span
              ><button
                class="tk-button icon ghost"
                aria-label="Next page (Page Down)"
                title="Next page (Page Down)"
                ?disabled=${place.page === place.pages - 1}
                @click=${() => {
                  this.#go({ number: place.page + 1 });
                }}
              >
                ${icon('i-right')}
              </button>
            </div>`
      }
      <div class="tk-segmented desk" role="radiogroup" aria-label="Cameras per page">
        ${DENSITIES.map(
          (density) =>
            html`<button
              role="radio"
              aria-checked=${route.density === density}
              @click=${() => {
                this.#go({ density, number: 0 });
              }}
            >
              ${density === 'auto' ? 'Auto' : density}
            </button>`,
        )}
      </div>
      <button
        class="tk-button icon ghost desk"
        aria-label="Fill the screen (F)"
        title="Fill the screen (F)"
        @click=${() => {
          this.#fill();
        }}
      >
        ${icon('i-full')}
      </button>
      <button
        class="tk-button icon ghost phone-only"
        aria-label=${this.oneColumn ? 'Two columns' : 'One column'}
        @click=${() => {
          this.oneColumn = !this.oneColumn;
        }}
      >
        ${icon(this.oneColumn ? 'i-wall' : 'i-stats')}
      </button>
      ${
        context.mayEdit
          ? html`<a class="tk-button primary desk" href="/cameras/new" @click=${this.#add}
                >${icon('i-plus')}Add camera</a
              ><a
                class="tk-button icon primary phone-only"
                href="/cameras/new"
                aria-label="Add camera"
                @click=${this.#add}
                >${icon('i-plus')}</a
              >`
          : nothing
      }
    </header>`;
  }

  readonly #add = (event: Event): void => {
    event.preventDefault();
    this.context.navigate('/cameras/new');
  };

  static override styles = [base, page, wallPageStyles];
}
customElements.define('tk-wall-page', TkWallPage);
