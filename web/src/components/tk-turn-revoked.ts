/** Subjects that get nothing more, and the way back in. Draws nothing while there is none. */
import { css, html, LitElement, nothing } from 'lit';
import type { RevokedList } from '../../../daemon/contract/turn-access.ts';
import { dayAndTime } from '../actions/wording.ts';
import type { ConsoleContext } from '../console-context.ts';
import { base } from '../styles/base.ts';
import { block } from '../styles/block.ts';
import { card } from '../styles/card.ts';

export class TkTurnRevoked extends LitElement {
  static override properties = {
    context: { attribute: false },
    namespace: { attribute: false },
    items: { state: true },
    problem: { state: true },
  };
  declare context: ConsoleContext;
  declare namespace: string;
  declare items: RevokedList['items'];
  declare problem: string | null;

  constructor() {
    super();
    this.items = [];
    this.problem = null;
  }

  protected override firstUpdated(): void {
    void this.load();
  }

  /** Asks the server anew. */
  async load(): Promise<void> {
    try {
      this.items = await this.context.api.namespaces.revoked(this.namespace);
      this.problem = null;
    } catch (error) {
      this.problem = error instanceof Error ? error.message : String(error);
    }
  }

  async #takeBack(subject: string): Promise<void> {
    try {
      await this.context.api.namespaces.unrevoke(this.namespace, subject);
      this.context.say(`${subject} may connect again`);
    } catch (error) {
      this.context.tell({
        kind: 'error',
        title: `${subject} stays revoked.`,
        text: error instanceof Error ? error.message : String(error),
      });
    }
    await this.load();
  }

  protected override updated(): void {
    this.hidden = this.items.length === 0 && this.problem === null;
  }

  protected override render(): unknown {
    const { items, problem, context } = this;
    if (items.length === 0 && problem === null) return nothing;
    return html`<section class="tk-card" aria-labelledby="title">
      <header><h2 id="title" class="grow">Revoked</h2></header>
      ${problem === null ? nothing : html`<p class="body small error" role="alert">${problem}</p>`}
      <ul>
        ${items.map(
          ({ subject, until }) =>
            html`<li>
              <span class="medium cut">${subject}</span>
              <span class="faint tiny grow"
                >${until === null ? 'until it is taken back' : `until ${dayAndTime(Date.parse(until), context.timers.now())}`}</span
              >
              ${
                context.mayOwn
                  ? html`<button
                      class="tk-button small"
                      @click=${() => {
                        void this.#takeBack(subject);
                      }}
                    >
                      Let in again
                    </button>`
                  : nothing
              }
            </li>`,
        )}
      </ul>
    </section>`;
  }

  static override styles = [
    base,
    block,
    card,
    css`
      li {
        display: flex;
        align-items: center;
        gap: 12px;
        padding: 9px 16px;
        border-bottom: 1px solid var(--tk-line);
        font-size: var(--tk-size-3);
      }
      li:last-child {
        border-bottom: 0;
      }
    `,
  ];
}
customElements.define('tk-turn-revoked', TkTurnRevoked);
