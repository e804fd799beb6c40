/** The secret of a camera, once, with what to paste on it: in memory until it is removed, at most ten minutes. */
import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import type { DeviceCreated } from '../../../daemon/contract/api.ts';
import { CA_FILE, shellCommand, systemdDropIn } from '../actions/producer-command.ts';
import { base } from '../styles/base.ts';
import { icon } from './icon.ts';
import { saveFile } from './save-file.ts';
import './tk-command.ts';
import './tk-secret.ts';

const KEPT_MS = 10 * 60_000;

/** Fires `blanked` when the secret is to be forgotten by whoever gave it, too. */
export class TkProducerSecret extends LitElement {
  static override properties = { created: { attribute: false }, shell: { state: true } };
  /** Holds the secret: memory of this page is its only place. */
  declare created: DeviceCreated | null;
  declare shell: boolean;
  #blank: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    super();
    this.created = null;
    this.shell = true;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#blank = setTimeout(() => {
      this.#forget();
    }, KEPT_MS);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.#blank);
    this.created = null;
  }

  #forget(): void {
    if (this.created !== null) this.created = { ...this.created, secret: '' };
    this.dispatchEvent(new Event('blanked'));
  }

  protected override render(): unknown {
    const { created } = this;
    if (created === null) return nothing;
    const { secret } = created;
    return html`<tk-secret
        .value=${secret}
        @blanked=${() => {
          this.#forget();
        }}
      ></tk-secret>
      ${secret === '' ? nothing : this.#start(created)}`;
  }

  #start({ apiUrl, secret, caPem }: DeviceCreated): TemplateResult {
    const options = { apiUrl, secret, hasOwnCa: caPem !== null };
    return html`<div class="stack tight">
      <div class="row">
        <h3 class="grow">Start the producer on the camera</h3>
        <div class="tk-segmented" role="radiogroup" aria-label="How it is started">
          ${this.#kind(true, 'Shell')}${this.#kind(false, 'systemd')}
        </div>
      </div>
      <tk-command
        .note=${
          this.shell
            ? 'the leading space keeps it out of the shell history'
            : 'systemctl edit webrtc-video-streaming'
        }
        .text=${this.shell ? shellCommand(options) : systemdDropIn(options)}
      ></tk-command>
      ${
        caPem === null
          ? nothing
          : html`<p class="tk-hint row">
              ${icon('i-download')}<span
                >This server uses its own certificate authority.
                <button
                  class="link"
                  @click=${() => {
                    saveFile(CA_FILE, new Blob([caPem], { type: 'application/x-pem-file' }));
                  }}
                >
                  Download ${CA_FILE}
                </button>
                and put it ${this.shell ? 'beside the program' : 'in /etc/ssl'}.</span
              >
            </p>`
      }
    </div>`;
  }

  #kind(shell: boolean, label: string): TemplateResult {
    return html`<button
      role="radio"
      aria-checked=${this.shell === shell}
      @click=${() => {
        this.shell = shell;
      }}
    >
      ${label}
    </button>`;
  }

  static override styles = [
    base,
    css`
      :host {
        display: grid;
        gap: var(--tk-7);
        min-width: 0;
      }
      .link {
        appearance: none;
        border: 0;
        padding: 0;
        background: none;
        color: var(--tk-accent);
        font: inherit;
        text-decoration: underline;
        text-underline-offset: 3px;
        cursor: pointer;
      }
    `,
  ];
}
customElements.define('tk-producer-secret', TkProducerSecret);
