/**
 * Turns WebRTC on for a namespace: the choices, what will be done (asked of the server, which changes nothing),
 * and the same on the command line. The steps then come with live events.
 */
import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import type { RelayScope } from '../../../daemon/contract/names.ts';
import { enableCommand } from '../actions/namespace-view.ts';
import type { ConsoleContext } from '../console-context.ts';
import type { EnableOptions, PlanStep } from '../resources/namespace-api.ts';
import { choice } from '../styles/choice.ts';
import { columns } from '../styles/columns.ts';
import { base } from '../styles/base.ts';
import { block } from '../styles/block.ts';
import { card } from '../styles/card.ts';
import { field } from '../styles/field.ts';
import './tk-command.ts';
import './tk-steps.ts';

type PortName = 'turnPort' | 'turnsPort';
const PORTS: [PortName, string, string][] = [
  ['turnPort', 'TURN port', 'udp and tcp'],
  ['turnsPort', 'TURN over TLS port', 'tls and dtls'],
];

const RELAYS: [RelayScope, string, string][] = [
  [
    'sfu',
    'To the SFU only',
    'TURN reaches the SFU of this namespace and nothing else. Right for cameras and viewers.',
  ],
  [
    'public',
    'Also to public addresses',
    'Whoever has credentials can reach any public address through this server. Private ones and its own are refused.',
  ],
];

export class TkEnableWebrtc extends LitElement {
  static override properties = {
    context: { attribute: false },
    namespace: { attribute: false },
    values: { state: true },
    relay: { state: true },
    plan: { state: true },
    planProblem: { state: true },
    busy: { state: true },
    problem: { state: true },
  };
  declare context: ConsoleContext;
  declare namespace: string;
  declare values: Record<PortName, string>;
  declare relay: RelayScope;
  declare plan: PlanStep[] | null;
  declare planProblem: string | null;
  declare busy: boolean;
  declare problem: string | null;
  #asking: AbortController | undefined;

  constructor() {
    super();
    this.values = { turnPort: '', turnsPort: '' };
    this.relay = 'sfu';
    this.plan = null;
    this.planProblem = null;
    this.busy = false;
    this.problem = null;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#asking?.abort();
  }

  protected override firstUpdated(): void {
    void this.#plan();
  }

  get #options(): EnableOptions {
    const port = (name: PortName): number | undefined =>
      this.values[name] === '' ? undefined : Number(this.values[name]);
    const [turnPort, turnsPort] = [port('turnPort'), port('turnsPort')];
    return {
      ...(turnPort === undefined ? {} : { turnPort }),
      ...(turnsPort === undefined ? {} : { turnsPort }),
      ...(this.relay === 'sfu' ? {} : { relay: this.relay }),
    };
  }

  async #plan(): Promise<void> {
    this.#asking?.abort();
    const asking = new AbortController();
    this.#asking = asking;
    this.planProblem = null;
    try {
      this.plan = await this.context.api.namespaces.plan(this.namespace, this.#options, asking.signal);
    } catch (error) {
      if (asking.signal.aborted) return;
      this.plan = null;
      this.planProblem = error instanceof Error ? error.message : String(error);
    }
  }

  async #enable(): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    this.problem = null;
    try {
      await this.context.api.namespaces.enable(this.namespace, this.#options);
      this.context.say(`Enabling WebRTC for ${this.namespace}`);
    } catch (error) {
      this.problem = error instanceof Error ? error.message : String(error);
    } finally {
      this.busy = false;
    }
  }

  protected override render(): unknown {
    return html`<div class="cols side">
      <section class="tk-card" aria-labelledby="enable">
        <header><h2 id="enable">Enable WebRTC for ${this.namespace}</h2></header>
        <form
          class="body stack"
          @submit=${(event: Event) => {
            event.preventDefault();
            void this.#enable();
          }}
        >
          <p class="small muted">
            The namespace gets a TURN service and an SFU of its own, with their own secret and ports. It
            counts as enabled only after a real session through the relay has worked.
          </p>
          <div class="fields">${PORTS.map(([name, label, what]) => this.#port(name, label, what))}</div>
          <fieldset class="tk-field">
            <legend>Relay</legend>
            ${RELAYS.map((one) => this.#relay(...one))}
          </fieldset>
          ${
            this.problem === null
              ? nothing
              : html`<p class="problem small" role="alert">
                  <span class="strong">WebRTC was not enabled.</span> ${this.problem}
                </p>`
          }
          <div class="row wrap">
            <button class="tk-button primary" type="submit" aria-busy=${this.busy}>Enable WebRTC</button>
          </div>
        </form>
      </section>
      <div class="stack">
        <section
          class="tk-card"
          aria-labelledby="plan"
          aria-busy=${this.plan === null && this.planProblem === null}
        >
          <header><h2 id="plan">What will be done</h2></header>
          ${
            this.planProblem !== null
              ? html`<p class="body small error" role="alert">${this.planProblem}</p>`
              : this.plan === null
                ? html`<p class="body small faint">Asking the server.</p>`
                : html`<tk-steps .steps=${this.plan}></tk-steps>`
          }
          <footer>Nothing has changed yet. If a step fails, everything is undone.</footer>
        </section>
        <section class="tk-card" aria-labelledby="cli">
          <header><h2 id="cli">Same on the command line</h2></header>
          <div class="body">
            <tk-command .text=${enableCommand(this.namespace, this.#options)}></tk-command>
          </div>
        </section>
      </div>
    </div>`;
  }

  #relay(scope: RelayScope, label: string, text: string): TemplateResult {
    return html`<label class="tk-choice">
      <input
        type="radio"
        name="relay"
        aria-describedby="${scope}-text"
        .checked=${this.relay === scope}
        @change=${() => {
          this.relay = scope;
          void this.#plan();
        }}
      /><span class="medium small">${label}</span>
      <p id="${scope}-text">${text}</p>
    </label>`;
  }

  #port(name: PortName, label: string, what: string): TemplateResult {
    return html`<div class="tk-field">
      <label for=${name}>${label}</label>
      <input
        class="tk-input"
        id=${name}
        type="number"
        inputmode="numeric"
        min="1"
        max="65535"
        placeholder="Automatic"
        autocomplete="off"
        aria-describedby="${name}-hint"
        .value=${this.values[name]}
        @input=${(event: Event) => {
          this.values = { ...this.values, [name]: (event.target as HTMLInputElement).value };
        }}
        @change=${() => {
          void this.#plan();
        }}
      />
      <span class="tk-hint" id="${name}-hint">${what}; empty: the next free one</span>
    </div>`;
  }

  static override styles = [
    base,
    block,
    card,
    field,
    columns,
    choice,
    css`
      .fields {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(180px, 1fr));
        gap: 16px;
      }
      .problem {
        padding: 10px 12px;
        border-radius: 8px;
        background: var(--tk-error-bg);
      }
    `,
  ];
}
customElements.define('tk-enable-webrtc', TkEnableWebrtc);
