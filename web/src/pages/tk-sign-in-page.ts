/** Sign-in with user name and password. The password lives in its field only, and not after success. */
import { css, html, LitElement, nothing, svg } from 'lit';
import { ApiError } from '../resources/api.ts';
import type { ConsoleContext } from '../console-context.ts';
import { icon } from '../components/icon.ts';
import { base } from '../styles/base.ts';
import { field } from '../styles/field.ts';

/** Cameras around the keep: decoration, no data. */
const CAMERAS: [number, number][] = [
  [225, 393],
  [491, 321],
  [296, 236],
  [662, 313],
  [30, 351],
  [407, 116],
  [102, 462],
];

export class TkSignInPage extends LitElement {
  static override properties = {
    context: { attribute: false },
    busy: { state: true },
    problem: { state: true },
    userName: { state: true },
  };
  declare context: ConsoleContext;
  declare busy: boolean;
  declare problem: { sentence: string; onFields: boolean } | null;
  declare userName: string;

  constructor() {
    super();
    this.busy = false;
    this.problem = null;
    this.userName = '';
  }

  focusMain(): void {
    this.renderRoot.querySelector<HTMLInputElement>('#user')?.focus();
  }

  protected override firstUpdated(): void {
    this.focusMain();
  }

  async #submit(event: Event): Promise<void> {
    event.preventDefault();
    if (this.busy) return;
    const password = this.renderRoot.querySelector<HTMLInputElement>('#password');
    if (password === null) return;
    if (this.userName === '' || password.value === '') {
      this.problem = { sentence: 'Enter your user name and password.', onFields: true };
      (this.userName === '' ? this.renderRoot.querySelector<HTMLInputElement>('#user') : password)?.focus();
      return;
    }
    this.busy = true;
    this.problem = null;
    try {
      const session = await this.context.api.signIn({ user: this.userName, password: password.value });
      password.value = '';
      const { route } = this.context;
      this.context.signedIn(session);
      this.context.navigate(route.page === 'sign-in' ? route.returnTo : '/', { replace: true });
    } catch (error) {
      const wrong = error instanceof ApiError && (error.status === 401 || error.status === 400);
      this.problem = {
        sentence: error instanceof Error ? error.message : String(error),
        onFields: wrong,
      };
      password.select();
    } finally {
      this.busy = false;
    }
  }

  protected override render(): unknown {
    const { problem } = this;
    const bad = problem?.onFields === true;
    return html`<main class="tk-door">
      <div class="form">
        <div class="inner">
          <div class="brand">${icon('logo', 'logo')}Turnkeep</div>
          <div class="stack tight">
            <h1>Sign in</h1>
            <p class="muted">${location.host}</p>
          </div>
          <slot name="notice"></slot>
          <form
            class="stack"
            novalidate
            @submit=${(event: Event) => {
              void this.#submit(event);
            }}
          >
            <div class="tk-field">
              <label for="user">User name</label
              ><input
                class="tk-input"
                id="user"
                name="username"
                autocomplete="username"
                autocapitalize="none"
                spellcheck="false"
                maxlength="64"
                required
                .value=${this.userName}
                @input=${(event: Event) => {
                  this.userName = (event.target as HTMLInputElement).value.trim();
                }}
              />
            </div>
            <div class="tk-field">
              <label for="password">Password</label
              ><input
                class="tk-input"
                id="password"
                name="password"
                type="password"
                autocomplete="current-password"
                maxlength="256"
                required
                aria-invalid=${bad ? 'true' : nothing}
                aria-describedby=${problem === null ? nothing : 'problem'}
              />
              ${
                problem === null
                  ? nothing
                  : html`<span class="tk-hint bad" id="problem" role="alert"
                      >${icon('g-error')}${problem.sentence}</span
                    >`
              }
            </div>
            <button class="tk-button primary" aria-busy=${this.busy}>
              ${this.busy ? 'Signing in' : 'Sign in'}
            </button>
          </form>
          <p class="tk-hint">
            Locked out? On the server:
            <code>turnkeep user reset-password ${this.userName === '' ? 'NAME' : this.userName}</code>
          </p>
        </div>
      </div>
      <div class="view" aria-hidden="true">
        ${drawing}
        <div class="fact">
          This console is served by your own machine. It loads nothing from anywhere else.
        </div>
      </div>
    </main>`;
  }

  static override styles = [
    base,
    field,
    css`
      .tk-door {
        min-height: 100vh;
        display: grid;
        grid-template-columns: minmax(0, 1fr) minmax(0, 1fr);
      }
      .form {
        display: grid;
        align-content: center;
        justify-content: center;
        padding: 32px 24px;
      }
      .inner {
        width: 372px;
        max-width: calc(100vw - 48px);
        display: grid;
        gap: 20px;
      }
      .brand {
        display: flex;
        align-items: center;
        gap: 10px;
        font-size: var(--tk-size-5);
        font-weight: var(--tk-weight-strong);
        letter-spacing: -0.01em;
      }
      .logo {
        width: 26px;
        height: 26px;
      }
      h1 {
        font-size: var(--tk-size-7);
        line-height: var(--tk-lead-7);
        letter-spacing: -0.02em;
      }
      .tk-button,
      .tk-input {
        height: 40px;
        font-size: var(--tk-size-4);
      }
      @media (pointer: coarse), (max-width: 639px) {
        .tk-button,
        .tk-input {
          height: 44px;
          font-size: var(--tk-size-5);
        }
      }
      .view {
        color-scheme: dark;
        position: relative;
        overflow: hidden;
        background: var(--tk-well);
      }
      .view svg {
        position: absolute;
        inset: 0;
        width: 100%;
        height: 100%;
      }
      .fact {
        position: absolute;
        left: 24px;
        right: 24px;
        bottom: 24px;
        padding: 14px 16px;
        border-radius: 10px;
        background: rgb(8 10 14 / 0.84);
        color: #fff;
        font-size: var(--tk-size-3);
        line-height: var(--tk-lead-3);
      }
      @media (max-width: 639px) {
        .tk-door {
          grid-template-columns: minmax(0, 1fr);
        }
        .view {
          display: none;
        }
      }
    `,
  ];
}

