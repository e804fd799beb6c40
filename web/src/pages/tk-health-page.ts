/** Health of the host: one sentence, what failed and its remedy or repair, what a viewer gets, ports. */
import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import type { DoctorReport, Inspection, PortMap } from '../../../daemon/contract/diagnosis.ts';
import { headline, joinedReport } from '../actions/health-view.ts';
import type { LiveData } from '../actions/live-state.ts';
import { sortedNamespaces } from '../actions/namespace-view.ts';
import { namespacePath } from '../actions/route.ts';
import { dayAndTime } from '../actions/wording.ts';
import { follow } from '../components/app-navigation.ts';
import { icon } from '../components/icon.ts';
import { LoadController } from '../components/load-controller.ts';
import { meter, meterStyles } from '../components/meter.ts';
import { saveFile } from '../components/save-file.ts';
import { RepairController } from '../components/repair-controller.ts';
import '../components/tk-notice.ts';
import { WatchController } from '../components/watch-controller.ts';
import type { ConsoleContext } from '../console-context.ts';
import { checkStyles } from '../styles/check.ts';
import { keyValue } from '../styles/key-value.ts';
import { base } from '../styles/base.ts';
import { card } from '../styles/card.ts';
import { page } from '../styles/page.ts';
import { forbidden } from './forbidden.ts';
import { loadCardStyles, nowCards } from './load-cards.ts';
import { attackCard, viewerCard } from './doctor-cards.ts';
import { findingCards, summary } from './finding-cards.ts';
import { healthStyles } from './health-styles.ts';
import { portMapCard } from './port-map-card.ts';
import { repairCard } from './repair-card.ts';

/** The doctor visits one namespace after the other: that is how far it is. */
type Run = { attack: boolean; done: number; of: number; namespace: string };

export class TkHealthPage extends LitElement {
  static override properties = {
    context: { attribute: false },
    inspection: { state: true },
    inspecting: { state: true },
    doctor: { state: true },
    attack: { state: true },
    run: { state: true },
    ports: { state: true },
    problems: { state: true },
    allOk: { state: true },
  };
  declare context: ConsoleContext;
  declare inspection: Inspection | null;
  declare inspecting: boolean;
  declare doctor: DoctorReport | null;
  declare attack: DoctorReport | null;
  declare run: Run | null;
  declare ports: PortMap | null;
  /** Why something could not be asked, by what it is. */
  declare problems: Readonly<Record<'inspect' | 'doctor' | 'ports', string | null>>;
  declare allOk: boolean;
  #begun = false;
  readonly #load: LoadController;
  readonly #repair = new RepairController(this, () => this.context);

  constructor() {
    super();
    this.inspection = null;
    this.inspecting = false;
    this.doctor = null;
    this.attack = null;
    this.run = null;
    this.ports = null;
    this.problems = { inspect: null, doctor: null, ports: null };
    this.allOk = false;
    this.#load = new LoadController(this, () => this.context);
    new WatchController(this, () => {
      const begin = (): void => {
        this.requestUpdate();
        if (this.#begun || this.context.live.data === null || !this.context.mayOperate) return;
        this.#begun = true;
        void this.#inspect();
        void this.#ports();
      };
      begin();
      return [this.context.live.on('data', begin)];
    });
  }

  focusMain(): void {
    this.renderRoot.querySelector<HTMLElement>('main')?.focus();
  }

  #failed(what: keyof TkHealthPage['problems'], error: unknown): void {
    this.problems = { ...this.problems, [what]: error instanceof Error ? error.message : String(error) };
  }

