/** The rooms of a namespace, live while this element is in the page: who is in them, what they send; mute, send away, close. */
import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import type { RoomParticipant, RoomsLive, RoomView } from '../../../daemon/contract/rooms.ts';
import type { LiveData } from '../actions/live-state.ts';
import { cameraPath } from '../actions/route.ts';
import {
  cameraOfRoom,
  isForced,
  participantState,
  roomName,
  roomState,
  settingsText,
  sortedRooms,
  trackText,
} from '../actions/rooms-view.ts';
import { ago, counted } from '../actions/wording.ts';
import type { ConsoleContext } from '../console-context.ts';
import { base } from '../styles/base.ts';
import { block } from '../styles/block.ts';
import { card } from '../styles/card.ts';
import { tableStyles } from '../styles/table.ts';
import { follow } from './app-navigation.ts';
import { icon, stateWord } from './icon.ts';
import './tk-confirm.ts';
import { WatchController } from './watch-controller.ts';

/** Two pictures late: said, so that nobody takes old numbers for new ones. */
const OLD_MS = 6000;
const HOUR_SECONDS = 3600;
const SHORT_SECONDS = 30;

/** What is asked about: a room, or one in it. The element that asked gets the focus back. */
type Asking = { roomId: string; participantId: string | null };

export class TkRooms extends LitElement {
  static override properties = {
    context: { attribute: false },
    namespace: { attribute: false },
    rooms: { state: true },
    asking: { state: true },
    busy: { state: true },
  };
  declare context: ConsoleContext;
  declare namespace: string;
  declare rooms: LiveData['rooms'];
  declare asking: Asking | null;
  declare busy: boolean;

  constructor() {
    super();
    this.rooms = null;
    this.asking = null;
    this.busy = false;
    new WatchController(this, () => {
      const stream = this.context.openRooms(this.namespace);
      stream.start();
      const timer = setInterval(() => {
        this.requestUpdate();
      }, 1000);
      return [
        stream.on('data', ({ rooms }) => {
          this.rooms = rooms;
        }),
        () => {
          clearInterval(timer);
          stream.stop();
        },
      ];
    });
  }

