/** The users of the console: add one, change a role, disable, delete. */
import { html, LitElement, nothing, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import type { Role } from '../../../daemon/contract/api.ts';
import type { ListedUser, UserPassword } from '../../../daemon/contract/identity.ts';
import { ago } from '../actions/wording.ts';
import type { ConsoleContext } from '../console-context.ts';
import { accessStyles } from '../styles/access.ts';
import { avatar } from '../styles/avatar.ts';
import { base } from '../styles/base.ts';
import { card } from '../styles/card.ts';
import { tableStyles } from '../styles/table.ts';
import { loadState, madeCard, ROLE_FIELD, ROLES, roleWord } from './access-parts.ts';
import { icon, stateWord } from './icon.ts';
import { Loader } from './loader.ts';
import './tk-command.ts';
import './tk-confirm.ts';
import './tk-form.ts';
import type { FormField, FormValues } from './tk-form.ts';

const USER_FIELDS: FormField[] = [
  {
    id: 'name',
    label: 'Name',
    hint: 'Small letters, digits and . _ -. It cannot be changed.',
    kind: 'text',
    maxLength: 32,
  },
  ROLE_FIELD,
];

export class TkAccessUsers extends LitElement {
  static override properties = {
    context: { attribute: false },
    adding: { state: true },
    made: { state: true },
    open: { state: true },
    deleting: { state: true },
  };
  declare context: ConsoleContext;
  declare adding: boolean;
  /** Its password is shown until it is hidden. */
  declare made: UserPassword | null;
  /** Whose row is open. */
  declare open: string | null;
  declare deleting: boolean;
  readonly #users: Loader<ListedUser[]>;

  constructor() {
    super();
    this.adding = false;
    this.made = null;
    this.open = null;
    this.deleting = false;
    this.#users = new Loader(
      this,
      () => this.context,
      () => this.context.api.access.users(),
    );
  }

  /** The page's header has the button. */
  begin(): void {
    this.adding = true;
  }

  /** @returns true when there was something to close. */
  back(): boolean {
    if (!this.adding && this.open === null) return false;
    this.adding = this.deleting = false;
    this.open = null;
    return true;
  }

  async #create({ name = '', role }: FormValues): Promise<void> {
    this.made = await this.context.api.access.createUser(name, role as Role);
    this.context.say(`${name} is added`);
    await this.#users.load();
  }

  async #change(user: ListedUser, change: { role?: Role; disabled?: boolean }): Promise<void> {
    const { access } = this.context.api;
    const well = await this.#users.change(`${user.name} was not changed.`, () =>
      access.changeUser(user.name, change),
    );
    if (!well) return;
    if (change.role !== undefined) this.context.say(`${user.name} is ${change.role}`);
    else this.context.say(`${user.name} is ${change.disabled === true ? 'disabled' : 'enabled'}`);
  }

  async #delete(name: string): Promise<void> {
    const well = await this.#users.change(`${name} was not deleted.`, () =>
      this.context.api.access.deleteUser(name),
    );
    if (!well) return;
    this.deleting = false;
    this.open = null;
    this.context.say(`${name} is deleted`);
    this.renderRoot.querySelector<HTMLElement>('h2')?.focus();
  }

  protected override render(): unknown {
    const { value } = this.#users;
    return html`${this.adding ? this.#form() : nothing}
      ${this.made === null ? nothing : this.#secret(this.made)}
      <section class="tk-card" aria-labelledby="title" aria-busy=${value === null}>
        <header>
          <h2 id="title" class="grow" tabindex="-1">Users</h2>
          <span class="faint small">${value?.length ?? ''}</span>
        </header>
        ${loadState(this.#users, 'the users')} ${value === null ? nothing : this.#table(value)}
      </section>`;
  }

  #form(): TemplateResult {
    return html`<tk-form
      .heading=${'Add a user'}
      .verb=${'Add user'}
      .fields=${USER_FIELDS}
      .run=${(values: FormValues) => this.#create(values)}
      @close=${() => {
        this.adding = false;
      }}
    ></tk-form>`;
  }

  #secret({ user, password }: UserPassword): TemplateResult {
    return madeCard({
      title: `Password of ${user.name}`,
      text: html`It signs ${user.name} in as ${user.role}.`,
      secret: password,
      noun: 'password',
      gone: 'Hidden after 10 minutes. Reset the password on the command line to get a new one.',
      hide: () => {
        this.made = null;
      },
    });
  }

  #table(users: readonly ListedUser[]): TemplateResult {
    return html`<table class="tk-table">
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col">Role</th>
          <th scope="col">State</th>
          <th scope="col">Last active</th>
          <th scope="col"><span class="sr">Actions</span></th>
        </tr>
      </thead>
      <tbody>
        ${repeat(
          users,
          ({ name }) => name,
          (user) => this.#row(user),
        )}
      </tbody>
    </table>`;
  }

  #row(user: ListedUser): TemplateResult {
    const { name, role, disabled, lastActiveAt } = user;
    const nowMs = this.context.timers.now();
    const opened = this.open === name;
    const own = this.context.user?.name === name;
    return html`<tr>
        <th scope="row">
          <span class="row"
            ><span class="tk-avatar large" aria-hidden="true">${name.slice(0, 2).toUpperCase()}</span
            ><span class="name">${name}${own ? html` <span class="faint">(you)</span>` : nothing}</span></span
          >
        </th>
        <td>${roleWord(role)}</td>
        <td>${disabled ? stateWord('offline', 'Disabled') : stateWord('idle', 'Enabled')}</td>
        <td class="muted nowrap low">
          ${lastActiveAt === null ? 'not signed in' : activeText(Date.parse(lastActiveAt), nowMs)}
        </td>
        <td class="act">
          <button
            class="tk-button ghost icon"
            aria-label="Change ${name}"
            title="Change ${name}"
            aria-expanded=${opened}
            @click=${() => {
              this.open = opened ? null : name;
              this.deleting = false;
            }}
          >
            ${icon('i-more')}
          </button>
        </td>
      </tr>
      ${opened ? this.#opened(user) : nothing}`;
  }

  #opened(user: ListedUser): TemplateResult {
    const { name, role, disabled } = user;
    return html`<tr class="ask">
      <td colspan="5">
        ${
          this.deleting
            ? html`<tk-confirm
                .question=${`Delete ${name}?`}
                .text=${'It is signed out everywhere, its pictures end and its name is free again. This is permanent.'}
                .verb=${`Delete ${name}`}
                .busy=${this.#users.busy}
                @confirm=${() => {
                  void this.#delete(name);
                }}
                @keep=${() => {
                  this.deleting = false;
                }}
              ></tk-confirm>`
            : html`<div class="stack tight">
                <div class="row wrap">
                  <span class="small" id="role-of">Role</span>
                  <div class="tk-segmented" role="radiogroup" aria-labelledby="role-of">
                    ${ROLES.map(
                      (one) =>
                        html`<button
                          role="radio"
                          aria-checked=${role === one}
                          @click=${() => {
                            if (role !== one) void this.#change(user, { role: one });
                          }}
                        >
                          ${roleWord(one)}
                        </button>`,
                    )}
                  </div>
                  <span class="grow"></span>
                  <button
                    class="tk-button ${disabled ? '' : 'danger'}"
                    aria-disabled=${this.#users.busy}
                    @click=${() => {
                      void this.#change(user, { disabled: !disabled });
                    }}
                  >
                    ${disabled ? 'Enable' : 'Disable'} ${name}
                  </button>
                  <button
                    class="tk-button danger"
                    @click=${() => {
                      this.deleting = true;
                    }}
                  >
                    Delete ${name}
                  </button>
                </div>
                <p class="small muted">
                  ${disabled ? 'It cannot sign in; nothing of it is lost.' : 'Disabling signs it out everywhere and ends its pictures.'}
                  A new password is made on the server only, so that no browser takes over an account:
                </p>
                <tk-command .text=${`turnkeep user reset-password ${name}`}></tk-command>
              </div>`
        }
      </td>
    </tr>`;
  }

  static override styles = [base, avatar, card, tableStyles, accessStyles];
}
customElements.define('tk-access-users', TkAccessUsers);

/** Known to the minute only. */
function activeText(atMs: number, nowMs: number): string {
  return nowMs - atMs < 120_000 ? 'now' : ago(atMs, nowMs);
}
