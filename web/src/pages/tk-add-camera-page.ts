/** Adds a camera in three steps: describe it, copy its secret (shown once), see its first picture. */
import { html, LitElement, nothing, type TemplateResult } from 'lit';
import type { CapturePolicy, Device, DeviceCreated } from '../../../daemon/contract/api.ts';
import { cameraPath } from '../actions/route.ts';
import { clock, duration } from '../actions/wording.ts';
import { icon, stateWord } from '../components/icon.ts';
import { currentView } from '../components/tile-inputs.ts';
import '../components/tk-producer-secret.ts';
import '../components/tk-tile.ts';
import { WatchController } from '../components/watch-controller.ts';
import type { ConsoleContext } from '../console-context.ts';
import { ApiError } from '../resources/api.ts';
import type { CameraFeed } from '../resources/camera-feed.ts';
import { choice } from '../styles/choice.ts';
import { base } from '../styles/base.ts';
import { card } from '../styles/card.ts';
import { field } from '../styles/field.ts';
import { page } from '../styles/page.ts';
import { noNamespace } from './empty-wall.ts';
import { addCameraStyles } from './tk-add-camera-page-styles.ts';

const ON_DEMAND: CapturePolicy = { mode: 'on-demand', lingerSeconds: 30 };
const MAX_NAME = 80;
type Progress = { label: string; state: 'done' | 'now' | 'todo'; note: string; value: string };

export class TkAddCameraPage extends LitElement {
  static override properties = {
    context: { attribute: false },
    name: { state: true },
    namespace: { state: true },
    always: { state: true },
    busy: { state: true },
    problem: { state: true },
    created: { state: true },
  };
  declare context: ConsoleContext;
  declare name: string;
  declare namespace: string | null;
  declare always: boolean;
  declare busy: boolean;
  declare problem: string | null;
  /** Holds the secret: this element's memory is its only place. */
  declare created: DeviceCreated | null;
  #createdAtMs = 0;
  #feed: CameraFeed | null = null;

  constructor() {
    super();
    this.name = '';
    this.namespace = null;
    this.always = false;
    this.busy = false;
    this.problem = null;
    this.created = null;
    new WatchController(this, () => {
      const redraw = (): void => {
        this.requestUpdate();
      };
      return [
        this.context.live.on('data', redraw),
        this.context.media.on('tick', () => {
          if (this.created !== null) redraw();
        }),
        () => {
          this.#feed?.rest(this);
          this.#feed = null;
          // Leaving the page takes the secret out of this browser's memory.
          this.created = null;
        },
      ];
    });
  }

  focusMain(): void {
    (
      this.renderRoot.querySelector<HTMLElement>('#name') ??
      this.renderRoot.querySelector<HTMLElement>('main')
    )?.focus();
  }

  protected override firstUpdated(): void {
    this.focusMain();
  }

