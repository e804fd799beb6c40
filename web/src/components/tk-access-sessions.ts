/** Who is signed in to the console, and where to end that. */
import { html, LitElement, nothing, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import type { ConsoleSession } from '../../../daemon/contract/identity.ts';
import { ago, dayAndTime } from '../actions/wording.ts';
import type { ConsoleContext } from '../console-context.ts';
import { accessStyles } from '../styles/access.ts';
import { base } from '../styles/base.ts';
import { card } from '../styles/card.ts';
import { tableStyles } from '../styles/table.ts';
import { loadState } from './access-parts.ts';
import { Loader } from './loader.ts';

export class TkAccessSessions extends LitElement {
  static override properties = { context: { attribute: false } };
  declare context: ConsoleContext;
  readonly #sessions: Loader<ConsoleSession[]>;

  constructor() {
    super();
    this.#sessions = new Loader(
      this,
      () => this.context,
      () => this.context.api.access.sessions(),
    );
  }

  async #end({ id, user }: ConsoleSession): Promise<void> {
    const { api } = this.context;
    const well = await this.#sessions.change('The session was not ended.', () => api.access.endSession(id));
    if (well) this.context.say(`A session of ${user} is ended`);
  }

  protected override render(): unknown {
    const { value } = this.#sessions;
    return html`<section class="tk-card" aria-labelledby="title" aria-busy=${value === null}>
      <header>
        <h2 id="title" class="grow">Signed in</h2>
        <span class="faint small">${value?.length ?? ''}</span>
      </header>
      ${loadState(this.#sessions, 'the sessions')}
      ${
        value === null
          ? nothing
          : html`<table class="tk-table">
              <thead>
                <tr>
                  <th scope="col">User</th>
                  <th scope="col">Signed in</th>
                  <th scope="col">Last active</th>
                  <th scope="col">Ends unless used</th>
                  <th scope="col"><span class="sr">Actions</span></th>
                </tr>
              </thead>
              <tbody>
                ${repeat(
                  value,
                  ({ id }) => id,
                  (session) => this.#row(session),
                )}
              </tbody>
            </table>`
      }
      <footer>A session that is ended is signed out within seconds. Disable the user to keep it out.</footer>
    </section>`;
  }

  #row(session: ConsoleSession): TemplateResult {
    const { user, createdAt, lastActiveAt, expiresAt, current } = session;
    const nowMs = this.context.timers.now();
    const activeMs = Date.parse(lastActiveAt);
    return html`<tr>
      <th scope="row">
        <span class="name">${user}</span>
        ${current ? html`<span class="faint tiny">this browser</span>` : nothing}
      </th>
      <td class="nowrap" data-label="Signed in">${dayAndTime(Date.parse(createdAt), nowMs)}</td>
      <td class="muted nowrap" data-label="Last active">
        ${nowMs - activeMs < 120_000 ? 'now' : ago(activeMs, nowMs)}
      </td>
      <td class="muted nowrap low">${dayAndTime(Date.parse(expiresAt), nowMs)}</td>
      <td class="act">
        <button
          class="tk-button small danger"
          aria-label="End the session of ${user} of ${dayAndTime(Date.parse(createdAt), nowMs)}"
          aria-disabled=${this.#sessions.busy}
          @click=${() => {
            void this.#end(session);
          }}
        >
          End
        </button>
      </td>
    </tr>`;
  }

  static override styles = [base, card, tableStyles, accessStyles];
}
customElements.define('tk-access-sessions', TkAccessSessions);
