/** The audit: its lines with filters, page by page, and whether it was changed. */
import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import type { AuditEntry, AuditQuery, AuditVerification } from '../../../daemon/contract/audit.ts';
import type { ApiKey } from '../../../daemon/contract/identity.ts';
import {
  actionText,
  AUDIT_ACTIONS,
  auditLine,
  byDay,
  fingerprint,
  verificationText,
  type Names,
} from '../actions/audit-view.ts';
import { sortedNamespaces } from '../actions/namespace-view.ts';
import { clock, dayAndTime } from '../actions/wording.ts';
import type { ConsoleContext } from '../console-context.ts';
import { accessStyles } from '../styles/access.ts';
import { base } from '../styles/base.ts';
import { card } from '../styles/card.ts';
import { field } from '../styles/field.ts';
import { tableStyles } from '../styles/table.ts';
import { loadState } from './access-parts.ts';
import { stateWord } from './icon.ts';
import { Loader } from './loader.ts';
import { saveFile } from './save-file.ts';
import './tk-notice.ts';

const PAGE_LINES = 50;
const EXPORT_LINES = 1000;
const RESULTS = [
  [undefined, 'All'],
  ['ok', 'Done'],
  ['refused', 'Refused'],
  ['failed', 'Failed'],
] as const;

type Filter = Pick<AuditQuery, 'actor' | 'action' | 'namespace' | 'outcome'>;
type Page = { items: AuditEntry[]; next: number | null };

export class TkAudit extends LitElement {
  static override properties = {
    context: { attribute: false },
    filter: { state: true },
    verified: { state: true },
    verifying: { state: true },
  };
  declare context: ConsoleContext;
  declare filter: Filter;
  declare verified: { result: AuditVerification; atMs: number } | null;
  declare verifying: boolean;
  readonly #page: Loader<Page>;
  /** Names of API keys, once asked for: lines name them by id. */
  #keys: readonly ApiKey[] = [];

  constructor() {
    super();
    this.filter = {};
    this.verified = null;
    this.verifying = false;
    this.#page = new Loader(
      this,
      () => this.context,
      async () => {
        const [page] = await Promise.all([
          this.context.api.access.audit({ ...this.#query, limit: PAGE_LINES }),
          this.#loadKeys(),
        ]);
        return page;
      },
    );
  }

  get #query(): Filter {
    return Object.fromEntries(Object.entries(this.filter).filter(([, value]) => value !== undefined));
  }

