/** The inventory: every camera with its state, found by name, changed and deleted in place. */
import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import type { Device } from '../../../daemon/contract/api.ts';
import {
  captureText,
  deleteConsequence,
  deviceState,
  lastSeenText,
  sortedDevices,
} from '../actions/live-state.ts';
import { cameraPath } from '../actions/route.ts';
import { counted } from '../actions/wording.ts';
import { icon, stateWord } from '../components/icon.ts';
import '../components/tk-camera-settings.ts';
import '../components/tk-confirm.ts';
import { WatchController } from '../components/watch-controller.ts';
import type { ConsoleContext } from '../console-context.ts';
import { base } from '../styles/base.ts';
import { card } from '../styles/card.ts';
import { field } from '../styles/field.ts';
import { page } from '../styles/page.ts';
import { tableStyles } from '../styles/table.ts';
import { emptyWall } from './empty-wall.ts';

export class TkCamerasPage extends LitElement {
  static override properties = {
    context: { attribute: false },
    search: { state: true },
    asking: { state: true },
    changing: { state: true },
    deleting: { state: true },
  };
  declare context: ConsoleContext;
  declare search: string;
  /** The camera whose deletion is asked about. */
  declare asking: string | null;
  /** Whose settings are open. */
  declare changing: string | null;
  declare deleting: boolean;

  constructor() {
    super();
    this.search = '';
    this.asking = null;
    this.changing = null;
    this.deleting = false;
    new WatchController(this, () => {
      const redraw = (): void => {
        this.requestUpdate();
      };
      // Ages in words move on by themselves.
      const timer = setInterval(redraw, 30_000);
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
    if (event.key === 'Escape' && this.changing !== null) {
      this.changing = null;
      return true;
    }
    if (event.key !== '/') return false;
    this.renderRoot.querySelector<HTMLElement>('#search')?.focus();
    return true;
  }

  #open(path: string) {
    return (event: MouseEvent): void => {
      if (event.metaKey || event.ctrlKey || event.shiftKey) return;
      event.preventDefault();
      this.context.navigate(path);
    };
  }

  async #delete(device: Device): Promise<void> {
    this.deleting = true;
    try {
      await this.context.api.deleteCamera(device);
      this.asking = null;
      this.context.say(`${device.name} is deleted`);
      this.focusMain();
    } catch (error) {
      this.context.tell({
        kind: 'error',
        title: `${device.name} was not deleted.`,
        text: error instanceof Error ? error.message : String(error),
      });
    } finally {
      this.deleting = false;
    }
  }

