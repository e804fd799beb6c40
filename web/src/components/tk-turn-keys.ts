/** Who may derive TURN credentials by tokens or keys of their own, and the end of that. Draws nothing while nobody may. */
import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import type { TurnKey, TurnKeyList } from '../../../daemon/contract/turn-access.ts';
import { dayAndTime } from '../actions/wording.ts';
import type { ConsoleContext } from '../console-context.ts';
import { base } from '../styles/base.ts';
import { block } from '../styles/block.ts';
import { card } from '../styles/card.ts';
import './tk-confirm.ts';

const KINDS: Record<TurnKey['kind'], string> = { pat: 'personal access token', app: 'application' };

export class TkTurnKeys extends LitElement {
  static override properties = {
    context: { attribute: false },
    namespace: { attribute: false },
    list: { state: true },
    problem: { state: true },
    asking: { state: true },
    busy: { state: true },
  };
  declare context: ConsoleContext;
  declare namespace: string;
  declare list: TurnKeyList | null;
  declare problem: string | null;
  /** The key whose end is asked about. */
  declare asking: TurnKey | null;
  declare busy: boolean;

  constructor() {
    super();
    this.list = null;
    this.problem = null;
    this.asking = null;
    this.busy = false;
  }

  protected override firstUpdated(): void {
    void this.#load();
  }

  async #load(): Promise<void> {
    try {
      this.list = await this.context.api.namespaces.turnKeys(this.namespace);
      this.problem = null;
    } catch (error) {
      this.problem = error instanceof Error ? error.message : String(error);
    }
  }

  async #remove(key: TurnKey): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    const { context } = this;
    try {
      await context.api.namespaces.removeTurnKey(this.namespace, key);
      context.say(`The key of ${key.subject} is removed`);
      this.asking = null;
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      context.tell({ kind: 'error', title: `The key of ${key.subject} was not removed.`, text });
    } finally {
      this.busy = false;
    }
    await this.#load();
  }

  #keep(): void {
    this.asking = null;
    void this.updateComplete.then(() => {
      this.renderRoot.querySelector<HTMLElement>('h2')?.focus();
    });
  }

  get #isEmpty(): boolean {
    return (this.list === null || this.list.items.length === 0) && this.problem === null;
  }

  protected override updated(): void {
    this.hidden = this.#isEmpty;
  }

  protected override render(): unknown {
    const { list, problem } = this;
    if (this.#isEmpty) return nothing;
    return html`<section class="tk-card" aria-labelledby="title">
      <header><h2 id="title" class="grow" tabindex="-1">Keys that derive credentials</h2></header>
      ${problem === null ? nothing : html`<p class="body small error" role="alert">${problem}</p>`}
      ${
        list === null
          ? nothing
          : html`<ul>
                ${list.items.map((key) => this.#key(key))}
              </ul>
              <footer>
                Realm <span class="mono">${list.realm}</span>, endpoint
                <span class="mono">${list.endpoint}</span>.
              </footer>`
      }
    </section>`;
  }

  #key(key: TurnKey): TemplateResult {
    const { context } = this;
    const { kind, subject, until } = key;
    const asked = this.asking?.kind === kind && this.asking.subject === subject;
    const ends = until === null ? '' : `, until ${dayAndTime(Date.parse(until), context.timers.now())}`;
    return html`<li>
        <span class="medium cut">${subject}</span>
        <span class="faint tiny grow">${KINDS[kind]}${ends}</span>
        ${
          context.mayOwn
            ? html`<button
                class="tk-button small"
                aria-label="Remove the key of ${subject}"
                aria-expanded=${asked}
                @click=${() => {
                  this.asking = asked ? null : key;
                }}
              >
                Remove
              </button>`
            : nothing
        }
      </li>
      ${
        asked
          ? html`<li>
              <tk-confirm
                .question=${`Remove the key of ${subject}?`}
                .text=${'Credentials derived with it open no session from then on, and its open sessions end.'}
                .verb=${'Remove key'}
                .safe=${'Keep it'}
                .busy=${this.busy}
                @confirm=${() => {
                  void this.#remove(key);
                }}
                @keep=${() => {
                  this.#keep();
                }}
              ></tk-confirm>
            </li>`
          : nothing
      }`;
  }

  static override styles = [
    base,
    block,
    card,
    css`
      h2:focus {
        outline: none;
        box-shadow: none;
      }
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
      tk-confirm {
        flex: 1;
      }
    `,
  ];
}
customElements.define('tk-turn-keys', TkTurnKeys);
