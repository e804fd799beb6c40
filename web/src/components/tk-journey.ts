/** How a picture came to this viewer; the same strip says where it stopped. */
import { css, html, LitElement } from 'lit';
import type { JourneyStep } from '../actions/journey.ts';
import { base } from '../styles/base.ts';
import { icon } from './icon.ts';

const SHAPE = {
  done: ['live', 'g-ok'],
  todo: ['idle', 'g-todo'],
  failed: ['error', 'g-error'],
} as const;

export class TkJourney extends LitElement {
  static override properties = { steps: { attribute: false } };
  declare steps: JourneyStep[];

  constructor() {
    super();
    this.steps = [];
  }

  protected override render(): unknown {
    return html`<ol>
      ${this.steps.map((step, index) => {
        const [state, shape] = SHAPE[step.state];
        const stops = step.state === 'done' && this.steps[index + 1]?.state !== 'done';
        return html`<li class="${step.state} ${stops ? 'stop' : ''}">
          <span class=${state}>${icon(shape)}</span>
          <div class="l">${step.label}<span class="sr">: ${step.state}</span></div>
          <div class="v">${step.value}</div>
        </li>`;
      })}
    </ol>`;
  }

  protected override updated(): void {
    this.style.setProperty('--steps', String(this.steps.length));
  }

  static override styles = [
    base,
    css`
      :host {
        display: block;
      }
      ol {
        display: grid;
        grid-template-columns: repeat(var(--steps, 6), minmax(0, 1fr));
      }
      li {
        position: relative;
        padding: 20px 6px 0 0;
        font-size: var(--tk-size-2);
        line-height: var(--tk-lead-2);
        min-width: 0;
      }
      li::before {
        content: '';
        position: absolute;
        left: 12px;
        right: 0;
        top: 8px;
        height: 2px;
        background: var(--tk-live);
      }
      li:last-child::before {
        display: none;
      }
      li > span:first-child {
        position: absolute;
        left: 0;
        top: 3px;
      }
      .l {
        font-weight: var(--tk-weight-medium);
      }
      .v {
        color: var(--tk-text-3);
      }
      .todo::before,
      .failed::before,
      .stop::before {
        background: none;
        border-top: 2px dotted var(--tk-line-strong);
        height: 0;
      }
      .todo {
        color: var(--tk-text-3);
      }
      .failed .l {
        color: var(--tk-error);
      }
      @media (max-width: 639px) {
        ol {
          grid-template-columns: minmax(0, 1fr);
        }
        li {
          padding: 0 0 8px 22px;
          display: flex;
          justify-content: space-between;
          gap: 12px;
        }
        li::before {
          left: 5px;
          top: 14px;
          bottom: 0;
          right: auto;
          width: 2px;
          height: auto;
        }
        .todo::before,
        .failed::before,
        .stop::before {
          border-top: 0;
          border-left: 2px dotted var(--tk-line-strong);
          width: 0;
          height: auto;
        }
      }
    `,
  ];
}
customElements.define('tk-journey', TkJourney);
