/** Certificates that change again and again under live TLS and DTLS sessions. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { connect, type SecureVersion, type TLSSocket } from 'node:tls';
import t, { type Test } from 'tap';
import { loadOrCreateLocalCa } from '../../system/local-ca.ts';
import { METHOD } from '../../turn/codec/attribute-types.ts';
import { buildChannelData } from '../../turn/codec/channel-data.ts';
import { StreamFramer } from '../../turn/codec/stream-framer.ts';
import { buildStun } from '../../turn/codec/stun-message.ts';
import { openDtlsLink } from '../helpers/dtls-link.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { credential, startTurn, TestPeer, TurnClient, type TurnProcess } from '../helpers/turn-client.ts';

t.setTimeout(170_000);

const PEER = '127.0.31.42';
const SWAPS = 5;
const REQUEST_EVERY_MS = 20;
const binding = buildStun(
  { class: 'request', method: METHOD.BINDING, transactionId: Buffer.alloc(12, 3) },
  [],
);

/** A session with requests under way all the time. */
type Traffic = { sent: number; answered: number; closed: number };

function dial(turn: TurnProcess, version?: SecureVersion): Promise<TLSSocket> {
  const { address: host, port } = turn;
  const versions = version === undefined ? {} : { minVersion: version, maxVersion: version };
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, rejectUnauthorized: false, ...versions }, () => {
      resolve(socket);
    });
    socket.once('error', reject);
  });
}

function every(t: Test, traffic: Traffic, send: () => void): void {
  const timer = setInterval(() => {
    traffic.sent += 1;
    send();
  }, REQUEST_EVERY_MS);
  t.teardown(() => {
    clearInterval(timer);
  });
}

async function overTls(t: Test, turn: TurnProcess): Promise<Traffic> {
  const traffic = { sent: 0, answered: 0, closed: 0 };
  const socket = await dial(turn);
  const framer = new StreamFramer({ maxFrameBytes: 2048 });
  socket.on('data', (chunk: Buffer) => framer.push(chunk, () => (traffic.answered += 1)));
  socket.on('close', () => (traffic.closed += 1));
  every(t, traffic, () => socket.write(binding));
  t.teardown(() => socket.destroy());
  return traffic;
}

async function overDtls(t: Test, turn: TurnProcess): Promise<Traffic> {
  const traffic = { sent: 0, answered: 0, closed: 0 };
  const link = await openDtlsLink({
    address: turn.address,
    port: turn.port,
    signal: AbortSignal.timeout(20_000),
    onFrame: () => (traffic.answered += 1),
    onClosed: () => (traffic.closed += 1),
  });
  every(t, traffic, () => {
    link.send(binding);
  });
  t.teardown(() => {
    link.close();
  });
  return traffic;
}

/** An allocation over DTLS. @returns a function that sends a text to a peer and back. */
async function relayOverDtls(t: Test, turn: TurnProcess): Promise<(said: string) => Promise<void>> {
  const peer = await TestPeer.open(t, PEER);
  const client = await TurnClient.open(t, { ...turn, transport: 'dtls', ...credential() });
  t.equal((await client.allocate()).code, 'success');
  t.equal((await client.bind(0x4000, peer)).code, 'success');
  return async (said) => {
    client.raw(buildChannelData(0x4000, Buffer.from(said), { padded: false }));
    const heard = await peer.next();
    t.equal(heard.bytes.toString(), said, `to the peer: ${said}`);
    peer.send(heard.bytes, heard);
    await client.next((frame) => (frame.includes(said) ? true : undefined));
  };
}

t.test('TLS 1.2, TLS 1.3 and DTLS sessions outlive every change of the certificate', async (t) => {
  const dir = tempDir(t);
  const certFile = join(dir, 'cert.pem');
  const keyFile = join(dir, 'key.pem');
  const issue = (name: string): ReturnType<typeof loadOrCreateLocalCa> =>
    loadOrCreateLocalCa(join(dir, name), { names: [`${name}.test`], addresses: [], nowMs: Date.now() });
  const install = async (name: string): Promise<void> => {
    const { certPem, keyPem } = await issue(name);
    writeFileSync(certFile, certPem);
    writeFileSync(keyFile, keyPem);
  };
  await install('first');
  const turn = await startTurn(t, {
    address: '127.0.31.40',
    transports: ['tls', 'dtls'],
    config: {
      certificate: { certFile, keyFile },
      relay: { addresses: ['127.0.31.41'], minPort: 54_200, maxPort: 54_210 },
      peers: { scope: 'sfu', allow: [{ address: PEER, minPort: 1, maxPort: 65_535 }] },
    },
  });
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const socket = await dial(turn, version);
    t.equal(socket.getProtocol(), version);
    socket.destroy();
  }
  const sessions = { tls: await overTls(t, turn), dtls: await overDtls(t, turn) };
  const relaying = await relayOverDtls(t, turn);

  for (let swap = 1; swap <= SWAPS; swap += 1) {
    await install(`swap-${String(swap)}`);
    await turn.control.call('reload', {});
    const socket = await dial(turn);
    t.match(socket.getPeerCertificate().subjectaltname, `swap-${String(swap)}.test`, 'newcomers see it');
    socket.destroy();
    await relaying(`swap ${String(swap)}`);
    await pause(500);
  }

  const { certificate: before } = await turn.control.call('status', {});
  writeFileSync(keyFile, (await issue('stranger')).keyPem);
  await turn.control.call('reload', {});
  t.match((await turn.control.call('status', {})).certificate, { problem: /certificate: cannot use/ });
  writeFileSync(keyFile, 'no key');
  await turn.control.call('reload', {});
  const { certificate: after } = await turn.control.call('status', {});
  t.equal(after?.fingerprint, before?.fingerprint, 'the old one stays');
  t.not(after?.problem, '', 'and status says why');
  (await dial(turn)).destroy();

  for (const [name, traffic] of Object.entries(sessions)) {
    t.ok(traffic.sent > SWAPS * 10, `${name}: requests all the time`);
    t.equal(traffic.closed, 0, `${name}: the session lives`);
    t.ok(traffic.sent - traffic.answered <= 5, `${name}: all but the last are answered`);
  }
});
