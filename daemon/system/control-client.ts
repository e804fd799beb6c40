/**
 * The daemon's end of the control socket: one connection, requests by id, each with a time limit.
 * It does not reconnect by itself; whoever owns it decides when (`onClose`).
 */
import { connect, type Socket } from 'node:net';
import type { z } from 'zod';
import {
  CONTROL_MAX_LINE_BYTES,
  CONTROL_VERSION,
  controlMessageSchema,
  helloResultSchema,
  type ControlEvents,
  type ControlMethods,
} from '../contract/control.ts';
import { AppError, ERROR_STATUS, type ErrorCode } from '../contract/errors.ts';
import { AdapterError } from '../kit/errors.ts';
import { JsonLineReader } from '../kit/json-lines.ts';

const DEFAULT_TIMEOUT_MS = 5000;
/** Requests under way at once; more is a bug of the caller or a hung service. */
const MAX_PENDING = 1000;

type Pending = { resolve: (value: unknown) => void; reject: (error: Error) => void; timer: NodeJS.Timeout };
export type Hello = z.infer<typeof helloResultSchema>;

export class ControlClient<Methods extends ControlMethods, Events extends ControlEvents> {
  readonly #socket: Socket;
  readonly #path: string;
  readonly #methods: Methods;
  readonly #events: Events;
  readonly #onEvent: (
    event: { [N in keyof Events]: { name: N; data: z.output<Events[N]> } }[keyof Events],
  ) => void;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;
  #closed = false;

  private constructor(socket: Socket, options: ControlClientOptions<Methods, Events>) {
    this.#socket = socket;
    this.#path = options.path;
    this.#methods = options.methods;
    this.#events = options.events;
    this.#onEvent = options.onEvent ?? (() => undefined);
    const reader = new JsonLineReader({ maxBytes: CONTROL_MAX_LINE_BYTES });
    socket.on('data', (chunk) => {
      for (const line of reader.push(chunk)) {
        if (line.ok) this.#receive(line.value);
        else socket.destroy();
      }
    });
    socket.on('error', () => undefined); // 'close' follows and is what matters.
    socket.on('close', () => {
      this.#finish();
      options.onClose?.();
    });
  }

  /** Connects and shakes hands. Rejects with an AdapterError when nobody answers within the time limit. */
  static async open<Methods extends ControlMethods, Events extends ControlEvents>(
    options: ControlClientOptions<Methods, Events>,
  ): Promise<{ client: ControlClient<Methods, Events>; hello: Hello }> {
    const socket = connect(options.path);
    await new Promise<void>((resolve, reject) => {
      const fail = (cause: unknown): void => {
        socket.destroy();
        reject(unreachable(options.path, cause));
      };
      const timer = setTimeout(fail, options.timeoutMs ?? DEFAULT_TIMEOUT_MS, new Error('timeout'));
      socket.once('error', (error) => {
        clearTimeout(timer);
        fail(error);
      });
      socket.once('connect', () => {
        clearTimeout(timer);
        socket.removeAllListeners('error');
        resolve();
      });
    });
    const client = new ControlClient(socket, options);
    try {
      const result = await client.#request('hello', { controlVersion: CONTROL_VERSION }, options.timeoutMs);
      const hello = helloResultSchema.parse(result);
      return { client, hello };
    } catch (cause) {
      client.close();
      throw unreachable(options.path, cause);
    }
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Calls a method. Rejects with the service's AppError, or an AdapterError when it does not answer. */
  async call<Name extends keyof Methods & string>(
    method: Name,
    params: z.input<Methods[Name]['params']>,
    options: { timeoutMs?: number } = {},
  ): Promise<z.output<Methods[Name]['result']>> {
    const known = this.#methods[method];
    if (known === undefined) throw new TypeError(`no control method ${method}`);
    const result = await this.#request(method, params, options.timeoutMs);
    return known.result.parse(result) as z.output<Methods[Name]['result']>;
  }

  close(): void {
    this.#socket.destroy();
    this.#finish();
  }

  #request(method: string, params: unknown, timeoutMs = DEFAULT_TIMEOUT_MS): Promise<unknown> {
    if (this.#closed) return Promise.reject(unreachable(this.#path, new Error('closed')));
    if (this.#pending.size >= MAX_PENDING) {
      return Promise.reject(unreachable(this.#path, new Error('too many requests under way')));
    }
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(unreachable(this.#path, new Error(`${method}: no answer in ${String(timeoutMs)} ms`)));
      }, timeoutMs);
      this.#pending.set(id, { resolve, reject, timer });
      this.#socket.write(JSON.stringify({ id, method, params }) + '\n');
    });
  }

  #receive(value: unknown): void {
    const message = controlMessageSchema.safeParse(value);
    if (!message.success) return;
    if ('event' in message.data) {
      const name = message.data.event;
      const schema = Object.hasOwn(this.#events, name) ? this.#events[name] : undefined;
      const data = schema?.safeParse(message.data.data);
      if (data?.success === true) this.#onEvent({ name, data: data.data } as never);
      return;
    }
    const pending = this.#pending.get(message.data.id);
    if (pending === undefined) return;
    this.#pending.delete(message.data.id);
    clearTimeout(pending.timer);
    if ('error' in message.data) {
      const { code, message: text } = message.data.error;
      const known = Object.hasOwn(ERROR_STATUS, code) ? (code as ErrorCode) : 'internal';
      pending.reject(new AppError(known, text));
    } else {
      pending.resolve(message.data.result);
    }
  }

  #finish(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const pending of this.#pending.values()) {
      clearTimeout(pending.timer);
      pending.reject(unreachable(this.#path, new Error('closed')));
    }
    this.#pending.clear();
  }
}

export type ControlClientOptions<Methods extends ControlMethods, Events extends ControlEvents> = {
  path: string;
  methods: Methods;
  events: Events;
  timeoutMs?: number;
  onEvent?: (event: { [N in keyof Events]: { name: N; data: z.output<Events[N]> } }[keyof Events]) => void;
  onClose?: () => void;
};

function unreachable(path: string, cause: unknown): AdapterError {
  return new AdapterError(`The service behind ${path} does not answer.`, {
    operation: 'control',
    target: path,
    retryable: true,
    cause,
  });
}
