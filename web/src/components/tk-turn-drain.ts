/** Drains a TURN service: nobody new, and who is in may finish until a deadline. Asked twice, in place. */
import { css, html, LitElement, type TemplateResult } from 'lit';
import { counted, duration } from '../actions/wording.ts';
import type { ConsoleContext } from '../console-context.ts';
import { base } from '../styles/base.ts';
import { block } from '../styles/block.ts';
import { card } from '../styles/card.ts';
import { field } from '../styles/field.ts';
import './tk-confirm.ts';

const DEADLINES_SECONDS = [0, 30, 300, 3600];

export class TkTurnDrain extends LitElement {
  static override properties = {
    context: { attribute: false },
    namespace: { attribute: false },
    sessions: { attribute: false },
    draining: { attribute: false },
    seconds: { state: true },
    asking: { state: true },
    busy: { state: true },
  };
  declare context: ConsoleContext;
  declare namespace: string;
  /** How many are open now. */
  declare sessions: number;
  declare draining: boolean;
  declare seconds: number;
  declare asking: boolean;
  declare busy: boolean;

  constructor() {
    super();
    this.sessions = 0;
    this.draining = false;
    this.seconds = 30;
    this.asking = false;
    this.busy = false;
  }

  async #drain(): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    const { context, namespace } = this;
    try {
      await context.api.namespaces.drain(namespace, this.seconds);
      context.say(`The TURN service of ${namespace} takes nobody new`);
      this.asking = false;
    } catch (error) {
      context.tell({
        kind: 'error',
        title: `The TURN service of ${namespace} was not drained.`,
        text: error instanceof Error ? error.message : String(error),
      });
    } finally {
      this.busy = false;
    }
  }

  protected override render(): unknown {
    if (this.asking) return this.#question();
    return html`<section class="tk-card" aria-labelledby="title">
      <header><h2 id="title">Drain</h2></header>
      <div class="body stack tight small">
        ${
          this.draining
            ? html`<p>The service takes nobody new. It ends with its last session, or at the deadline.</p>`
            : html`<p class="muted">
                  Before work on this server: nobody new gets in, and who is connected may finish. The service
                  then stays ended: disable and enable WebRTC to bring it back, or start the daemon again.
                </p>
                <div class="row wrap">
                  <label for="deadline">Deadline</label>
                  <select
                    class="tk-input"
                    id="deadline"
                    @change=${(event: Event) => {
                      this.seconds = Number((event.target as HTMLSelectElement).value);
                    }}
                  >
                    ${DEADLINES_SECONDS.map(
                      (seconds) =>
                        html`<option value=${seconds} ?selected=${seconds === this.seconds}>
                          ${seconds === 0 ? 'none: at once' : duration(seconds * 1000)}
                        </option>`,
                    )}</select
                  ><button
                    class="tk-button danger"
                    @click=${() => {
                      this.asking = true;
                    }}
                  >
                    Drain
                  </button>
                </div>`
        }
      </div>
    </section>`;
  }

  #question(): TemplateResult {
    const who =
      this.sessions === 0
        ? 'Nobody is connected.'
        : `${counted(this.sessions, 'session is', 'sessions are')} open.`;
    const until =
      this.seconds === 0
        ? 'They end at once.'
        : `What is left after ${duration(this.seconds * 1000)} is ended.`;
    return html`<tk-confirm
      .question=${`Drain the TURN service of ${this.namespace}?`}
      .text=${`${who} ${until} Nobody can watch until the service is brought back.`}
      .verb=${'Drain'}
      .safe=${'Keep it running'}
      .busy=${this.busy}
      @confirm=${() => {
        void this.#drain();
      }}
      @keep=${() => {
        this.asking = false;
      }}
    ></tk-confirm>`;
  }

  static override styles = [
    base,
    block,
    card,
    field,
    css`
      select.tk-input {
        width: auto;
        height: var(--tk-control);
      }
    `,
  ];
}
customElements.define('tk-turn-drain', TkTurnDrain);
