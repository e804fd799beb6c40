/** The open sessions of a TURN service, newest first; an owner ends one, or all of its subject, in place. */
import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import type {
  DisconnectTarget,
  TurnSession,
  TurnSessionList,
} from '../../../daemon/contract/turn-operations.ts';
import {
  bytes,
  lifeText,
  permissionText,
  sessionName,
  sessionsOfSubject,
  sortedSessions,
} from '../actions/turn-view.ts';
import { counted } from '../actions/wording.ts';
import type { ConsoleContext } from '../console-context.ts';
import { base } from '../styles/base.ts';
import { block } from '../styles/block.ts';
import { card } from '../styles/card.ts';
import { tableStyles } from '../styles/table.ts';
import { icon } from './icon.ts';
import './tk-confirm.ts';

/** Fires `revoked` when a subject was. */
export class TkTurnSessions extends LitElement {
  static override properties = {
    context: { attribute: false },
    namespace: { attribute: false },
    sessions: { attribute: false },
    asking: { state: true },
    busy: { state: true },
  };
  declare context: ConsoleContext;
  declare namespace: string;
  declare sessions: TurnSessionList;
  /** The session whose end is asked about. It stays on the page while the question does. */
  declare asking: TurnSession | null;
  declare busy: boolean;

  constructor() {
    super();
    this.sessions = { items: [], total: 0 };
    this.asking = null;
    this.busy = false;
  }

