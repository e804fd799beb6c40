/** The rooms of one namespace, live; a new one is added in place. */
import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { keyed } from 'lit/directives/keyed.js';
import type { LiveData } from '../actions/live-state.ts';
import { sortedNamespaces } from '../actions/namespace-view.ts';
import { roomsPath, type Route } from '../actions/route.ts';
import { follow } from '../components/app-navigation.ts';
import { icon } from '../components/icon.ts';
import '../components/tk-rooms.ts';
import { WatchController } from '../components/watch-controller.ts';
import type { ConsoleContext } from '../console-context.ts';
import { base, card, field, page } from '../styles/shared.ts';
import { forbidden } from './forbidden.ts';

export class TkRoomsPage extends LitElement {
  static override properties = {
    context: { attribute: false },
    route: { attribute: false },
    adding: { state: true },
    busy: { state: true },
    problem: { state: true },
  };
  declare context: ConsoleContext;
  declare route: Route & { page: 'rooms' };
  declare adding: boolean;
  declare busy: boolean;
  declare problem: string | null;

  constructor() {
    super();
    this.adding = false;
    this.busy = false;
    this.problem = null;
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
    this.#close();
    return true;
  }

  #open(): void {
    this.adding = true;
    void this.updateComplete.then(() => {
      this.renderRoot.querySelector<HTMLElement>('#name')?.focus();
    });
  }

  #close(): void {
    this.adding = false;
    this.problem = null;
    void this.updateComplete.then(() => {
      this.renderRoot.querySelector<HTMLElement>('#add-room')?.focus();
    });
  }

  async #create(namespace: string): Promise<void> {
    const value = (id: string): string =>
      this.renderRoot.querySelector<HTMLInputElement>(`#${id}`)?.value.trim() ?? '';
    const roomId = value('name');
    if (this.busy || roomId === '') return;
    this.busy = true;
    this.problem = null;
    try {
      const most = value('most');
      const settings = { maxParticipants: most === '' ? null : Number(most) };
      await this.context.api.rooms.create({ namespace, roomId }, settings);
      this.context.say(`${roomId} is created`);
      this.#close();
    } catch (error) {
      this.problem = error instanceof Error ? error.message : String(error);
    } finally {
      this.busy = false;
    }
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
                  if (this.adding) this.#close();
                  else this.#open();
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
    return html`<section class="tk-card" aria-labelledby="add">
      <header><h2 id="add">Create a room in ${namespace}</h2></header>
      <form
        class="body stack tight"
        @submit=${(event: Event) => {
          event.preventDefault();
          void this.#create(namespace);
        }}
      >
        <div class="tk-field narrow">
          <label for="name">Name</label>
          <input
            class="tk-input"
            id="name"
            required
            maxlength="128"
            autocomplete="off"
            autocapitalize="none"
            spellcheck="false"
            aria-invalid=${this.problem === null ? nothing : 'true'}
            aria-describedby="name-hint"
          />
          <span
            class="tk-hint ${this.problem === null ? '' : 'bad'}"
            id="name-hint"
            role=${this.problem === null ? nothing : 'alert'}
            >${this.problem ?? 'What applications join. It is kept for 5 minutes while nobody is in it.'}</span
          >
        </div>
        <div class="tk-field narrow">
          <label for="most">At most this many participants</label>
          <input class="tk-input" id="most" type="number" min="1" max="10000" aria-describedby="most-hint" />
          <span class="tk-hint" id="most-hint">Empty: as many as the namespace allows.</span>
        </div>
        <div class="row wrap">
          <button class="tk-button primary" type="submit" aria-busy=${this.busy}>Create room</button
          ><button
            class="tk-button"
            type="button"
            @click=${() => {
              this.#close();
            }}
          >
            Cancel
          </button>
        </div>
      </form>
    </section>`;
  }

  static override styles = [
    base,
    page,
    card,
    field,
    css`
      .narrow {
        max-width: 420px;
      }
      .choice {
        width: auto;
        max-width: 220px;
      }
    `,
  ];
}
customElements.define('tk-rooms-page', TkRoomsPage);
