/** Addresses of the console's pages, both ways. Unknown addresses are a state of their own, not the wall. */
import { DENSITIES, type Density } from './wall-layout.ts';

export type Route =
  | { page: 'sign-in'; returnTo: string }
  | { page: 'wall'; density: Density; number: number; show: string | null; namespace: string | null }
  | { page: 'cameras' }
  | { page: 'add-camera' }
  | { page: 'camera'; id: string }
  | { page: 'rooms'; namespace: string | null }
  | { page: 'namespaces' }
  | { page: 'namespace'; name: string }
  | { page: 'health' }
  | { page: 'metrics'; namespace: string | null; view: 'plots' | 'table'; span: MetricsSpan }
  | { page: 'access'; tab: AccessTab }
  | { page: 'not-found'; path: string };

export const ACCESS_TABS = ['users', 'sessions', 'keys', 'issuers', 'audit'] as const;
export type AccessTab = (typeof ACCESS_TABS)[number];

/** `live`: the last minutes, as they come. */
export const METRICS_SPANS = ['live', '1h', '24h', '7d'] as const;
export type MetricsSpan = (typeof METRICS_SPANS)[number];

export function parseRoute(path: string, search: string): Route {
  const query = new URLSearchParams(search);
  const parts = path.split('/').filter((part) => part !== '');
  const [first, second] = parts;
  if (first === undefined) {
    const n = query.get('n');
    const density = DENSITIES.find((one) => String(one) === n) ?? 'auto';
    const number = Number.parseInt(query.get('page') ?? '1', 10);
    return {
      page: 'wall',
      density,
      number: Number.isFinite(number) ? Math.min(9999, Math.max(1, number)) - 1 : 0,
      show: query.get('show'),
      namespace: query.get('ns'),
    };
  }
  if (first === 'sign-in' && parts.length === 1) {
    return { page: 'sign-in', returnTo: localPath(query.get('to')) };
  }
  if (first === 'cameras') {
    if (second === undefined) return { page: 'cameras' };
    if (parts.length > 2) return { page: 'not-found', path };
    if (second === 'new') return { page: 'add-camera' };
    return { page: 'camera', id: decoded(second) };
  }
  if (first === 'rooms' && parts.length === 1) return { page: 'rooms', namespace: query.get('ns') };
  if (first === 'namespaces' && parts.length <= 2) {
    return second === undefined ? { page: 'namespaces' } : { page: 'namespace', name: decoded(second) };
  }
  if (first === 'health' && parts.length === 1) return { page: 'health' };
  if (first === 'access' && parts.length <= 2) {
    const tab = ACCESS_TABS.find((one) => one === (second ?? 'users'));
    if (tab !== undefined) return { page: 'access', tab };
  }
  if (first === 'load' && parts.length === 1) {
    const view = query.get('view') === 'table' ? 'table' : 'plots';
    const span = METRICS_SPANS.find((one) => one === query.get('span')) ?? '1h';
    return { page: 'metrics', namespace: query.get('ns'), view, span };
  }
  return { page: 'not-found', path };
}

/** Only a path of this console: never another origin. */
export function localPath(path: string | null): string {
  return path !== null && /^\/(?![/\\])/.test(path) && !path.startsWith('/sign-in') ? path : '/';
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export function wallPath(options: {
  density: Density;
  number: number;
  show: string | null;
  namespace: string | null;
}): string {
  const query = new URLSearchParams();
  if (options.density !== 'auto') query.set('n', String(options.density));
  if (options.number > 0) query.set('page', String(options.number + 1));
  if (options.show !== null) query.set('show', options.show);
  if (options.namespace !== null) query.set('ns', options.namespace);
  const text = query.toString();
  return text === '' ? '/' : `/?${text}`;
}

export function cameraPath(id: string): string {
  return `/cameras/${encodeURIComponent(id)}`;
}

/** @param namespace null: the first that has rooms. */
export function roomsPath(namespace: string | null): string {
  return namespace === null ? '/rooms' : `/rooms?ns=${encodeURIComponent(namespace)}`;
}

export function namespacePath(name: string): string {
  return `/namespaces/${encodeURIComponent(name)}`;
}

/** Not `/metrics`: that is what Prometheus reads. */
export function metricsPath(options: {
  namespace: string | null;
  view: 'plots' | 'table';
  span: MetricsSpan;
}): string {
  const query = new URLSearchParams();
  if (options.namespace !== null) query.set('ns', options.namespace);
  if (options.view === 'table') query.set('view', 'table');
  if (options.span !== '1h') query.set('span', options.span);
  const text = query.toString();
  return text === '' ? '/load' : `/load?${text}`;
}

export function accessPath(tab: AccessTab): string {
  return tab === 'users' ? '/access' : `/access/${tab}`;
}
