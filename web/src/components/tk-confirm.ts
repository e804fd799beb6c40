/** A question before something that cannot be undone. Opens in place, names its object, focus on the safe answer. */
import { css, html, LitElement } from 'lit';
import { base } from '../styles/base.ts';
import { card } from '../styles/card.ts';

/** Fires `confirm` and `keep`. */
export class TkConfirm extends LitElement {
  static override properties = {
    question: { attribute: false },
    text: { attribute: false },
    verb: { attribute: false },
    safe: { attribute: false },
    busy: { attribute: false },
  };
  declare question: string;
  declare text: string;
  declare verb: string;
  declare safe: string;
  declare busy: boolean;

  constructor() {
    super();
    this.question = '';
    this.text = '';
    this.verb = '';
    this.safe = 'Keep it';
    this.busy = false;
    this.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape') return;
      event.preventDefault();
      this.#fire('keep');
    });
  }

  protected override firstUpdated(): void {
    this.renderRoot.querySelector<HTMLElement>('.safe')?.focus();
  }

  #fire(type: 'confirm' | 'keep'): void {
    this.dispatchEvent(new Event(type));
  }

  protected override render(): unknown {
    return html`<section class="tk-card" role="group" aria-labelledby="question" aria-describedby="text">
      <header><h2 id="question">${this.question}</h2></header>
      <div class="body stack tight small">
        <p id="text">${this.text}</p>
        <div class="row wrap">
          <button
            class="tk-button danger fill"
            aria-busy=${this.busy}
            @click=${() => {
              if (!this.busy) this.#fire('confirm');
            }}
          >
            ${this.verb}</button
          ><button
            class="tk-button safe"
            @click=${() => {
              this.#fire('keep');
            }}
          >
            ${this.safe}</button
          ><slot></slot>
        </div>
      </div>
    </section>`;
  }

  static override styles = [
    base,
    card,
    css`
      .tk-card {
        white-space: normal;
        text-align: left;
      }
    `,
  ];
}
customElements.define('tk-confirm', TkConfirm);
