/** A signaling client of the SFU as a test writes it: send frames, wait for frames. */
import { WebSocket } from 'ws';

export type Frame = Record<string, unknown> & { type: string };
const WAIT_MS = 30_000;

export class SignalingClient {
  readonly frames: Frame[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly #socket: WebSocket;
  readonly #envelope: boolean;
  readonly #listeners = new Set<(frame: Frame) => void>();
  #read = 0;

  private constructor(socket: WebSocket, envelope: boolean) {
    this.#socket = socket;
    this.#envelope = envelope;
    socket.on('message', (data: Buffer) => {
      const raw = JSON.parse(data.toString()) as Frame & { data?: Record<string, unknown> };
      const frame: Frame = raw.data === undefined ? raw : { type: raw.type, ...raw.data, enveloped: true };
      this.frames.push(frame);
      for (const listener of [...this.#listeners]) listener(frame);
    });
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => {
        resolve({ code, reason: reason.toString() });
      });
    });
    socket.on('error', () => undefined);
  }

  static async open(
    url: string,
    options: { envelope?: boolean; headers?: Record<string, string> } = {},
  ): Promise<SignalingClient> {
    const socket = new WebSocket(url, { headers: options.headers ?? {} });
    const client = new SignalingClient(socket, options.envelope ?? false);
    await new Promise<void>((resolve, reject) => {
      socket.once('open', () => {
        resolve();
      });
      socket.once('unexpected-response', (_request, response) => {
        reject(new Error(`HTTP ${response.statusCode}`));
        socket.terminate();
      });
      socket.once('error', reject);
    });
    return client;
  }

  onFrame(listener: (frame: Frame) => void): void {
    this.#listeners.add(listener);
  }

  send(type: string, data: Record<string, unknown> = {}): void {
    this.#socket.send(JSON.stringify(this.#envelope ? { type, data } : { type, ...data }));
  }

  sendText(text: string): void {
    this.#socket.send(text);
  }

  sendBinary(bytes: Buffer): void {
    this.#socket.send(bytes, { binary: true });
  }

  /** The next unread frame of a type that matches; earlier ones are skipped. */
  async next(type: string, matches: (frame: Frame) => boolean = () => true): Promise<Frame> {
    const endMs = Date.now() + WAIT_MS;
    for (;;) {
      while (this.#read < this.frames.length) {
        const frame = this.frames[this.#read++]!;
        if (frame.type === type && matches(frame)) return frame;
      }
      const leftMs = endMs - Date.now();
      if (leftMs <= 0)
        throw new Error(
          `no frame ${type}; got ${this.frames.map((one) => JSON.stringify(one).slice(0, 200)).join('\n')}`,
        );
      await new Promise<void>((resolve) => {
        const done = (): void => {
          clearTimeout(timer);
          this.#listeners.delete(done);
          resolve();
        };
        const timer = setTimeout(done, leftMs);
        this.#listeners.add(done);
      });
    }
  }

  close(code = 1000): void {
    this.#socket.close(code);
  }

  /** As when the cable is pulled: nothing is read or said any more, not even a pong. */
  freeze(): void {
    this.#socket.pause();
  }

  /** As when a gateway dies. */
  terminate(): void {
    this.#socket.terminate();
  }
}
