/**
 * The service's end of the control socket (see contract/control.ts). It owns the unix socket file: a
 * leftover of a dead process is replaced, the file is 0600 and removed on close.
 */
import { chmod, mkdir, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import type { z } from 'zod';
import {
  CONTROL_MAX_LINE_BYTES,
  controlRequestSchema,
  type ControlEvents,
  type ControlMethods,
} from '../contract/control.ts';
import { AppError } from '../contract/errors.ts';
import { AdapterError, messageOf } from '../kit/errors.ts';
import { JsonLineReader } from '../kit/json-lines.ts';
import type { Logger } from '../kit/logger.ts';

/** Only the daemon of this host connects; a few overlap while it restarts. */
const MAX_CONNECTIONS = 8;
/** `sun_path` of unix(7), less its closing zero. */
const MAX_PATH_BYTES = 107;
/** A daemon that does not read its events is cut off rather than buffered for. */
const MAX_UNREAD_BYTES = 4 * 1024 * 1024;

export type ControlHandlers<Methods extends ControlMethods> = {
  [Name in keyof Methods]: (
    params: z.output<Methods[Name]['params']>,
  ) => z.input<Methods[Name]['result']> | Promise<z.input<Methods[Name]['result']>>;
};

export class ControlServer<Methods extends ControlMethods, Events extends ControlEvents> {
  readonly #path: string;
  readonly #methods: Methods;
  readonly #handlers: ControlHandlers<Methods>;
  readonly #log: Logger;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;

  constructor(options: {
    path: string;
    methods: Methods;
    events: Events;
    handlers: ControlHandlers<Methods>;
    log: Logger;
  }) {
    this.#path = options.path;
    this.#methods = options.methods;
    this.#handlers = options.handlers;
    this.#log = options.log;
  }

  async open(): Promise<void> {
    if (Buffer.byteLength(this.#path) > MAX_PATH_BYTES) {
      throw new AdapterError(
        `The path of the control socket is longer than ${String(MAX_PATH_BYTES)} bytes: ${this.#path}. Use a shorter data directory.`,
        { operation: 'listen', target: this.#path },
      );
    }
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
    await rm(this.#path, { force: true });
    const server = createServer((socket) => {
      this.#accept(socket);
    });
    server.maxConnections = MAX_CONNECTIONS;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#path, () => {
        server.off('error', reject);
        resolve();
      });
    });
    server.on('error', (error) => {
      this.#log.warn({ err: error }, 'control socket error');
    });
    this.#server = server;
    await chmod(this.#path, 0o600);
  }

  /** Sends an event to every connected daemon. Never throws, never waits. */
  emit<Name extends keyof Events & string>(event: Name, data: z.input<Events[Name]>): void {
    if (this.#sockets.size === 0) return;
    const line = JSON.stringify({ event, data }) + '\n';
    for (const socket of this.#sockets) {
      if (socket.writableLength > MAX_UNREAD_BYTES) socket.destroy();
      else socket.write(line);
    }
  }

  async close(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => {
      server.close(() => {
        resolve();
      });
    });
    await rm(this.#path, { force: true });
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    const reader = new JsonLineReader({ maxBytes: CONTROL_MAX_LINE_BYTES });
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => undefined); // 'close' follows and is what matters.
    socket.on('data', (chunk) => {
      for (const line of reader.push(chunk)) {
        if (!line.ok) {
          this.#log.warn({ reason: line.error }, 'control connection closed');
          socket.destroy();
          return;
        }
        void this.#answer(socket, line.value);
      }
    });
  }

  async #answer(socket: Socket, value: unknown): Promise<void> {
    const request = controlRequestSchema.safeParse(value);
    if (!request.success) {
      socket.destroy();
      return;
    }
    const { id, method, params } = request.data;
    const reply = (body: object): void => {
      if (!socket.destroyed) socket.write(JSON.stringify({ id, ...body }) + '\n');
    };
    const known = Object.hasOwn(this.#methods, method) ? this.#methods[method] : undefined;
    const handler = Object.hasOwn(this.#handlers, method) ? this.#handlers[method] : undefined;
    if (known === undefined || handler === undefined) {
      reply({ error: { code: 'not_found', message: `no control method ${method}` } });
      return;
    }
    const parsed = known.params.safeParse(params ?? {});
    if (!parsed.success) {
      reply({ error: { code: 'invalid_request', message: parsed.error.message } });
      return;
    }
    try {
      const result: unknown = await handler(parsed.data as never);
      reply({ result: result ?? {} });
    } catch (error) {
      const code = error instanceof AppError ? error.code : 'internal';
      if (code === 'internal') this.#log.error({ err: error, method }, 'control method failed');
      reply({ error: { code, message: messageOf(error) } });
    }
  }
}
