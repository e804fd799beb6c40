/**
 * Makes something new, or changes it: a card that opens in place, above its list or below its row. The focus is on the first field; Escape and Cancel
 * close it; what the server refuses is said at the first field, and nothing that was typed is lost.
 */
import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { base } from '../styles/base.ts';
import { block } from '../styles/block.ts';
import { card } from '../styles/card.ts';
import { field } from '../styles/field.ts';

export type FormField = {
  id: string;
  label: string;
  /** One sentence under it. A refusal takes the place of the first field's. */
  hint?: string;
} & (
  | { kind: 'text'; value?: string; required?: boolean; maxLength?: number }
  | { kind: 'number'; min: number; max: number }
  | { kind: 'choice'; options: readonly { value: string; label: string }[]; chosen?: string }
);

/** By id of the field; without white space around. */
export type FormValues = Readonly<Record<string, string>>;

/** Fires `close` when it is to go: it was cancelled, or `run` is through. */
export class TkForm extends LitElement {
  static override properties = {
    heading: { attribute: false },
    verb: { attribute: false },
    fields: { attribute: false },
    run: { attribute: false },
    instead: { attribute: false },
    busy: { state: true },
    problem: { state: true },
  };
  declare heading: string;
  declare verb: string;
  declare fields: readonly FormField[];
  /** What rejects is shown, and the form stays. */
  declare run: (values: FormValues) => Promise<void>;
  /** Why there is nothing to fill in, in place of the fields. */
  declare instead: string | null;
  declare busy: boolean;
  declare problem: string | null;

  /** Gets the focus back. */
  #opener: HTMLElement | null = null;

  constructor() {
    super();
    this.heading = '';
    this.verb = '';
    this.fields = [];
    this.run = () => Promise.resolve();
    this.instead = null;
    this.busy = false;
    this.problem = null;
    this.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape') return;
      event.preventDefault();
      event.stopPropagation();
      this.#close();
    });
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#opener = focusedElement();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    // Gone with its page, the focus is the next page's.
    if (this.#opener?.isConnected === true) this.#opener.focus();
  }

  protected override firstUpdated(): void {
    this.#focusFirst();
  }

  #focusFirst(): void {
    this.renderRoot.querySelector<HTMLElement>('.tk-input, .cancel')?.focus();
  }

  #close(): void {
    this.dispatchEvent(new Event('close'));
  }

  async #submit(form: HTMLFormElement): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    this.problem = null;
    const values = Object.fromEntries(
      this.fields.map(({ id }) => {
        const input = form.elements.namedItem(id) as HTMLInputElement | HTMLSelectElement;
        return [id, input.value.trim()];
      }),
    );
    try {
      await this.run(values);
      this.#close();
    } catch (error) {
      this.problem = error instanceof Error ? error.message : String(error);
      this.#focusFirst();
    } finally {
      this.busy = false;
    }
  }

  protected override render(): unknown {
    return html`<section class="tk-card" aria-labelledby="heading">
      <header><h2 id="heading">${this.heading}</h2></header>
      ${
        this.instead === null
          ? this.#form()
          : html`<div class="body stack tight">
              <p class="small">${this.instead}</p>
              <div class="row">${this.#cancel('Close')}</div>
            </div>`
      }
    </section>`;
  }

  #form(): TemplateResult {
    return html`<form
      class="body"
      aria-busy=${this.busy}
      @submit=${(event: SubmitEvent) => {
        event.preventDefault();
        void this.#submit(event.target as HTMLFormElement);
      }}
    >
      ${this.fields.map((one, at) => this.#field(one, at === 0 ? this.problem : null))}
      <div class="row wrap">
        <button class="tk-button primary" type="submit" aria-disabled=${this.busy}>${this.verb}</button
        >${this.#cancel('Cancel')}
      </div>
    </form>`;
  }

  #cancel(word: string): TemplateResult {
    return html`<button
      class="tk-button cancel"
      type="button"
      @click=${() => {
        this.#close();
      }}
    >
      ${word}
    </button>`;
  }

  #field(one: FormField, problem: string | null): TemplateResult {
    const { id, label } = one;
    const hint = problem ?? one.hint;
    return html`<div class="tk-field">
      <label for=${id}>${label}</label>
      ${this.#input(one, problem !== null, hint === undefined ? nothing : `${id}-hint`)}
      ${
        hint === undefined
          ? nothing
          : html`<span
              class="tk-hint ${problem === null ? '' : 'bad'}"
              id="${id}-hint"
              role=${problem === null ? nothing : 'alert'}
              >${hint}</span
            >`
      }
    </div>`;
  }

  #input(one: FormField, invalid: boolean, describedBy: string | typeof nothing): TemplateResult {
    const { id } = one;
    switch (one.kind) {
      case 'text':
        return html`<input
          class="tk-input"
          id=${id}
          name=${id}
          value=${one.value ?? ''}
          ?required=${one.required ?? true}
          maxlength=${one.maxLength ?? nothing}
          autocomplete="off"
          autocapitalize="none"
          spellcheck="false"
          aria-invalid=${invalid ? 'true' : nothing}
          aria-describedby=${describedBy}
        />`;
      case 'number':
        return html`<input
          class="tk-input"
          id=${id}
          name=${id}
          type="number"
          min=${one.min}
          max=${one.max}
          aria-invalid=${invalid ? 'true' : nothing}
          aria-describedby=${describedBy}
        />`;
      case 'choice':
        return html`<select class="tk-input" id=${id} name=${id} aria-describedby=${describedBy}>
          ${one.options.map(
            ({ value, label }) =>
              html`<option value=${value} ?selected=${value === one.chosen}>${label}</option>`,
          )}
        </select>`;
    }
  }

  static override styles = [
    base,
    block,
    card,
    field,
    css`
      form {
        display: grid;
        gap: var(--tk-5);
      }
      .tk-field {
        max-width: 460px;
      }
    `,
  ];
}
customElements.define('tk-form', TkForm);

/** Through shadow roots. */
function focusedElement(): HTMLElement | null {
  let element = document.activeElement;
  while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
  return element instanceof HTMLElement ? element : null;
}
