/**
 * Carries frames from one WebSocket to another, verbatim. What the receiver does not read is bounded: the
 * sender is paused, which its own TCP connection then feels, and a receiver that stays behind is given up.
 */
import type { PeerSocket } from './peer-socket.ts';
import type { RawData } from 'ws';
import type { Cancel, Clock } from '../kit/clock.ts';

/** Above the first the sender is paused, below the second it goes on. */
const HIGH_WATER_BYTES = 256 * 1024;
const LOW_WATER_BYTES = 64 * 1024;
const STALLED_AFTER_MS = 10_000;

/** Connects one direction. `onStalled` is called once when the receiver does not read for 10 s. */
export function pipeFrames(
  from: PeerSocket,
  to: PeerSocket,
  options: { clock: Clock; onStalled: () => void },
): void {
  let cancelStall: Cancel | undefined;
  const resume = (): void => {
    if (cancelStall === undefined || to.bufferedAmount > LOW_WATER_BYTES) return;
    cancelStall();
    cancelStall = undefined;
    from.resume();
  };
  from.on('message', (data: RawData, isBinary: boolean) => {
    if (to.readyState !== to.OPEN) return;
    to.send(data as Buffer, { binary: isBinary }, resume);
    if (to.bufferedAmount <= HIGH_WATER_BYTES || cancelStall !== undefined) return;
    from.pause();
    cancelStall = options.clock.after(STALLED_AFTER_MS, options.onStalled);
  });
  const stop = (): void => {
    cancelStall?.();
  };
  from.once('close', stop);
  to.once('close', stop);
}
