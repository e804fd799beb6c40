/** Whose tokens (JWT) are believed: this host's own issuer and OpenID Connect issuers. Add, remove, try a token. */
import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import type { Role } from '../../../daemon/contract/api.ts';
import type { Issuer, TokenVerdict } from '../../../daemon/contract/issuers.ts';
import { sortedNamespaces } from '../actions/namespace-view.ts';
import { dayAndTime } from '../actions/wording.ts';
import type { ConsoleContext } from '../console-context.ts';
import { accessStyles } from '../styles/access.ts';
import { base } from '../styles/base.ts';
import { card } from '../styles/card.ts';
import { field } from '../styles/field.ts';
import { tableStyles } from '../styles/table.ts';
import { loadState, namespaceField, ROLE_FIELD, roleWord } from './access-parts.ts';
import { okWord, stateWord } from './icon.ts';
import { Loader } from './loader.ts';
import './tk-confirm.ts';
import './tk-form.ts';
import type { FormField, FormValues } from './tk-form.ts';
import './tk-notice.ts';

const ISSUER_FIELDS: FormField[] = [
  {
    id: 'name',
    label: 'Name',
    hint: 'Small letters, digits and hyphens. Users of its tokens are called by it.',
    kind: 'text',
  },
  {
    id: 'issuer',
    label: 'Issuer',
    hint: 'The https address it writes into its tokens as iss.',
    kind: 'text',
  },
  { id: 'audience', label: 'Audience', hint: 'The aud its tokens have to be for.', kind: 'text' },
];

export class TkAccessIssuers extends LitElement {
  static override properties = {
    context: { attribute: false },
    adding: { state: true },
    removing: { state: true },
    unreached: { state: true },
    verdict: { state: true },
  };
  declare context: ConsoleContext;
  declare adding: boolean;
  /** Name of the issuer whose end is asked about. */
  declare removing: string | null;
  /** Why the keys of the one that was added last cannot be fetched. */
  declare unreached: string | null;
  declare verdict: TokenVerdict | null;
  readonly #issuers: Loader<Issuer[]>;