const drawing = html`<svg viewBox="0 0 720 900" preserveAspectRatio="xMidYMid slice">
  <defs>
    <radialGradient id="glow" cx="50%" cy="63%" r="70%">
      <stop offset="0" stop-color="#1b2338" />
      <stop offset="1" stop-color="#0a0d12" />
    </radialGradient>
  </defs>
  <rect width="720" height="900" fill="url(#glow)" />
  ${[0, 1, 2, 3, 4, 5, 6, 7, 8].map(
    (ring) =>
      svg`<circle cx="360" cy="566" r=${104 + ring * 58} fill="none" stroke="#93a5ff" stroke-opacity=${0.3 - ring * 0.028} />`,
  )}
  ${CAMERAS.map(([x, y]) => {
    const length = Math.hypot(360 - x, 566 - y);
    const endX = 360 - ((360 - x) * 60) / length;
    const endY = 566 - ((566 - y) * 60) / length;
    return svg`<path d=${`M${String(x)} ${String(y)}L${endX.toFixed(0)} ${endY.toFixed(0)}`} stroke="#93a5ff" stroke-opacity=".22" stroke-dasharray="2 6" /><circle cx=${x} cy=${y} r="9" fill="#0a0d12" stroke="#4fd58b" stroke-opacity=".5" /><circle cx=${x} cy=${y} r="4" fill="#4fd58b" />`;
  })}
  <path
    d="M210 900V470q0-12 12-12h52q12 0 12 12v40h42v-40q0-12 12-12h40q12 0 12 12v40h42v-40q0-12 12-12h52q12 0 12 12V900Z"
    fill="#0f131b"
    stroke="#93a5ff"
    stroke-opacity=".35"
  />
  <circle cx="360" cy="620" r="62" fill="#0a0d12" stroke="#93a5ff" stroke-opacity=".5" />
  <circle cx="360" cy="620" r="30" fill="none" stroke="#eef1f6" stroke-width="6" />
  <circle cx="360" cy="620" r="9" fill="#eef1f6" />
</svg>`;

customElements.define('tk-sign-in-page', TkSignInPage);
