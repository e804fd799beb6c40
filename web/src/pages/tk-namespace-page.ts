/** One namespace: enable it, watch it come up, see what runs, end it. */
import { html, LitElement, nothing, type TemplateResult } from 'lit';
import type { Namespace, Operation, WebrtcStatus } from '../../../daemon/contract/api.ts';
import type { TurnLive } from '../../../daemon/contract/turn-operations.ts';
import type { LiveData } from '../actions/live-state.ts';
import {
  camerasOf,
  enableCommand,
  failedOperation,
  failureTitle,
  namespaceState,
  runningOperation,
} from '../actions/namespace-view.ts';
import { counted } from '../actions/wording.ts';
import { follow } from '../components/app-navigation.ts';
import { icon, stateWord } from '../components/icon.ts';
import '../components/tk-command.ts';
import '../components/tk-confirm.ts';
import '../components/tk-enable-webrtc.ts';
import '../components/tk-notice.ts';
import '../components/tk-operation.ts';
import '../components/tk-turn.ts';
import { WatchController } from '../components/watch-controller.ts';
import type { ConsoleContext } from '../console-context.ts';
import { columns } from '../styles/columns.ts';
import { base, card, page } from '../styles/shared.ts';
import { forbidden } from './forbidden.ts';
import { namespaceCardStyles, portsCard, probeCard, servicesCard } from './namespace-cards.ts';

type Question = 'none' | 'rotate' | 'disable' | 'delete';

export class TkNamespacePage extends LitElement {
  static override properties = {
    context: { attribute: false },
    name: { attribute: false },
    status: { state: true },
    statusProblem: { state: true },
    probing: { state: true },
    turn: { state: true },
    question: { state: true },
    busy: { state: true },
  };
  declare context: ConsoleContext;
  declare name: string;
  declare status: { at: WebrtcStatus; probedAtMs: number } | null;
  declare statusProblem: string | null;
  declare probing: boolean;
  /** The last live picture of the TURN service. */
  declare turn: TurnLive | null;
  declare question: Question;
  declare busy: boolean;
  #shown: Namespace['webrtc'] | undefined;

  constructor() {
    super();
    this.status = null;
    this.statusProblem = null;
    this.probing = false;
    this.turn = null;
    this.question = 'none';
    this.busy = false;
    new WatchController(this, () => {
      const redraw = (): void => {
        this.#follow();
        this.requestUpdate();
      };
      const timer = setInterval(() => {
        this.requestUpdate();
      }, 1000);
      this.#follow();
      return [
        this.context.live.on('data', redraw),
        () => {
          clearInterval(timer);
        },
      ];
    });
  }

  focusMain(): void {
    this.renderRoot.querySelector<HTMLElement>('main')?.focus();
  }

  handleKey(event: KeyboardEvent): boolean {
    if (event.key !== 'Escape' || this.question === 'none') return false;
    this.question = 'none';
    return true;
  }

  /** Probes again whenever the namespace enters another state: what was known is old. */
  #follow(): void {
    const webrtc = this.context.live.data?.namespaces.get(this.name)?.webrtc;
    if (webrtc === this.#shown) return;
    this.#shown = webrtc;
    this.question = 'none';
    this.turn = null;
    if (webrtc === undefined || webrtc === 'disabled') this.status = null;
    else void this.#probe();
  }