  #keep(device: Device): void {
    this.asking = null;
    void this.updateComplete.then(() => {
      this.renderRoot.querySelector<HTMLElement>(`[data-delete="${CSS.escape(device.id)}"]`)?.focus();
    });
  }

  protected override render(): unknown {
    const { context } = this;
    const { data } = context.live;
    const all = data === null ? [] : sortedDevices(data);
    return html`<header class="tk-header">
        <h1>Cameras</h1>
        ${data === null ? nothing : html`<span class="faint small">${all.length}</span>`}
        <span class="grow"></span>
        ${
          all.length === 0
            ? nothing
            : html`<label class="search desk"
                >${icon('i-search')}<span class="sr">Find a camera</span
                ><input
                  id="search"
                  type="search"
                  placeholder="Find a camera"
                  autocomplete="off"
                  .value=${this.search}
                  @input=${(event: Event) => {
                    this.search = (event.target as HTMLInputElement).value;
                  }}
                  @keydown=${(event: KeyboardEvent) => {
                    if (event.key !== 'Escape') return;
                    event.preventDefault();
                    this.search = '';
                    this.focusMain();
                  }}
                /><kbd aria-hidden="true">/</kbd></label
              >`
        }
        ${
          context.mayEdit
            ? html`<a class="tk-button primary" href="/cameras/new" @click=${this.#open('/cameras/new')}
                >${icon('i-plus')}Add camera</a
              >`
            : nothing
        }
      </header>
      <slot name="notice"></slot>
      <main id="main" tabindex="-1" aria-label="Cameras" aria-busy=${data === null}>
        ${
          data === null
            ? html`<p class="sr">Loading the cameras</p>`
            : all.length === 0
              ? emptyWall(context)
              : this.#content(all)
        }
      </main>`;
  }

  #content(all: Device[]): TemplateResult {
    const wanted = this.search.trim().toLowerCase();
    const found = all.filter(
      ({ name, namespace, id }) =>
        wanted === '' || [name, namespace, id].some((text) => text.toLowerCase().includes(wanted)),
    );
    const unknown = all.filter((device) => device.state === 'unknown').length;
    return html`<div class="tk-page">
      ${
        unknown === 0
          ? nothing
          : html`<div class="unknown-note" role="status">
              <span class="unknown">${icon('g-unknown', 'g large')}</span>
              <div>
                <span class="strong"
                  >We cannot tell whether ${counted(unknown, 'camera is', 'cameras are')} online.</span
                >
                <p class="muted">
                  The tunnel engine does not answer. Pictures that are running keep running.
                </p>
              </div>
            </div>`
      }
      ${
        found.length === 0
          ? html`<div class="tk-empty">
              <h2>No camera is called “${this.search.trim()}”</h2>
              <p>Names, namespaces and ids are searched.</p>
              <div class="row">
                <button
                  class="tk-button"
                  @click=${() => {
                    this.search = '';
                  }}
                >
                  Show all
                </button>
              </div>
            </div>`
          : this.#table(found)
      }
    </div>`;
  }

  #table(devices: Device[]): TemplateResult {
    const nowMs = this.context.timers.now();
    const edit = this.context.mayEdit;
    return html`<div class="tk-card">
      <table class="tk-table">
        <thead>
          <tr>
            <th scope="col">Camera</th>
            <th scope="col">State</th>
            <th scope="col">Last seen</th>
            <th scope="col" class="num">Watching</th>
            <th scope="col">Capture</th>
            <th scope="col"><span class="sr">Actions</span></th>
          </tr>
        </thead>
        <tbody>
          ${repeat(
            devices,
            (device) => device.id,
            (device) => this.#row(device, nowMs, edit),
          )}
        </tbody>
      </table>
    </div>`;
  }

  #row(device: Device, nowMs: number, edit: boolean): TemplateResult {
    const state = deviceState(device, nowMs);
    const path = cameraPath(device.id);
    return html`<tr>
        <th scope="row">
          <a class="name" href=${path} @click=${this.#open(path)}>${device.name}</a>
          <div class="faint tiny">${device.namespace}</div>
        </th>
        <td>${stateWord(state.state, state.label)}</td>
        <td class="muted nowrap low">${lastSeenText(device, nowMs)}</td>
        <td class="num low">${device.media.watching}</td>
        <td class="muted nowrap low">${captureText(device)}</td>
        <td class="act">
          <a
            class="tk-button ghost icon"
            href=${path}
            aria-label="Open ${device.name}"
            title="Open ${device.name}"
            @click=${this.#open(path)}
            >${icon('i-full')}</a
          >${
            edit
              ? html`<button
                    class="tk-button ghost icon"
                    aria-label="Change ${device.name}"
                    title="Change ${device.name}"
                    aria-expanded=${this.changing === device.id}
                    @click=${() => {
                      this.changing = this.changing === device.id ? null : device.id;
                      this.asking = null;
                    }}
                  >
                    ${icon('i-more')}</button
                  ><button
                    class="tk-button ghost icon"
                    data-delete=${device.id}
                    aria-label="Delete ${device.name}"
                    title="Delete ${device.name}"
                    aria-expanded=${this.asking === device.id}
                    @click=${() => {
                      this.asking = this.asking === device.id ? null : device.id;
                      this.changing = null;
                    }}
                  >
                    ${icon('i-trash')}
                  </button>`
              : nothing
          }
        </td>
      </tr>
      ${
        this.changing === device.id
          ? html`<tr class="ask">
              <td colspan="6">
                <tk-camera-settings
                  .context=${this.context}
                  .device=${device}
                  @close=${() => {
                    this.changing = null;
                  }}
                ></tk-camera-settings>
              </td>
            </tr>`
          : nothing
      }
      ${
        this.asking === device.id
          ? html`<tr class="ask">
              <td colspan="6">
                <tk-confirm
                  .question=${`Delete ${device.name}?`}
                  .text=${deleteConsequence(device)}
                  .verb=${`Delete ${device.name}`}
                  .busy=${this.deleting}
                  @confirm=${() => {
                    void this.#delete(device);
                  }}
                  @keep=${() => {
                    this.#keep(device);
                  }}
                ></tk-confirm>
              </td>
            </tr>`
          : nothing
      }`;
  }

  static override styles = [
    base,
    page,
    card,
    field,
    tableStyles,
    css`
      .search {
        display: flex;
        align-items: center;
        gap: 8px;
        width: 220px;
        height: 32px;
        padding: 0 11px;
        border-radius: var(--tk-radius-control);
        border: 1px solid var(--tk-line-strong);
        background: var(--tk-surface);
      }
      .search:focus-within {
        box-shadow: var(--tk-ring);
      }
      .search input {
        flex: 1;
        min-width: 0;
        height: 28px;
        border: 0;
        padding: 0;
        background: none;
        color: var(--tk-text);
        font: inherit;
        font-size: var(--tk-size-3);
        outline: none;
        box-shadow: none;
      }
      .search input::placeholder {
        color: var(--tk-text-3);
        opacity: 1;
      }
      .unknown-note {
        display: grid;
        grid-template-columns: 18px minmax(0, 1fr);
        gap: 2px 12px;
        padding: 12px 16px;
        border-radius: var(--tk-radius-card);
        background: var(--tk-unknown-bg);
        font-size: var(--tk-size-3);
        line-height: var(--tk-lead-3);
      }
      .g.large {
        width: 18px;
        height: 18px;
        margin-top: 1px;
      }
    `,
  ];
}
customElements.define('tk-cameras-page', TkCamerasPage);