  /** Those that show pictures first. */
  get #namespaces(): string[] {
    const all = [...(this.context.live.data?.namespaces.values() ?? [])];
    const rank = (webrtc: string): string => (webrtc === 'disabled' ? '1' : '0');
    return all
      .sort((a, b) => `${rank(a.webrtc)} ${a.name}`.localeCompare(`${rank(b.webrtc)} ${b.name}`))
      .map(({ name }) => name);
  }

  async #submit(event: Event): Promise<void> {
    event.preventDefault();
    if (this.busy) return;
    const name = this.name.trim();
    if (name === '') {
      this.problem = 'Give the camera a name.';
      this.focusMain();
      return;
    }
    this.busy = true;
    this.problem = null;
    try {
      const namespace = this.namespace ?? this.#namespaces[0];
      const capture: CapturePolicy = this.always ? { mode: 'always' } : ON_DEMAND;
      this.created = await this.context.api.createCamera({ name, namespace, capture });
      this.#createdAtMs = this.context.timers.now();
      await this.updateComplete;
      this.renderRoot.querySelector<HTMLElement>('h2')?.focus();
    } catch (error) {
      this.problem = error instanceof Error ? error.message : String(error);
      if (error instanceof ApiError && error.status === 401) this.context.signedOut();
    } finally {
      this.busy = false;
    }
  }

  readonly #cancel = (event: Event): void => {
    event.preventDefault();
    this.context.navigate('/cameras');
  };

  protected override render(): unknown {
    const { context, created } = this;
    const device =
      created === null ? undefined : (context.live.data?.devices.get(created.device.id) ?? created.device);
    const seen = (this.#feed?.video.lastFrameAtMs ?? null) !== null;
    return html`<header class="tk-header">
        <div class="tk-crumb"><a href="/cameras" @click=${this.#cancel}>Cameras</a>${icon('i-right')}</div>
        <h1>Add a camera</h1>
        <span class="grow"></span>${this.#stepper(created === null ? 0 : seen ? 2 : 1)}
      </header>
      <slot name="notice"></slot>
      <main id="main" tabindex="-1" aria-label="Add a camera">
        ${
          !context.mayEdit && context.user !== null
            ? this.#forbidden()
            : created === null || device === undefined
              ? context.live.data?.namespaces.size === 0
                ? noNamespace(context)
                : this.#describe()
              : this.#secret(created, device)
        }
      </main>`;
  }

  #stepper(current: number): TemplateResult {
    const steps = ['Describe', 'Copy the secret', 'First picture'];
    return html`<ol class="tk-stepper" aria-label="Steps">
      ${steps.map(
        (label, index) =>
          html`<li
            class=${index < current ? 'done' : ''}
            aria-current=${index === current ? 'step' : nothing}
          >
            <span class="n">${index < current ? icon('i-check') : index + 1}</span
            ><span class=${index === current ? '' : 'desk'}>${label}</span>
          </li>`,
      )}
    </ol>`;
  }

  #forbidden(): TemplateResult {
    return html`<div class="tk-empty">
      <span class="offline">${icon('i-lock')}</span>
      <h2>You cannot add cameras</h2>
      <p>Your role is Viewer. An owner can change it.</p>
      <div class="row">
        <a
          class="tk-button"
          href="/"
          @click=${(event: Event) => {
            event.preventDefault();
            this.context.navigate('/');
          }}
          >Back to the wall</a
        >
      </div>
    </div>`;
  }

  #describe(): TemplateResult {
    const namespaces = this.#namespaces;
    const { problem } = this;
    return html`<div class="tk-page">
      <form
        class="stack wide"
        novalidate
        @submit=${(event: Event) => {
          void this.#submit(event);
        }}
      >
        <div class="tk-field">
          <label for="name">Name</label
          ><input
            class="tk-input"
            id="name"
            maxlength=${MAX_NAME}
            autocomplete="off"
            required
            aria-invalid=${problem === null ? nothing : 'true'}
            aria-describedby=${problem === null ? 'name-hint' : 'problem'}
            .value=${this.name}
            @input=${(event: Event) => {
              this.name = (event.target as HTMLInputElement).value;
            }}
          />${
            problem === null
              ? html`<span class="tk-hint" id="name-hint">What people see on the wall.</span>`
              : html`<span class="tk-hint bad" id="problem" role="alert">${icon('g-error')}${problem}</span>`
          }
        </div>
        ${
          namespaces.length < 2
            ? nothing
            : html`<div class="tk-field">
                <label for="namespace">Namespace</label
                ><select
                  class="tk-input"
                  id="namespace"
                  @change=${(event: Event) => {
                    this.namespace = (event.target as HTMLSelectElement).value;
                  }}
                >
                  ${namespaces.map(
                    (name) =>
                      html`<option value=${name} ?selected=${name === (this.namespace ?? namespaces[0])}>
                        ${name}
                      </option>`,
                  )}
                </select>
              </div>`
        }
        <fieldset class="tk-field">
          <legend>When does the camera send video?</legend>
          ${this.#choice(
            false,
            'While someone watches, and 30 s after',
            "Saves the camera's uplink. The first picture takes about a second longer.",
          )}
          ${this.#choice(
            true,
            'Always',
            "First picture in well under a second. Uses the camera's uplink day and night.",
          )}
        </fieldset>
        <div class="row">
          <button class="tk-button primary" aria-busy=${this.busy}>
            ${this.busy ? 'Creating' : 'Create camera'}</button
          ><a class="tk-button ghost" href="/cameras" @click=${this.#cancel}>Cancel</a>
        </div>
      </form>
    </div>`;
  }

  #choice(always: boolean, label: string, text: string): TemplateResult {
    const id = always ? 'always' : 'on-demand';
    return html`<label class="tk-choice">
      <input
        type="radio"
        name="capture"
        aria-describedby="${id}-text"
        .checked=${this.always === always}
        @change=${() => {
          this.always = always;
        }}
      /><span class="medium small">${label}</span>
      <p id="${id}-text">${text}</p>
    </label>`;
  }

  #secret(created: DeviceCreated, device: Device): TemplateResult {
    return html`<div class="tk-page">
      <div class="side">
        <div class="stack wide">
          <div class="stack tight">
            <h2 class="title" tabindex="-1">Copy the secret of ${device.name} now</h2>
            <p class="muted">
              It is shown this once. The server keeps only its fingerprint, so nobody can show it again. Lost
              it? Rotate it and get a new one.
            </p>
          </div>
          <tk-producer-secret
            .created=${created}
            @blanked=${() => {
              if (this.created !== null) this.created = { ...this.created, secret: '' };
            }}
          ></tk-producer-secret>
          <div class="row wrap">
            <a class="tk-button" href="/cameras" @click=${this.#cancel}>Done</a
            ><span class="faint tiny"
              >Leaving this page removes the secret from this browser's memory. It is never stored.</span
            >
          </div>
        </div>
        <div class="stack">${this.#waiting(device)}</div>
      </div>
    </div>`;
  }

  /** Live: the camera comes online, then its picture is shown right here. */
  #waiting(device: Device): TemplateResult {
    const { context } = this;
    const nowMs = context.timers.now();
    const online = device.state === 'online';
    if (online && this.#feed === null) {
      const feed = context.media.feed(device);
      this.#feed = feed;
      feed.play(this, 'tile');
    }
    const view = currentView(context, this.#feed, device.id, true);
    const frames = this.#feed?.video.lastFrameAtMs ?? null;
    const video = frames !== null || device.media.state === 'live';
    const waited = duration(nowMs - this.#createdAtMs);
    const onlineAtMs = device.onlineSince === null ? null : Date.parse(device.onlineSince);
    const steps: Progress[] = [
      { label: 'Secret created', state: 'done', note: '', value: clock(this.#createdAtMs) },
      {
        label: 'Camera online',
        state: online ? 'done' : 'now',
        note: online ? '' : 'Nothing has used this secret yet.',
        value: online ? (onlineAtMs === null ? '' : clock(onlineAtMs)) : waited,
      },
      {
        label: 'Video arrives',
        state: video ? 'done' : online ? 'now' : 'todo',
        note: video || !online ? '' : (device.media.message ?? 'Asking the camera for video.'),
        value: '',
      },
      {
        label: 'First picture',
        state: frames !== null ? 'done' : video ? 'now' : 'todo',
        note: '',
        value: frames === null ? '' : clock(frames),
      },
    ];
    return html`<section class="tk-card" aria-labelledby="waiting">
      <header>
        <h2 id="waiting" class="grow">
          ${frames !== null ? `${device.name} is live` : online ? 'Camera online' : 'Waiting for the camera'}
        </h2>
        ${frames !== null ? stateWord('live', 'Live', true) : stateWord('connecting', online ? 'Connecting' : 'Listening', true)}
      </header>
      ${
        online
          ? html`<div class="preview">
              <tk-tile
                role="group"
                aria-label=${`${device.name}, ${view?.word ?? 'loading'}`}
                .name=${device.name}
                .feed=${this.#feed}
                .view=${view}
                @open=${() => {
                  context.navigate(cameraPath(device.id));
                }}
              ></tk-tile>
            </div>`
          : nothing
      }
      <ol class="tk-steps" aria-live="polite">
        ${steps.map(
          ({ label, state, note, value }) =>
            html`<li class=${state}>
              <span class=${state === 'done' ? 'live' : state === 'now' ? 'connecting' : 'idle'}
                >${icon(state === 'done' ? 'g-ok' : state === 'now' ? 'g-connecting' : 'g-todo')}</span
              ><span class=${state === 'now' ? 'medium' : ''}
                >${label}<span class="sr">, ${state === 'now' ? 'waiting' : state}</span></span
              ><span class="d" aria-hidden="true">${value}</span
              >${note === '' ? nothing : html`<p>${note}</p>`}
            </li>`,
        )}
      </ol>
      <footer>
        ${frames !== null ? 'It is on the wall.' : 'You can leave; the camera appears on the wall by itself.'}
      </footer>
    </section>`;
  }

  static override styles = [base, page, card, field, choice, addCameraStyles];
}
customElements.define('tk-add-camera-page', TkAddCameraPage);
