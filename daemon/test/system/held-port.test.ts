/** Who dials a held port waits, and is served by whoever takes it over. */
import { createServer as createHttp } from 'node:http';
import { connect, type Server, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import fastify from 'fastify';
import t from 'tap';
import { HeldPort } from '../../system/held-port.ts';
import { loadOrCreateLocalCa } from '../../system/local-ca.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const ADDRESS = '127.0.76.41';
const REQUEST = 'GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n';

/** Sends a request at once. @returns the whole answer. */
function ask(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    socket.on('close', () => {
      resolve(answer);
    });
    socket.on('error', reject);
    socket.write(REQUEST);
  });
}

const closed = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
  });

t.test('plain HTTP: before, and after', async (t) => {
  const held = await HeldPort.open({ address: ADDRESS, port: 0 });
  const { port } = held;
  const early = ask(connect(port, ADDRESS));
  const hasty = connect(port, ADDRESS);
  await new Promise((resolve) => hasty.once('connect', resolve));
  hasty.resetAndDestroy();
  const server = createHttp((_request, response) => response.end('served'));
  held.lendTo(server);
  await new Promise<void>((resolve) => server.listen({ port: 1, host: ADDRESS }, resolve));
  t.match(await early, /served/);
  t.match(await ask(connect(port, ADDRESS)), /served/);
  await held.close();
  t.match(await ask(connect(port, ADDRESS)), /served/, 'it is the server that closes it');
  await closed(server);
  await t.rejects(ask(connect(port, ADDRESS)), /ECONNREFUSED/);
});

t.test('TLS, and a framework that listens by itself', async (t) => {
  const subject = { names: [], addresses: [ADDRESS], nowMs: Date.now() };
  const { certPem, keyPem, caPem } = await loadOrCreateLocalCa(tempDir(t), subject);
  const held = await HeldPort.open({ address: ADDRESS, port: 0 });
  const dial = () => connectTls({ host: ADDRESS, port: held.port, ca: caPem });
  const early = ask(dial());
  const server = fastify({ https: { cert: certPem, key: keyPem }, forceCloseConnections: true });
  server.get('/', () => 'served');
  held.lendTo(server.server);
  await server.listen({ host: ADDRESS, port: 1 });
  t.match(await early, /served/);
  t.match(await ask(dial()), /served/);
  const { port } = held;
  await server.close();
  await t.rejects(ask(connect(port, ADDRESS)), /ECONNREFUSED/);
});

t.test('nobody takes it over: those who wait are let go, and the port is free', async (t) => {
  const held = await HeldPort.open({ address: ADDRESS, port: 0 });
  const { port } = held;
  const waiting = ask(connect(port, ADDRESS)).catch((error: unknown) => String(error));
  await t.rejects(HeldPort.open({ address: ADDRESS, port }), /EADDRINUSE/);
  await held.close();
  await waiting;
  await (await HeldPort.open({ address: ADDRESS, port })).close();
});
