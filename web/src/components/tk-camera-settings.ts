/** Name, capture policy and secret of a camera, in its row of the inventory. */
import { css, html, LitElement, type TemplateResult } from 'lit';
import type { CapturePolicy, Device, DeviceCreated } from '../../../daemon/contract/api.ts';
import type { ConsoleContext } from '../console-context.ts';
import { base } from '../styles/base.ts';
import { card } from '../styles/card.ts';
import { stateWord } from './icon.ts';
import './tk-confirm.ts';
import './tk-form.ts';
import type { FormField, FormValues } from './tk-form.ts';
import './tk-producer-secret.ts';

const LINGER_SECONDS = 30;

/** Fires `close` when it is to go. */
export class TkCameraSettings extends LitElement {
  static override properties = {
    context: { attribute: false },
    device: { attribute: false },
    asking: { state: true },
    busy: { state: true },
    rotated: { state: true },
  };
  declare context: ConsoleContext;
  declare device: Device;
  /** Whether the secret is to be replaced. */
  declare asking: boolean;
  declare busy: boolean;
  /** Holds the new secret until it is hidden. */
  declare rotated: DeviceCreated | null;

  constructor() {
    super();
    this.asking = false;
    this.busy = false;
    this.rotated = null;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.rotated = null;
  }

  async #change({ name = '', capture }: FormValues): Promise<void> {
    const { device } = this;
    const policy: CapturePolicy = capture === 'always' ? { mode: 'always' } : onDemand(device);
    await this.context.api.changeCamera(device.id, { name, capture: policy });
    this.context.say(`${name} is changed`);
  }

  async #rotate(): Promise<void> {
    const { context, device } = this;
    this.busy = true;
    try {
      this.rotated = await context.api.rotateCamera(device.id);
      this.asking = false;
      context.say(`${device.name} has a new secret`);
      await this.updateComplete;
      this.renderRoot.querySelector<HTMLElement>('#rotated')?.focus();
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      context.tell({ kind: 'error', title: `The secret of ${device.name} was not replaced.`, text });
    } finally {
      this.busy = false;
    }
  }

  #keep(): void {
    this.asking = false;
    void this.updateComplete.then(() => {
      this.renderRoot.querySelector<HTMLElement>('#rotate')?.focus();
    });
  }

  protected override render(): unknown {
    const { device, rotated } = this;
    return html`<tk-form
        .heading=${`Settings of ${device.name}`}
        .verb=${'Save'}
        .fields=${fieldsOf(device)}
        .run=${(values: FormValues) => this.#change(values)}
        @close=${() => {
          // A secret that is not copied yet stays until it is hidden.
          if (this.rotated === null) this.dispatchEvent(new Event('close'));
        }}
      ></tk-form>
      ${rotated === null ? this.#secret(device) : this.#rotated(rotated)}`;
  }

  #secret({ name, secretPrefix }: Device): TemplateResult {
    if (this.asking) {
      return html`<tk-confirm
        .question=${`Replace the secret of ${name}?`}
        .text=${'The camera is disconnected at once, and comes back when it has the new secret.'}
        .verb=${'Replace secret'}
        .busy=${this.busy}
        @confirm=${() => {
          void this.#rotate();
        }}
        @keep=${() => {
          this.#keep();
        }}
      ></tk-confirm>`;
    }
    return html`<section class="tk-card" aria-labelledby="secret">
      <header><h2 id="secret">Secret</h2></header>
      <div class="body row wrap small">
        <span class="grow muted"
          >It begins with <code>${secretPrefix}</code>. Nobody can show the rest again.</span
        >
        <button
          class="tk-button danger"
          id="rotate"
          @click=${() => {
            this.asking = true;
          }}
        >
          Replace secret
        </button>
      </div>
    </section>`;
  }

  #rotated(rotated: DeviceCreated): TemplateResult {
    return html`<section class="tk-card" aria-labelledby="rotated">
      <header>
        <h2 id="rotated" class="grow" tabindex="-1">New secret of ${this.device.name}</h2>
        ${stateWord('live', 'Made now', true)}
      </header>
      <div class="body stack">
        <p class="small muted">
          Copy it now; it is not shown again. The one of before opens nothing any more.
        </p>
        <tk-producer-secret
          .created=${rotated}
          @blanked=${() => {
            if (this.rotated !== null) this.rotated = { ...this.rotated, secret: '' };
          }}
        ></tk-producer-secret>
        <div class="row">
          <button
            class="tk-button"
            @click=${() => {
              this.rotated = null;
              this.#keep();
            }}
          >
            Hide
          </button>
        </div>
      </div>
    </section>`;
  }

  static override styles = [
    base,
    card,
    css`
      :host {
        display: grid;
        gap: var(--tk-5);
        min-width: 0;
        white-space: normal;
        text-align: left;
      }
    `,
  ];
}
customElements.define('tk-camera-settings', TkCameraSettings);

function onDemand({ capture }: Device): CapturePolicy & { mode: 'on-demand' } {
  return capture.mode === 'on-demand' ? capture : { mode: 'on-demand', lingerSeconds: LINGER_SECONDS };
}

function fieldsOf(device: Device): FormField[] {
  const { lingerSeconds } = onDemand(device);
  return [
    {
      id: 'name',
      label: 'Name',
      hint: 'What people see on the wall.',
      kind: 'text',
      value: device.name,
      maxLength: 80,
    },
    {
      id: 'capture',
      label: 'When does the camera send video?',
      hint: "Always gives the first picture at once, and uses the camera's uplink day and night.",
      kind: 'choice',
      options: [
        { value: 'on-demand', label: `While someone watches, and ${String(lingerSeconds)} s after` },
        { value: 'always', label: 'Always' },
      ],
      chosen: device.capture.mode,
    },
  ];
}
