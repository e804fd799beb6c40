/** One namespace: enable it, watch it come up, see what runs, end it. */
import { html, LitElement, nothing, type TemplateResult } from 'lit';
import type { Namespace, WebrtcStatus } from '../../../daemon/contract/api.ts';
import type { CertificateView } from '../../../daemon/contract/certificates.ts';
import type { TurnLive } from '../../../daemon/contract/turn-operations.ts';
import type { LiveData } from '../actions/live-state.ts';
import { camerasOf, failedOperation, namespaceState, runningOperation } from '../actions/namespace-view.ts';
import { certificateView, dnsView, firewallView, type CertificateFacts } from '../actions/network-view.ts';
import { follow } from '../components/app-navigation.ts';
import { icon, stateWord } from '../components/icon.ts';
import { meterStyles } from '../components/meter.ts';
import '../components/tk-enable-webrtc.ts';
import '../components/tk-notice.ts';
import '../components/tk-operation.ts';
import '../components/tk-turn.ts';
import { WatchController } from '../components/watch-controller.ts';
import type { ConsoleContext } from '../console-context.ts';
import { columns } from '../styles/columns.ts';
import { keyValue } from '../styles/key-value.ts';
import { base } from '../styles/base.ts';
import { card } from '../styles/card.ts';
import { page } from '../styles/page.ts';
import { forbidden } from './forbidden.ts';
import { namespaceCardStyles, portsCard, probeCard, servicesCard } from './namespace-cards.ts';
import { certificateCard, networkStyles, outsideCard } from './network-cards.ts';
import { failedView, operationStyles, runningView } from './namespace-operation.ts';
import { namespaceQuestion, type Question } from './namespace-questions.ts';

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
    certificates: { state: true },
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
  /** What an ACME authority issues for this host. */
  declare certificates: readonly CertificateView[];
  #shown: Namespace['webrtc'] | undefined;

  constructor() {
    super();
    this.status = null;
    this.statusProblem = null;
    this.probing = false;
    this.turn = null;
    this.question = 'none';
    this.busy = false;
    this.certificates = [];
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
      const [at, certificates] = await Promise.all([
        this.context.api.namespaces.status(this.name),
        // Beside the probe: what cannot be told is left out.
        this.context.api.host.certificates().catch(() => []),
      ]);
      this.certificates = certificates;
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

  #renew(name: string): Promise<void> {
    return this.#do('The certificate is not being renewed.', async () => {
      await this.context.api.host.renewCertificate(name);
      this.context.say(`A certificate for ${name} is being ordered`);
      await this.#probe();
    });
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
    if (running !== null && !rotating) return runningView(this.context, running);
    const failed = failedOperation(data, namespace.name);
    return html`${this.#question(data, namespace)}
    ${rotating ? html`<tk-operation .context=${this.context} .operation=${running}></tk-operation>` : nothing}
    ${failed === null ? nothing : failedView(failed)}
    ${
      namespace.webrtc === 'disabled'
        ? this.#disabled()
        : namespace.operationId === null || rotating
          ? this.#overview()
          : html`<p class="small faint">Beginning.</p>`
    }`;
  }

  #question(data: LiveData, { name }: Namespace): TemplateResult | typeof nothing {
    return namespaceQuestion({
      question: this.question,
      context: this.context,
      name,
      cameras: camerasOf(data, name),
      sessions: this.turn?.sessions.total ?? this.status?.at.allocations ?? null,
      busy: this.busy,
      run: (failure, action) => {
        void this.#do(failure, action);
      },
      keep: () => {
        this.question = 'none';
        this.focusMain();
      },
    });
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
    const issued = this.certificates.find(({ usedBy }) => usedBy.includes(`turn:${this.name}`)) ?? null;
    const facts = live?.certificate === undefined ? null : certificateView(live.certificate, issued, nowMs);
    const { renewable } = facts ?? { renewable: null };
    const renew = context.mayOwn && renewable !== null ? () => void this.#renew(renewable) : null;
    return html`${warningOf(facts, renew)}${
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
              </div>
              <div class="cols two">
                <div class="stack">
                  ${outsideCard('dns', 'DNS', dnsView(status.at.dns))}
                  ${outsideCard('firewall', 'Firewall', firewallView(status.at.firewall))}
                </div>
                ${facts === null ? nothing : certificateCard({ facts, renew, busy: this.busy })}
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

  static override styles = [
    base,
    page,
    card,
    columns,
    keyValue,
    meterStyles,
    networkStyles,
    namespaceCardStyles,
    operationStyles,
  ];
}
customElements.define('tk-namespace-page', TkNamespacePage);

function warningOf(
  facts: CertificateFacts | null,
  renew: (() => void) | null,
): TemplateResult | typeof nothing {
  const warning = facts?.warning ?? null;
  if (warning === null) return nothing;
  return html`<tk-notice
    .lasting=${true}
    .notice=${{
      kind: 'degraded' as const,
      ...warning,
      ...(renew === null ? {} : { action: { label: 'Renew now', run: renew } }),
    }}
  ></tk-notice>`;
}
