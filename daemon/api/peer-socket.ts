/** The part of a WebSocket the API uses: the server's and the client's classes have different types. */
import type { WebSocket } from 'ws';

export type PeerSocket = Pick<
  WebSocket,
  | 'on'
  | 'once'
  | 'send'
  | 'close'
  | 'terminate'
  | 'ping'
  | 'pause'
  | 'resume'
  | 'isPaused'
  | 'bufferedAmount'
  | 'readyState'
  | 'CONNECTING'
  | 'OPEN'
  | 'CLOSED'
>;
