/**
 * The module the daemon serves at `/client/turnkeep.js` for pages of any origin.
 *
 *   import { connect } from 'https://box.example.com/client/turnkeep.js';
 *   const client = connect({ ticket: () => fetch('/my-ticket').then((answer) => answer.text()) });
 *   client.join('lobby').on('track', (track) => track.attach(document.querySelector('video')));
 */
import { browserMedia, openSignalingSocket } from './browser-media.ts';
import { signalUrl } from './signal-url.ts';
import { browserTimers } from './timers.ts';
import { TurnkeepClient } from './turnkeep-client.ts';

export type ConnectOptions = {
  /**
   * Gives a ticket for one socket. Your server asks `POST /v1/webrtc/tickets` with its API key, which never comes into
   * a page; a ticket opens one socket within 30 s. Called again for each reconnection. Throw a `RefusedError` to show a
   * refusal in `state.refusal`; any other error counts as "not reached". It is tried again either way. `server` is the
   * signaling address that the ticket is for: another one's where the server is about to stop and has named others.
   */
  ticket: (signal: AbortSignal, server: string) => Promise<string> | string;
  /** Address of the Turnkeep server; the one this module came from by default. */
  server?: string | URL;
};

/** Makes a client. It connects with the first `join`. @throws TypeError when `server` is no http(s) address. */
export function connect({ ticket, server = import.meta.url }: ConnectOptions): TurnkeepClient {
  const url = signalUrl(server);
  return new TurnkeepClient({
    fetchTicket: async (signal, at = url) => await ticket(signal, at),
    openSocket: (text, at = url) => openSignalingSocket(at, text),
    timers: browserTimers,
    media: browserMedia(),
    isHidden: () => document.hidden,
  });
}

export { JoinedRoom } from './joined-room.ts';
export { Publication } from './publication.ts';
export { RemoteTrack } from './remote-track.ts';
export { RequestError } from './media-session.ts';
export { RefusedError } from './signaling-session.ts';
export { TurnkeepClient };
