/** What flows through this host: plots of the last ten minutes, each service's CPU and memory, what was dropped. */
import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import type { LiveData } from '../actions/live-state.ts';
import {
  cpuText,
  dropRows,
  newest,
  plots,
  plotSentence,
  scaleTop,
  serviceRows,
  shownSpanMs,
  tableRows,
  type Plot,
  type ServiceRow,
} from '../actions/load-view.ts';
import { sortedNamespaces } from '../actions/namespace-view.ts';
import { metricsPath, type Route } from '../actions/route.ts';
import { bytes } from '../actions/turn-view.ts';
import { clock, duration, grouped } from '../actions/wording.ts';
import { follow } from '../components/app-navigation.ts';
import { okWord, stateWord } from '../components/icon.ts';
import { LoadController } from '../components/load-controller.ts';
import { meterStyles } from '../components/meter.ts';
import { plot, plotStyles } from '../components/plot.ts';
import { WatchController } from '../components/watch-controller.ts';
import type { ConsoleContext } from '../console-context.ts';
import { columns } from '../styles/columns.ts';
import { keyValue } from '../styles/key-value.ts';
import { base } from '../styles/base.ts';
import { card } from '../styles/card.ts';
import { field } from '../styles/field.ts';
import { page } from '../styles/page.ts';
import { tableStyles } from '../styles/table.ts';
import { forbidden } from './forbidden.ts';
import { freshness, hostCard, loadCardStyles } from './load-cards.ts';

const VIEWS = [
  ['plots', 'Plots'],
  ['table', 'Table'],
] as const;

export class TkMetricsPage extends LitElement {
  static override properties = { context: { attribute: false }, route: { attribute: false } };
  declare context: ConsoleContext;
  declare route: Route & { page: 'metrics' };
  readonly #load: LoadController;

  constructor() {
    super();
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

  #show(change: Partial<Pick<TkMetricsPage['route'], 'namespace' | 'view'>>): void {
    const { namespace, view } = this.route;
    this.context.navigate(metricsPath({ namespace, view, ...change }), { replace: true });
  }

