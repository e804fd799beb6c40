/** One camera: player, how the picture came, figures on a phone, and what is known of the camera. */
import { html, LitElement, nothing, type TemplateResult } from 'lit';
import type { Device } from '../../../daemon/contract/api.ts';
import { journeySteps, journeyText, journeyTitle } from '../actions/journey.ts';
import { captureText, deviceState, sortedDevices } from '../actions/live-state.ts';
import { cameraPath } from '../actions/route.ts';
import type { StatsSample } from '../actions/statistics.ts';
import type { TileAction, TileView } from '../actions/tile-facts.ts';
import { bitRate, counted, dayAndTime, duration } from '../actions/wording.ts';
import { icon, stateWord } from '../components/icon.ts';
import { currentView, networkRequest } from '../components/tile-inputs.ts';
import '../components/tk-journey.ts';
import '../components/tk-player.ts';
import type { TkPlayer } from '../components/tk-player.ts';
import { firstRows, moreRows, pathRow, rows, secondRows, type StatsLevel } from '../components/tk-stats.ts';
import { WatchController } from '../components/watch-controller.ts';
import type { ConsoleContext } from '../console-context.ts';
import type { CameraFeed } from '../resources/camera-feed.ts';
import { base } from '../styles/base.ts';
import { card } from '../styles/card.ts';
import { page } from '../styles/page.ts';
import { cameraPageStyles } from './tk-camera-page-styles.ts';

const PRODUCERS = { whep: 'rstream producer v2, WHEP', ws: 'rstream producer v1, WebSocket' } as const;

export class TkCameraPage extends LitElement {
  static override properties = {
    context: { attribute: false },
    cameraId: { attribute: false },
    level: { state: true },
    sample: { state: true },
    copied: { state: true },
    why: { state: true },
  };
  declare context: ConsoleContext;
  declare cameraId: string;
  declare level: StatsLevel;
  declare sample: StatsSample | null;
  declare copied: boolean;
  /** What the server says of this viewer, once it was asked. */
  declare why: string | null;
  #feed: CameraFeed | null = null;
  #unsample: () => void = () => undefined;
  /** The last that was known of a camera that has been deleted meanwhile. */
  #device: Device | undefined;

  constructor() {
    super();
    this.cameraId = '';
    this.level = 0;
    this.sample = null;
    this.copied = false;
    this.why = null;
    new WatchController(this, () => {
      const redraw = (): void => {
        this.requestUpdate();
      };
      const { live, media } = this.context;
      return [
        live.on('data', redraw),
        live.on('state', redraw),
        media.on('tick', redraw),
        () => {
          this.#unsample();
          this.#feed?.rest(this);
          this.#feed = null;
        },
      ];
    });
  }

