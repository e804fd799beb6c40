/**
 * Firefox without a window, driven over WebDriver BiDi, which it speaks itself: one WebSocket with JSON
 * commands, so there is no driver to install.
 */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Test } from 'tap';
import { WebSocket } from 'ws';
import { tempDir } from '../helpers/temp-dir.ts';
import { askForHeight, enterRoom, lookAround } from './room-page.ts';
import type { OpenTab } from './room-tabs.ts';

export const FIREFOX = '/usr/bin/firefox-esr';
const START_LIMIT_MS = 60_000;
const COMMAND_LIMIT_MS = 30_000;
const PREFERENCES = {
  'media.navigator.streams.fake': true,
  'media.navigator.permission.disabled': true,
  'media.autoplay.default': 0,
  // What a fresh profile would fetch, show or ask is of no use here.
  'app.normandy.enabled': false,
  'browser.shell.checkDefaultBrowser': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'media.gmp-manager.updateEnabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'services.settings.server': 'data:,',
};

export async function launchFirefox(t: Test): Promise<OpenTab> {
  const profile = tempDir(t);
  const lines = Object.entries(PREFERENCES).map(
    ([key, value]) => `user_pref("${key}", ${JSON.stringify(value)});`,
  );
  writeFileSync(`${profile}/user.js`, lines.join('\n'));
  const firefox = spawn(
    FIREFOX,
    ['--headless', '--no-remote', '--profile', profile, '--remote-debugging-port', '0', 'about:blank'],
    { stdio: ['ignore', 'ignore', 'pipe'], env: { PATH: process.env['PATH'], HOME: profile } },
  );
  const ended = new Promise((resolve) => firefox.once('exit', resolve));
  t.teardown(async () => {
    firefox.kill('SIGKILL');
    await ended;
  });
  const bidi = await BidiSession.open(await endpointOf(firefox.stderr));
  t.teardown(() => bidi.close());
  return async (url) => {
    // A window of its own: pages in the background draw once a second.
    const { context } = await bidi.command<{ context: string }>('browsingContext.create', { type: 'window' });
    await bidi.command('browsingContext.navigate', { context, url, wait: 'complete' });
    return {
      enter: (entrance) => bidi.call(context, enterRoom, entrance),
      askFor: (height) => bidi.call(context, askForHeight, height),
      look: () => bidi.call(context, lookAround, null),
      close: async () => {
        await bidi.command('browsingContext.close', { context });
      },
    };
  };
}

function endpointOf(stderr: NodeJS.ReadableStream): Promise<string> {
  return new Promise((resolve, reject) => {
    const said: string[] = [];
    const timer = setTimeout(() => {
      reject(new Error(`Firefox does not listen: ${said.join('\n')}`));
    }, START_LIMIT_MS);
    createInterface({ input: stderr }).on('line', (line) => {
      // Firefox goes on talking: it is read to the end, but kept only until it listens.
      if (said.length < 50) said.push(line);
      const found = /WebDriver BiDi listening on (ws:\S+)/.exec(line)?.[1];
      if (found === undefined) return;
      clearTimeout(timer);
      resolve(found);
    });
  });
}

type Answer = { id?: number; type: string; result?: unknown; error?: string; message?: string };

class BidiSession {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #lastId = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data: Buffer) => {
      const answer = JSON.parse(data.toString()) as Answer;
      if (answer.id !== undefined) this.#waiting.get(answer.id)?.(answer);
    });
  }

  static async open(endpoint: string): Promise<BidiSession> {
    const socket = new WebSocket(`${endpoint}/session`);
    await new Promise((resolve, reject) => {
      socket.once('open', resolve).once('error', reject);
    });
    const session = new BidiSession(socket);
    await session.command('session.new', { capabilities: {} });
    return session;
  }

  /** @throws with Firefox's own words, or when it does not answer in time. */
  command<Result>(method: string, params: object): Promise<Result> {
    const id = (this.#lastId += 1);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new Error(`Firefox does not answer ${method}`));
      }, COMMAND_LIMIT_MS);
      this.#waiting.set(id, (answer) => {
        clearTimeout(timer);
        this.#waiting.delete(id);
        if (answer.type === 'success') resolve(answer.result as Result);
        else reject(new Error(`${method}: ${answer.error}: ${answer.message}`));
      });
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
  }

  /** Runs a function in a page. It is sent as text; its argument and its result are JSON. */
  async call<Argument, Result>(
    context: string,
    body: (argument: Argument) => Result | Promise<Result>,
    argument: Argument,
  ): Promise<Result> {
    const { type, result, exceptionDetails } = await this.command<{
      type: string;
      result?: { value?: string };
      exceptionDetails?: { text: string };
    }>('script.callFunction', {
      functionDeclaration: `async () => JSON.stringify(await (${body.toString()})(${JSON.stringify(argument)}))`,
      awaitPromise: true,
      target: { context },
    });
    if (type !== 'success') throw new Error(exceptionDetails?.text ?? type);
    return (result?.value === undefined ? undefined : JSON.parse(result.value)) as Result;
  }

  close(): void {
    this.#socket.close();
  }
}
