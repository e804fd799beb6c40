/** Connections that do nothing: handshakes that never end, sessions without an allocation, on real sockets. */
import { createSocket } from 'node:dgram';
import { writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import t, { type Test } from 'tap';
import { DEFAULT_TURN_LIMITS } from '../../contract/turn-limits.ts';
import { loadDtlsEngine } from '../../turn/server/dtls/openssl-engine.ts';
import { openDtlsLink } from '../helpers/dtls-link.ts';
import { testCertificate } from '../helpers/turn-certificate.ts';
import { credential, startTurn, TurnClient, type TurnProcess } from '../helpers/turn-client.ts';

t.setTimeout(120_000);

const SERVER = '127.0.44.10';
const relay = { addresses: ['127.0.44.11'], minPort: 54_400, maxPort: 54_450 };
/** Longer than any test: such a bound never ends a connection of it. */
const NEVER = 100;

async function start(t: Test, times: { handshakeSeconds: number; idleConnectionSeconds: number }) {
  return startTurn(t, {
    address: SERVER,
    transports: ['tcp', 'tls', 'dtls'],
    config: {
      certificate: await testCertificate(t),
      relay,
      limits: { ...DEFAULT_TURN_LIMITS, ...times },
      listeners: [
        { transport: 'tcp', address: SERVER, port: 3478 },
        { transport: 'tls', address: SERVER, port: 5349 },
        { transport: 'dtls', address: SERVER, port: 5349 },
      ],
    },
  });
}

const closed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    socket.on('error', () => undefined);
    socket.once('close', () => {
      resolve();
    });
    socket.resume();
  });

async function limitOf(turn: TurnProcess, name: string) {
  const { limits } = await turn.control.call('status', {});
  return limits.find((one) => one.name === name);
}

/** Waits until a bound has ended so many connections. */
async function untilEnded(turn: TurnProcess, name: string, count: number): Promise<void> {
  const untilMs = Date.now() + 20_000;
  for (;;) {
    const refused = (await limitOf(turn, name))?.refused ?? 0;
    if (refused >= count) return;
    if (Date.now() > untilMs) throw new Error(`${name} ended ${String(refused)} of ${String(count)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Shows its cookie, and is silent from then on. */
async function silentDtlsHandshake(t: Test): Promise<void> {
  const loaded = loadDtlsEngine();
  if ('problem' in loaded) throw new Error(loaded.problem);
  const socket = createSocket('udp4');
  t.teardown(() => socket.close());
  await new Promise<void>((resolve) => socket.connect(5349, SERVER, resolve));
  const session = loaded.engine.connect((datagram) => {
    socket.send(datagram);
  });
  t.teardown(() => {
    session.close();
  });
  await new Promise<void>((resolve) => {
    socket.once('message', (helloVerifyRequest) => {
      session.feed(helloVerifyRequest);
      socket.once('message', () => {
        resolve();
      });
    });
  });
}

t.test('a TLS or DTLS handshake that never ends is ended, and gives its place back', async (t) => {
  const turn = await start(t, { handshakeSeconds: 1, idleConnectionSeconds: NEVER });
  const silent = connect(5349, SERVER);
  const dribbling = connect(5349, SERVER);
  t.teardown(() => {
    silent.destroy();
    dribbling.destroy();
  });
  dribbling.once('connect', () => dribbling.write(Buffer.from([22, 3, 1, 1, 0, 1])));
  await Promise.all([closed(silent), closed(dribbling), silentDtlsHandshake(t)]);
  await untilEnded(turn, 'handshakeSeconds', 3);
  t.match(await limitOf(turn, 'halfOpenConnections'), { used: 0, refused: 0 });
  t.match(await limitOf(turn, 'handshakeSeconds'), { limit: 1, refused: 3 });
  t.match(await limitOf(turn, 'idleConnectionSeconds'), { limit: NEVER, refused: 0 });
  t.equal((await turn.control.call('status', {})).connections, 0);
  const honest = connectTls({ host: SERVER, port: 5349, rejectUnauthorized: false });
  t.teardown(() => honest.destroy());
  await new Promise((resolve) => honest.once('secureConnect', resolve));
});

t.test('TCP, TLS and DTLS connections without an allocation are ended; one with it stays', async (t) => {
  const turn = await start(t, { handshakeSeconds: 10, idleConnectionSeconds: NEVER });
  const where = { transport: 'tcp', address: SERVER, port: 3478, ...credential() } as const;
  const early = await TurnClient.open(t, where);
  const limits = { ...turn.config.limits, idleConnectionSeconds: 1 };
  writeFileSync(turn.configFile, JSON.stringify({ ...turn.config, limits }));
  await turn.control.call('reload', {});

  const allocated = await TurnClient.open(t, where);
  t.equal((await allocated.allocate()).code, 'success');
  const tcp = connect(3478, SERVER);
  const tls = connectTls({ host: SERVER, port: 5349, rejectUnauthorized: false });
  t.teardown(() => {
    tcp.destroy();
    tls.destroy();
  });
  const dtlsClosed = new Promise<void>((resolve, reject) => {
    openDtlsLink({
      address: SERVER,
      port: 5349,
      signal: AbortSignal.timeout(20_000),
      onFrame: () => undefined,
      onClosed: () => {
        resolve();
      },
    }).then((link) => {
      t.teardown(() => {
        link.close();
      });
    }, reject);
  });
  await Promise.all([closed(tcp), closed(tls), dtlsClosed]);
  t.match(await limitOf(turn, 'idleConnectionSeconds'), { limit: 1, refused: 3 });
  t.equal((await allocated.refresh(600)).code, 'success', 'an allocation keeps its connection');
  t.equal((await early.allocate()).code, 'success', 'one that was open before keeps the time it was given');

  t.equal((await allocated.refresh(0)).code, 'success');
  await allocated.untilClosed();
  t.match(await limitOf(turn, 'idleConnectionSeconds'), { refused: 4 }, 'without it, it is idle again');
});

t.test('answers that challenge are bounded for one source; the others are served', async (t) => {
  const limits = { ...DEFAULT_TURN_LIMITS, unauthorizedAnswersPerSecond: 1 };
  const turn = await startTurn(t, { address: SERVER, transports: ['udp'], config: { relay, limits } });
  const source = createSocket('udp4');
  t.teardown(() => source.close());
  let answers = 0;
  source.on('message', () => (answers += 1));
  await new Promise<void>((resolve) => source.bind(0, '127.0.44.12', resolve));
  const { port } = turn;
  const stranger = await TurnClient.open(t, { transport: 'udp', address: SERVER, port, ...credential() });
  const { bytes } = stranger.session.request(3, []);
  for (let at = 0; at < 200; at += 1) source.send(bytes, port, SERVER);
  const dropped = async (): Promise<number> =>
    (await turn.control.call('status', {})).drops['unauthorized-limit'] ?? 0;
  const refused = async (): Promise<number> =>
    (await turn.control.call('status', {})).refusals['Allocate 401'] ?? 0;
  while ((await dropped()) + (await refused()) < 200);
  t.ok(answers < 50, `${String(answers)} of 200 answered`);
  t.equal((await stranger.allocate()).code, 'success', 'another source is challenged and served');
  t.match(await limitOf(turn, 'unauthorizedAnswersPerSecond'), { limit: 1, refused: await dropped() });
});