  constructor() {
    super();
    this.adding = false;
    this.removing = null;
    this.unreached = null;
    this.verdict = null;
    this.#issuers = new Loader(
      this,
      () => this.context,
      () => this.context.api.access.issuers(),
    );
  }

  begin(): void {
    this.adding = true;
  }

  back(): boolean {
    if (!this.adding && this.removing === null) return false;
    this.adding = false;
    this.removing = null;
    return true;
  }

  async #create(values: FormValues): Promise<void> {
    const { name = '', issuer = '', audience = '', namespace = '', role } = values;
    const { problem } = await this.context.api.access.createIssuer({
      ...{ name, issuer, audience },
      namespaces: [namespace],
      defaultRole: role as Role,
    });
    this.unreached = problem;
    this.context.say(`Tokens of ${name} are believed`);
    await this.#issuers.load();
  }

  async #remove(name: string): Promise<void> {
    const well = await this.#issuers.change(`${name} was not removed.`, () =>
      this.context.api.access.deleteIssuer(name),
    );
    if (!well) return;
    this.removing = null;
    this.context.say(`${name} is removed`);
    this.renderRoot.querySelector<HTMLElement>('h2')?.focus();
  }

  async #try(): Promise<void> {
    const token = this.renderRoot.querySelector<HTMLInputElement>('#token')?.value.trim() ?? '';
    if (token === '') return;
    try {
      this.verdict = await this.context.api.access.testToken(token);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      this.context.tell({ kind: 'error', title: 'The token was not tried.', text });
    }
  }

  protected override render(): unknown {
    const { value } = this.#issuers;
    return html`${this.adding ? this.#form() : nothing}
      ${
        this.unreached === null
          ? nothing
          : html`<tk-notice
              .notice=${{ kind: 'degraded' as const, title: 'Added, but its keys cannot be fetched.', text: this.unreached }}
              @dismiss=${() => {
                this.unreached = null;
              }}
            ></tk-notice>`
      }
      <section class="tk-card" aria-labelledby="title" aria-busy=${value === null}>
        <header>
          <h2 id="title" class="grow" tabindex="-1">Token issuers</h2>
          <span class="faint small">${value?.length ?? ''}</span>
        </header>
        ${loadState(this.#issuers, 'the issuers')} ${value === null ? nothing : this.#table(value)}
        <footer>
          More than this form sets, such as claims and roles by group: <code>turnkeep issuer add --help</code>
        </footer>
      </section>
      ${this.#trial()}`;
  }

  #form(): TemplateResult {
    const { data } = this.context.live;
    const namespaces = data === null ? [] : sortedNamespaces(data).map(({ name }) => name);
    return html`<tk-form
      .heading=${'Add an issuer'}
      .verb=${'Add issuer'}
      .fields=${[...ISSUER_FIELDS, namespaceField(namespaces), ROLE_FIELD]}
      .instead=${namespaces.length === 0 ? 'Add a namespace first: tokens are for one.' : null}
      .run=${(values: FormValues) => this.#create(values)}
      @close=${() => {
        this.adding = false;
      }}
    ></tk-form>`;
  }

  #table(issuers: readonly Issuer[]): TemplateResult {
    return html`<table class="tk-table">
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col">Issuer and audience</th>
          <th scope="col">For</th>
          <th scope="col">Role</th>
          <th scope="col"><span class="sr">Actions</span></th>
        </tr>
      </thead>
      <tbody>
        ${repeat(
          issuers,
          ({ name }) => name,
          (one) => this.#row(one),
        )}
      </tbody>
    </table>`;
  }

  #row({ name, kind, issuer, audience, namespaces, defaultRole, roleClaim }: Issuer): TemplateResult {
    const asked = this.removing === name;
    const byClaim = roleClaim === null ? '' : `by ${roleClaim}`;
    return html`<tr>
        <th scope="row">
          <span class="name">${name}</span>
          ${kind === 'own' ? html`<div class="faint tiny">this host</div>` : nothing}
        </th>
        <td class="small address">
          <code>${issuer}</code>
          <div class="faint tiny">${audience}</div>
        </td>
        <td class="small">${namespaces === null ? 'all namespaces' : namespaces.join(', ')}</td>
        <td>
          ${[byClaim, defaultRole === null ? '' : roleWord(defaultRole)].filter((part) => part !== '').join(', else ')}
        </td>
        <td class="act">
          ${
            kind === 'own'
              ? nothing
              : html`<button
                  class="tk-button small danger"
                  aria-label="Remove ${name}"
                  aria-expanded=${asked}
                  @click=${() => {
                    this.removing = asked ? null : name;
                  }}
                >
                  Remove
                </button>`
          }
        </td>
      </tr>
      ${
        asked
          ? html`<tr class="ask">
              <td colspan="5">
                <tk-confirm
                  .question=${`Remove ${name}?`}
                  .text=${'Its tokens are refused at once. You can add it again.'}
                  .verb=${`Remove ${name}`}
                  .busy=${this.#issuers.busy}
                  @confirm=${() => {
                    void this.#remove(name);
                  }}
                  @keep=${() => {
                    this.removing = null;
                  }}
                ></tk-confirm>
              </td>
            </tr>`
          : nothing
      }`;
  }

  #trial(): TemplateResult {
    const { verdict } = this;
    const nowMs = this.context.timers.now();
    return html`<section class="tk-card" aria-labelledby="try">
      <header>
        <h2 id="try" class="grow">Try a token</h2>
        <span class="faint tiny desk">It is not kept</span>
      </header>
      <form
        class="body stack tight"
        @submit=${(event: Event) => {
          event.preventDefault();
          void this.#try();
        }}
      >
        <div class="row trial">
          <input
            class="tk-input mono grow"
            id="token"
            type="password"
            aria-label="Token"
            placeholder="eyJ…"
            autocomplete="off"
            spellcheck="false"
          />
          <button class="tk-button" type="submit">Try</button>
        </div>
        ${
          verdict === null
            ? nothing
            : html`<p class="small" role="status">
                ${verdict.accepted ? okWord('Accepted') : stateWord('error', 'Refused')}
                <span class="muted"
                  >${
                    verdict.accepted
                      ? `${verdict.identity ?? ''} as ${verdict.role ?? ''} in ${verdict.namespace ?? ''}${verdict.expiresAt === null ? '' : `, until ${dayAndTime(Date.parse(verdict.expiresAt), nowMs)}`}.`
                      : (verdict.reason ?? '')
                  }</span
                >
              </p>`
        }
      </form>
    </section>`;
  }

  static override styles = [
    base,
    card,
    field,
    tableStyles,
    accessStyles,
    css`
      .address {
        overflow-wrap: anywhere;
      }
      .trial {
        max-width: 620px;
      }
    `,
  ];
}
customElements.define('tk-access-issuers', TkAccessIssuers);