  /** @param run answers what is said once it is done. */
  async #do(failure: string, run: () => Promise<string>): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    const { context } = this;
    try {
      context.say(await run());
      this.#keep();
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      context.tell({ kind: 'error', title: failure, text });
    } finally {
      this.busy = false;
    }
  }

  #ask(asking: Asking): void {
    const { roomId, participantId } = asking;
    const open = this.asking?.roomId === roomId && this.asking.participantId === participantId;
    this.asking = open ? null : asking;
  }

  /** The question goes; the focus stays near where it was. */
  #keep(): void {
    const { asking } = this;
    this.asking = null;
    if (asking === null) return;
    void this.updateComplete.then(() => {
      const button = this.renderRoot.querySelector<HTMLElement>(`[data-ask="${CSS.escape(keyOf(asking))}"]`);
      (button ?? this.renderRoot.querySelector<HTMLElement>('h2'))?.focus();
    });
  }

  protected override render(): unknown {
    const { rooms } = this;
    const { data } = this.context.live;
    const nowMs = this.context.timers.now();
    if (rooms === null || data === null) {
      return html`<p class="small faint" aria-busy="true">Asking for the rooms of ${this.namespace}.</p>`;
    }
    return html`<section class="stack" aria-label="Rooms of ${this.namespace}">
      ${nowMs - rooms.atMs > OLD_MS ? stateWord('connecting', `As of ${ago(rooms.atMs, nowMs)}`) : nothing}
      ${this.#content(data, rooms.live)}
    </section>`;
  }

  #content(data: LiveData, { rooms, total, sentence }: RoomsLive): TemplateResult {
    if (sentence !== null) {
      return html`<div class="tk-card">
        <p class="body small">${stateWord('unknown', 'Unknown')} <span class="sentence">${sentence}</span></p>
      </div>`;
    }
    if (rooms.length === 0) {
      return html`<div class="tk-empty">
        <h2 tabindex="-1">No room is open</h2>
        <p>A room opens when somebody joins it, and a camera has one while it is watched.</p>
      </div>`;
    }
    return html`${repeat(
      sortedRooms(data, rooms),
      ({ roomId }) => roomId,
      (room) => this.#room(data, room),
    )}
    ${
      total > rooms.length
        ? html`<p class="small faint">
            ${rooms.length} of ${total} rooms are shown. The command line lists more.
          </p>`
        : nothing
    }`;
  }

  #room(data: LiveData, room: RoomView): TemplateResult {
    const { context } = this;
    const { roomId, participants } = room;
    const name = roomName(data, roomId);
    const camera = cameraOfRoom(roomId);
    const { state, label } = roomState(room, context.timers.now());
    const settings = settingsText(room);
    const asking: Asking = { roomId, participantId: null };
    const asked = this.asking?.roomId === roomId && this.asking.participantId === null;
    const id = `room-${roomId}`;
    return html`<section class="tk-card" aria-labelledby=${id}>
      <header>
        <h2 id=${id} class="cut" tabindex="-1">
          ${
            camera === null
              ? name
              : html`<a href=${cameraPath(camera)} @click=${follow(context, cameraPath(camera))}>${name}</a>`
          }
        </h2>
        ${stateWord(state, label, true)}
        ${camera === null ? nothing : html`<span class="faint small nowrap low">camera</span>`}
        <span class="grow"></span>
        ${
          context.mayOwn
            ? html`<button
                class="tk-button ghost icon"
                data-ask=${keyOf(asking)}
                aria-label="Close ${name}"
                title="Close ${name}"
                aria-expanded=${asked}
                @click=${() => {
                  this.#ask(asking);
                }}
              >
                ${icon('i-x')}
              </button>`
            : nothing
        }
      </header>
      ${asked ? html`<div class="body">${this.#closeQuestion(room, name)}</div>` : nothing}
      ${room.sourceLost === null ? nothing : html`<p class="body small">${room.sourceLost}</p>`}
      ${participants.length === 0 ? nothing : this.#table(data, room)}
      ${settings === null ? nothing : html`<footer>Made on purpose: ${settings}.</footer>`}
    </section>`;
  }

  #table(data: LiveData, room: RoomView): TemplateResult {
    const { participants, speaker } = room;
    return html`<table class="tk-table">
      <thead>
        <tr>
          <th scope="col">Participant</th>
          <th scope="col">State</th>
          <th scope="col">Sends</th>
          <th scope="col"><span class="sr">Actions</span></th>
        </tr>
      </thead>
      <tbody>
        ${repeat(
          participants,
          ({ participantId }) => participantId,
          (one) => this.#participant(data, room, one, speaker),
        )}
      </tbody>
    </table>`;
  }

  #participant(data: LiveData, room: RoomView, one: RoomParticipant, speaker: string | null): TemplateResult {
    const { roomId } = room;
    const { participantId, identity, tracks } = one;
    const camera = one.kind === 'camera' ? data.devices.get(identity)?.name : undefined;
    const name = camera ?? (one.name === '' ? identity : one.name);
    const { state, label } = participantState(one, speaker);
    const asking: Asking = { roomId, participantId };
    const asked = this.asking?.roomId === roomId && this.asking.participantId === participantId;
    return html`<tr>
        <th scope="row">
          <span class="name cut">${name}</span>
          ${one.name === '' || identity === name ? nothing : html`<div class="faint tiny cut">${identity}</div>`}
        </th>
        <td class="nowrap">${stateWord(state, label)}</td>
        <td class="small">
          ${
            tracks.length === 0
              ? html`<span class="faint">nothing</span>`
              : tracks.map(
                  (track) =>
                    html`<div>${trackText(track)}</div>
                      ${track.problem === undefined ? nothing : html`<div class="faint tiny">${track.problem}</div>`}`,
                )
          }
        </td>
        <td class="act">
          ${tracks.length === 0 ? nothing : this.#muteButton({ namespace: this.namespace, roomId }, one, name)}
          ${
            one.kind === 'camera'
              ? nothing
              : html`<button
                  class="tk-button ghost icon"
                  data-ask=${keyOf(asking)}
                  aria-label="Send ${name} away"
                  title="Send ${name} away"
                  aria-expanded=${asked}
                  @click=${() => {
                    this.#ask(asking);
                  }}
                >
                  ${icon('i-out')}
                </button>`
          }
        </td>
      </tr>
      ${asked ? this.#kickQuestion({ namespace: this.namespace, roomId }, one, name) : nothing}`;
  }

  #muteButton(
    room: { namespace: string; roomId: string },
    one: RoomParticipant,
    name: string,
  ): TemplateResult {
    const forced = isForced(one);
    const label = forced ? `Unmute ${name}` : `Mute ${name}`;
    return html`<button
      class="tk-button ghost icon"
      aria-label=${label}
      title=${label}
      aria-pressed=${forced}
      @click=${() => {
        void this.#do(`${name} was not ${forced ? 'unmuted' : 'muted'}.`, async () => {
          await this.context.api.rooms.mute(room, one.participantId, !forced);
          return forced ? `${name} may send again` : `${name} is muted`;
        });
      }}
    >
      ${icon(forced ? 'i-sound' : 'i-mute')}
    </button>`;
  }

  #closeQuestion({ roomId, participants }: RoomView, name: string): TemplateResult {
    const people = participants.filter(({ kind }) => kind === 'session').length;
    return html`<tk-confirm
      .question=${`Close ${name}?`}
      .text=${`${
        people === 0
          ? 'Nobody is in it.'
          : `${counted(people, 'participant is', 'participants are')} disconnected from it.`
      } Who may join may open it again.`}
      .verb=${'Close room'}
      .safe=${'Keep it'}
      .busy=${this.busy}
      @confirm=${() => {
        void this.#do(`${name} was not closed.`, async () => {
          await this.context.api.rooms.close({ namespace: this.namespace, roomId });
          return `${name} is closed`;
        });
      }}
      @keep=${() => {
        this.#keep();
      }}
    ></tk-confirm>`;
  }

  #kickQuestion(
    room: { namespace: string; roomId: string },
    one: RoomParticipant,
    name: string,
  ): TemplateResult {
    const kick = (forSeconds: number) => (): void => {
      void this.#do(`${name} was not sent away.`, async () => {
        const ended = await this.context.api.rooms.kick(room, one.participantId, forSeconds);
        return `${name} was sent away${ended > 1 ? `, with ${counted(ended - 1, 'more session')}` : ''}`;
      });
    };
    return html`<tr class="ask">
      <td colspan="4">
        <tk-confirm
          .question=${`Send ${name} away?`}
          .text=${`All sessions of ${one.identity} leave this room, and may come back after 30 s or after an hour.`}
          .verb=${'Send away for 30 s'}
          .safe=${'Keep'}
          .busy=${this.busy}
          @confirm=${kick(SHORT_SECONDS)}
          @keep=${() => {
            this.#keep();
          }}
          ><button class="tk-button danger" @click=${kick(HOUR_SECONDS)}>For an hour</button></tk-confirm
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
      h2 a {
        color: inherit;
      }
      .sentence {
        margin-left: 8px;
      }
      .name {
        display: block;
        max-width: 260px;
      }
      .tk-table th[scope='row'] {
        width: 30%;
      }
      @media (max-width: 639px) {
        .tk-table th[scope='row'] {
          width: auto;
        }
      }
    `,
  ];
}

function keyOf({ roomId, participantId }: Asking): string {
  return `${roomId} ${participantId ?? ''}`;
}
customElements.define('tk-rooms', TkRooms);