  #well(what: keyof TkHealthPage['problems']): void {
    this.problems = { ...this.problems, [what]: null };
  }

  async #inspect(): Promise<void> {
    if (this.inspecting) return;
    this.inspecting = true;
    try {
      this.inspection = await this.context.api.host.inspect();
      this.#well('inspect');
      this.context.say(this.#headline()?.title ?? 'Inspected');
    } catch (error) {
      this.#failed('inspect', error);
    } finally {
      this.inspecting = false;
    }
  }

  /** Then looks again: what was mended is no finding any more, and its button may be gone with the focus. */
  async #mend(): Promise<void> {
    if (this.#busy) return;
    if (await this.#repair.start()) await this.#inspect();
    await this.updateComplete;
    if (this.shadowRoot?.activeElement === null) {
      this.renderRoot.querySelector<HTMLElement>('#repair')?.focus();
    }
  }

  get #busy(): boolean {
    return this.inspecting || this.run !== null || this.#repair.busy;
  }

  async #ports(): Promise<void> {
    try {
      this.ports = await this.context.api.host.ports();
      this.#well('ports');
    } catch (error) {
      this.#failed('ports', error);
    }
  }

  async #visit(attack: boolean): Promise<void> {
    const { data } = this.context.live;
    if (this.run !== null || this.#repair.busy || data === null) return;
    const names = visited(data);
    const reports: DoctorReport[] = [];
    try {
      // Without a namespace it still examines the host.
      for (const [done, name] of (names.length === 0 ? [undefined] : names).entries()) {
        this.run = { attack, done, of: names.length, namespace: name ?? '' };
        reports.push(
          await this.context.api.host.doctor({ attack, ...(name === undefined ? {} : { namespace: name }) }),
        );
        if (attack) this.attack = joinedReport(reports);
        else this.doctor = joinedReport(reports);
      }
      this.#well('doctor');
      this.context.say(this.#headline()?.title ?? 'The doctor is done');
    } catch (error) {
      this.#failed('doctor', error);
    } finally {
      this.run = null;
    }
  }

  #headline(): ReturnType<typeof headline> {
    return headline(this.inspection, [this.doctor, this.attack]);
  }

  #save(): void {
    const { inspection, doctor, attack, ports } = this;
    const name = `turnkeep-health-${new Date(this.context.timers.now()).toISOString().slice(0, 19).replaceAll(':', '')}.json`;
    saveFile(
      name,
      new Blob([JSON.stringify({ inspection, doctor, attack, ports }, null, 2)], {
        type: 'application/json',
      }),
    );
    this.context.say(`Saved as ${name}`);
  }

  // -- Drawing -------------------------------------------------------------------------------------

  protected override render(): unknown {
    const { context } = this;
    const { data } = context.live;
    if (data !== null && !context.mayOperate) return forbidden(context, 'Health');
    const busy = this.#busy;
    return html`<header class="tk-header">
        <h1>Health</h1>
        <span class="faint small nowrap desk">${this.#load.newest?.load.host?.name ?? ''}</span>
        <span class="grow"></span>
        <button
          class="tk-button ghost desk"
          ?disabled=${this.inspection === null}
          @click=${() => {
            this.#save();
          }}
        >
          ${icon('i-download')}Report
        </button>
        <button
          class="tk-button"
          aria-disabled=${busy}
          @click=${() => {
            void this.#inspect();
            void this.#ports();
          }}
        >
          Inspect
        </button>
        <button
          class="tk-button primary"
          aria-disabled=${busy}
          @click=${() => {
            void this.#visit(false);
          }}
        >
          Run doctor
        </button>
      </header>
      <slot name="notice"></slot>
      <main id="main" tabindex="-1" aria-label="Health" aria-busy=${busy || data === null}>
        ${
          data === null
            ? html`<p class="sr">Loading the state of the host</p>`
            : html`<div class="tk-page">${this.#content()}</div>`
        }
      </main>`;
  }

  #content(): TemplateResult {
    const { context, inspection } = this;
    const nowMs = context.timers.now();
    const open = (name: string, label = name): TemplateResult => {
      const path = namespacePath(name);
      return html`<a href=${path} @click=${follow(context, path)}>${label}</a>`;
    };
    const cards =
      inspection === null
        ? { troubles: [], ok: nothing }
        : findingCards({
            findings: [...inspection.findings, ...hostOf(inspection, this.doctor)],
            atMs: Date.parse(inspection.at),
            nowMs,
            allOk: this.allOk,
            showAllOk: () => {
              this.allOk = true;
            },
            open: (name) => open(name, `Open ${name}`),
            busy: this.#busy,
            repair: () => {
              void this.#mend();
            },
          });
    const { data } = context.live;
    return html`${this.#top(nowMs)} ${this.#progress()} ${repairCard(this.#repair.run, nowMs)}
    ${cards.troubles}
    ${data === null ? nothing : nowCards({ samples: this.#load.samples, namespaces: sortedNamespaces(data), oldSinceMs: this.#load.oldSinceMs, nowMs, open })}
    ${viewerCard(this.doctor, nowMs)}
    ${attackCard({
      report: this.attack,
      nowMs,
      refusedBecause: context.mayOwn
        ? null
        : `Your role is ${context.user?.role ?? 'not known'}: an owner may run it.`,
      busy: this.run !== null,
      run: () => {
        void this.#visit(true);
      },
    })}
    ${portMapCard(this.ports, this.problems.ports)} ${cards.ok}`;
  }

  #top(nowMs: number): TemplateResult {
    const { inspection, problems } = this;
    const said = this.#headline();
    const when =
      inspection === null
        ? ''
        : ` Inspected ${dayAndTime(Date.parse(inspection.at), nowMs)}, in ${(inspection.durationMs / 1000).toFixed(1)} s.`;
    return html`<section class="stack tight top">
        <h2 class="headline">
          ${said?.title ?? (problems.inspect === null ? 'Inspecting this host' : 'We cannot tell how this host is.')}
        </h2>
        <p class="muted">
          ${
            said === null
              ? problems.inspect === null
                ? 'Every part is asked for its facts. That takes a few seconds.'
                : problems.inspect
              : `${said.text}${when}`
          }
        </p>
        ${inspection === null ? html`<div class="tk-sum">&nbsp;</div>` : summary(inspection.findings)}
      </section>
      ${said === null || problems.inspect === null ? nothing : this.#notice('The inspection has no answer.', problems.inspect)}
      ${problems.doctor === null ? nothing : this.#notice('The doctor could not finish.', problems.doctor)}`;
  }

  #notice(title: string, text: string): TemplateResult {
    return html`<tk-notice
      .notice=${{ kind: 'unknown' as const, title, text }}
      .lasting=${true}
    ></tk-notice>`;
  }

  #progress(): TemplateResult | typeof nothing {
    const { run } = this;
    if (run === null) return nothing;
    const what = run.attack ? 'Attacking' : 'Visiting';
    const words =
      run.of === 0
        ? 'Examining the host'
        : `${what} ${run.namespace}, ${String(run.done + 1)} of ${String(run.of)}`;
    return html`<section class="tk-card progress" role="status">
      <p class="small">${words}</p>
      ${meter('Progress of the doctor', run.of === 0 ? 0 : run.done / run.of, words)}
    </section>`;
  }

  static override styles = [
    base,
    page,
    card,
    checkStyles,
    healthStyles,
    keyValue,
    loadCardStyles,
    meterStyles,
    css`
      .progress {
        display: grid;
        gap: 8px;
        padding: 12px 16px;
      }
    `,
  ];
}
customElements.define('tk-health-page', TkHealthPage);

/** Whoever has, or should have, services. */
function visited(data: LiveData): string[] {
  return sortedNamespaces(data)
    .filter(({ webrtc }) => webrtc === 'enabled' || webrtc === 'degraded' || webrtc === 'unknown')
    .map(({ name }) => name);
}

/** What the doctor found on the host beyond the inspection. */
function hostOf(inspection: Inspection, doctor: DoctorReport | null): Inspection['findings'] {
  const known = new Set(inspection.findings.map(({ sentence }) => sentence));
  return (doctor?.host ?? []).filter(({ sentence }) => !known.has(sentence));
}
