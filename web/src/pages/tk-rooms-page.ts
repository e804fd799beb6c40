/** The rooms of one namespace, live; a new one is added in place. */
import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { keyed } from 'lit/directives/keyed.js';
import type { LiveData } from '../actions/live-state.ts';
import { sortedNamespaces } from '../actions/namespace-view.ts';
import { roomsPath, type Route } from '../actions/route.ts';
import { follow } from '../components/app-navigation.ts';
import { icon } from '../components/icon.ts';
import '../components/tk-form.ts';
import type { FormField, FormValues } from '../components/tk-form.ts';
import '../components/tk-rooms.ts';
import { WatchController } from '../components/watch-controller.ts';
import type { ConsoleContext } from '../console-context.ts';
import { base } from '../styles/base.ts';
import { field } from '../styles/field.ts';
import { page } from '../styles/page.ts';
import { forbidden } from './forbidden.ts';

const ROOM_FIELDS: FormField[] = [
  {
    id: 'name',
    label: 'Name',
    hint: 'What applications join. It is kept for 5 minutes while nobody is in it.',
    kind: 'text',
    maxLength: 128,
  },
  {
    id: 'most',
    label: 'At most this many participants',
    hint: 'Empty: as many as the namespace allows.',
    kind: 'number',
    min: 1,
    max: 10_000,
  },
];

export class TkRoomsPage extends LitElement {
  static override properties = {
    context: { attribute: false },
    route: { attribute: false },
    adding: { state: true },
  };
  declare context: ConsoleContext;
  declare route: Route & { page: 'rooms' };
  declare adding: boolean;

  constructor() {
    super();
    this.adding = false;
    new WatchController(this, () => [
      this.context.live.on('data', () => {
        this.requestUpdate();
      }),
    ]);
  }

  focusMain(): void {
    this.renderRoot.querySelector<HTMLElement>('main')?.focus();
  }

  handleKey(event: KeyboardEvent): boolean {
    if (event.key !== 'Escape' || !this.adding) return false;
    this.adding = false;
    return true;
  }

  async #create(namespace: string, { name = '', most = '' }: FormValues): Promise<void> {
    const settings = { maxParticipants: most === '' ? null : Number(most) };
    await this.context.api.rooms.create({ namespace, roomId: name }, settings);
    this.context.say(`${name} is created`);
  }

  protected override render(): unknown {
    const { context } = this;
    const { data } = context.live;
    if (data !== null && !context.mayOperate) return forbidden(context, 'Rooms');
    const all = data === null ? [] : sortedNamespaces(data).filter(({ webrtc }) => webrtc !== 'disabled');
    const namespace = all.find(({ name }) => name === this.route.namespace)?.name ?? all[0]?.name;
    return html`<header class="tk-header">
        <h1>Rooms</h1>
        <span class="grow"></span>
        ${all.length > 1 && namespace !== undefined ? this.#choice(all, namespace) : nothing}
        ${
          namespace === undefined
            ? nothing
            : html`<button
                class="tk-button primary"
                id="add-room"
                aria-expanded=${this.adding}
                @click=${() => {
                  this.adding = !this.adding;
                }}
              >
                ${icon('i-plus')}Create room
              </button>`
        }
      </header>
      <slot name="notice"></slot>
      <main id="main" tabindex="-1" aria-label="Rooms" aria-busy=${data === null}>
        ${
          data === null
            ? html`<p class="sr">Loading the rooms</p>`
            : html`<div class="tk-page">
                ${namespace === undefined ? this.#off(data) : this.#content(namespace)}
              </div>`
        }
      </main>`;
  }

  #choice(all: readonly { name: string }[], namespace: string): TemplateResult {
    return html`<select
      class="tk-input choice"
      aria-label="Namespace"
      @change=${(event: Event) => {
        this.context.navigate(roomsPath((event.target as HTMLSelectElement).value), { replace: true });
      }}
    >
      ${all.map(({ name }) => html`<option value=${name} ?selected=${name === namespace}>${name}</option>`)}
    </select>`;
  }

  #off(data: LiveData): TemplateResult {
    const { context } = this;
    return html`<div class="tk-empty">
      <h2>No rooms yet</h2>
      <p>
        ${
          data.namespaces.size === 0
            ? 'Rooms belong to a namespace, and there is none.'
            : 'Rooms come with WebRTC, and no namespace has it on.'
        }
      </p>
      <div class="row">
        <a class="tk-button" href="/namespaces" @click=${follow(context, '/namespaces')}
          >Open the namespaces</a
        >
      </div>
    </div>`;
  }

  #content(namespace: string): TemplateResult {
    return html`${this.adding ? this.#form(namespace) : nothing}
    ${keyed(namespace, html`<tk-rooms .context=${this.context} .namespace=${namespace}></tk-rooms>`)}`;
  }

  #form(namespace: string): TemplateResult {
    return html`<tk-form
      .heading=${`Create a room in ${namespace}`}
      .verb=${'Create room'}
      .fields=${ROOM_FIELDS}
      .run=${(values: FormValues) => this.#create(namespace, values)}
      @close=${() => {
        this.adding = false;
      }}
    ></tk-form>`;
  }

  static override styles = [
    base,
    page,
    field,
    css`
      .choice {
        width: auto;
        max-width: 220px;
      }
    `,
  ];
}
customElements.define('tk-rooms-page', TkRoomsPage);
