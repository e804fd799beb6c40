/** An embedded engine on loopback with a certificate of its own CA, and cameras to attach to it. */
import { randomBytes } from 'node:crypto';
import { createServer, request, type IncomingMessage, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { TunnelEvent } from '../../cameras/system.ts';
import type { Clock } from '../../kit/clock.ts';
import { loadOrCreateLocalCa, type LocalCertificate } from '../../system/local-ca.ts';
import { connectAgent, type Agent, type AgentTunnel } from '../../tunnels/agent/agent.ts';
import { EmbeddedEngine } from '../../tunnels/embedded-engine/engine.ts';
import { publishedDomain } from '../../tunnels/embedded-engine/tunnel.ts';
import { silentLog } from './silent-log.ts';
import { tempDir } from './temp-dir.ts';

export const ENGINE_ADDRESS = '127.0.14.1';
export const DEVICE = {
  deviceId: 'd-1',
  tunnelName: 'device-1',
  labels: { app: 'camera', device: 'd-1' },
  ttlSeconds: 300,
};

type Teardown = { teardown: (fn: () => unknown) => void };
export type EngineBench = {
  engine: EmbeddedEngine;
  certificate: LocalCertificate;
  events: TunnelEvent[];
  tokenKey: Buffer;
};

export async function startEngine(
  t: Teardown,
  options: {
    clock?: Clock;
    port?: number;
    certificate?: LocalCertificate;
    tokenKey?: Buffer;
    advertise?: string;
  } = {},
): Promise<EngineBench> {
  const certificate =
    options.certificate ??
    (await loadOrCreateLocalCa(tempDir(t), {
      names: [`*.${publishedDomain(ENGINE_ADDRESS)}`],
      addresses: [ENGINE_ADDRESS],
      nowMs: Date.now(),
    }));
  const tokenKey = options.tokenKey ?? randomBytes(32);
  const engine = new EmbeddedEngine({
    listen: { address: ENGINE_ADDRESS, port: options.port ?? 0 },
    certificate,
    tokenKey,
    log: silentLog,
    ...(options.clock === undefined ? {} : { clock: options.clock }),
    ...(options.advertise === undefined ? {} : { advertise: options.advertise }),
  });
  const events: TunnelEvent[] = [];
  engine.watch((event) => events.push(event));
  await engine.start();
  t.teardown(() => engine.stop());
  return { engine, certificate, events, tokenKey };
}

/** A camera: an agent with one tunnel whose streams end at an HTTP server with a WebSocket echo. */
export async function attachCamera(
  t: Teardown,
  bench: EngineBench,
  options: { device?: Partial<typeof DEVICE>; token?: string; clock?: Clock } = {},
): Promise<{ agent: Agent; tunnel: AgentTunnel; http: Server; streams: Duplex[] }> {
  const device = { ...DEVICE, ...options.device };
  const agent = await connectAgent({
    engine: bench.engine.endpoint,
    token: options.token ?? bench.engine.mintDeviceToken(device).token,
    ca: bench.certificate.caPem,
    agentName: 'test-camera',
    ...(options.clock === undefined ? {} : { clock: options.clock }),
  });
  t.teardown(() => {
    agent.close();
    return agent.closed;
  });
  const http = cameraServer();
  const streams: Duplex[] = [];
  agent.onStream((stream) => {
    streams.push(stream);
    http.emit('connection', stream);
  });
  const tunnel = await agent.openTunnel({
    name: device.tunnelName,
    labels: device.labels,
    publish: true,
    protocol: 'http',
    httpVersion: 'http/1.1',
    tokenAuth: true,
  });
  return { agent, tunnel, http, streams };
}

/** Answers every request with what it saw as JSON; `/ws` echoes frames. */
export function cameraServer(): Server {
  const http = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const { method, url, headers } = request;
      const body = Buffer.concat(parts).toString();
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ method, url, headers, body }));
    });
  });
  const sockets = new WebSocketServer({ noServer: true });
  http.on('upgrade', (request, socket, head) => {
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      webSocket.on('error', () => undefined);
      webSocket.on('message', (data, isBinary) => {
        webSocket.send(data, { binary: isBinary });
      });
    });
  });
  return http;
}

/** One HTTP request over a stream. */
export function requestOver(
  stream: Duplex,
  options: { path?: string; method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<{ status: number; headers: IncomingMessage['headers']; text: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        createConnection: () => stream,
        host: 'camera',
        path: options.path ?? '/',
        method: options.method ?? 'GET',
        headers: options.headers,
      },
      (incoming) => {
        const parts: Buffer[] = [];
        incoming.on('data', (part: Buffer) => parts.push(part));
        incoming.on('error', reject);
        incoming.on('end', () => {
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            text: Buffer.concat(parts).toString(),
          });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(options.body);
  });
}

/** Waits for a condition that events bring about; gives up after ten seconds. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const endMs = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > endMs) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
