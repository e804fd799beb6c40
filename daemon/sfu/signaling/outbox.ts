/**
 * What goes out to one client: in the client's form, straight to the socket while there is one, into a
 * bounded buffer while there is none. A reader that lets too much pile up loses its socket.
 */
import type { ServerFrame } from '../../contract/signaling.ts';
import { encodeFrame, type FrameForm } from './frame-codec.ts';

/** The narrow side of a WebSocket that a session uses. */
export interface FrameSocket {
  readonly bufferedBytes: number;
  send(text: string): void;
  ping(): void;
  /** Closes with a WebSocket code; the peer may not answer. */
  close(code: number, reason: string): void;
}

/** A wall of 64 cameras needs about 200 KB at once; ten times that is a reader that does not read. */
const MAX_UNSENT_BYTES = 2 * 1024 * 1024;
const MAX_BUFFERED_FRAMES = 512;
const TRY_AGAIN_LATER = 1013;

export class Outbox {
  #socket: FrameSocket | undefined;
  #form: FrameForm = 'flat';
  #formKnown = false;
  #buffer: ServerFrame[] = [];
  #overflowed = false;

  get socket(): FrameSocket | undefined {
    return this.#socket;
  }

  get form(): FrameForm {
    return this.#form;
  }

  /** True when frames were lost while the socket was away: the session cannot be resumed truthfully. */
  get overflowed(): boolean {
    return this.#overflowed;
  }

  /** Takes the form of the client's first frame; later frames do not change it. */
  learnForm(form: FrameForm): void {
    if (this.#formKnown) return;
    this.#formKnown = true;
    this.#form = form;
  }

  /** Gets a socket. Nothing is flushed yet: the caller sends `session` first. */
  attach(socket: FrameSocket): void {
    this.#socket = socket;
  }

  /** The socket is gone; frames wait from now on. */
  detach(): void {
    this.#socket = undefined;
  }

  /** Sends what has waited. */
  flush(): void {
    const waiting = this.#buffer;
    this.#buffer = [];
    for (const frame of waiting) this.send(frame);
  }

  send(frame: ServerFrame): void {
    const socket = this.#socket;
    if (socket === undefined) {
      if (this.#buffer.length < MAX_BUFFERED_FRAMES) this.#buffer.push(frame);
      else this.#overflowed = true;
      return;
    }
    if (socket.bufferedBytes > MAX_UNSENT_BYTES) {
      socket.close(TRY_AGAIN_LATER, 'too slow');
      return;
    }
    socket.send(encodeFrame(frame, this.#form));
  }
}
