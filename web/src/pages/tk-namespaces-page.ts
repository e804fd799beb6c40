/** Every namespace with its state; a new one is added in place. */
import { html, LitElement, nothing, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import type { Namespace } from '../../../daemon/contract/api.ts';
import type { LiveData } from '../actions/live-state.ts';
import { camerasOf, namespaceState, sortedNamespaces } from '../actions/namespace-view.ts';
import { namespacePath } from '../actions/route.ts';
import { dayAndTime } from '../actions/wording.ts';
import { follow } from '../components/app-navigation.ts';
import { icon, stateWord } from '../components/icon.ts';
import '../components/tk-form.ts';
import type { FormField, FormValues } from '../components/tk-form.ts';
import { WatchController } from '../components/watch-controller.ts';
import type { ConsoleContext } from '../console-context.ts';
import { base } from '../styles/base.ts';
import { card } from '../styles/card.ts';
import { page } from '../styles/page.ts';
import { tableStyles } from '../styles/table.ts';
import { forbidden } from './forbidden.ts';

const NAMESPACE_FIELDS: FormField[] = [
  {
    id: 'name',
    label: 'Name',
    hint: 'Small letters, digits and hyphens. One tenant each; the name cannot be changed.',
    kind: 'text',
    maxLength: 63,
  },
];

export class TkNamespacesPage extends LitElement {
  static override properties = {
    context: { attribute: false },
    adding: { state: true },
  };
  declare context: ConsoleContext;
  declare adding: boolean;

  constructor() {
    super();
    this.adding = false;
    new WatchController(this, () => [
      this.context.live.on('data', () => {
        this.requestUpdate();
      }),
    ]);
  }

  focusMain(): void {
    this.renderRoot.querySelector<HTMLElement>('main')?.focus();
  }

  handleKey(event: KeyboardEvent): boolean {
    if (event.key !== 'Escape' || !this.adding) return false;
    this.#close();
    return true;
  }

  #close(): void {
    this.adding = false;
    void this.updateComplete.then(() => {
      // The button of an empty list was away meanwhile.
      if (this.shadowRoot?.activeElement === null) this.focusMain();
    });
  }

  async #create({ name = '' }: FormValues): Promise<void> {
    await this.context.api.namespaces.create(name);
    this.context.say(`${name} is added`);
    this.context.navigate(namespacePath(name));
  }

  protected override render(): unknown {
    const { context } = this;
    const { data } = context.live;
    if (data !== null && !context.mayOperate) return forbidden(context, 'Namespaces');
    const all = data === null ? [] : sortedNamespaces(data);
    const mayAdd = context.mayOwn;
    return html`<header class="tk-header">
        <h1>Namespaces</h1>
        ${data === null ? nothing : html`<span class="faint small">${all.length}</span>`}
        <span class="grow"></span>
        ${
          mayAdd && all.length > 0
            ? html`<button
                class="tk-button primary"
                aria-expanded=${this.adding}
                @click=${() => {
                  this.adding = !this.adding;
                }}
              >
                ${icon('i-plus')}Add namespace
              </button>`
            : nothing
        }
      </header>
      <slot name="notice"></slot>
      <main id="main" tabindex="-1" aria-label="Namespaces" aria-busy=${data === null}>
        ${
          data === null
            ? html`<p class="sr">Loading the namespaces</p>`
            : html`<div class="tk-page">
                ${this.adding ? this.#form() : nothing}
                ${all.length === 0 ? this.#empty(mayAdd) : this.#table(data, all)}
              </div>`
        }
      </main>`;
  }

  #form(): TemplateResult {
    return html`<tk-form
      .heading=${'Add a namespace'}
      .verb=${'Add namespace'}
      .fields=${NAMESPACE_FIELDS}
      .run=${(values: FormValues) => this.#create(values)}
      @close=${() => {
        this.#close();
      }}
    ></tk-form>`;
  }

  #empty(mayAdd: boolean): TemplateResult | typeof nothing {
    if (this.adding) return nothing;
    return html`<div class="tk-empty">
      <h2>No namespace yet</h2>
      <p>
        A namespace is one tenant: cameras, rooms and viewers that nobody else sees.
        ${mayAdd ? '' : 'An owner can add one.'}
      </p>
      ${
        mayAdd
          ? html`<div class="row">
              <button
                class="tk-button primary"
                @click=${() => {
                  this.adding = true;
                }}
              >
                ${icon('i-plus')}Add namespace
              </button>
            </div>`
          : nothing
      }
    </div>`;
  }

  #table(data: LiveData, namespaces: Namespace[]): TemplateResult {
    return html`<div class="tk-card">
      <table class="tk-table">
        <thead>
          <tr>
            <th scope="col">Namespace</th>
            <th scope="col">State</th>
            <th scope="col" class="num">Cameras</th>
            <th scope="col">Added</th>
            <th scope="col"><span class="sr">Actions</span></th>
          </tr>
        </thead>
        <tbody>
          ${repeat(
            namespaces,
            ({ name }) => name,
            (namespace) => this.#row(data, namespace),
          )}
        </tbody>
      </table>
    </div>`;
  }

  #row(data: LiveData, namespace: Namespace): TemplateResult {
    const { context } = this;
    const { name, createdAt } = namespace;
    const { state, label } = namespaceState(namespace);
    const path = namespacePath(name);
    return html`<tr>
      <th scope="row"><a class="name" href=${path} @click=${follow(context, path)}>${name}</a></th>
      <td>${stateWord(state, label)}</td>
      <td class="num low">${camerasOf(data, name)}</td>
      <td class="muted nowrap low">${dayAndTime(Date.parse(createdAt), context.timers.now())}</td>
      <td class="act">
        <a
          class="tk-button ghost icon"
          href=${path}
          aria-label="Open ${name}"
          title="Open ${name}"
          @click=${follow(context, path)}
          >${icon('i-right')}</a
        >
      </td>
    </tr>`;
  }

  static override styles = [base, page, card, tableStyles];
}
customElements.define('tk-namespaces-page', TkNamespacesPage);