  #disconnect(target: DisconnectTarget, name: string): Promise<void> {
    const { namespaces } = this.context.api;
    return this.#end(`${name} was not disconnected.`, async () => {
      const ended = await namespaces.disconnect(this.namespace, target);
      return ended === 0
        ? `The session of ${name} had ended already`
        : `${counted(ended, 'session')} of ${name} ended`;
    });
  }

  #revoke(subject: string): Promise<void> {
    return this.#end(`${subject} was not revoked.`, async () => {
      await this.context.api.namespaces.revoke(this.namespace, subject);
      this.dispatchEvent(new Event('revoked'));
      return `${subject} is revoked`;
    });
  }

  /** @param run answers what is said once it is done. */
  async #end(failure: string, run: () => Promise<string>): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    const { context } = this;
    try {
      context.say(await run());
      this.#keep();
    } catch (error) {
      context.tell({
        kind: 'error',
        title: failure,
        text: error instanceof Error ? error.message : String(error),
      });
    } finally {
      this.busy = false;
    }
  }

  /** The question goes; the focus stays near where it was. */
  #keep(): void {
    const id = this.asking?.sessionId;
    this.asking = null;
    void this.updateComplete.then(() => {
      const button =
        id === undefined
          ? null
          : this.renderRoot.querySelector<HTMLElement>(`[data-end="${CSS.escape(id)}"]`);
      (button ?? this.renderRoot.querySelector<HTMLElement>('h2'))?.focus();
    });
  }

  protected override render(): unknown {
    const { items, total } = this.sessions;
    const { asking } = this;
    const gone = asking !== null && !items.some(({ sessionId }) => sessionId === asking.sessionId);
    const listed = sortedSessions(gone ? [...items, asking] : items);
    return html`<section class="tk-card" aria-labelledby="title">
      <header>
        <h2 id="title" class="grow" tabindex="-1">Sessions</h2>
        <span class="faint small">${total}</span>
      </header>
      ${
        listed.length === 0
          ? html`<p class="body small muted">
              Nobody is connected. A session appears here as soon as a camera or a viewer opens a relay.
            </p>`
          : this.#table(listed)
      }
      ${
        total > items.length
          ? html`<footer>
              ${items.length} of ${total} sessions are shown. The command line lists more.
            </footer>`
          : nothing
      }
    </section>`;
  }

  #table(sessions: TurnSession[]): TemplateResult {
    const nowMs = this.context.timers.now();
    return html`<table class="tk-table">
      <thead>
        <tr>
          <th scope="col">Subject</th>
          <th scope="col">From</th>
          <th scope="col">Age</th>
          <th scope="col" class="num">To peer</th>
          <th scope="col" class="num">To client</th>
          <th scope="col">May reach</th>
          ${this.context.mayOwn ? html`<th scope="col"><span class="sr">Actions</span></th>` : nothing}
        </tr>
      </thead>
      <tbody>
        ${repeat(
          sessions,
          ({ sessionId }) => sessionId,
          (session) => this.#row(session, nowMs),
        )}
      </tbody>
    </table>`;
  }

  /** A camera's credential names its id. */
  #nameOf(session: TurnSession): string {
    const { subject } = session;
    const camera = subject === null ? undefined : this.context.live.data?.devices.get(subject);
    return camera?.name ?? sessionName(session);
  }

  #row(session: TurnSession, nowMs: number): TemplateResult {
    const name = this.#nameOf(session);
    const { age, ends } = lifeText(session, nowMs);
    const permissions = permissionText(session.permissions);
    const asked = this.asking?.sessionId === session.sessionId;
    return html`<tr>
        <th scope="row">
          <span class="name cut" title=${session.username}>${name}</span>
          ${session.subject === null ? html`<div class="faint tiny">names nobody</div>` : nothing}
          ${name === sessionName(session) ? nothing : html`<div class="faint tiny">camera</div>`}
        </th>
        <td class="nowrap">
          <span class="transport">${session.transport}</span> <span class="mono">${session.client}</span>
          <div class="faint tiny low">
            relay ${session.relayTransport === 'tcp' ? 'tcp ' : ''}${session.relayed.join(', ')}
          </div>
        </td>
        <td class="nowrap">
          ${age}
          <div class="faint tiny low">${ends}</div>
        </td>
        <td class="num nowrap">
          <span class="phone-only faint">to peer </span>${bytes(session.toPeerBytes)}
        </td>
        <td class="num nowrap">
          <span class="phone-only faint">to client </span>${bytes(session.toClientBytes)}
        </td>
        <td class="small" title=${permissions.all}>
          <span class="phone-only faint">may reach </span>${permissions.short}
          ${
            session.channels === 0
              ? nothing
              : html`<div class="faint tiny low">${counted(session.channels, 'channel')}</div>`
          }
          ${
            session.dataConnections.length === 0
              ? nothing
              : html`<div class="faint tiny low">
                  ${counted(session.dataConnections.length, 'connection')}
                </div>`
          }
        </td>
        ${
          this.context.mayOwn
            ? html`<td class="act">
                <button
                  class="tk-button ghost icon"
                  data-end=${session.sessionId}
                  aria-label="Disconnect ${name}"
                  title="Disconnect ${name}"
                  aria-expanded=${asked}
                  @click=${() => {
                    this.asking = asked ? null : session;
                  }}
                >
                  ${icon('i-x')}
                </button>
              </td>`
            : nothing
        }
      </tr>
      ${asked ? this.#question(session, name) : nothing}`;
  }

  #question(session: TurnSession, name: string): TemplateResult {
    const many = sessionsOfSubject(this.sessions.items, session);
    const { subject } = session;
    return html`<tr class="ask">
      <td colspan="7">
        <tk-confirm
          .question=${`Disconnect ${name}?`}
          .text=${'Its relay ends now, and with it the picture. With a credential that is still valid it may come back at once; revoke it to keep it out.'}
          .verb=${'Disconnect'}
          .safe=${'Keep it'}
          .busy=${this.busy}
          @confirm=${() => {
            void this.#disconnect({ sessionId: session.sessionId }, name);
          }}
          @keep=${() => {
            this.#keep();
          }}
          >${
            many > 1 && subject !== null
              ? html`<button
                  class="tk-button danger"
                  @click=${() => {
                    void this.#disconnect({ subject }, name);
                  }}
                >
                  All ${many} of ${name}
                </button>`
              : nothing
          }${
            subject === null
              ? nothing
              : html`<button
                  class="tk-button danger"
                  title="All its sessions end, and its credentials open none until that is taken back"
                  @click=${() => {
                    void this.#revoke(subject);
                  }}
                >
                  Revoke ${name}
                </button>`
          }</tk-confirm
        >
      </td>
    </tr>`;
  }

  static override styles = [
    base,
    block,
    card,
    tableStyles,
    css`
      .name {
        display: block;
        max-width: 220px;
      }
      .transport {
        color: var(--tk-text-2);
      }
      .mono {
        font-size: var(--tk-size-2);
      }
      @media (max-width: 639px) {
        .tk-table td.num {
          text-align: left;
        }
        .tk-table td.act {
          grid-row: 1 / span 6;
          align-self: start;
        }
      }
    `,
  ];
}
customElements.define('tk-turn-sessions', TkTurnSessions);
