/** API keys of tenant applications: made and shown once, when they were used, revoked. */
import { html, LitElement, nothing, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import type { Role } from '../../../daemon/contract/api.ts';
import type { ApiKey } from '../../../daemon/contract/identity.ts';
import { sortedNamespaces } from '../actions/namespace-view.ts';
import { ago, dayAndTime } from '../actions/wording.ts';
import type { ConsoleContext } from '../console-context.ts';
import { accessStyles } from '../styles/access.ts';
import { base } from '../styles/base.ts';
import { card } from '../styles/card.ts';
import { tableStyles } from '../styles/table.ts';
import { loadState, madeCard, namespaceField, ROLE_FIELD, roleWord } from './access-parts.ts';
import { Loader } from './loader.ts';
import './tk-confirm.ts';
import './tk-form.ts';
import type { FormField, FormValues } from './tk-form.ts';

export class TkAccessKeys extends LitElement {
  static override properties = {
    context: { attribute: false },
    adding: { state: true },
    made: { state: true },
    revoking: { state: true },
  };
  declare context: ConsoleContext;
  declare adding: boolean;
  declare made: { apiKey: ApiKey; key: string } | null;
  /** Id of the key whose end is asked about. */
  declare revoking: string | null;
  readonly #keys: Loader<ApiKey[]>;

  constructor() {
    super();
    this.adding = false;
    this.made = null;
    this.revoking = null;
    this.#keys = new Loader(
      this,
      () => this.context,
      async () => {
        const { access } = this.context.api;
        return (await Promise.all(this.#namespaces.map((name) => access.apiKeys(name)))).flat();
      },
    );
  }

  get #namespaces(): string[] {
    const { data } = this.context.live;
    return data === null ? [] : sortedNamespaces(data).map(({ name }) => name);
  }

  begin(): void {
    this.adding = true;
  }

  back(): boolean {
    if (!this.adding && this.revoking === null) return false;
    this.adding = false;
    this.revoking = null;
    return true;
  }

  async #create({ name = '', namespace = '', role }: FormValues): Promise<void> {
    this.made = await this.context.api.access.createApiKey(namespace, name, role as Role);
    this.context.say(`The API key ${name} is made`);
    await this.#keys.load();
  }

  async #revoke(apiKey: ApiKey): Promise<void> {
    const well = await this.#keys.change(`${apiKey.name} was not revoked.`, () =>
      this.context.api.access.deleteApiKey(apiKey),
    );
    if (!well) return;
    this.revoking = null;
    this.context.say(`${apiKey.name} is revoked`);
    this.renderRoot.querySelector<HTMLElement>('h2')?.focus();
  }

  protected override render(): unknown {
    const { value } = this.#keys;
    return html`${this.adding ? this.#form() : nothing}
      ${this.made === null ? nothing : this.#secret(this.made)}
      <section class="tk-card" aria-labelledby="title" aria-busy=${value === null}>
        <header>
          <h2 id="title" class="grow" tabindex="-1">API keys</h2>
          <span class="faint small">${value?.length ?? ''}</span>
        </header>
        ${loadState(this.#keys, 'the API keys')}
        ${
          value === null
            ? nothing
            : value.length === 0
              ? html`<p class="body small muted">
                  No API key yet. A key lets an application of one namespace use the API, with a role of its
                  own.
                </p>`
              : this.#table(value)
        }
      </section>`;
  }

  #form(): TemplateResult {
    const namespaces = this.#namespaces;
    const fields: FormField[] = [
      { id: 'name', label: 'What it is for', kind: 'text', maxLength: 80 },
      namespaceField(namespaces),
      ROLE_FIELD,
    ];
    return html`<tk-form
      .heading=${'New API key'}
      .verb=${'Make key'}
      .fields=${fields}
      .instead=${namespaces.length === 0 ? 'Add a namespace first: a key belongs to one.' : null}
      .run=${(values: FormValues) => this.#create(values)}
      @close=${() => {
        this.adding = false;
      }}
    ></tk-form>`;
  }

  #secret({ apiKey, key }: { apiKey: ApiKey; key: string }): TemplateResult {
    return madeCard({
      title: `Key for ${apiKey.name}`,
      text: html`It opens ${apiKey.namespace} as ${apiKey.role}, sent as <code>X-API-Key</code>.`,
      secret: key,
      noun: 'key',
      gone: 'Hidden after 10 minutes. Revoke it and make a new one if it was not copied.',
      hide: () => {
        this.made = null;
      },
    });
  }

  #table(keys: readonly ApiKey[]): TemplateResult {
    return html`<table class="tk-table">
      <thead>
        <tr>
          <th scope="col">For</th>
          <th scope="col">Namespace</th>
          <th scope="col">Role</th>
          <th scope="col">Begins with</th>
          <th scope="col">Made</th>
          <th scope="col">Last used</th>
          <th scope="col"><span class="sr">Actions</span></th>
        </tr>
      </thead>
      <tbody>
        ${repeat(
          keys,
          ({ id }) => id,
          (one) => this.#row(one),
        )}
      </tbody>
    </table>`;
  }

  #row(one: ApiKey): TemplateResult {
    const { id, name, namespace, role, prefix, createdAt, lastUsedAt } = one;
    const nowMs = this.context.timers.now();
    const asked = this.revoking === id;
    const usedMs = lastUsedAt === null ? null : Date.parse(lastUsedAt);
    return html`<tr>
        <th scope="row"><span class="name">${name}</span></th>
        <td>${namespace}</td>
        <td>${roleWord(role)}</td>
        <td class="low"><code>${prefix}…</code></td>
        <td class="muted nowrap low">${dayAndTime(Date.parse(createdAt), nowMs)}</td>
        <td class="muted nowrap">
          <span class="phone-only">used </span
          >${usedMs === null ? 'never' : nowMs - usedMs < 120_000 ? 'now' : ago(usedMs, nowMs)}
        </td>
        <td class="act">
          <button
            class="tk-button small danger"
            aria-label="Revoke ${name}"
            aria-expanded=${asked}
            @click=${() => {
              this.revoking = asked ? null : id;
            }}
          >
            Revoke
          </button>
        </td>
      </tr>
      ${
        asked
          ? html`<tr class="ask">
              <td colspan="7">
                <tk-confirm
                  .question=${`Revoke ${name}?`}
                  .text=${`The application is refused at once, and what it has open in ${namespace} ends. This is permanent.`}
                  .verb=${`Revoke ${name}`}
                  .busy=${this.#keys.busy}
                  @confirm=${() => {
                    void this.#revoke(one);
                  }}
                  @keep=${() => {
                    this.revoking = null;
                  }}
                ></tk-confirm>
              </td>
            </tr>`
          : nothing
      }`;
  }

  static override styles = [base, card, tableStyles, accessStyles];
}
customElements.define('tk-access-keys', TkAccessKeys);