  protected override render(): unknown {
    const { context } = this;
    const { data } = context.live;
    if (data !== null && !context.mayOperate) return forbidden(context, 'Metrics');
    const waits = data === null || this.#load.newest === undefined;
    return html`<header class="tk-header">
        <h1>Metrics</h1>
        <span class="faint small nowrap desk">live, up to 10 minutes back</span>
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
      <div class="tk-segmented" role="radiogroup" aria-label="View">
        ${VIEWS.map(
          ([name, label]) =>
            html`<button
              role="radio"
              aria-checked=${view === name}
              @click=${() => {
                this.#show({ view: name });
              }}
            >
              ${label}
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
    const { namespace, view } = this.route;
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
    const all = plots(samples, namespace);
    return html`${view === 'table' ? this.#table(all) : html`<div class="cols two">${all.map((one) => this.#plot(one))}</div>`}
    ${this.#services(serviceRows(samples, namespace))} ${this.#drops()}
    ${hostCard(samples.at(-1)?.load.host ?? null, context.timers.now())}`;
  }

  #plot(one: Plot): TemplateResult {
    const { id, title, about, points, floor, text } = one;
    const nowMs = this.context.timers.now();
    const spanMs = shownSpanMs(this.#load.samples, nowMs);
    // Old numbers are in the line; nothing says that they are those of now.
    const now = this.#load.oldSinceMs === null ? newest(points) : null;
    const top = scaleTop(points, floor);
    return html`<section class="tk-card" aria-labelledby=${id}>
      <header>
        <h2 id=${id}>${title}</h2>
        <span class="faint tiny grow">${about}</span>
        <span class="now">${now === null ? '–' : text(now)}</span>
      </header>
      <div class="body">
        <div class="faint tiny axis"><span>${text(top)}</span></div>
        ${plot(plotSentence(one), points, { nowMs, spanMs, top, height: 120 })}
        <div class="faint tiny axis"><span>${duration(spanMs)} ago</span><span>now</span></div>
      </div>
    </section>`;
  }

  #table(all: readonly Plot[]): TemplateResult {
    const rows = tableRows(this.#load.samples, this.route.namespace);
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
                  ({ atMs, cells }) =>
                    html`<tr>
                      <th scope="row" class="nowrap">${clock(atMs)}</th>
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

  #services(rows: readonly ServiceRow[]): TemplateResult {
    return html`<section class="tk-card" aria-labelledby="services">
      <header>
        <h2 id="services" class="grow">Services</h2>
        <span class="faint tiny desk">CPU in percent of one processor</span>
      </header>
      ${
        rows.length === 0
          ? html`<p class="body small muted">
              ${this.#load.newest === undefined ? 'Asking the services.' : 'No service runs: WebRTC is off.'}
            </p>`
          : html`<table class="tk-table">
              <thead>
                <tr>
                  <th scope="col">Service</th>
                  <th scope="col">State</th>
                  <th scope="col" colspan="2">CPU</th>
                  <th scope="col" colspan="2">Memory</th>
                </tr>
              </thead>
              <tbody>
                ${rows.map((row) => this.#service(row))}
              </tbody>
            </table>`
      }
    </section>`;
  }

  #service({ namespace, service, answers, cpu, memory }: ServiceRow): TemplateResult {
    const nowMs = this.context.timers.now();
    const spanMs = shownSpanMs(this.#load.samples, nowMs);
    const name = `${service === 'turn' ? 'TURN' : 'SFU'} of ${namespace}`;
    const rss = newest(memory);
    const cpuNow = cpuText(newest(cpu));
    const rssNow = rss === null ? '–' : bytes(rss);
    return html`<tr>
      <th scope="row"><code class="small">turnkeep-${service}@${namespace}</code></th>
      <td>
        ${this.#load.oldSinceMs !== null ? stateWord('unknown', 'Not known') : answers ? okWord('Answers') : stateWord('error', 'No answer')}
      </td>
      <td class="num nowrap figure"><span class="phone-only faint">CPU </span>${cpuNow}</td>
      <td class="spark low">
        ${plot(`CPU of ${name}: ${cpuNow}`, cpu, { nowMs, spanMs, top: scaleTop(cpu, 5), height: 100 })}
      </td>
      <td class="num nowrap figure"><span class="phone-only faint">Memory </span>${rssNow}</td>
      <td class="spark low">
        ${plot(`Memory of ${name}: ${rssNow}`, memory, { nowMs, spanMs, top: scaleTop(memory, 1e8), height: 100 })}
      </td>
    </tr>`;
  }

  #drops(): TemplateResult {
    const rows = dropRows(this.#load.samples, this.route.namespace);
    const nowMs = this.context.timers.now();
    const spanMs = shownSpanMs(this.#load.samples, nowMs);
    return html`<section class="tk-card" aria-labelledby="drops">
      <header>
        <h2 id="drops" class="grow">Dropped packets</h2>
        <span class="faint tiny desk">By reason, since each service started</span>
      </header>
      ${
        rows.length === 0
          ? html`<p class="body small muted">
              ${this.#load.newest === undefined ? 'Asking the services.' : 'Nothing was dropped.'}
            </p>`
          : html`<table class="tk-table">
              <thead>
                <tr>
                  <th scope="col">Reason</th>
                  <th scope="col">Service</th>
                  <th scope="col" class="num">Packets</th>
                  <th scope="col" colspan="2">Now</th>
                </tr>
              </thead>
              <tbody>
                ${rows.map(({ service, text, total, points }) => {
                  const now = newest(points);
                  const told =
                    now === null ? '–' : `${now < 10 && now > 0 ? now.toFixed(1) : grouped(now)} per s`;
                  return html`<tr>
                    <th scope="row">${text}</th>
                    <td class="muted">${service === 'turn' ? 'TURN' : 'SFU'}</td>
                    <td class="num nowrap">
                      ${grouped(total)}<span class="phone-only faint"> packets</span>
                    </td>
                    <td class="num nowrap figure">${told}</td>
                    <td class="spark low">
                      ${plot(`${text}: ${told}`, points, { nowMs, spanMs, top: scaleTop(points, 1), height: 100 })}
                    </td>
                  </tr>`;
                })}
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
      .spark {
        width: 150px;
      }
      .spark .plot {
        height: 26px;
      }
      .figure {
        width: 1%;
      }
      @media (max-width: 639px) {
        .tk-table td.num {
          text-align: left;
        }
        .figure {
          width: auto;
        }
      }
    `,
  ];
}
customElements.define('tk-metrics-page', TkMetricsPage);
