/** The wall: header with counts by state, density and pages, and the grid. The address restores all of it. */
import { html, LitElement, type TemplateResult } from 'lit';
import type { Device } from '../../../daemon/contract/api.ts';
import { sortedDevices, wallState } from '../actions/live-state.ts';
import { cameraPath, wallPath } from '../actions/route.ts';
import type { StateName, TileAction, TileView } from '../actions/tile-facts.ts';
import { paging, tilesPerPage, type Box, type Density } from '../actions/wall-layout.ts';
import { counted } from '../actions/wording.ts';
import { follow } from '../components/app-navigation.ts';
import { FillController } from '../components/fill-controller.ts';
import { currentView, networkRequest } from '../components/tile-inputs.ts';
import { TkWall, type WallTile } from '../components/tk-wall.ts';
import { WatchController } from '../components/watch-controller.ts';
import type { ConsoleContext } from '../console-context.ts';
import { base } from '../styles/base.ts';
import { page } from '../styles/page.ts';
import { emptyWall } from './empty-wall.ts';
import { wallPageStyles } from './tk-wall-page-styles.ts';
import { FILTERS, stateFilters, wallHeader, type WallRoute } from './wall-header.ts';

const DENSITY_KEYS: Record<string, Density> = { '1': 1, '4': 4, '9': 9, '6': 16, '0': 'auto' };
const GONE_SHOWN_MS = 30_000;

export class TkWallPage extends LitElement {
  static override properties = {
    context: { attribute: false },
    route: { attribute: false },
    box: { state: true },
    oneColumn: { state: true },
    playing: { state: true },
  };
  declare context: ConsoleContext;
  declare route: WallRoute;
  declare box: Box;
  declare oneColumn: boolean;
  declare playing: ReadonlySet<string>;
  readonly #fill = new FillController(this, () => this.#wall);
  #views = new Map<string, TileView | null>();

  constructor() {
    super();
    this.box = { width: 0, height: 0 };
    this.oneColumn = false;
    this.playing = new Set();
    new WatchController(this, () => {
      const redraw = (): void => {
        this.requestUpdate();
      };
      const { live, media } = this.context;
      return [live.on('data', redraw), live.on('state', redraw), media.on('tick', redraw)];
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
        this.#fill.toggle();
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
    const filters = stateFilters({
      total: inNamespace.length,
      counts,
      show: route.show,
      choose: (show) => {
        this.#go({ show, number: 0 });
      },
    });
    return html`
      ${wallHeader({
        route,
        filters,
        place,
        cameras: cameras.length,
        namespaces: several ? namespaces : [],
        oneColumn: this.oneColumn,
        mayAdd: context.mayEdit,
        go: (change) => {
          this.#go(change);
        },
        fill: () => {
          this.#fill.toggle();
        },
        turnColumns: () => {
          this.oneColumn = !this.oneColumn;
        },
        add: follow(context, '/cameras/new'),
      })}
      <slot name="notice"></slot>
      <main id="main" tabindex="-1" @pointermove=${this.#fill.stirred}>
        <div class="filters phone-only" role="group" aria-label="Show">
          <div class="row close">${filters}</div>
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

  static override styles = [base, page, wallPageStyles];
}
customElements.define('tk-wall-page', TkWallPage);
