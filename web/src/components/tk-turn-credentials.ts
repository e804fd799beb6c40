/** TURN credentials for a subject, shown once: for a test with another client, or a device that is set up by hand. */
import { html, LitElement, nothing, type TemplateResult } from 'lit';
import type { TurnCredentials } from '../../../daemon/contract/ice.ts';
import { duration } from '../actions/wording.ts';
import type { ConsoleContext } from '../console-context.ts';
import { base } from '../styles/base.ts';
import { block } from '../styles/block.ts';
import { card } from '../styles/card.ts';
import { field } from '../styles/field.ts';
import './tk-command.ts';
import './tk-secret.ts';

export class TkTurnCredentials extends LitElement {
  static override properties = {
    context: { attribute: false },
    namespace: { attribute: false },
    subject: { state: true },
    made: { state: true },
    busy: { state: true },
    problem: { state: true },
  };
  declare context: ConsoleContext;
  declare namespace: string;
  declare subject: string;
  /** Holds the password: this element's memory is its only place. */
  declare made: (TurnCredentials & { subject: string }) | null;
  declare busy: boolean;
  declare problem: string | null;

  constructor() {
    super();
    this.subject = '';
    this.made = null;
    this.busy = false;
    this.problem = null;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.made = null;
  }

  async #issue(): Promise<void> {
    const subject = this.subject.trim();
    if (this.busy || subject === '') return;
    this.busy = true;
    this.problem = null;
    try {
      const credentials = await this.context.api.namespaces.credentials(this.namespace, subject);
      // Whoever left the page meanwhile must not leave a password behind.
      if (this.isConnected) this.made = { ...credentials, subject };
      this.context.say(`Credentials for ${subject} are made`);
    } catch (error) {
      this.problem = error instanceof Error ? error.message : String(error);
    } finally {
      this.busy = false;
    }
  }

  protected override render(): unknown {
    return html`<section class="tk-card" aria-labelledby="title">
      <header><h2 id="title">Credentials</h2></header>
      <div class="body stack">
        <form
          class="stack tight"
          @submit=${(event: Event) => {
            event.preventDefault();
            void this.#issue();
          }}
        >
          <div class="tk-field">
            <label for="subject">Subject</label>
            <div class="row">
              <input
                class="tk-input"
                id="subject"
                required
                maxlength="64"
                autocomplete="off"
                autocapitalize="none"
                spellcheck="false"
                aria-describedby="subject-hint"
                aria-invalid=${this.problem === null ? nothing : 'true'}
                .value=${this.subject}
                @input=${(event: Event) => {
                  this.subject = (event.target as HTMLInputElement).value;
                }}
              /><button class="tk-button" type="submit" aria-busy=${this.busy}>Make credentials</button>
            </div>
            <span
              class="tk-hint ${this.problem === null ? '' : 'bad'}"
              id="subject-hint"
              role=${this.problem === null ? nothing : 'alert'}
              >${this.problem ?? 'Whom they are for: letters, digits and . _ @ -. Its limits count all its sessions.'}</span
            >
          </div>
        </form>
        ${this.made === null ? nothing : this.#shown(this.made)}
      </div>
    </section>`;
  }

  #shown(made: TurnCredentials & { subject: string }): TemplateResult {
    return html`<div class="stack tight">
      <h3>For ${made.subject}, shown this once</h3>
      <tk-secret
        .value=${made.password}
        .noun=${'password'}
        .gone=${'Hidden. Make new credentials to see a password.'}
        @blanked=${() => {
          this.made = null;
        }}
      ></tk-secret>
      <span class="tk-hint">User name</span>
      <tk-command .text=${made.username}></tk-command>
      <span class="tk-hint">Servers</span>
      <tk-command .text=${made.uris.join('\n')}></tk-command>
      <div class="row">
        <span class="tk-hint grow">New sessions begin within ${duration(made.ttl * 1000)}.</span
        ><button
          class="tk-button small"
          @click=${() => {
            this.made = null;
            this.renderRoot.querySelector<HTMLElement>('#subject')?.focus();
          }}
        >
          Hide
        </button>
      </div>
    </div>`;
  }

  static override styles = [base, block, card, field];
}
customElements.define('tk-turn-credentials', TkTurnCredentials);
