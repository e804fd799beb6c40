/** An SFU in this process with a client that may say anything, and one that must not notice. */
import type { RoomTicket } from '../../../daemon/contract/signaling.ts';
import { ERROR_CODES } from '../../../daemon/contract/errors.ts';
import { SfuInProcess } from '../../../daemon/test/helpers/sfu-in-process.ts';
import type { FrameSocket } from '../../../daemon/sfu/signaling/outbox.ts';
import type { Attachment } from '../../../daemon/sfu/signaling/sessions.ts';
import { ensure } from './target.ts';

export type Said = Record<string, unknown> & { type: string };
/** An input costs the SFU no more frames than this to one client. */
const MAX_FRAMES_PER_INPUT = 200;
const MAX_FRAME_BYTES = 512 * 1024;
const CODES: readonly string[] = ERROR_CODES;

/** One client; every frame to it is checked when it comes. */
export class Client implements FrameSocket {
  readonly bufferedBytes = 0;
  isClosed = false;
  resumeToken = '';
  readonly #attachment: Attachment;
  #frames: Said[] = [];

  constructor(bench: SfuInProcess, identity: string) {
    const ticket: RoomTicket = {
      ...{ namespace: 'demo', identity, name: identity, role: 'publisher', rooms: null },
      expiresAtMs: Number.MAX_SAFE_INTEGER,
    };
    this.#attachment = bench.sfu.sessions.accept(this, ticket);
  }

  send(text: string): void {
    ensure(text.length <= MAX_FRAME_BYTES, `a frame of ${text.length} characters`);
    const raw = JSON.parse(text) as Said & { data?: Record<string, unknown> };
    ensure(typeof raw.type === 'string', 'a frame without a type');
    const frame = raw.data === undefined ? raw : { type: raw.type, ...raw.data };
    if (frame.type === 'session') this.resumeToken = frame['resumeToken'] as string;
    if (frame.type === 'error') {
      ensure(CODES.includes(frame['code'] as string), `the code ${String(frame['code'])}`);
      ensure(frame['code'] !== 'internal', `an error of our own: ${String(frame['message'])}`);
    }
    this.#frames.push(frame);
  }
  ping(): void {
    this.#attachment.onPong();
  }
  close(): void {
    this.isClosed = true;
  }

  say(text: string): void {
    this.#attachment.onText(text);
  }
  leave(code: number): void {
    this.#attachment.onClose(code);
  }

  /** What came since the last call. */
  take(): Said[] {
    const frames = this.#frames;
    this.#frames = [];
    ensure(frames.length <= MAX_FRAMES_PER_INPUT, `${frames.length} frames for one input`);
    return frames;
  }
}

export class SessionBench {
  readonly sfu = new SfuInProcess();
  readonly honest = new Client(this.sfu, 'honest');

  async open(): Promise<void> {
    this.honest.say(JSON.stringify({ type: 'join', roomId: 'room' }));
    await this.settle();
    ensure(
      this.honest.take().some(({ type }) => type === 'welcome'),
      'the honest client is not let in',
    );
  }

  /** What is under way comes to its end; enough time passes for no frame to be one too many. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 4; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    this.sfu.clock.advance(20);
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** The honest client is still served. */
  async serves(): Promise<void> {
    this.honest.take();
    this.honest.say('{"type":"ping"}');
    await this.settle();
    ensure(
      this.honest.take().some(({ type }) => type === 'pong'),
      'the honest client gets no answer',
    );
    ensure(!this.honest.isClosed, 'the honest client was sent away');
  }

  close(): void {
    this.sfu.close();
    ensure(this.sfu.sfu.sessions.size === 0, 'a session is left');
  }
}
