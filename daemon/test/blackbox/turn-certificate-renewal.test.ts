/** Certificates that have to change while the TURN service runs: the daemon sees to it, no session ends. */
import { X509Certificate } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import t, { type Test } from 'tap';
import { systemClock, type Clock } from '../../kit/clock.ts';
import { createLogger } from '../../kit/logger.ts';
import { loadOrCreateLocalCa } from '../../system/local-ca.ts';
import { FileTurnCertificates } from '../../system/turn-certificates.ts';
import { METHOD } from '../../turn/codec/attribute-types.ts';
import { buildStun } from '../../turn/codec/stun-message.ts';
import { temporaryDirectory } from '../helpers/namespace-directory.ts';
import { ended, realNode, type RealNode } from '../helpers/namespace-real.ts';

t.jobs = 1;
t.setTimeout(170_000);

const address = '127.0.42.21';
const DAY_MS = 24 * 60 * 60 * 1000;
const binding = buildStun(
  { class: 'request', method: METHOD.BINDING, transactionId: Buffer.alloc(12, 3) },
  [],
);

/** The system's clock, but looks for certificates are made by hand, and the calendar can be moved. */
class HandClock implements Clock {
  movedMs = 0;
  #looks: (() => void)[] = [];
  nowMs(): number {
    return systemClock.nowMs() + this.movedMs;
  }
  after(delayMs: number, fn: () => void): () => void {
    if (delayMs !== 60_000) return systemClock.after(delayMs, fn);
    this.#looks.push(fn);
    return () => {
      this.#looks = this.#looks.filter((one) => one !== fn);
    };
  }
  look(): void {
    for (const fn of this.#looks.splice(0)) fn();
  }
}

function dial(port: number): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port, rejectUnauthorized: false }, () => {
      resolve(socket);
    });
    socket.once('error', reject);
  });
}

const answers = (socket: TLSSocket): Promise<boolean> =>
  new Promise((resolve) => {
    socket.once('data', (bytes: Buffer) => {
      resolve(bytes.readUInt16BE(0) === 0x0101);
    });
    socket.once('close', () => {
      resolve(false);
    });
    socket.write(binding);
  });

async function enabledNode(
  t: Test,
  options: { dataDir: string; source: { certFile: string; keyFile: string } | null; clock: HandClock },
): Promise<RealNode & { port: number }> {
  const { dataDir, source, clock } = options;
  const caDirectory = join(dataDir, 'ca');
  await loadOrCreateLocalCa(caDirectory, { names: ['localhost'], addresses: [], nowMs: clock.nowMs() });
  const turnCertificates = new FileTurnCertificates({
    directory: join(dataDir, 'turn-certificates'),
    caDirectory,
    source,
    log: createLogger({ name: 'test', level: 'silent' }),
    clock,
  });
  const change = { turnCertificates, clock };
  const node = await realNode({ dataDir, address, stopServicesOnExit: true, change });
  t.teardown(() => node.close());
  await node.namespaces.start();
  node.namespaces.create('demo');
  const started = node.namespaces.enableWebrtc('demo');
  const operation = await ended(node.namespaces, 'operationId' in started ? started.operationId : '');
  t.match(operation, { state: 'succeeded' }, JSON.stringify(operation.error));
  const { ports } = await node.namespaces.status('demo');
  return { ...node, port: ports!.turns };
}

/** Looks until the status satisfies `wanted`: a look ends when it ends. */
async function lookUntil(
  node: RealNode,
  clock: HandClock,
  wanted: (status: Awaited<ReturnType<RealNode['namespaces']['turn']['status']>>) => boolean,
) {
  const untilMs = Date.now() + 30_000;
  for (;;) {
    clock.look();
    const status = await node.namespaces.turn.status('demo');
    if (wanted(status)) return status;
    if (Date.now() > untilMs) throw new Error(JSON.stringify(status));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

t.test('a certificate of the local CA is renewed before it ends, under a live session', async (t) => {
  const clock = new HandClock();
  const dataDir = temporaryDirectory(t);
  const node = await enabledNode(t, { dataDir, source: null, clock });
  const before = await node.namespaces.turn.status('demo');
  const session = await dial(node.port);
  clock.movedMs = 370 * DAY_MS;
  const after = await lookUntil(
    node,
    clock,
    (status) => status.certificate!.fingerprint !== before.certificate!.fingerprint,
  );
  t.ok(after.certificate!.notAfterMs > before.certificate!.notAfterMs + 300 * DAY_MS);
  t.equal(after.certificate!.problem, '');
  const late = await dial(node.port);
  t.equal(new X509Certificate(late.getPeerCertificate().raw).fingerprint256, after.certificate!.fingerprint);
  t.ok(await answers(session), 'the session of before goes on');
  for (const socket of [session, late]) socket.destroy();
});

t.test("the operator's files are read again; bad ones keep the old certificate and say so", async (t) => {
  const clock = new HandClock();
  const dataDir = temporaryDirectory(t);
  const source = { certFile: join(dataDir, 'c.pem'), keyFile: join(dataDir, 'k.pem') };
  const install = async (name: string, key?: string): Promise<string> => {
    const subject = { names: [name], addresses: [address], nowMs: clock.nowMs() };
    const made = await loadOrCreateLocalCa(join(dataDir, name), subject);
    for (const [file, text] of [
      [source.keyFile, key ?? made.keyPem],
      [source.certFile, made.certPem],
    ] as const) {
      writeFileSync(`${file}.new`, text);
      renameSync(`${file}.new`, file);
    }
    return new X509Certificate(made.certPem).fingerprint256;
  };
  const first = await install('one.test');
  const node = await enabledNode(t, { dataDir, source, clock });
  t.match((await node.namespaces.turn.status('demo')).certificate, { fingerprint: first, problem: '' });
  const session = await dial(node.port);

  const second = await install('two.test');
  await lookUntil(node, clock, ({ certificate }) => certificate!.fingerprint === second);

  await install('three.test', 'no key');
  const kept = await lookUntil(node, clock, ({ certificate }) => certificate!.problem !== '');
  t.equal(kept.certificate!.fingerprint, second);
  t.match(kept.certificate!.problem, /k\.pem cannot be used: .*The one before stays in use/);
  t.match(kept.sentence, /Its certificate: turn\.certificate/);
  t.match((await node.namespaces.status('demo')).turn!.sentence, /The one before stays in use/);

  const fourth = await install('four.test');
  const healed = await lookUntil(node, clock, ({ certificate }) => certificate!.fingerprint === fourth);
  t.equal(healed.certificate!.problem, '');
  t.ok(await answers(session), 'the session of before goes on');
  session.destroy();
});
