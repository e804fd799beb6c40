/** An operation while it runs: which step, how far, since when. One polite line says each step once. */
import { css, html, LitElement } from 'lit';
import type { Operation } from '../../../daemon/contract/api.ts';
import { operationText, progress, stepTime } from '../actions/namespace-view.ts';
import type { ConsoleContext } from '../console-context.ts';
import { base } from '../styles/base.ts';
import { block } from '../styles/block.ts';
import { card } from '../styles/card.ts';
import './tk-steps.ts';
import { WatchController } from './watch-controller.ts';

export class TkOperation extends LitElement {
  static override properties = { context: { attribute: false }, operation: { attribute: false } };
  declare context: ConsoleContext;
  declare operation: Operation;

  constructor() {
    super();
    new WatchController(this, () => {
      const timer = setInterval(() => {
        this.requestUpdate();
      }, 500);
      return [
        () => {
          clearInterval(timer);
        },
      ];
    });
  }

  protected override render(): unknown {
    const { operation, context } = this;
    const { done, of, title } = progress(operation);
    const elapsedMs = Math.max(0, context.timers.now() - Date.parse(operation.startedAt));
    return html`<section class="tk-card" aria-labelledby="title">
      <header>
        <h2 id="title" class="grow">${title}</h2>
        <span class="faint small nowrap">${stepTime(Math.max(50, elapsedMs))}</span>
      </header>
      <div class="bar">
        <div
          class="progress"
          role="progressbar"
          aria-valuemin="0"
          aria-valuemax=${of}
          aria-valuenow=${done}
          aria-label=${operationText(operation)}
        >
          <svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
            <rect width=${of === 0 ? 0 : (done / of) * 100} height="4"></rect>
          </svg>
        </div>
      </div>
      <tk-steps .steps=${operation.steps}></tk-steps>
      <p class="sr" aria-live="polite">${title}</p>
    </section>`;
  }

  static override styles = [
    base,
    block,
    card,
    css`
      .bar {
        padding: 14px 16px 6px;
      }
      .progress {
        height: 4px;
        border-radius: 2px;
        background: var(--tk-inset);
        overflow: hidden;
      }
      .progress svg {
        width: 100%;
        height: 4px;
      }
      .progress rect {
        fill: var(--tk-connecting);
      }
    `,
  ];
}
customElements.define('tk-operation', TkOperation);
