/** Who may do what on this host: users, their sessions, API keys, and what was done. */
import { html, LitElement, nothing, type TemplateResult } from 'lit';
import { accessPath, ACCESS_TABS, type AccessTab, type Route } from '../actions/route.ts';
import { follow } from '../components/app-navigation.ts';
import { icon } from '../components/icon.ts';
import '../components/tk-access-issuers.ts';
import type { TkAccessIssuers } from '../components/tk-access-issuers.ts';
import '../components/tk-access-keys.ts';
import type { TkAccessKeys } from '../components/tk-access-keys.ts';
import '../components/tk-access-sessions.ts';
import '../components/tk-access-users.ts';
import type { TkAccessUsers } from '../components/tk-access-users.ts';
import '../components/tk-audit.ts';
import type { TkAudit } from '../components/tk-audit.ts';
import { WatchController } from '../components/watch-controller.ts';
import type { ConsoleContext } from '../console-context.ts';
import { base } from '../styles/base.ts';
import { page } from '../styles/page.ts';
import { tabs } from '../styles/tabs.ts';
import { forbidden } from './forbidden.ts';

const TITLES: Record<AccessTab, string> = {
  users: 'Users',
  sessions: 'Sessions',
  keys: 'API keys',
  issuers: 'Token issuers',
  audit: 'Audit',
};

const ADD: Partial<Record<AccessTab, string>> = {
  users: 'Add user',
  keys: 'New API key',
  issuers: 'Add issuer',
};
type Adding = TkAccessUsers | TkAccessKeys | TkAccessIssuers;

export class TkAccessPage extends LitElement {
  static override properties = { context: { attribute: false }, route: { attribute: false } };
  declare context: ConsoleContext;
  declare route: Route & { page: 'access' };

  constructor() {
    super();
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
    return event.key === 'Escape' && (this.#form?.back() ?? false);
  }

  /** The panel with something to add. */
  get #form(): Adding | null {
    return this.renderRoot.querySelector<Adding>('tk-access-users, tk-access-keys, tk-access-issuers');
  }

  protected override render(): unknown {
    const { context } = this;
    const { tab } = this.route;
    const { data } = context.live;
    if (data !== null && !context.mayOwn) return forbidden(context, 'Access');
    return html`<header class="tk-header">
        <h1>Access</h1>
        <span class="grow"></span>
        ${data === null ? nothing : this.#action(tab)}
      </header>
      <slot name="notice"></slot>
      <main id="main" tabindex="-1" aria-label="Access" aria-busy=${data === null}>
        ${
          data === null
            ? html`<p class="sr">Loading</p>`
            : html`<div class="tk-page">
                <nav class="tk-tabs" aria-label="Access">
                  ${ACCESS_TABS.map((one) => {
                    const path = accessPath(one);
                    return html`<a
                      href=${path}
                      aria-current=${one === tab ? 'page' : nothing}
                      @click=${follow(context, path)}
                      >${TITLES[one]}</a
                    >`;
                  })}
                </nav>
                ${this.#panel(tab)}
              </div>`
        }
      </main>`;
  }

  #action(tab: AccessTab): TemplateResult | typeof nothing {
    switch (tab) {
      case 'users':
      case 'keys':
      case 'issuers':
        return html`<button
          class="tk-button primary"
          @click=${() => {
            this.#form?.begin();
          }}
        >
          ${icon('i-plus')}${ADD[tab]}
        </button>`;
      case 'audit':
        return html`<button
          class="tk-button"
          @click=${() => {
            void this.renderRoot.querySelector<TkAudit>('tk-audit')?.export();
          }}
        >
          ${icon('i-download')}Export
        </button>`;
      case 'sessions':
        return nothing;
    }
  }

  #panel(tab: AccessTab): TemplateResult {
    const { context } = this;
    switch (tab) {
      case 'users':
        return html`<tk-access-users .context=${context}></tk-access-users>`;
      case 'sessions':
        return html`<tk-access-sessions .context=${context}></tk-access-sessions>`;
      case 'keys':
        return html`<tk-access-keys .context=${context}></tk-access-keys>`;
      case 'issuers':
        return html`<tk-access-issuers .context=${context}></tk-access-issuers>`;
      case 'audit':
        return html`<tk-audit .context=${context}></tk-audit>`;
    }
  }

  static override styles = [base, page, tabs];
}
customElements.define('tk-access-page', TkAccessPage);
