/** Opens in place under the header, never over a picture: keyboard help, or the account with theme and sign-out. */
import { css, html, LitElement, type TemplateResult } from 'lit';
import type { ConsoleContext, Theme } from '../console-context.ts';
import { base } from '../styles/base.ts';
import { card } from '../styles/card.ts';
import { otherPages } from './app-navigation.ts';
import { icon } from './icon.ts';
import { KEY_HELP } from './keys.ts';

const THEMES: [Theme, string][] = [
  ['system', 'System'],
  ['light', 'Light'],
  ['dark', 'Dark'],
];

/** Fires `close`. */
export class TkDrawer extends LitElement {
  static override properties = { context: { attribute: false }, content: { attribute: false } };
  declare context: ConsoleContext;
  declare content: 'keys' | 'account';

  protected override firstUpdated(): void {
    this.renderRoot.querySelector<HTMLElement>('h2')?.focus();
  }

  protected override render(): unknown {
    const title = this.content === 'keys' ? 'Keys' : 'Account';
    return html`<section class="tk-card" aria-labelledby="title">
      <header>
        <h2 id="title" class="grow" tabindex="-1">${title}</h2>
        <button
          class="tk-button ghost icon small"
          aria-label="Close"
          title="Close (Esc)"
          @click=${() => {
            this.dispatchEvent(new Event('close'));
          }}
        >
          ${icon('i-x')}
        </button>
      </header>
      <div class="body">${this.content === 'keys' ? this.#keys() : this.#account()}</div>
    </section>`;
  }

  #keys(): TemplateResult {
    const { context } = this;
    return html`<div class="columns">
        ${KEY_HELP.map(
          ({ title, keys }) =>
            html`<div>
              <h3>${title}</h3>
              <dl>
                ${keys.map(
                  ([key, what]) =>
                    html`<dt>${key.split(' ').map((one) => html`<kbd>${one}</kbd>`)}</dt>
                      <dd>${what}</dd>`,
                )}
              </dl>
            </div>`,
        )}
      </div>
      <label class="row small"
        ><input
          type="checkbox"
          .checked=${context.singleKeys}
          @change=${(event: Event) => {
            context.setSingleKeys((event.target as HTMLInputElement).checked);
          }}
        />
        Use single keys. Switch them off if they get in the way of other software.</label
      >`;
  }

  #account(): TemplateResult {
    const { context } = this;
    const { user } = context;
    return html`<div class="account">
      ${otherPages(context)}
      <p>
        <span class="strong">${user?.name ?? ''}</span>
        <span class="faint small">${user?.role ?? ''}</span>
      </p>
      <div class="row wrap">
        <span class="small" id="theme">Theme</span>
        <div class="tk-segmented" role="radiogroup" aria-labelledby="theme">
          ${THEMES.map(
            ([theme, label]) =>
              html`<button
                role="radio"
                aria-checked=${context.theme === theme}
                @click=${() => {
                  context.setTheme(theme);
                  this.requestUpdate();
                }}
              >
                ${label}
              </button>`,
          )}
        </div>
      </div>
      <button
        class="tk-button"
        @click=${() => {
          void this.#signOut();
        }}
      >
        ${icon('i-out')}Sign out
      </button>
    </div>`;
  }

  async #signOut(): Promise<void> {
    try {
      await this.context.api.signOut();
      this.context.signedOut();
    } catch (error) {
      this.context.tell({
        kind: 'error',
        title: 'You are still signed in.',
        text: error instanceof Error ? error.message : String(error),
      });
    }
  }

  static override styles = [
    base,
    card,
    css`
      .columns {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(220px, 1fr));
        gap: 16px 32px;
        margin-bottom: 14px;
      }
      dl {
        display: grid;
        grid-template-columns: max-content minmax(0, 1fr);
        gap: 4px 14px;
        margin-top: 8px;
        font-size: var(--tk-size-3);
        line-height: var(--tk-lead-3);
      }
      dt {
        display: flex;
        gap: 3px;
      }
      dd {
        color: var(--tk-text-2);
      }
      .account {
        display: flex;
        flex-wrap: wrap;
        gap: 12px 28px;
        align-items: center;
      }
      input {
        accent-color: var(--tk-accent);
        width: 16px;
        height: 16px;
      }
    `,
  ];
}
customElements.define('tk-drawer', TkDrawer);
