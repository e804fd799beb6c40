/** The shell's way to the pages: the list at the left, and the tabs of a phone. */
import { html, nothing, type TemplateResult } from 'lit';
import type { Route } from '../actions/route.ts';
import type { ConsoleContext, Theme } from '../console-context.ts';
import { icon } from './icon.ts';

/** `more`: on a phone it is not a tab, but under More. `role`: who sees it; without one everybody. */
type Entry = {
  path: string;
  icon: string;
  label: string;
  pages: Route['page'][];
  more?: true;
  role?: 'operator' | 'owner';
};

const WATCH: Entry[] = [
  { path: '/', icon: 'i-wall', label: 'Wall', pages: ['wall', 'camera'] },
  { path: '/cameras', icon: 'i-camera', label: 'Cameras', pages: ['cameras', 'add-camera'] },
  { path: '/rooms', icon: 'i-rooms', label: 'Rooms', pages: ['rooms'], more: true, role: 'operator' },
];
const OPERATE: Entry[] = [
  {
    ...{ path: '/namespaces', icon: 'i-namespace', label: 'Namespaces' },
    ...{ pages: ['namespaces', 'namespace'], role: 'operator' },
  },
  { path: '/health', icon: 'i-health', label: 'Health', pages: ['health'], role: 'operator' },
  { path: '/load', icon: 'i-metrics', label: 'Metrics', pages: ['metrics'], more: true, role: 'operator' },
  { path: '/access', icon: 'i-access', label: 'Access', pages: ['access'], more: true, role: 'owner' },
];
const NEXT_THEME: Record<Theme, Theme> = { system: 'light', light: 'dark', dark: 'system' };

export type Drawer = 'none' | 'keys' | 'account';
export type NavigationView = {
  context: ConsoleContext;
  drawer: Drawer;
  open: (drawer: Exclude<Drawer, 'none'>) => void;
};

/** Follows a link inside the console; with a modifier key the browser does what it does. */
export function follow(context: ConsoleContext, path: string): (event: MouseEvent) => void {
  return (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    context.navigate(path);
  };
}

export function navigation(view: NavigationView): TemplateResult {
  const { context, drawer, open } = view;
  const { user } = context;
  return html`<nav class="tk-nav" aria-label="Main">
    <div class="brand">${icon('logo', 'logo')}<span>Turnkeep</span></div>
    <ul>
      ${seen(context, WATCH).map((entry) => listed(context, entry))}
    </ul>
    ${
      context.mayOperate
        ? html`<ul>
            ${seen(context, OPERATE).map((entry) => listed(context, entry))}
          </ul>`
        : nothing
    }
    <div class="foot">
      <button
        aria-expanded=${drawer === 'keys'}
        title="Keys and help (?)"
        @click=${() => {
          open('keys');
        }}
      >
        ${icon('i-help')}<span class="label">Keys and help</span>
      </button>
      <button
        title="Theme: ${context.theme}"
        @click=${() => {
          context.setTheme(NEXT_THEME[context.theme]);
        }}
      >
        ${icon('i-sun')}<span class="label">Theme: ${context.theme}</span>
      </button>
      <button
        aria-expanded=${drawer === 'account'}
        title=${user?.name ?? 'Account'}
        @click=${() => {
          open('account');
        }}
      >
        <span class="tk-avatar" aria-hidden="true">${(user?.name ?? '?').slice(0, 2).toUpperCase()}</span
        ><span class="label">${user?.name ?? 'Account'}</span>
      </button>
    </div>
  </nav>`;
}

export function tabbar(view: NavigationView): TemplateResult {
  const { context, drawer, open } = view;
  const all = seen(context, [...WATCH, ...OPERATE]);
  const entries = all.filter(({ more }) => more !== true);
  const isUnderMore = all.some((entry) => entry.more === true && entry.pages.includes(context.route.page));
  return html`<nav class="tk-tabbar" aria-label="Tabs">
    ${entries.map(
      (entry) =>
        html`<a
          href=${entry.path}
          aria-current=${isCurrent(context, entry)}
          @click=${follow(context, entry.path)}
          >${icon(entry.icon)}${entry.label}</a
        >`,
    )}
    <button
      aria-expanded=${drawer === 'account'}
      aria-current=${isUnderMore ? 'true' : nothing}
      @click=${() => {
        open('account');
        scrollTo({ top: 0 });
      }}
    >
      ${icon('i-menu')}More
    </button>
  </nav>`;
}

function seen(context: ConsoleContext, entries: readonly Entry[]): Entry[] {
  return entries.filter(
    ({ role }) => role === undefined || (role === 'owner' ? context.mayOwn : context.mayOperate),
  );
}

/** On a phone: the pages that are no tab. */
export function otherPages(context: ConsoleContext): TemplateResult | typeof nothing {
  const entries = seen(context, [...WATCH, ...OPERATE]).filter(({ more }) => more === true);
  return entries.length === 0
    ? nothing
    : html`<nav class="phone-only" aria-label="More pages">
        ${entries.map(
          ({ path, icon: name, label }) =>
            html`<a class="tk-button" href=${path} @click=${follow(context, path)}
              >${icon(name)}${label}</a
            > `,
        )}
      </nav>`;
}

function listed(context: ConsoleContext, entry: Entry): TemplateResult {
  return html`<li>
    <a
      href=${entry.path}
      title=${entry.label}
      aria-current=${isCurrent(context, entry)}
      @click=${follow(context, entry.path)}
      >${icon(entry.icon)}<span class="label">${entry.label}</span></a
    >
  </li>`;
}

function isCurrent(context: ConsoleContext, entry: Entry): 'page' | typeof nothing {
  return entry.pages.includes(context.route.page) ? 'page' : nothing;
}
