/** Composition root of the console. */
import { browserTimers } from '../client/timers.ts';
import { ConsoleContext } from './console-context.ts';
import { Api } from './resources/api.ts';
import { EventStream } from './live/event-stream.ts';
import { MediaHub } from './resources/media-hub.ts';
import { browserMedia, openSignalingSocket } from '../client/browser-media.ts';
import { ticketFrom } from './resources/signal-ticket.ts';
import { TkApp } from './components/tk-app.ts';

// A one-time code leaves the address bar, and with it the history, before anything else happens.
const fragment = new URLSearchParams(location.hash.slice(1));
const code = fragment.get('code');
if (location.hash !== '') history.replaceState(null, '', location.pathname + location.search);

const timers = browserTimers;
const api = new Api(fetch.bind(globalThis));
const socketUrl = (path: string): string =>
  `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${path}`;

const eventStream = (query = ''): EventStream =>
  new EventStream({
    openSocket: () => new WebSocket(socketUrl(`/v1/events${query}`)),
    isSignedIn: async () => (await api.session()) !== null,
    timers,
  });
const live = eventStream();
const media = new MediaHub({
  fetchTicket: (namespace, signal) => ticketFrom(api, namespace, signal),
  openSocket: (ticket) => openSignalingSocket(socketUrl('/v1/webrtc/signal'), ticket),
  media: { ...browserMedia(), createStream: () => new MediaStream() },
  timers,
});
const context = new ConsoleContext({
  api,
  live,
  openTurn: (namespace) => eventStream(`?turn=${encodeURIComponent(namespace)}`),
  openRooms: (namespace) => eventStream(`?rooms=${encodeURIComponent(namespace)}`),
  openLoad: () => eventStream('?load=1'),
  media,
  timers,
});

addEventListener('popstate', () => {
  context.readAddress();
});
document.addEventListener('visibilitychange', () => {
  media.setHidden(document.hidden);
});
addEventListener('online', () => {
  live.hurry();
});
addEventListener('pagehide', () => {
  media.close();
});
addEventListener('pageshow', (event) => {
  // A page that comes back from the history has closed connections: it begins again.
  if (event.persisted) location.reload();
});

const app = new TkApp();
app.context = context;
app.code = code;
document.body.append(app);
