/** What flows through this host: plots of the last minutes, hour, day or week; each service, what was dropped, the host. */
import { css, html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import type { LoadHistory } from '../../../daemon/contract/load.ts';
import type { LiveData } from '../actions/live-state.ts';
import {
  isBehind,
  pastPlots,
  plots,
  plotSentence,
  SPANS,
  tableRows,
  type Plot,
} from '../actions/load-plots.ts';
import { newest, scaleTop, shownSpanMs } from '../actions/load-view.ts';
import { sortedNamespaces } from '../actions/namespace-view.ts';
import { METRICS_SPANS, metricsPath, type MetricsSpan, type Route } from '../actions/route.ts';
import { duration } from '../actions/wording.ts';
import { loadState } from '../components/access-parts.ts';
import { follow } from '../components/app-navigation.ts';
import { LoadController } from '../components/load-controller.ts';
import { Loader } from '../components/loader.ts';
import { meterStyles } from '../components/meter.ts';
import { plot, plotStyles } from '../components/plot.ts';
import { WatchController } from '../components/watch-controller.ts';
import type { ConsoleContext } from '../console-context.ts';
import { base } from '../styles/base.ts';
import { card } from '../styles/card.ts';
import { columns } from '../styles/columns.ts';
import { field } from '../styles/field.ts';
import { keyValue } from '../styles/key-value.ts';
import { page } from '../styles/page.ts';
import { tableStyles } from '../styles/table.ts';
import { forbidden } from './forbidden.ts';
import { freshness, hostCard, loadCardStyles } from './load-cards.ts';
import { dropsCard, metricsTableStyles, servicesCard, type Now } from './metrics-tables.ts';

const VIEWS = [
  ['plots', 'Plots'],
  ['table', 'Table'],
] as const;
const CHOICES = METRICS_SPANS.map(
  (span) => [span, SPANS.find((one) => one.span === span)?.label ?? '10 min'] as const,
);

/** A daemon that records nothing new is not asked without end. */
const AGAIN_MS = 30_000;

export class TkMetricsPage extends LitElement {
  static override properties = { context: { attribute: false }, route: { attribute: false } };
  declare context: ConsoleContext;
  declare route: Route & { page: 'metrics' };
  readonly #load: LoadController;
  readonly #past: Loader<LoadHistory | null>;
  #askedMs = 0;

  constructor() {
    super();
    this.#past = new Loader(
      this,
      () => this.context,
      () => {
        const { span } = this.route;
        return span === 'live' || !this.context.mayOperate
          ? Promise.resolve(null)
          : this.context.api.host.loadHistory(span);
      },
    );
    this.#load = new LoadController(this, () => this.context);
    new WatchController(this, () => [
      this.context.live.on('data', () => {
        this.requestUpdate();
      }),
    ]);
  }

  focusMain(): void {
    this.renderRoot.querySelector<HTMLElement>('main')?.focus();
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    const before = changed.get('route');
    if (before !== undefined && before.span !== this.route.span) void this.#past.load();
  }

  protected override updated(): void {
    // The live numbers come by themselves; they tell when the past has grown.
    const { history } = this;
    const { newest: live } = this.#load;
    if (history === null || live === undefined || live.atMs - this.#askedMs < AGAIN_MS) return;
    if (!isBehind(history, live)) return;
    this.#askedMs = live.atMs;
    void this.#past.load();
  }

  /** Of the chosen span; null while it is live, or not there yet. */
  get history(): LoadHistory | null {
    const { value } = this.#past;
    return value?.span === this.route.span ? value : null;
  }

  #show(change: Partial<Pick<TkMetricsPage['route'], 'namespace' | 'view' | 'span'>>): void {
    const { namespace, view, span } = this.route;
    this.context.navigate(metricsPath({ namespace, view, span, ...change }), { replace: true });
  }

  protected override render(): unknown {
    const { context } = this;
    const { data } = context.live;
    if (data !== null && !context.mayOperate) return forbidden(context, 'Metrics');
    const waits = data === null || this.#load.newest === undefined;
    return html`<header class="tk-header">
        <h1>Metrics</h1>
        ${freshness(this.#load.oldSinceMs, context.timers.now())}
        <span class="grow"></span>
        ${data === null || data.namespaces.size === 0 ? nothing : this.#choices(data)}
      </header>
      <slot name="notice"></slot>
      <main id="main" tabindex="-1" aria-label="Metrics" aria-busy=${waits}>
        ${
          data === null
            ? html`<p class="sr">Loading the metrics</p>`
            : html`<div class="tk-page">
                ${data.namespaces.size === 0 ? this.#empty() : this.#content(data)}
              </div>`
        }
      </main>`;
  }

  #choices(data: LiveData): TemplateResult {
    const { namespace, view } = this.route;
    return html`<select
        class="tk-input choice"
        aria-label="Namespace"
        @change=${(event: Event) => {
          const { value } = event.target as HTMLSelectElement;
          this.#show({ namespace: value === '' ? null : value });
        }}
      >
        <option value="" ?selected=${namespace === null}>All namespaces</option>
        ${sortedNamespaces(data).map(
          ({ name }) => html`<option value=${name} ?selected=${namespace === name}>${name}</option>`,
        )}
      </select>
      ${this.#radios('Span', CHOICES, this.route.span, (span: MetricsSpan) => {
        this.#show({ span });
      })}
      ${this.#radios('View', VIEWS, view, (chosen: 'plots' | 'table') => {
        this.#show({ view: chosen });
      })}`;
  }

  #radios<Name extends string>(
    label: string,
    choices: readonly (readonly [Name, string])[],
    chosen: Name,
    choose: (name: Name) => void,
  ): TemplateResult {
    return html`<div class="tk-segmented" role="radiogroup" aria-label=${label}>
      ${choices.map(
        ([name, text]) =>
          html`<button
            role="radio"
            aria-checked=${chosen === name}
            @click=${() => {
              choose(name);
            }}
          >
            ${text}
          </button>`,
      )}
    </div>`;
  }

  #empty(): TemplateResult {
    const { context } = this;
    return html`<div class="tk-empty">
      <h2>Nothing to measure yet</h2>
      <p>Numbers appear here as soon as a namespace has WebRTC on.</p>
      <div class="row">
        <a class="tk-button" href="/namespaces" @click=${follow(context, '/namespaces')}>Namespaces</a>
      </div>
    </div>`;
  }

  #content(data: LiveData): TemplateResult {
    const { context } = this;
    const { namespace } = this.route;
    if (namespace !== null && !data.namespaces.has(namespace)) {
      return html`<div class="tk-empty">
        <h2>There is no namespace called “${namespace}”</h2>
        <div class="row">
          <button
            class="tk-button"
            @click=${() => {
              this.#show({ namespace: null });
            }}
          >
            All namespaces
          </button>
        </div>
      </div>`;
    }
    const { samples } = this.#load;
    const nowMs = context.timers.now();
    const now: Now = {
      ...{ samples, namespace, nowMs },
      spanMs: shownSpanMs(samples, nowMs),
      old: this.#load.oldSinceMs !== null,
    };
    return html`${this.#flows(now)} ${servicesCard(now)} ${dropsCard(now)}
    ${hostCard(samples.at(-1)?.load.host ?? null, nowMs)}`;
  }

  #flows(now: Now): TemplateResult {
    const { namespace, view, span } = this.route;
    const { history } = this;
    const live = span === 'live';
    if (!live && history === null) {
      return html`<section class="tk-card">
        ${loadState(this.#past, 'the metrics of that time')}
        ${this.#past.problem === null && this.#past.value !== null ? html`<p class="body small faint" role="status">Asking for that time.</p>` : nothing}
      </section>`;
    }
    const current = plots(now.samples, namespace);
    const all = history === null ? current : pastPlots(history, namespace);
    if (view === 'table') return this.#table(all, now, live);
    const spanMs = SPANS.find((one) => one.span === span)?.ms ?? now.spanMs;
    return html`<div class="cols two">
      ${all.map((one, at) => this.#plot(one, current[at]?.points ?? [], { ...now, spanMs }))}
    </div>`;
  }

  #plot(one: Plot, current: Plot['points'], { nowMs, spanMs, old }: Now): TemplateResult {
    const { id, title, about, points, floor, text } = one;
    // Old numbers are in the line; nothing says that they are those of now.
    const now = old ? null : newest(current);
    const top = scaleTop(points, floor);
    return html`<section class="tk-card" aria-labelledby=${id}>
      <header>
        <h2 id=${id}>${title}</h2>
        <span class="faint tiny grow">${about}</span>
        <span class="now">${now === null ? '–' : text(now)}</span>
      </header>
      <div class="body">
        <div class="faint tiny axis"><span>${text(top)}</span></div>
        ${plot(plotSentence(one, now), points, { nowMs, spanMs, top, height: 120 })}
        <div class="faint tiny axis"><span>${duration(spanMs)} ago</span><span>now</span></div>
      </div>
    </section>`;
  }

  #table(all: readonly Plot[], { nowMs }: Now, live: boolean): TemplateResult {
    const rows = tableRows(all, { live, nowMs });
    return html`<section class="tk-card" aria-labelledby="numbers">
      <header><h2 id="numbers">Numbers</h2></header>
      ${
        rows.length === 0
          ? html`<p class="body small faint">Asking the services.</p>`
          : html`<table class="tk-table">
              <thead>
                <tr>
                  <th scope="col">Time</th>
                  ${all.map(({ title }) => html`<th scope="col" class="num">${title}</th>`)}
                </tr>
              </thead>
              <tbody>
                ${rows.map(
                  ({ time, cells }) =>
                    html`<tr>
                      <th scope="row" class="nowrap">${time}</th>
                      ${cells.map(
                        (cell, at) =>
                          html`<td class="num nowrap">
                            <span class="phone-only faint">${all[at]?.title} </span>${cell}
                          </td>`,
                      )}
                    </tr>`,
                )}
              </tbody>
            </table>`
      }
    </section>`;
  }

  static override styles = [
    base,
    page,
    card,
    field,
    columns,
    tableStyles,
    plotStyles,
    meterStyles,
    keyValue,
    loadCardStyles,
    metricsTableStyles,
    css`
      .choice {
        width: auto;
        max-width: 200px;
        height: var(--tk-control);
        font-size: var(--tk-size-3);
      }
      .now {
        font-size: var(--tk-size-5);
        line-height: var(--tk-lead-5);
        font-weight: var(--tk-weight-strong);
        white-space: nowrap;
      }
      .axis {
        display: flex;
        justify-content: space-between;
      }
      .body .plot {
        display: block;
        height: 120px;
        border-bottom: 1px solid var(--tk-line);
        margin-bottom: 4px;
      }
    `,
  ];
}
customElements.define('tk-metrics-page', TkMetricsPage);
