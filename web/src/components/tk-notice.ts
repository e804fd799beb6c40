/** Sentence and remedy, under the header. Errors stay until solved or dismissed; good news leaves after 6 s. */
import { css, html, LitElement, nothing } from 'lit';
import type { Notice } from '../console-context.ts';
import { base } from '../styles/base.ts';
import { icon } from './icon.ts';

const GOOD_NEWS_MS = 6000;

/** Fires `dismiss`. */
export class TkNotice extends LitElement {
  static override properties = { notice: { attribute: false }, lasting: { attribute: false } };
  declare notice: Notice | null;
  /** Stays as long as what it is about: nobody can send it away. */
  declare lasting: boolean;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    super();
    this.notice = null;
    this.lasting = false;
    // Reading takes as long as it takes.
    for (const name of ['pointerenter', 'focusin']) {
      this.addEventListener(name, () => {
        clearTimeout(this.#timer);
      });
    }
    for (const name of ['pointerleave', 'focusout']) {
      this.addEventListener(name, () => {
        this.#schedule();
      });
    }
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.#timer);
  }

  protected override updated(): void {
    this.#schedule();
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    if (this.notice?.kind === 'live' && !this.lasting)
      this.#timer = setTimeout(() => this.#dismiss(), GOOD_NEWS_MS);
  }

  #dismiss(): void {
    this.dispatchEvent(new Event('dismiss'));
  }

  protected override render(): unknown {
    const { notice } = this;
    if (notice === null) return nothing;
    const { kind, title, text, action } = notice;
    return html`<div class="tk-notice ${kind}" role=${kind === 'error' ? 'alert' : 'status'}>
      <span class=${kind}>${icon(kind === 'live' ? 'g-ok' : kind === 'idle' ? 'g-idle' : `g-${kind}`)}</span>
      <div>
        <span class="strong">${title}</span>
        ${text === '' ? nothing : html`<p>${text}</p>`}
      </div>
      <div class="row">
        ${
          action === undefined
            ? nothing
            : html`<button class="tk-button small" @click=${action.run}>${action.label}</button>`
        }
        ${
          kind === 'connecting' || this.lasting
            ? nothing
            : html`<button
                class="tk-button ghost icon small"
                aria-label="Dismiss"
                title="Dismiss"
                @click=${() => {
                  this.#dismiss();
                }}
              >
                ${icon('i-x')}
              </button>`
        }
      </div>
    </div>`;
  }

  static override styles = [
    base,
    css`
      .tk-notice {
        display: grid;
        grid-template-columns: 18px minmax(0, 1fr) auto;
        gap: 2px 12px;
        padding: 12px 16px;
        border-radius: var(--tk-radius-card);
        font-size: var(--tk-size-3);
        line-height: var(--tk-lead-3);
        align-items: start;
      }
      .g {
        margin-top: 1px;
        width: 18px;
        height: 18px;
      }
      p {
        color: var(--tk-text-2);
      }
      .tk-notice.error {
        background: var(--tk-error-bg);
        --gap: var(--tk-error-bg);
      }
      .tk-notice.degraded {
        background: var(--tk-degraded-bg);
        --gap: var(--tk-degraded-bg);
      }
      .tk-notice.connecting {
        background: var(--tk-connecting-bg);
      }
      .tk-notice.unknown {
        background: var(--tk-unknown-bg);
      }
      .tk-notice.live {
        background: var(--tk-live-bg);
        --gap: var(--tk-live-bg);
      }
      .tk-notice.idle {
        background: var(--tk-inset);
      }
      .tk-notice,
      .tk-notice .strong {
        color: var(--tk-text);
      }
      @media (max-width: 639px) {
        .tk-notice {
          grid-template-columns: 18px minmax(0, 1fr);
        }
        .tk-notice > .row {
          grid-column: 2;
          justify-self: start;
        }
      }
    `,
  ];
}
customElements.define('tk-notice', TkNotice);
