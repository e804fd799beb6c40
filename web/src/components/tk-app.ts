/** The shell: navigation, the page of the route, one notice slot, live regions, theme, keys. */
import { html, LitElement, nothing, type TemplateResult } from 'lit';
import type { Route } from '../actions/route.ts';
import { clock, countdown } from '../actions/wording.ts';
import type { ConsoleContext, Notice } from '../console-context.ts';
import { avatar } from '../styles/avatar.ts';
import { base } from '../styles/base.ts';
import { navigation, tabbar, type Drawer, type NavigationView } from './app-navigation.ts';
import { identityOf, LOAD, pageOf, parentOf, problem, titleOf } from './app-pages.ts';
import { icon } from './icon.ts';
import { isTyping, pageOfKeys, type KeyedPage } from './keys.ts';
import { appStyles } from './tk-app-styles.ts';
import './tk-notice.ts';
import { WatchController } from './watch-controller.ts';

const LIVE_DOWN_MS = 3000;
const SAID_MS = 8000;

type Phase = 'asking' | 'signed-in' | 'signed-out' | 'not-reached';

export class TkApp extends LitElement {
  static override properties = {
    context: { attribute: false },
    code: { attribute: false },
    phase: { state: true },
    loaded: { state: true },
    loadFailed: { state: true },
    drawer: { state: true },
    railChosen: { state: true },
    polite: { state: true },
    assertive: { state: true },
  };
  declare context: ConsoleContext;
  /** One-time sign-in code of the address, used once and then forgotten. */
  declare code: string | null;
  declare phase: Phase;
  declare loaded: ReadonlySet<string>;
  declare loadFailed: boolean;
  declare drawer: Drawer;
  declare railChosen: boolean | null;
  declare polite: string;
  declare assertive: string;
  #goKey = false;
  #saidDown = false;
  #shown = '';
  #silence: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    super();
    this.code = null;
    this.phase = 'asking';
    this.loaded = new Set();
    this.loadFailed = false;
    this.drawer = 'none';
    this.railChosen = null;
    this.polite = '';
    this.assertive = '';
    new WatchController(this, () => {
      const { context } = this;
      const redraw = (): void => {
        this.requestUpdate();
      };
      const onKey = (event: KeyboardEvent): void => {
        this.#key(event);
      };
      addEventListener('keydown', onKey);
      // The notice counts down while live data is interrupted; nothing else of the shell moves by itself.
      const timer = setInterval(() => {
        if (context.live.state.downSinceMs !== null) this.requestUpdate();
      }, 1000);
      return [
        context.on('route', (route) => {
          this.#load();
          this.requestUpdate();
          const shown = identityOf(route);
          if (shown === this.#shown) return;
          this.#shown = shown;
          this.drawer = 'none';
          this.#focusPage();
        }),
        context.on('session', (session) => {
          this.phase = session === null ? 'signed-out' : 'signed-in';
        }),
        context.on('notice', redraw),
        context.on('theme', redraw),
        context.on('say', ({ text, politeness }) => {
          if (politeness === 'assertive') this.assertive = text;
          else this.polite = text;
          // What was said once is not found again by someone who reads the page.
          clearTimeout(this.#silence);
          this.#silence = setTimeout(() => {
            this.polite = this.assertive = '';
          }, SAID_MS);
        }),
        context.live.on('state', redraw),
        context.live.on('data', redraw),
        () => {
          removeEventListener('keydown', onKey);
        },
        () => {
          clearInterval(timer);
        },
      ];
    });
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#load();
    void this.#begin();
  }

  async #begin(): Promise<void> {
    const { context } = this;
    const { code } = this;
    this.code = null;
    this.phase = 'asking';
    try {
      if (code !== null) {
        try {
          const session = await context.api.signIn({ code });
          context.signedIn(session);
          if (context.route.page === 'sign-in') context.navigate(context.route.returnTo, { replace: true });
          return;
        } catch (error) {
          // Whoever is signed in already stays so; the code's fault is told on the page they see.
          context.tell({
            kind: 'error',
            title: 'The sign-in code did not work.',
            text: error instanceof Error ? error.message : String(error),
          });
        }
      }
      const { notice } = context;
      const session = await context.api.session();
      if (session === null) {
        context.signedOut();
        this.phase = 'signed-out';
        context.tell(notice);
        return;
      }
      context.signedIn(session);
      if (context.route.page === 'sign-in') context.navigate(context.route.returnTo, { replace: true });
    } catch {
      this.phase = 'not-reached';
      setTimeout(() => {
        if (this.phase === 'not-reached') void this.#begin();
      }, 3000);
    }
  }

  #load(): void {
    const { page } = this.context.route;
    if (this.loaded.has(page)) return;
    this.loadFailed = false;
    LOAD[page]().then(
      () => {
        this.loaded = new Set([...this.loaded, page]);
      },
      () => {
        this.loadFailed = true;
      },
    );
  }

  get #rail(): boolean {
    const { page } = this.context.route;
    return this.railChosen ?? (page === 'wall' || page === 'camera');
  }

  get #page(): KeyedPage | null {
    return this.renderRoot.querySelector<KeyedPage>('[data-page]');
  }

  // -- Keys ----------------------------------------------------------------------------------------

  #key(event: KeyboardEvent): void {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'Escape') {
      if (this.drawer !== 'none') {
        this.drawer = 'none';
        event.preventDefault();
      } else if (this.#page?.handleKey?.(event) !== true) {
        this.#up();
      }
      return;
    }
    if (isTyping(event) || this.phase !== 'signed-in' || !this.context.singleKeys) return;
    if (this.#goKey) {
      this.#goKey = false;
      const path = pageOfKeys(event.key);
      if (path !== null) {
        event.preventDefault();
        this.context.navigate(path);
        return;
      }
    }
    if (this.#page?.handleKey?.(event) === true) {
      event.preventDefault();
      return;
    }
    switch (event.key) {
      case '?':
        this.#open('keys');
        break;
      case 'g':
        this.#goKey = true;
        break;
      case '/':
        // The page with the search field answers; elsewhere the key leads to it.
        this.context.navigate('/cameras');
        break;
      case '\\':
        this.railChosen = !this.#rail;
        break;
      default:
        return;
    }
    event.preventDefault();
  }

  #up(): void {
    const path = parentOf(this.context.route);
    if (path !== null) this.context.navigate(path);
  }

  #open(drawer: Drawer): void {
    this.drawer = this.drawer === drawer ? 'none' : drawer;
    if (this.drawer !== 'none') void import('./tk-drawer.ts');
  }

  #focusPage(): void {
    void this.updateComplete.then(() => {
      const page = this.#page;
      // The page has drawn itself by the next frame.
      if (page !== null) requestAnimationFrame(() => page.focusMain?.());
    });
  }

  // -- Drawing -------------------------------------------------------------------------------------

  /** Row 2 of the tile table: one notice for the page while live data is interrupted. */
  #liveNotice(): Notice | null {
    const { state } = this.context.live;
    const nowMs = this.context.timers.now();
    if (state.downSinceMs === null || nowMs - state.downSinceMs <= LIVE_DOWN_MS) {
      this.#saidDown = false;
      return null;
    }
    const title = `Live data is interrupted since ${clock(state.downSinceMs)}.`;
    if (!this.#saidDown) {
      this.#saidDown = true;
      queueMicrotask(() => {
        this.context.say(`${title} Pictures go on.`, 'assertive');
      });
    }
    const next = state.nextAttemptAtMs === null ? '' : `, next in ${countdown(state.nextAttemptAtMs, nowMs)}`;
    return {
      kind: 'connecting',
      title,
      text: `States may be old; pictures go on. Reconnecting, try ${String(state.attempt)}${next}.`,
      action: {
        label: 'Now',
        run: () => {
          this.context.live.hurry();
        },
      },
    };
  }

  protected override updated(): void {
    document.title = titleOf(this.context.route);
    this.toggleAttribute('rail', this.#rail);
  }

  protected override render(): unknown {
    const { route } = this.context;
    if (this.phase === 'not-reached')
      return this.#bare(
        'The server does not answer',
        'Trying again every 3 s. Check your network, or wait until it is back.',
      );
    const signIn = route.page === 'sign-in' || this.phase === 'signed-out';
    if (this.phase === 'asking' || (signIn && !this.loaded.has('sign-in'))) {
      return html`<div class="blank" aria-busy="true"><span class="sr">Loading</span></div>`;
    }
    if (signIn) {
      return html`<tk-sign-in-page data-page .context=${this.context}>${this.#notice()}</tk-sign-in-page
        >${this.#regions()}`;
    }
    const view: NavigationView = {
      context: this.context,
      drawer: this.drawer,
      open: (drawer) => {
        this.#open(drawer);
      },
    };
    return html`
      <nav aria-label="Skip">
        <button class="tk-skip tk-button" @click=${this.#skip}>Skip to content</button>
      </nav>
      <div class="tk-app">
        ${navigation(view)}
        <div class="tk-main">${this.#content(route)}</div>
      </div>
      ${tabbar(view)} ${this.#regions()}
    `;
  }

  readonly #skip = (): void => {
    this.#page?.focusMain?.();
  };

  #bare(title: string, text: string): TemplateResult {
    return html`<main class="blank">
      <div class="tk-empty">
        <span class="connecting">${icon('g-connecting', 'g large')}</span>
        <h1>${title}</h1>
        <p>${text}</p>
      </div>
    </main>`;
  }

  #regions(): TemplateResult {
    return html`<div class="sr" role="status" aria-live="polite">${this.polite}</div>
      <div class="sr" role="alert" aria-live="assertive">${this.assertive}</div>`;
  }

  #notice(): TemplateResult {
    const { context } = this;
    const liveNotice = this.phase === 'signed-in' ? this.#liveNotice() : null;
    return html`<div class="slot" slot="notice">
      ${liveNotice === null ? nothing : html`<tk-notice .notice=${liveNotice}></tk-notice>`}
      ${
        context.notice === null
          ? nothing
          : html`<tk-notice
              .notice=${context.notice}
              @dismiss=${() => {
                context.tell(null);
              }}
            ></tk-notice>`
      }
      ${
        this.drawer === 'none'
          ? nothing
          : html`<tk-drawer
              .context=${context}
              .content=${this.drawer}
              @close=${() => {
                this.drawer = 'none';
              }}
            ></tk-drawer>`
      }
    </div>`;
  }

  #content(route: Route): TemplateResult {
    const { context } = this;
    if (this.loadFailed) {
      return problem(
        context,
        'This page could not be loaded',
        'The server did not send it. Load the page again.',
      );
    }
    // An element that is upgraded later would begin without its properties: the page comes when it is here.
    if (route.page !== 'not-found' && !this.loaded.has(route.page)) {
      return html`<main class="blank" aria-busy="true"><span class="sr">Loading</span></main>`;
    }
    return pageOf({ context, rail: this.#rail, notice: this.#notice() });
  }

  static override styles = [base, avatar, appStyles];
}
customElements.define('tk-app', TkApp);
