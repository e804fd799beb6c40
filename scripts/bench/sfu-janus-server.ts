/**
 * Janus with its streaming plugin: plain RTP in, a real connection to each viewer. A child of `sfu.ts`, which
 * accounts for the process of Janus and not for this one. Janus offers, as it does to browsers.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import WebSocket from 'ws';
import { PAYLOAD_TYPE, tell, VIEWERS, type Command } from './sfu-protocol.ts';

const PORTS = { signaling: 41_012, camera: 41_010 };
const START_LIMIT_MS = 20_000;
/** One, or the gigabytes of a log of warnings. */
const DEBUG_LEVEL = 1;

/** What Janus sends that is of use here. */
type Said = {
  janus: string;
  transaction?: string;
  sender?: number;
  data?: { id: number };
  jsep?: { type: string; sdp: string };
  error?: { reason: string };
  plugindata?: { data: { error?: string } };
};

const folder = mkdtempSync(join(tmpdir(), 'janus-'));
const file = (name: string, text: string): void => {
  writeFileSync(join(folder, name), text);
};
// Only what this needs: the other plugins and transports have threads and ports of their own.
const without = (kind: string, names: readonly string[]): string =>
  `${kind}: { disable = "${names.map((name) => `libjanus_${name}.so`).join(',')}" }\n`;
file(
  'janus.jcfg',
  `general: { debug_level = ${DEBUG_LEVEL}; session_timeout = 0; server_name = "bench" }\n` +
    without('plugins', [
      ...['audiobridge', 'duktape', 'echotest', 'lua', 'nosip', 'recordplay', 'sip', 'textroom'],
      ...['videocall', 'videoroom', 'voicemail'],
    ]) +
    without('transports', ['http', 'mqtt', 'nanomsg', 'pfunix', 'rabbitmq']),
);
file(
  'janus.transport.websockets.jcfg',
  `general: { json = "compact"; ws = true; ws_ip = "127.0.0.1"; ws_port = ${PORTS.signaling}; wss = false }\n`,
);
file(
  'janus.plugin.streaming.jcfg',
  `camera: { type = "rtp"; id = 1; audio = false; video = true; videoport = ${PORTS.camera}; videopt = ${PAYLOAD_TYPE};
  videocodec = "h264"; videofmtp = "profile-level-id=42e01f;packetization-mode=1" }\n`,
);

const janus = spawn('janus', ['-F', folder, '--disable-colors'], { stdio: ['ignore', 'pipe', 'inherit'] });
/** The last lines, for when it ends. */
const lines: string[] = [];
createInterface({ input: janus.stdout }).on('line', (line) => {
  lines.push(line);
  if (lines.length > 20) lines.shift();
});
janus.once('exit', (code) => {
  console.error(`Janus ended with ${code}: ${lines.join('\n')}`);
  leave(1);
});

function leave(code: number): never {
  janus.removeAllListeners('exit');
  janus.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
  process.exit(code);
}

async function untilListening(): Promise<void> {
  const endMs = performance.now() + START_LIMIT_MS;
  const isOpen = (): Promise<boolean> =>
    new Promise((done) => {
      const socket = connect(PORTS.signaling, '127.0.0.1');
      socket.once('connect', () => {
        socket.destroy();
        done(true);
      });
      socket.once('error', () => {
        done(false);
      });
    });
  while (!(await isOpen())) {
    if (performance.now() > endMs) throw new Error(`Janus did not open its port: ${lines.join('\n')}`);
    await new Promise((done) => setTimeout(done, 100));
  }
}

/** Requests and their answers; what comes unasked goes to `onEvent`. */
class Signaling {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<string, { done: (said: Said) => void; failed: (error: Error) => void }>();

  private constructor(socket: WebSocket, onEvent: (said: Said) => void) {
    this.#socket = socket;
    socket.on('message', (bytes: Buffer) => {
      const said = JSON.parse(bytes.toString()) as Said;
      // An answer of a plugin comes after its acknowledgement.
      if (said.janus === 'ack') return;
      const waiting = this.#waiting.get(said.transaction ?? '');
      if (waiting === undefined) {
        onEvent(said);
        return;
      }
      this.#waiting.delete(said.transaction ?? '');
      const error = said.error?.reason ?? said.plugindata?.data.error;
      if (error === undefined) waiting.done(said);
      else waiting.failed(new Error(`Janus: ${error}`));
    });
  }

  static async open(onEvent: (said: Said) => void): Promise<Signaling> {
    const socket = new WebSocket(`ws://127.0.0.1:${PORTS.signaling}`, 'janus-protocol');
    await new Promise((done, failed) => {
      socket.once('open', done);
      socket.once('error', failed);
    });
    return new Signaling(socket, onEvent);
  }

  ask(request: object): Promise<Said> {
    const transaction = `${this.#waiting.size}-${performance.now()}`;
    this.#socket.send(JSON.stringify({ ...request, transaction }));
    return new Promise((done, failed) => {
      this.#waiting.set(transaction, { done, failed });
    });
  }
}

/** By handle of Janus: told when media may flow. */
const up = new Map<number, () => void>();
/** By viewer: told of the answer. */
const answers = new Map<number, (sdp: string) => void>();

async function connectAll(): Promise<void> {
  const signaling = await Signaling.open((said) => {
    if (said.janus === 'webrtcup') up.get(said.sender ?? 0)?.();
    if (said.janus === 'hangup') throw new Error('Janus hung up on a viewer');
  });
  const session = (await signaling.ask({ janus: 'create' })).data?.id;
  for (let viewer = 0; viewer < VIEWERS; viewer += 1) {
    const attach = { janus: 'attach', session_id: session, plugin: 'janus.plugin.streaming' };
    const handle = (await signaling.ask(attach)).data?.id ?? 0;
    const message = (body: object, jsep?: object): object => ({
      janus: 'message',
      session_id: session,
      handle_id: handle,
      body,
      jsep,
    });
    const offer = await signaling.ask(message({ request: 'watch', id: 1 }));
    const answer = new Promise<string>((done) => answers.set(viewer, done));
    const connected = new Promise<void>((done) => up.set(handle, done));
    tell({ type: 'offer', viewer, sdp: offer.jsep?.sdp ?? '' });
    await signaling.ask(message({ request: 'start' }, { type: 'answer', sdp: await answer }));
    await connected;
  }
  tell({ type: 'connected' });
}

process.on('message', (command: Command) => {
  // Janus counts nothing for us: the viewers do.
  if (command.type === 'mark') tell({ type: 'mark', packets: 0, published: 0, broken: 0 });
  if (command.type === 'answer') answers.get(command.viewer)?.(command.sdp);
});
process.on('disconnect', () => leave(0));
process.on('SIGTERM', () => leave(0));
await untilListening();
tell({ type: 'ready', port: PORTS.camera, pid: janus.pid });
await connectAll();
