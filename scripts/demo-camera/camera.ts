#!/usr/bin/env node
/**
 * A demo camera: a process of its own that knows only API_URL and DEVICE_SECRET, attaches through a tunnel and
 * serves both producer protocols (v1 `/ws`, v2 `/whep`) with the clip beside this file. A private CA is trusted
 * through SSL_CERT_FILE. The tests use it as the double of the field's cameras:
 *
 *   DEMO_CAMERA_PROTOCOLS=ws|whep|both   which generation to be (both)
 *   DEMO_CAMERA_KEY_FRAMES=obey|ignore   whether key frame requests are answered, as v2 and v1 do (obey)
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { WebSocketServer } from 'ws';
import { connectAgent, type Agent } from '../../daemon/tunnels/agent/agent.ts';
import { loadClip } from './clip.ts';
import { FrameClock } from './frame-clock.ts';
import { MediaSession } from './media-session.ts';
import { Provisioning } from './provisioning.ts';
import { WhepProtocol } from './whep-protocol.ts';
import { serveWebSocket } from './ws-protocol.ts';

/** The field's producers wait exactly this long, without jitter, for ever. */
const RETRY_MS = 5000;

const apiUrl = process.env['API_URL'];
const secret = process.env['DEVICE_SECRET'];
if (!apiUrl || !secret) {
  console.error('Set API_URL and DEVICE_SECRET: both are shown once when the camera is added.');
  process.exit(1);
}
const protocols = process.env['DEMO_CAMERA_PROTOCOLS'] ?? 'both';
const obeyKeyFrameRequests = process.env['DEMO_CAMERA_KEY_FRAMES'] !== 'ignore';
const caFile = process.env['SSL_CERT_FILE'];

const provisioning = new Provisioning({ apiUrl, secret });
const clock = new FrameClock(loadClip());
const sessions = new Set<MediaSession>();
const whep = new WhepProtocol(openSession);
const webSockets = new WebSocketServer({ noServer: true, maxPayload: 1024 * 1024 });
const http = createServer((request, response) => {
  serve(request, response).catch((error: unknown) => {
    if (!response.headersSent) response.writeHead(500);
    response.end();
    log('request failed', error);
  });
});
http.on('upgrade', (request, socket, head) => {
  if (pathOf(request) !== '/ws' || protocols === 'whep') {
    socket.end('HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\n');
    return;
  }
  webSockets.handleUpgrade(request, socket, head, (webSocket) => {
    void serveWebSocket(webSocket, { viewerId: randomBytes(12).toString('hex'), open: openSession });
  });
});

const life = { stopping: false };
let agent: Agent | undefined;
let wake: () => void = () => undefined;
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    if (life.stopping) process.exit(1);
    life.stopping = true;
    agent?.close();
    wake();
  });
}
while (!life.stopping) {
  try {
    log('tunnel closed', await attach());
  } catch (error) {
    log('cannot attach', error);
  }
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, life.stopping ? 0 : RETRY_MS);
    wake = () => {
      clearTimeout(timer);
      resolve();
    };
  });
}
await Promise.allSettled([...sessions].map((session) => session.close()));
process.exit(0);

/** One life of the tunnel. @returns why it ended. */
async function attach(): Promise<unknown> {
  const grant = await provisioning.tunnel();
  agent = await connectAgent({
    engine: grant.engine,
    token: grant.token,
    agentName: 'turnkeep-demo-camera',
    ...(caFile === undefined ? {} : { ca: readFileSync(caFile, 'utf8') }),
  });
  agent.onStream((stream) => {
    http.emit('connection', stream);
  });
  try {
    const tunnel = await agent.openTunnel({
      name: grant.name,
      labels: grant.labels,
      publish: true,
      protocol: 'http',
      httpVersion: 'http/1.1',
      tokenAuth: true,
    });
    log('tunnel open', tunnel.id);
  } catch (error) {
    agent.close();
    throw error;
  }
  // Streams that are open outlive the control channel, as with the field's producers.
  return await agent.closed;
}

async function openSession(onClosed: () => void): Promise<MediaSession> {
  const turn = await provisioning.turn();
  const session = new MediaSession({
    clock,
    turn,
    obeyKeyFrameRequests,
    onClosed: () => {
      sessions.delete(session);
      onClosed();
    },
  });
  sessions.add(session);
  return session;
}

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = pathOf(request);
  const whepPath = /^\/whep(?:\/([0-9a-f]{1,64}))?$/.exec(path);
  if (path === '/healthz') response.writeHead(200, { 'content-type': 'text/plain' }).end('ok');
  else if (whepPath !== null && protocols !== 'ws') await whep.serve(request, response, whepPath[1]);
  else response.writeHead(404).end();
}

function pathOf(request: IncomingMessage): string {
  return new URL(request.url ?? '/', 'http://camera').pathname;
}

function log(message: string, detail: unknown): void {
  const text = detail instanceof Error ? detail.message : String(detail);
  console.log(JSON.stringify({ time: new Date().toISOString(), message, detail: text }));
}
