/** A namespace's running TURN service, live while this element is in the page. Fires `turn` with each picture. */
import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import type { TurnLive } from '../../../daemon/contract/turn-operations.ts';
import type { LiveData } from '../actions/live-state.ts';
import { ago } from '../actions/wording.ts';
import type { ConsoleContext } from '../console-context.ts';
import type { EventStream } from '../live/event-stream.ts';
import { columns } from '../styles/columns.ts';
import { base } from '../styles/base.ts';
import { block } from '../styles/block.ts';
import { card } from '../styles/card.ts';
import { stateWord } from './icon.ts';
import './tk-turn-credentials.ts';
import './tk-turn-drain.ts';
import './tk-turn-keys.ts';
import './tk-turn-revoked.ts';
import type { TkTurnRevoked } from './tk-turn-revoked.ts';
import './tk-turn-sessions.ts';
import { limitsCard, refusalsCard, trafficCard, turnCardStyles } from './turn-cards.ts';
import { WatchController } from './watch-controller.ts';

/** Two pictures late: said, so that nobody takes old numbers for new ones. */
const OLD_MS = 6000;

export class TkTurn extends LitElement {
  static override properties = {
    context: { attribute: false },
    namespace: { attribute: false },
    turn: { state: true },
  };
  declare context: ConsoleContext;
  declare namespace: string;
  declare turn: LiveData['turn'];
  #stream: EventStream | undefined;

  constructor() {
    super();
    this.turn = null;
    new WatchController(this, () => {
      const stream = this.context.openTurn(this.namespace);
      this.#stream = stream;
      stream.start();
      const timer = setInterval(() => {
        this.requestUpdate();
      }, 1000);
      return [
        stream.on('data', ({ turn }) => {
          if (turn === this.turn) return;
          this.turn = turn;
          if (turn !== null) this.dispatchEvent(new CustomEvent<TurnLive>('turn', { detail: turn.live }));
        }),
        () => {
          clearInterval(timer);
          stream.stop();
        },
      ];
    });
  }

  protected override render(): unknown {
    const { turn } = this;
    return html`<section class="stack" aria-labelledby="turn" aria-busy=${turn === null}>
      <div class="row head">
        <h2 id="turn" class="grow">TURN service, live</h2>
        ${this.#freshness()}
      </div>
      ${turn === null ? html`<p class="small faint">Asking the TURN service.</p>` : this.#content(turn.live)}
    </section>`;
  }

  #freshness(): TemplateResult | typeof nothing {
    const { turn } = this;
    const nowMs = this.context.timers.now();
    if (turn !== null && nowMs - turn.atMs <= OLD_MS) return nothing;
    if (turn !== null) return stateWord('connecting', `As of ${ago(turn.atMs, nowMs)}`);
    return (this.#stream?.state.attempt ?? 0) > 1 ? stateWord('connecting', 'Connecting') : nothing;
  }

  #content({ status, sessions, refusals }: TurnLive): TemplateResult {
    const { context, namespace } = this;
    const nowMs = context.timers.now();
    if (!status.ready && !status.draining) {
      return html`<div class="tk-card">
        <p class="body small">
          ${stateWord('error', 'Down')} <span class="sentence">${status.sentence}</span>
        </p>
      </div>`;
    }
    return html`${
        status.draining
          ? html`<div class="tk-card">
              <p class="body small">
                ${stateWord('degraded', 'Draining')} <span class="sentence">${status.sentence}</span>
              </p>
            </div>`
          : nothing
      }
      <tk-turn-sessions
        .context=${context}
        .namespace=${namespace}
        .sessions=${sessions}
        @revoked=${() => {
          void this.renderRoot.querySelector<TkTurnRevoked>('tk-turn-revoked')?.load();
        }}
      ></tk-turn-sessions>
      <tk-turn-revoked .context=${context} .namespace=${namespace}></tk-turn-revoked>
      <tk-turn-keys .context=${context} .namespace=${namespace}></tk-turn-keys>
      <div class="cols two">
        <div class="stack">
          ${refusalsCard(refusals.items, status.refusals, nowMs)}
          ${
            context.mayOwn
              ? html`<tk-turn-credentials .context=${context} .namespace=${namespace}></tk-turn-credentials>`
              : nothing
          }
          ${
            context.mayOwn
              ? html`<tk-turn-drain
                  .context=${context}
                  .namespace=${namespace}
                  .sessions=${sessions.total}
                  .draining=${status.draining}
                ></tk-turn-drain>`
              : nothing
          }
        </div>
        <div class="stack">${trafficCard(status)} ${limitsCard(status.limits)}</div>
      </div>`;
  }

  static override styles = [
    base,
    block,
    card,
    columns,
    turnCardStyles,
    css`
      .head {
        min-height: 24px;
      }
      .sentence {
        margin-left: 8px;
      }
    `,
  ];
}
customElements.define('tk-turn', TkTurn);
