/** Steps of an operation, or of a plan: shape, words, time, and what a step says of itself. */
import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import type { Operation } from '../../../daemon/contract/api.ts';
import { stepTime } from '../actions/namespace-view.ts';
import { base } from '../styles/base.ts';
import { icon } from './icon.ts';

export type Step = Pick<Operation['steps'][number], 'id' | 'label'> & Partial<Operation['steps'][number]>;

const SHAPES: Record<Operation['steps'][number]['state'], { name: string; colour: string; word: string }> = {
  pending: { name: 'g-todo', colour: '', word: 'to do' },
  running: { name: 'g-connecting', colour: 'connecting', word: 'running' },
  done: { name: 'g-ok', colour: 'live', word: 'done' },
  failed: { name: 'g-error', colour: 'error', word: 'failed' },
  undone: { name: 'g-offline', colour: 'offline', word: 'undone' },
};

export class TkSteps extends LitElement {
  static override properties = { steps: { attribute: false } };
  declare steps: readonly Step[];

  constructor() {
    super();
    this.steps = [];
  }

  protected override render(): unknown {
    return html`<ol>
      ${this.steps.map((step) => this.#step(step))}
    </ol>`;
  }

  #step({ state = 'pending', label, durationMs, note }: Step): TemplateResult {
    const { name, colour, word } = SHAPES[state];
    return html`<li class=${state} aria-current=${state === 'running' ? 'step' : nothing}>
      <span class="shape ${colour}">${icon(name)}</span>
      <span>${label}<span class="sr">, ${word}</span></span>
      <span class="d">${state === 'undone' ? 'undone' : stepTime(durationMs ?? null)}</span>
      ${note === undefined || note === null || note === '' ? nothing : html`<p>${note}</p>`}
    </li>`;
  }

  static override styles = [
    base,
    css`
      :host {
        display: block;
        padding: 6px 0 10px;
      }
      li {
        display: grid;
        grid-template-columns: 18px minmax(0, 1fr) auto;
        gap: 1px 12px;
        padding: 6px 16px;
        font-size: var(--tk-size-3);
        line-height: var(--tk-lead-3);
        align-items: center;
      }
      .shape {
        justify-self: center;
        --gap: var(--tk-surface);
      }
      .shape .g {
        width: 14px;
        height: 14px;
      }
      .d {
        color: var(--tk-text-3);
        font-size: var(--tk-size-2);
      }
      p {
        grid-column: 2 / -1;
        color: var(--tk-text-2);
        font-size: var(--tk-size-2);
        line-height: var(--tk-lead-2);
        overflow-wrap: anywhere;
      }
      .running {
        background: var(--tk-connecting-bg);
        font-weight: var(--tk-weight-medium);
      }
      .running .d,
      .running p {
        font-weight: var(--tk-weight);
      }
      .failed {
        background: var(--tk-error-bg);
        --gap: var(--tk-error-bg);
      }
      .pending,
      .undone {
        color: var(--tk-text-3);
      }
    `,
  ];
}
customElements.define('tk-steps', TkSteps);