  async #probe(): Promise<void> {
    if (this.probing) return;
    this.probing = true;
    try {
      const at = await this.context.api.namespaces.status(this.name);
      this.status = { at, probedAtMs: this.context.timers.now() };
      this.statusProblem = null;
    } catch (error) {
      this.statusProblem = error instanceof Error ? error.message : String(error);
    } finally {
      this.probing = false;
    }
  }

  async #do(what: string, run: () => Promise<void>): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    try {
      await run();
      this.question = 'none';
      this.focusMain();
    } catch (error) {
      this.context.tell({
        kind: 'error',
        title: what,
        text: error instanceof Error ? error.message : String(error),
      });
    } finally {
      this.busy = false;
    }
  }

  // -- Drawing -------------------------------------------------------------------------------------

  protected override render(): unknown {
    const { context, name } = this;
    const { data } = context.live;
    if (data !== null && !context.mayOperate) return forbidden(context, 'Namespaces');
    const namespace = data?.namespaces.get(name);
    return html`<header class="tk-header">
        <div class="tk-crumb">
          <a href="/namespaces" @click=${follow(context, '/namespaces')}>Namespaces</a>${icon('i-right')}
        </div>
        <h1 class="cut">${name}</h1>
        ${namespace === undefined ? nothing : this.#chip(namespace)}
        <span class="grow"></span>
        ${namespace === undefined || !context.mayOwn ? nothing : this.#actions(namespace)}
      </header>
      <slot name="notice"></slot>
      <main id="main" tabindex="-1" aria-label=${name} aria-busy=${data === null}>
        ${
          data === null
            ? html`<p class="sr">Loading ${name}</p>`
            : namespace === undefined
              ? this.#missing()
              : html`<div class="tk-page">${this.#content(data, namespace)}</div>`
        }
      </main>`;
  }

  #chip(namespace: Namespace): TemplateResult {
    const { state, label } = namespaceState(namespace);
    return stateWord(state, label, true);
  }

  #actions(namespace: Namespace): TemplateResult | typeof nothing {
    if (namespace.operationId !== null) return nothing;
    const off = namespace.webrtc === 'disabled';
    return html`${off ? nothing : this.#action('rotate', 'Rotate secret', 'desk')}
    ${off ? this.#action('delete', 'Delete namespace', 'danger') : this.#action('disable', 'Disable WebRTC', 'danger')}`;
  }

  #action(question: Question, label: string, kind: string): TemplateResult {
    return html`<button
      class="tk-button ${kind}"
      aria-expanded=${this.question === question}
      @click=${() => {
        this.question = this.question === question ? 'none' : question;
      }}
    >
      ${label}
    </button>`;
  }

  #missing(): TemplateResult {
    const { context } = this;
    return html`<div class="tk-empty">
      <h2>There is no namespace called “${this.name}”</h2>
      <p>It was deleted, or the address is wrong.</p>
      <div class="row">
        <a class="tk-button" href="/namespaces" @click=${follow(context, '/namespaces')}>All namespaces</a>
      </div>
    </div>`;
  }

  #content(data: LiveData, namespace: Namespace): TemplateResult {
    const running = runningOperation(data, namespace);
    // Sessions go on while a secret is rotated: what runs stays in sight.
    const rotating = running?.kind === 'rotate-turn-secret';
    if (running !== null && !rotating) return this.#running(running);
    const failed = failedOperation(data, namespace.name);
    return html`${this.#question(data, namespace)}
    ${rotating ? html`<tk-operation .context=${this.context} .operation=${running}></tk-operation>` : nothing}
    ${failed === null ? nothing : this.#failed(failed)}
    ${
      namespace.webrtc === 'disabled'
        ? this.#disabled()
        : namespace.operationId === null || rotating
          ? this.#overview()
          : html`<p class="small faint">Beginning.</p>`
    }`;
  }

  #question(data: LiveData, { name }: Namespace): TemplateResult | typeof nothing {
    const { context } = this;
    const keep = (): void => {
      this.question = 'none';
      this.focusMain();
    };
    if (this.question === 'disable') {
      const sessions = this.turn?.sessions.total ?? this.status?.at.allocations ?? null;
      const who = sessions === null || sessions === 0 ? '' : `${counted(sessions, 'session')} end. `;
      return html`<tk-confirm
        .question=${`Disable WebRTC for ${name}?`}
        .text=${`${who}Nobody can watch its cameras until it is enabled again. Cameras stay; ports are given back.`}
        .verb=${'Disable WebRTC'}
        .safe=${'Keep it on'}
        .busy=${this.busy}
        @confirm=${() => {
          void this.#do(`WebRTC was not disabled for ${name}.`, () => context.api.namespaces.disable(name));
        }}
        @keep=${keep}
      ></tk-confirm>`;
    }
    if (this.question === 'rotate') {
      const rotate = (now: boolean): void => {
        void this.#do(`The TURN secret of ${name} was not rotated.`, () =>
          context.api.namespaces.rotateSecret(name, { now }),
        );
      };
      return html`<tk-confirm
        .question=${`Rotate the TURN secret of ${name}?`}
        .text=${'No session is dropped. Credentials of before stay good until they end, a day at most; after a leak, refuse them now.'}
        .verb=${'Rotate secret'}
        .safe=${'Keep it'}
        .busy=${this.busy}
        @confirm=${() => {
          rotate(false);
        }}
        @keep=${keep}
        ><button
          class="tk-button danger"
          @click=${() => {
            rotate(true);
          }}
        >
          Rotate, refuse older credentials now
        </button></tk-confirm
      >`;
    }
    if (this.question !== 'delete') return nothing;
    const cameras = camerasOf(data, name);
    return html`<tk-confirm
      .question=${`Delete ${name}?`}
      .text=${
        cameras === 0
          ? 'Its API keys stop working at once. This is permanent.'
          : `It still has ${counted(cameras, 'camera')}: delete those first.`
      }
      .verb=${`Delete ${name}`}
      .busy=${this.busy}
      @confirm=${() => {
        void this.#do(`${name} was not deleted.`, async () => {
          await context.api.namespaces.delete(name);
          context.say(`${name} is deleted`);
          context.navigate('/namespaces');
        });
      }}
      @keep=${keep}
    ></tk-confirm>`;
  }

  #running(operation: Operation): TemplateResult {
    const enabling = operation.kind === 'enable-webrtc';
    return html`<div class="cols side">
      <tk-operation .context=${this.context} .operation=${operation}></tk-operation>
      <div class="stack">
        <section class="tk-card" aria-labelledby="fails">
          <header><h2 id="fails">If a step fails</h2></header>
          <div class="body small muted stack tight">
            <p>
              ${
                enabling
                  ? 'Everything done so far is undone, newest first, and nothing stays behind.'
                  : 'What was done stays done, and the rest can be tried again.'
              }
            </p>
            <p>
              You may close this page. If the server loses power now, it finishes
              ${enabling ? 'or undoes ' : ''}this at the next start.
            </p>
          </div>
        </section>
        ${
          enabling
            ? html`<section class="tk-card" aria-labelledby="cli">
                <header><h2 id="cli">Same on the command line</h2></header>
                <div class="body"><tk-command .text=${enableCommand(this.name, {})}></tk-command></div>
              </section>`
            : nothing
        }
      </div>
    </div>`;
  }

  #failed(operation: Operation): TemplateResult {
    const step = operation.steps.find(({ state }) => state === 'failed');
    const where = step === undefined ? '' : `${step.label}: `;
    return html`<tk-notice
        .notice=${{
          kind: 'error' as const,
          title: failureTitle(operation),
          text: `${where}${operation.error?.message ?? 'The server does not say why.'}`,
        }}
      ></tk-notice>
      <details class="tk-card">
        <summary class="small">What was done and undone</summary>
        <tk-steps .steps=${operation.steps}></tk-steps>
      </details>`;
  }

  #disabled(): TemplateResult {
    const { context, name } = this;
    if (context.mayOwn) {
      return html`<tk-enable-webrtc .context=${context} .namespace=${name}></tk-enable-webrtc>`;
    }
    return html`<div class="tk-empty">
      <h2>WebRTC is off</h2>
      <p>Nobody can watch the cameras of ${name}. An owner can enable it.</p>
    </div>`;
  }

  #overview(): TemplateResult {
    const { context, status, turn } = this;
    const nowMs = context.timers.now();
    const live = turn !== null && (turn.status.ready || turn.status.draining) ? turn.status : null;
    return html`${
        this.statusProblem === null
          ? nothing
          : html`<tk-notice
              .notice=${{
                kind: 'unknown' as const,
                title: 'The probe has no answer.',
                text: this.statusProblem,
                action: {
                  label: 'Probe now',
                  run: () => {
                    void this.#probe();
                  },
                },
              }}
            ></tk-notice>`
      }
      ${
        status === null
          ? html`<p class="small faint" role="status">Probing the services.</p>`
          : html`${probeCard({
                status: status.at,
                probedAtMs: status.probedAtMs,
                turn: live,
                nowMs,
                busy: this.probing,
                again: () => {
                  void this.#probe();
                },
              })}
              <div class="cols two">
                ${status.at.ports === null ? nothing : portsCard(status.at.ports, status.at.uris, live)}
                ${servicesCard(status.at, nowMs)}
              </div>`
      }
      <tk-turn
        .context=${context}
        .namespace=${this.name}
        @turn=${(event: CustomEvent<TurnLive>) => {
          this.turn = event.detail;
        }}
      ></tk-turn>`;
  }

  static override styles = [base, page, card, columns, namespaceCardStyles];
}
customElements.define('tk-namespace-page', TkNamespacePage);
