/**
 * A secret shown once. It lives in this element's memory only: gone when the element leaves the page, and after
 * 10 minutes. Fires `copied` and `blanked`.
 */
import { css, html, LitElement } from 'lit';
import { base } from '../styles/base.ts';
import { icon } from './icon.ts';

export const SECRET_SHOWN_MS = 10 * 60_000;

export class TkSecret extends LitElement {
  static override properties = {
    value: { attribute: false },
    noun: { attribute: false },
    gone: { attribute: false },
    copied: { state: true },
  };
  declare value: string;
  /** What it is, on the button: "Copy secret". */
  declare noun: string;
  /** Said in its place once it is hidden. */
  declare gone: string;
  declare copied: boolean;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    super();
    this.value = '';
    this.noun = 'secret';
    this.gone = 'Hidden after 10 minutes. Rotate the secret to get a new one.';
    this.copied = false;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#timer = setTimeout(() => {
      this.#blank();
    }, SECRET_SHOWN_MS);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.#timer);
    this.#blank();
  }

  #blank(): void {
    if (this.value === '') return;
    this.value = '';
    this.dispatchEvent(new Event('blanked'));
  }

  async #copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(this.value);
      this.copied = true;
      this.dispatchEvent(new Event('copied'));
      setTimeout(() => {
        this.copied = false;
      }, 2000);
    } catch {
      const text = this.renderRoot.querySelector('.value');
      if (text !== null) getSelection()?.selectAllChildren(text);
    }
  }

  protected override render(): unknown {
    return html`<div class="tk-secret">
      ${
        this.value === ''
          ? html`<span class="faint">${this.gone}</span>`
          : html`<span class="value">${this.value}</span>
              <button
                class="tk-button primary"
                @click=${() => {
                  void this.#copy();
                }}
              >
                ${icon(this.copied ? 'i-check' : 'i-copy')}${this.copied ? 'Copied' : `Copy ${this.noun}`}
              </button>`
      }
    </div>`;
  }

  static override styles = [
    base,
    css`
      :host {
        display: block;
      }
      .tk-secret {
        display: grid;
        grid-template-columns: minmax(0, 1fr) auto;
        align-items: center;
        gap: 12px;
        padding: 12px 12px 12px 16px;
        border-radius: 10px;
        border: 1.5px solid var(--tk-text);
        font-family: var(--tk-mono);
        font-size: var(--tk-size-4);
        overflow-wrap: anywhere;
        background: var(--tk-surface);
      }
      @media (max-width: 639px) {
        .tk-secret {
          grid-template-columns: minmax(0, 1fr);
        }
        .tk-button {
          width: 100%;
        }
      }
    `,
  ];
}
customElements.define('tk-secret', TkSecret);