  get #player(): TkPlayer | null {
    return this.renderRoot.querySelector<TkPlayer>('tk-player');
  }

  focusMain(): void {
    this.renderRoot.querySelector<HTMLElement>('main')?.focus();
  }

  handleKey(event: KeyboardEvent): boolean {
    const player = this.#player;
    if (player === null) return false;
    player.stir();
    switch (event.key.toLowerCase()) {
      case 'i':
        player.nextLevel();
        return true;
      case 'm':
        player.toggleSound();
        return true;
      case 's':
        void player.snapshot();
        return true;
      case 'p':
        player.togglePictureInPicture();
        return true;
      case 'f':
        player.toggleFullscreen();
        return true;
      case 'r':
        this.#feed?.retryNow();
        return true;
      case '[':
        this.#step(-1);
        return true;
      case ']':
        this.#step(1);
        return true;
      default:
        return false;
    }
  }

  #step(by: number): void {
    const { data } = this.context.live;
    if (data === null) return;
    const ids = sortedDevices(data).map((device) => device.id);
    const at = ids.indexOf(this.cameraId);
    const id = ids[(at + by + ids.length) % ids.length];
    if (id !== undefined && id !== this.cameraId) this.context.navigate(cameraPath(id), { replace: true });
  }

  protected override willUpdate(): void {
    const { live, media } = this.context;
    this.#device = live.data?.devices.get(this.cameraId) ?? this.#device;
    if (this.#feed !== null || this.#device === undefined) return;
    const feed = media.feed(this.#device);
    this.#feed = feed;
    this.sample = feed.sample;
    feed.play(this, 'player');
    this.#unsample = feed.on('sample', (sample) => {
      this.sample = sample;
    });
  }

  #act(action: TileAction): void {
    if (action === 'try-now') this.#feed?.retryNow();
    if (action === 'copy-network') {
      void this.#copy(networkRequest(this.#feed?.subscription().blockedTransports ?? [], location.hostname));
    }
  }

  async #copy(text: string): Promise<void> {
    try {
      await navigator.clipboard.writeText(text);
      this.copied = true;
      this.context.say('Copied');
      setTimeout(() => {
        this.copied = false;
      }, 2000);
    } catch {
      this.context.tell({ kind: 'error', title: 'The text could not be copied.', text });
    }
  }

  protected override render(): unknown {
    const device = this.#device;
    if (device === undefined) return this.#missing();
    const { context } = this;
    const nowMs = context.timers.now();
    const view = currentView(context, this.#feed, device.id, true);
    this.#announce(view, nowMs);
    return html`
      ${this.#header(device, view, nowMs)}
      <slot name="notice"></slot>
      <main id="main" tabindex="-1" aria-label=${device.name}>
        <div class="tk-watch">
          <div class="left">
            <tk-player
              .name=${device.name}
              .feed=${this.#feed}
              .view=${view}
              .sample=${this.sample}
              .level=${this.level}
              @level=${(event: CustomEvent<StatsLevel>) => {
                this.level = event.detail;
              }}
              @act=${(event: CustomEvent<TileAction>) => {
                this.#act(event.detail);
              }}
              @snapshot=${(event: CustomEvent<string | null>) => {
                this.#snapshotSaved(event.detail);
              }}
            ></tk-player>
            ${this.#journey(device, view, nowMs)} ${this.#phoneFigures()}
          </div>
          ${this.#panel(device, view, nowMs)}
        </div>
      </main>
    `;
  }

  #announce(view: TileView | null, nowMs: number): void {
    if (view === null) return;
    const says =
      view.row === 8 && view.says !== null ? { ...view.says, politeness: 'assertive' as const } : view.says;
    const key = view.row === 11 && view.says === null ? 'starting' : String(view.row);
    this.context.announcements.enter(this.cameraId, key, says, nowMs);
  }

  #snapshotSaved(name: string | null): void {
    this.context.tell(
      name === null
        ? { kind: 'idle', title: 'There is no picture to save.', text: 'Try again when it is live.' }
        : { kind: 'live', title: `Snapshot saved as ${name}.`, text: 'It is in your downloads.' },
    );
  }

  #missing(): TemplateResult {
    const loading = this.context.live.data === null;
    return html`<header class="tk-header">
        ${this.#back()}
        <h1>Camera</h1>
      </header>
      <slot name="notice"></slot>
      <main id="main" tabindex="-1" aria-busy=${loading}>
        ${
          loading
            ? html`<p class="sr">Loading the camera</p>`
            : html`<div class="tk-empty">
                <h2>There is no such camera</h2>
                <p>It was deleted, or you may not watch it.</p>
                <div class="row">
                  <a class="tk-button" href="/" @click=${this.#toWall}>Back to the wall</a>
                </div>
              </div>`
        }
      </main>`;
  }

  readonly #toWall = (event: Event): void => {
    event.preventDefault();
    this.context.navigate('/');
  };

  #back(): TemplateResult {
    return html`<a
      class="tk-button ghost icon"
      href="/"
      aria-label="Back to the wall"
      title="Back to the wall (Esc)"
      @click=${this.#toWall}
      >${icon('i-back')}</a
    >`;
  }

  #header(device: Device, view: TileView | null, nowMs: number): TemplateResult {
    const label =
      view === null ? null : view.row === 16 ? 'Live' : (view.why ?? view.cover?.title ?? view.word);
    const chip =
      view === null || label === null || view.row === 9
        ? stateWord(deviceState(device, nowMs).state, deviceState(device, nowMs).label, true)
        : stateWord(view.state, label, true);
    const several = (this.context.live.data?.devices.size ?? 0) > 1;
    const step = (by: number, label_: string, name: string): TemplateResult =>
      html`<button
        class="tk-button icon ghost"
        aria-label=${label_}
        title=${label_}
        @click=${() => {
          this.#step(by);
        }}
      >
        ${icon(name)}
      </button>`;
    return html`<header class="tk-header">
      ${this.#back()}
      <h1 class="cut">${device.name}</h1>
      ${chip}<span class="faint small nowrap desk">${device.namespace}</span>
      <span class="grow"></span>
      ${
        several
          ? html`<div class="row close desk">
              ${step(-1, 'Previous camera ([)', 'i-left')} ${step(1, 'Next camera (])', 'i-right')}
            </div>`
          : nothing
      }
    </header>`;
  }

  #journey(device: Device, view: TileView | null, nowMs: number): TemplateResult | typeof nothing {
    const feed = this.#feed;
    if (feed === null) return nothing;
    const title = journeyTitle(feed.firstPicture, view);
    const steps = journeySteps({
      tunnelOnline: device.state === 'online',
      onlineSinceMs: device.onlineSince === null ? null : Date.parse(device.onlineSince),
      first: feed.firstPicture,
      subscription: feed.subscription(),
      sample: this.sample,
      view,
      nowMs,
    });
    const came = view?.picture === 'shown';
    return html`<section class="tk-card">
      <header>
        <h2>${title}</h2>
        <span class="faint tiny grow desk"
          >${came ? 'How this picture reached you' : 'From your browser to the camera'}</span
        ><span class="grow phone-only"></span>${
          came
            ? nothing
            : html`<button class="tk-button ghost small" @click=${() => void this.#askWhy(device)}>
                Ask the server
              </button>`
        }<button
          class="tk-button ghost small"
          @click=${() => {
            void this.#copy(journeyText(device.name, title, steps, view));
          }}
        >
          ${this.copied ? 'Copied' : came ? 'Copy as text' : 'Copy for support'}
        </button>
      </header>
      <div class="body">
        <tk-journey .steps=${steps}></tk-journey>
        ${came || this.why === null ? nothing : html`<p role="status">${this.why}</p>`}
      </div>
    </section>`;
  }

  async #askWhy({ id }: Device): Promise<void> {
    try {
      this.why = await this.context.api.whyBlack(id);
    } catch (error) {
      this.why = error instanceof Error ? error.message : String(error);
    }
  }

  /** On a phone the figures stand below the picture. */
  #phoneFigures(): TemplateResult {
    const { sample } = this;
    const figures = [...firstRows(sample), ...secondRows(sample), ...moreRows(sample), pathRow(sample)];
    return html`<section class="tk-card phone-only">
      <header><h2>Statistics</h2></header>
      <div class="body"><dl class="tk-facts">${rows(figures)}</dl></div>
    </section>`;
  }

  #panel(device: Device, view: TileView | null, nowMs: number): TemplateResult {
    const { watching, producer } = device.media;
    const upstream = device.media.state === 'idle' || device.state !== 'online' ? '' : ', 1 upstream';
    const since = device.onlineSince === null ? null : Date.parse(device.onlineSince);
    const state = deviceState(device, nowMs);
    const online =
      device.state === 'online'
        ? { state: 'live' as const, label: 'Online' }
        : { ...state, label: state.label };
    const { sample } = this;
    return html`<aside class="tk-panel" aria-label="About this camera">
      <section>
        <h2>Watching<span class="n">${counted(watching, 'person', 'people')}${upstream}</span></h2>
        <p class="faint tiny">
          ${watching > 1 ? 'The camera sends once; everybody watches that.' : 'The camera sends once, however many watch.'}
        </p>
      </section>
      <section>
        <h2>From the camera<span class="n">${captureText(device)}</span></h2>
        <dl class="tk-facts">
          <dt>Sends</dt>
          <dd>${sendsText(device, view, sample, nowMs)}</dd>
          ${
            device.media.message === null
              ? nothing
              : html`<dt>Note</dt>
                  <dd>${device.media.message}</dd>`
          }
        </dl>
      </section>
      <section>
        <h2>Producer<span class="n">${stateWord(online.state, online.label)}</span></h2>
        <dl class="tk-facts">
          <dt>Type</dt>
          <dd>${producer === null ? '–' : PRODUCERS[producer]}</dd>
          <dt>Online since</dt>
          <dd>${since === null ? '–' : `${dayAndTime(since, nowMs)} (${duration(nowMs - since)})`}</dd>
          <dt>Tunnel</dt>
          <dd><code>${device.tunnelName}</code></dd>
          <dt>Secret</dt>
          <dd><code>${device.secretPrefix}…</code></dd>
          <dt>Added</dt>
          <dd>${dayAndTime(Date.parse(device.createdAt), nowMs)}</dd>
        </dl>
      </section>
    </aside>`;
  }

  static override styles = [base, page, card, cameraPageStyles];
}

function sendsText(device: Device, view: TileView | null, sample: StatsSample | null, nowMs: number): string {
  if (device.state !== 'online') return 'nothing';
  switch (device.media.state) {
    case 'idle':
      return 'nothing, nobody watches';
    case 'connecting':
      return 'not yet, connecting';
    case 'reconnecting':
      return 'not now, reconnecting';
    case 'no-picture':
      return `nothing for ${duration(nowMs - device.media.sinceMs)}`;
    case 'live':
      return view?.picture === 'shown' && sample !== null && sample.bitsPerSecond !== null
        ? bitRate(sample.bitsPerSecond, 2)
        : `since ${dayAndTime(device.media.sinceMs, nowMs)}`;
  }
}

customElements.define('tk-camera-page', TkCameraPage);
