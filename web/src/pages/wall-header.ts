/** Head of the wall: namespace, counts by state, pages, density. Templates of plain data. */
import { html, nothing, type TemplateResult } from 'lit';
import type { Route } from '../actions/route.ts';
import type { StateName } from '../actions/tile-facts.ts';
import { DENSITIES, type Paging } from '../actions/wall-layout.ts';
import { glyph, icon } from '../components/icon.ts';

export type WallRoute = Extract<Route, { page: 'wall' }>;

export const FILTERS: { state: StateName; word: string }[] = [
  { state: 'live', word: 'live' },
  { state: 'degraded', word: 'degraded' },
  { state: 'error', word: 'failed' },
  { state: 'connecting', word: 'connecting' },
  { state: 'idle', word: 'ready' },
  { state: 'offline', word: 'offline' },
  { state: 'unknown', word: 'unknown' },
];

/** All, and a button for each state that some camera has. */
export function stateFilters(options: {
  total: number;
  counts: ReadonlyMap<StateName, number>;
  show: string | null;
  choose: (show: string | null) => void;
}): TemplateResult[] {
  const { total, counts, show, choose } = options;
  const button = (state: string | null, content: unknown): TemplateResult =>
    html`<button
      class="tk-filter"
      aria-pressed=${show === state}
      @click=${() => {
        choose(state);
      }}
    >
      ${content}
    </button>`;
  return [
    button(null, html`All <b>${total}</b>`),
    ...FILTERS.filter(({ state }) => (counts.get(state) ?? 0) > 0 || show === state).map(({ state, word }) =>
      button(state, html`${glyph(state)}<b>${counts.get(state) ?? 0}</b> ${word}`),
    ),
  ];
}

export type WallHeader = {
  route: WallRoute;
  filters: TemplateResult[];
  place: Paging;
  /** Those that the filter lets through, on all pages. */
  cameras: number;
  /** To choose from; none where there is one only. */
  namespaces: readonly string[];
  oneColumn: boolean;
  mayAdd: boolean;
  go: (change: Partial<WallRoute>) => void;
  fill: () => void;
  turnColumns: () => void;
  add: (event: MouseEvent) => void;
};

export function wallHeader(view: WallHeader): TemplateResult {
  const { route, filters, oneColumn, fill, turnColumns, go } = view;
  return html`<header class="tk-header">
    <h1>Wall</h1>
    ${namespaceChoice(view)}
    <div class="row close desk" role="group" aria-label="Show">${filters}</div>
    <span class="grow"></span>
    ${pageButtons(view)}
    <div class="tk-segmented desk" role="radiogroup" aria-label="Cameras per page">
      ${DENSITIES.map(
        (density) =>
          html`<button
            role="radio"
            aria-checked=${route.density === density}
            @click=${() => {
              go({ density, number: 0 });
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
      @click=${fill}
    >
      ${icon('i-full')}
    </button>
    <button
      class="tk-button icon ghost phone-only"
      aria-label=${oneColumn ? 'Two columns' : 'One column'}
      @click=${turnColumns}
    >
      ${icon(oneColumn ? 'i-wall' : 'i-stats')}
    </button>
    ${addButtons(view)}
  </header>`;
}

function namespaceChoice({ namespaces, route, go }: WallHeader): TemplateResult | typeof nothing {
  if (namespaces.length === 0) return nothing;
  return html`<label class="ns"
    >${icon('i-namespace')}<span class="sr">Namespace</span
    ><select
      @change=${(event: Event) => {
        const { value } = event.target as HTMLSelectElement;
        go({ namespace: value === '' ? null : value, number: 0 });
      }}
    >
      <option value="" ?selected=${route.namespace === null}>All namespaces</option>
      ${namespaces.map(
        (name) => html`<option value=${name} ?selected=${route.namespace === name}>${name}</option>`,
      )}
    </select></label
  >`;
}

function pageButtons({ place, cameras, go }: WallHeader): TemplateResult | typeof nothing {
  if (place.pages < 2) return nothing;
  const range =
    place.end - place.first === 1
      ? `${String(place.end)} of ${String(cameras)}`
      : `${String(place.first + 1)}–${String(place.end)} of ${String(cameras)}`;
  return html`<div class="row close desk small muted">
    <button
      class="tk-button icon ghost"
      aria-label="Previous page (Page Up)"
      title="Previous page (Page Up)"
      ?disabled=${place.page === 0}
      @click=${() => {
        go({ number: place.page - 1 });
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
        go({ number: place.page + 1 });
      }}
    >
      ${icon('i-right')}
    </button>
  </div>`;
}

function addButtons({ mayAdd, add }: WallHeader): TemplateResult | typeof nothing {
  if (!mayAdd) return nothing;
  return html`<a class="tk-button primary desk" href="/cameras/new" @click=${add}
      >${icon('i-plus')}Add camera</a
    ><a class="tk-button icon primary phone-only" href="/cameras/new" aria-label="Add camera" @click=${add}
      >${icon('i-plus')}</a
    >`;
}
