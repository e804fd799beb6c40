/** What every page shares: the API, live data, pictures, the route, what is announced. Created once by main.ts. */
import type { Session, User } from '../../daemon/contract/api.ts';
import { Emitter } from '../client/emitter.ts';
import type { Timers } from '../client/timers.ts';
import { Announcements, type Sentence } from './actions/announcements.ts';
import type { Sample } from './actions/load-view.ts';
import { parseRoute, type Route } from './actions/route.ts';
import type { EventStream } from './live/event-stream.ts';
import type { Api } from './resources/api.ts';
import type { MediaHub } from './resources/media-hub.ts';

export type Theme = 'system' | 'light' | 'dark';

export type Notice = {
  kind: 'error' | 'degraded' | 'connecting' | 'unknown' | 'live' | 'idle';
  title: string;
  text: string;
  action?: { label: string; run: () => void };
};

export type ContextEvents = {
  route: Route;
  session: Session | null;
  notice: Notice | null;
  say: Sentence;
  theme: Theme;
};

const THEME_KEY = 'turnkeep.theme';
const SINGLE_KEYS_KEY = 'turnkeep.single-keys';

export class ConsoleContext extends Emitter<ContextEvents> {
  readonly api: Api;
  readonly live: EventStream;
  readonly media: MediaHub;
  readonly timers: Timers;
  readonly announcements = new Announcements();
  /** The camera that was opened last: the focus goes back to its tile. */
  lastCamera: string | null = null;
  #route: Route;
  #session: Session | null = null;
  #notice: Notice | null = null;

  /** Live data that carries a namespace's TURN service too. The page that asks starts it, and stops it when it leaves. */
  readonly openTurn: (namespace: string) => EventStream;

  /** The same with a namespace's rooms. */
  readonly openRooms: (namespace: string) => EventStream;
  /** The same with the load of the host. */
  readonly openLoad: () => EventStream;
  /** Of the last ten minutes, as long as a page asked for it. */
  loadSamples: readonly Sample[] = [];

  constructor(parts: {
    api: Api;
    live: EventStream;
    openTurn: (namespace: string) => EventStream;
    openRooms: (namespace: string) => EventStream;
    openLoad: () => EventStream;
    media: MediaHub;
    timers: Timers;
  }) {
    super();
    this.openTurn = parts.openTurn;
    this.openRooms = parts.openRooms;
    this.openLoad = parts.openLoad;
    this.api = parts.api;
    this.live = parts.live;
    this.media = parts.media;
    this.timers = parts.timers;
    this.#route = parseRoute(location.pathname, location.search);
    this.live.on('state', (state) => {
      if (state.phase === 'signed-out') this.signedOut();
    });
    this.live.on('data', (data) => {
      for (const id of data.removed.keys()) this.announcements.forget(id);
    });
    this.media.on('tick', (nowMs) => {
      const sentence = this.announcements.due(nowMs);
      if (sentence !== null) this.emit('say', sentence);
    });
  }

  get route(): Route {
    return this.#route;
  }

  get session(): Session | null {
    return this.#session;
  }

  /** The signed-in user as live data last said; the role may change while the page is open. */
  get user(): User | null {
    return this.live.data?.user ?? this.#session?.user ?? null;
  }

  get mayEdit(): boolean {
    return this.user !== null && this.user.role !== 'viewer';
  }

  /** May see sessions, refusals and operations of namespaces. */
  get mayOperate(): boolean {
    return this.mayEdit;
  }

  /** May enable, disable, disconnect, drain. */
  get mayOwn(): boolean {
    return this.user?.role === 'owner';
  }

  get notice(): Notice | null {
    return this.#notice;
  }

  navigate(path: string, options: { replace?: boolean } = {}): void {
    if (options.replace === true) history.replaceState(null, '', path);
    else history.pushState(null, '', path);
    this.readAddress();
  }

  readAddress(): void {
    this.#route = parseRoute(location.pathname, location.search);
    this.tell(null);
    this.emit('route', this.#route);
  }

  signedIn(session: Session): void {
    this.#session = session;
    this.live.start();
    this.media.start();
    this.emit('session', session);
  }

  /** The session ended: everything of it is forgotten before the sign-in page shows. */
  signedOut(): void {
    this.#session = null;
    this.loadSamples = [];
    this.live.stop();
    this.media.close();
    this.emit('session', null);
    if (this.#route.page === 'sign-in') return;
    const from = location.pathname + location.search;
    this.navigate(from === '/' ? '/sign-in' : `/sign-in?to=${encodeURIComponent(from)}`, { replace: true });
  }

  /** The one notice under the header; null takes it away. */
  tell(notice: Notice | null): void {
    if (notice === null && this.#notice === null) return;
    this.#notice = notice;
    this.emit('notice', notice);
  }

  say(text: string, politeness: Sentence['politeness'] = 'polite'): void {
    this.emit('say', { text, politeness });
  }

  get theme(): Theme {
    const theme = stored(THEME_KEY);
    return theme === 'light' || theme === 'dark' ? theme : 'system';
  }

  setTheme(theme: Theme): void {
    if (theme === 'system') delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = theme;
    store(THEME_KEY, theme === 'system' ? null : theme);
    this.emit('theme', theme);
  }

  /** WCAG 2.1.4: keys without a modifier can be switched off. */
  get singleKeys(): boolean {
    return stored(SINGLE_KEYS_KEY) !== 'off';
  }

  setSingleKeys(on: boolean): void {
    store(SINGLE_KEYS_KEY, on ? null : 'off');
  }
}

function stored(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    // Storage is blocked: the choice lasts as long as the page.
    return null;
  }
}

function store(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    // As above.
  }
}
