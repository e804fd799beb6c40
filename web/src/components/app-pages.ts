/** The pages of the console: how each is loaded, called and drawn. Pages other than the wall load when they are opened. */
import { html, type TemplateResult } from 'lit';
import { keyed } from 'lit/directives/keyed.js';
import type { Route } from '../actions/route.ts';
import type { ConsoleContext } from '../console-context.ts';
import { follow } from './app-navigation.ts';

export const LOAD: Record<Route['page'], () => Promise<unknown>> = {
  'sign-in': () => import('../pages/tk-sign-in-page.ts'),
  wall: () => import('../pages/tk-wall-page.ts'),
  cameras: () => import('../pages/tk-cameras-page.ts'),
  'add-camera': () => import('../pages/tk-add-camera-page.ts'),
  camera: () => import('../pages/tk-camera-page.ts'),
  rooms: () => import('../pages/tk-rooms-page.ts'),
  namespaces: () => import('../pages/tk-namespaces-page.ts'),
  namespace: () => import('../pages/tk-namespace-page.ts'),
  health: () => import('../pages/tk-health-page.ts'),
  metrics: () => import('../pages/tk-metrics-page.ts'),
  access: () => import('../pages/tk-access-page.ts'),
  'not-found': () => Promise.resolve(),
};

const TITLES: Record<Route['page'], string> = {
  'sign-in': 'Sign in',
  wall: 'Wall',
  cameras: 'Cameras',
  'add-camera': 'Add a camera',
  camera: 'Camera',
  rooms: 'Rooms',
  namespaces: 'Namespaces',
  namespace: 'Namespace',
  health: 'Health',
  metrics: 'Metrics',
  access: 'Access',
  'not-found': 'Not found',
};

export function titleOf(route: Route): string {
  return `${route.page === 'namespace' ? route.name : TITLES[route.page]} · Turnkeep`;
}

/** Which page it is: another view of the same one (density, filter) leaves focus and drawer where they are. */
export function identityOf(route: Route): string {
  if (route.page === 'camera') return `camera ${route.id}`;
  return route.page === 'namespace' ? `namespace ${route.name}` : route.page;
}

/** Where Escape leads from here; null: it does not. */
export function parentOf(route: Route): string | null {
  if (route.page === 'camera') return '/';
  if (route.page === 'add-camera') return '/cameras';
  return route.page === 'namespace' ? '/namespaces' : null;
}

/** The element of the route's page. `notice` goes into its slot. */
export function pageOf(options: {
  context: ConsoleContext;
  rail: boolean;
  notice: TemplateResult;
}): TemplateResult {
  const { context, rail, notice } = options;
  const { route } = context;
  switch (route.page) {
    case 'wall':
      return html`<tk-wall-page data-page ?rail=${rail} .context=${context} .route=${route}
        >${notice}</tk-wall-page
      >`;
    case 'cameras':
      return html`<tk-cameras-page data-page ?rail=${rail} .context=${context}>${notice}</tk-cameras-page>`;
    case 'add-camera':
      return html`<tk-add-camera-page data-page ?rail=${rail} .context=${context}
        >${notice}</tk-add-camera-page
      >`;
    case 'camera':
      return html`${keyed(
        route.id,
        html`<tk-camera-page data-page ?rail=${rail} .context=${context} .cameraId=${route.id}
          >${notice}</tk-camera-page
        >`,
      )}`;
    case 'rooms':
      return html`<tk-rooms-page data-page ?rail=${rail} .context=${context} .route=${route}
        >${notice}</tk-rooms-page
      >`;
    case 'namespaces':
      return html`<tk-namespaces-page data-page ?rail=${rail} .context=${context}
        >${notice}</tk-namespaces-page
      >`;
    case 'namespace':
      return html`${keyed(
        route.name,
        html`<tk-namespace-page data-page ?rail=${rail} .context=${context} .name=${route.name}
          >${notice}</tk-namespace-page
        >`,
      )}`;
    case 'health':
      return html`<tk-health-page data-page ?rail=${rail} .context=${context}>${notice}</tk-health-page>`;
    case 'metrics':
      return html`<tk-metrics-page data-page ?rail=${rail} .context=${context} .route=${route}
        >${notice}</tk-metrics-page
      >`;
    case 'access':
      return html`<tk-access-page data-page ?rail=${rail} .context=${context} .route=${route}
        >${notice}</tk-access-page
      >`;
    default:
      return problem(
        context,
        'There is no page at this address',
        'Open the wall, or pick a page on the left.',
      );
  }
}

export function problem(context: ConsoleContext, title: string, text: string): TemplateResult {
  return html`<main class="blank">
    <div class="tk-empty">
      <h1>${title}</h1>
      <p>${text}</p>
      <div class="row">
        <a class="tk-button" href="/" @click=${follow(context, '/')}>Back to the wall</a>
      </div>
    </div>
  </main>`;
}
