/**
 * What a service process holds, as the process itself says it: heap after a collection, live objects of a class,
 * handles and timers, by the inspector that it was started with. Nothing in the service knows of this.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { WebSocket } from 'ws';

const WAIT_MS = 120_000;

export type Holdings = {
  heapBytes: number;
  /** Of buffers outside the heap. */
  externalBytes: number;
  residentBytes: number;
  descriptors: number;
  /** Handles, requests and timers that keep the process alive, by kind. */
  resources: Record<string, number>;
};

type Reply = { id?: number; result?: Record<string, unknown>; error?: { message: string } };
type RemoteValue = { result: { value: string }; exceptionDetails?: unknown };

export class InspectedProcess {
  readonly #pid: number;
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, { take: (reply: Reply) => void; fail: (error: Error) => void }>();
  #lastId = 0;

  private constructor(pid: number, socket: WebSocket) {
    this.#pid = pid;
    this.#socket = socket;
    socket.on('message', (text: Buffer) => {
      const reply = JSON.parse(text.toString()) as Reply;
      const waiting = this.#waiting.get(reply.id ?? 0);
      this.#waiting.delete(reply.id ?? 0);
      waiting?.take(reply);
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      for (const { fail } of this.#waiting.values()) fail(new Error(`process ${pid} ended`));
    });
  }

  /** @param inspector `host:port` of its `--inspect`. */
  static async open(pid: number, inspector: string): Promise<InspectedProcess> {
    const [target] = (await (await fetch(`http://${inspector}/json/list`)).json()) as {
      webSocketDebuggerUrl: string;
    }[];
    const socket = new WebSocket(target?.webSocketDebuggerUrl ?? '', { maxPayload: 1 << 30 });
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    return new InspectedProcess(pid, socket);
  }

  /** After a collection of all that nobody holds. */
  async holdings(): Promise<Holdings> {
    await this.#ask('HeapProfiler.collectGarbage', {});
    const text = await this.#evaluate(
      'return JSON.stringify({ memory: process.memoryUsage(), resources: process.getActiveResourcesInfo() });',
    );
    const { memory, resources } = JSON.parse(text) as {
      memory: NodeJS.MemoryUsage;
      resources: string[];
    };
    const counts: Record<string, number> = {};
    for (const kind of resources.sort()) counts[kind] = (counts[kind] ?? 0) + 1;
    return {
      heapBytes: memory.heapUsed,
      externalBytes: memory.external,
      residentBytes:
        Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${this.#pid}/status`, 'utf8'))?.[1]) * 1024,
      descriptors: readdirSync(`/proc/${this.#pid}/fd`).length,
      resources: counts,
    };
  }

  /**
   * Live objects of classes after a collection, by name.
   * @param classes exported names by module, as a file at `from` would import it.
   */
  async liveObjects(
    from: string,
    classes: Record<string, readonly string[]>,
  ): Promise<Record<string, number>> {
    const text = await this.#evaluate(`
      const { queryObjects } = process.getBuiltinModule('v8');
      const load = process.getBuiltinModule('module').createRequire(${JSON.stringify(from)});
      const counts = {};
      for (const [module, names] of Object.entries(${JSON.stringify(classes)})) {
        for (const name of names) counts[name] = queryObjects(load(module)[name], { format: 'count' });
      }
      return JSON.stringify(counts);
    `);
    return JSON.parse(text) as Record<string, number>;
  }

  /** A process does not end while somebody looks into it. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#socket.once('close', resolve));
    this.#socket.close();
    await closed;
  }

  /** @param body of a function that returns a text. */
  async #evaluate(body: string): Promise<string> {
    const expression = `(() => { ${body} })()`;
    const answer = await this.#ask<RemoteValue>('Runtime.evaluate', { expression, returnByValue: true });
    if (answer.exceptionDetails !== undefined) throw new Error(JSON.stringify(answer.exceptionDetails));
    return answer.result.value;
  }

  #ask<Answer>(method: string, params: Record<string, unknown>): Promise<Answer> {
    const id = (this.#lastId += 1);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new Error(`no answer to ${method}`));
      }, WAIT_MS);
      this.#waiting.set(id, {
        take: ({ result, error }) => {
          clearTimeout(timer);
          if (error === undefined) resolve(result as Answer);
          else reject(new Error(`${method}: ${error.message}`));
        },
        fail: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      });
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
  }
}
