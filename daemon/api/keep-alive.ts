/**
 * Finds dead WebSockets: a ping every 20 s, and after 60 s without any sign of life the socket is cut.
 * `check` runs with each ping, so that a session that ended does not keep its sockets.
 */
import type { PeerSocket } from './peer-socket.ts';
import { SIGNALING_IDLE_MS, SIGNALING_PING_MS } from '../contract/signaling.ts';
import type { Cancel, Clock } from '../kit/clock.ts';

/** Starts it; it ends by itself with the socket. */
export function keepAlive(socket: PeerSocket, clock: Clock, check: () => boolean = () => true): void {
  let seenAtMs = clock.nowMs();
  let cancel: Cancel = () => undefined;
  const alive = (): void => {
    seenAtMs = clock.nowMs();
  };
  const tick = (): void => {
    // A paused socket reads no pongs: that is our doing, not death.
    if (clock.nowMs() - seenAtMs >= SIGNALING_IDLE_MS && !socket.isPaused) {
      socket.terminate();
      return;
    }
    if (!check()) {
      socket.close(1008, 'signed out');
      cancel = clock.after(2000, () => {
        socket.terminate();
      });
      return;
    }
    if (socket.readyState === socket.OPEN) socket.ping();
    cancel = clock.after(SIGNALING_PING_MS, tick);
  };
  cancel = clock.after(SIGNALING_PING_MS, tick);
  socket.on('pong', alive);
  socket.on('ping', alive);
  socket.on('message', alive);
  socket.once('close', () => {
    cancel();
  });
}