  /** The page's header has the button. */
  async export(): Promise<void> {
    try {
      const { items } = await this.context.api.access.audit({ ...this.#query, limit: EXPORT_LINES });
      const name = `turnkeep-audit-${new Date(this.context.timers.now()).toISOString().slice(0, 10)}.json`;
      saveFile(name, new Blob([JSON.stringify(items, null, 2)], { type: 'application/json' }));
      this.context.say(`Saved as ${name}`);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      this.context.tell({ kind: 'error', title: 'The audit was not exported.', text });
    }
  }

  async #loadKeys(): Promise<void> {
    const { data } = this.context.live;
    const names = data === null ? [] : sortedNamespaces(data).map(({ name }) => name);
    const lists = await Promise.allSettled(names.map((name) => this.context.api.access.apiKeys(name)));
    // A name that is not known stays an id.
    this.#keys = lists.flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
  }

  get #names(): Names {
    const { data } = this.context.live;
    return {
      names: new Map([
        ...[...(data?.devices.values() ?? [])].map(({ id, name }) => [id, name] as const),
        ...this.#keys.map(
          ({ id, name, namespace }) => [`key:${id}`, `${name} (key of ${namespace})`] as const,
        ),
      ]),
    };
  }

  #choose(change: Partial<Filter>): void {
    this.filter = { ...this.filter, ...change };
    void this.#page.load();
  }

  async #more(): Promise<void> {
    const { value } = this.#page;
    if (value?.next === null || value === null || this.#page.busy) return;
    this.#page.busy = true;
    this.requestUpdate();
    try {
      const { items, next } = await this.context.api.access.audit({
        ...this.#query,
        limit: PAGE_LINES,
        before: value.next,
      });
      this.#page.value = { items: [...value.items, ...items], next };
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      this.context.tell({ kind: 'error', title: 'The older lines did not come.', text });
    } finally {
      this.#page.busy = false;
      this.requestUpdate();
    }
  }

  async #verify(): Promise<void> {
    if (this.verifying) return;
    this.verifying = true;
    try {
      const result = await this.context.api.access.verifyAudit();
      this.verified = { result, atMs: this.context.timers.now() };
      this.context.say(verificationText(result).title);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      this.context.tell({ kind: 'error', title: 'The audit could not be verified.', text });
    } finally {
      this.verifying = false;
    }
  }

  protected override render(): unknown {
    const { value } = this.#page;
    return html`${this.#verification()} ${this.#filters()}
    ${
      value === null || this.#page.problem !== null
        ? html`<section class="tk-card" aria-label="Audit" aria-busy="true">
            ${loadState(this.#page, 'the audit')}
          </section>`
        : nothing
    }
    ${value === null ? nothing : this.#lines(value)}`;
  }

  #verification(): TemplateResult {
    const { verified } = this;
    const nowMs = this.context.timers.now();
    const told = verified === null ? null : verificationText(verified.result);
    const mark = verified?.result.mark ?? null;
    const when = verified === null ? '' : `Checked ${dayAndTime(verified.atMs, nowMs)}.`;
    const newest = mark === null ? '' : ` Newest fingerprint: ${fingerprint(mark)}.`;
    return html`<tk-notice
      .lasting=${true}
      .notice=${{
        kind: told?.kind ?? ('idle' as const),
        title: told?.title ?? 'Each line of the audit proves the one before it.',
        text:
          told === null
            ? 'Verify reads every line and says whether one was changed, moved or taken away.'
            : `${when}${newest} ${told.text}`,
        action: {
          label: this.verifying ? 'Verifying' : 'Verify now',
          run: () => {
            void this.#verify();
          },
        },
      }}
    ></tk-notice>`;
  }

  #filters(): TemplateResult {
    const { filter } = this;
    const { data } = this.context.live;
    return html`<form
      class="row wrap filters"
      role="search"
      aria-label="Audit"
      @submit=${(event: Event) => {
        event.preventDefault();
      }}
    >
      <input
        class="tk-input"
        type="search"
        aria-label="Person"
        placeholder="Person, exactly"
        maxlength="128"
        spellcheck="false"
        autocapitalize="none"
        @change=${(event: Event) => {
          const value = (event.target as HTMLInputElement).value.trim();
          this.#choose({ actor: value === '' ? undefined : value });
        }}
      />
      <select
        class="tk-input"
        aria-label="What was done"
        @change=${(event: Event) => {
          const { value } = event.target as HTMLSelectElement;
          this.#choose({ action: value === '' ? undefined : value });
        }}
      >
        <option value="">Everything</option>
        ${AUDIT_ACTIONS.map((action) => html`<option value=${action}>${actionText(action)}</option>`)}
      </select>
      <select
        class="tk-input"
        aria-label="Namespace"
        @change=${(event: Event) => {
          const { value } = event.target as HTMLSelectElement;
          this.#choose({ namespace: value === '' ? undefined : value });
        }}
      >
        <option value="">All namespaces</option>
        ${data === null ? nothing : sortedNamespaces(data).map(({ name }) => html`<option value=${name}>${name}</option>`)}
      </select>
      <div class="tk-segmented" role="radiogroup" aria-label="Result">
        ${RESULTS.map(
          ([outcome, label]) =>
            html`<button
              type="button"
              role="radio"
              aria-checked=${filter.outcome === outcome}
              @click=${() => {
                this.#choose({ outcome });
              }}
            >
              ${label}
            </button>`,
        )}
      </div>
    </form>`;
  }

  #lines({ items, next }: Page): TemplateResult {
    if (items.length === 0) {
      const filtered = Object.keys(this.#query).length > 0;
      return html`<div class="tk-empty">
        <h2>${filtered ? 'Nothing matches' : 'Nothing has happened yet'}</h2>
        <p>
          ${filtered ? 'No line of the audit is of this kind.' : 'What people do and see is written down here.'}
        </p>
      </div>`;
    }
    const names = this.#names;
    return html`${byDay(items, this.context.timers.now()).map(
      ({ title, entries }) =>
        html`<section class="tk-card" aria-label=${title}>
          <header><h2>${title}</h2></header>
          <table class="tk-table">
            <caption class="sr">
              ${title}
            </caption>
            <tbody>
              ${repeat(
                entries,
                ({ seq }) => seq,
                (entry) => this.#line(entry, names),
              )}
            </tbody>
          </table>
        </section>`,
    )}
    ${
      next === null
        ? nothing
        : html`<div class="row">
            <button
              class="tk-button"
              aria-disabled=${this.#page.busy}
              @click=${() => {
                void this.#more();
              }}
            >
              Older lines
            </button>
          </div>`
    }`;
  }

  #line(entry: AuditEntry, names: Names): TemplateResult {
    const { who, before, object, after, detail, refusal } = auditLine(entry, names);
    return html`<tr>
      <td class="faint nowrap time" title="Line ${entry.seq}, ${entry.action}">
        ${clock(Date.parse(entry.at))}
      </td>
      <th scope="row" class="who"><span class="medium">${who}</span></th>
      <td>
        ${before} ${object === '' ? nothing : html`<span class="medium">${object}</span>`}${after}
        ${refusal === null ? nothing : html`<span class="mark">${stateWord(refusal.state, refusal.label)}</span>`}
      </td>
      <td class="muted small">${detail}</td>
    </tr>`;
  }

  static override styles = [
    base,
    card,
    field,
    tableStyles,
    accessStyles,
    css`
      .filters .tk-input {
        width: auto;
        max-width: 220px;
        height: var(--tk-control);
        font-size: var(--tk-size-3);
      }
      .time {
        width: 92px;
      }
      .who {
        width: 22%;
        overflow-wrap: anywhere;
      }
      .tk-table td:last-child {
        width: 30%;
        overflow-wrap: anywhere;
      }
      .mark {
        margin-left: 8px;
        --gap: var(--tk-surface);
      }
      @media (max-width: 639px) {
        .time,
        .who,
        .tk-table td:last-child {
          width: auto;
        }
        .time {
          grid-column: 2;
          grid-row: 1;
        }
        .filters .tk-input {
          max-width: none;
          width: 100%;
        }
      }
    `,
  ];
}
customElements.define('tk-audit', TkAudit);
