/** Text to paste on another machine. Lines never break inside a flag: the box scrolls. Fires `copied`. */
import { css, html, LitElement } from 'lit';
import { base } from '../styles/base.ts';
import { block } from '../styles/block.ts';
import { icon } from './icon.ts';

export class TkCommand extends LitElement {
  static override properties = {
    text: { attribute: false },
    note: { attribute: false },
    copied: { state: true },
  };
  declare text: string;
  /** A line before the command that is not copied. */
  declare note: string;
  declare copied: 'no' | 'yes' | 'failed';

  constructor() {
    super();
    this.text = '';
    this.note = '';
    this.copied = 'no';
  }

  async #copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(this.text);
      this.copied = 'yes';
      this.dispatchEvent(new Event('copied'));
    } catch {
      this.copied = 'failed';
      const range = document.createRange();
      const command = this.renderRoot.querySelector('.command');
      if (command === null) return;
      range.selectNodeContents(command);
      getSelection()?.removeAllRanges();
      getSelection()?.addRange(range);
    }
    setTimeout(() => {
      this.copied = 'no';
    }, 2000);
  }

  protected override render(): unknown {
    const word = { no: '', yes: 'Copied', failed: 'Press Ctrl C' }[this.copied];
    return html`<div class="tk-command">
      <pre tabindex="0" role="region" aria-label=${`Command: ${this.text.slice(0, 80)}`}>
${this.note === '' ? '' : html`<span class="d"># ${this.note}</span>${'\n'}`}<span class="command">${this.text}</span></pre>
      <button
        class="tk-button ghost small ${word === '' ? 'icon' : ''}"
        aria-label=${word === '' ? 'Copy the command' : word}
        title="Copy the command"
        @click=${() => {
          void this.#copy();
        }}
      >
        ${word === '' ? icon('i-copy') : word}
      </button>
    </div>`;
  }

  static override styles = [
    base,
    block,
    css`
      .tk-command {
        display: grid;
        grid-template-columns: minmax(0, 1fr) auto;
        align-items: start;
        gap: 8px;
        padding: 6px 6px 6px 12px;
        border-radius: 8px;
        background: var(--tk-inset);
        box-shadow: inset 0 0 0 1px var(--tk-line);
        font-family: var(--tk-mono);
        font-size: var(--tk-size-2);
        line-height: 20px;
      }
      pre {
        margin: 0;
        padding: 3px 0;
        font: inherit;
        white-space: pre;
        overflow-x: auto;
        color: var(--tk-text);
        border-radius: 4px;
      }
      .d {
        color: var(--tk-text-3);
      }
    `,
  ];
}
customElements.define('tk-command', TkCommand);
