/** The children of the SFU benchmark: how they are started, what they are told and what they say. */
import { spawn, type ChildProcess } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Command, Message } from './sfu-protocol.ts';

const START_LIMIT_MS = 120_000;

/** The command line of a script beside this file. */
export function script(name: string): readonly string[] {
  return [process.execPath, fileURLToPath(new URL(name, import.meta.url))];
}

/** What keeps a program on one core, where the machine has several and `taskset`. */
export function pinned(core: number): readonly string[] {
  return availableParallelism() > 1 ? ['taskset', '-c', String(core)] : [];
}

export function start(
  line: readonly string[],
  viewers: number,
  environment: NodeJS.ProcessEnv = {},
): ChildProcess {
  const [program = '', ...args] = line;
  return spawn(program, [...args, String(viewers)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: { ...process.env, ...environment, NODE_NO_WARNINGS: '1' },
  });
}

export function next<Type extends Message['type']>(
  child: ChildProcess,
  type: Type,
): Promise<Extract<Message, { type: Type }>> {
  return new Promise((resolve, reject) => {
    const done = (): void => {
      clearTimeout(timer);
      child.off('message', onMessage);
      child.off('exit', onExit);
    };
    const onMessage = (message: Message): void => {
      if (message.type !== type) return;
      done();
      resolve(message as Extract<Message, { type: Type }>);
    };
    const onExit = (code: number | null): void => {
      done();
      reject(new Error(`A process of the benchmark ended with ${code} before "${type}"`));
    };
    const timer = setTimeout(() => {
      done();
      reject(new Error(`No "${type}" within ${START_LIMIT_MS / 1000} s`));
    }, START_LIMIT_MS);
    child.on('message', onMessage);
    child.on('exit', onExit);
  });
}

export function relay(from: ChildProcess, to: ChildProcess, type: 'offer' | 'answer'): void {
  from.on('message', (message: Message) => {
    if (message.type === 'offer' || message.type === 'answer') {
      if (message.type === type) command(to, message);
    }
  });
}

export function command(child: ChildProcess, what: Command): void {
  if (child.connected) child.send(what);
}

export async function mark(child: ChildProcess): Promise<Extract<Message, { type: 'mark' }>> {
  const answer = next(child, 'mark');
  command(child, { type: 'mark' });
  return answer;
}

export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => {
      resolve();
    });
  });
  // A server that has a child of its own ends it; the others have nothing to do then.
  child.kill('SIGTERM');
  await ended;
}

export function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}
