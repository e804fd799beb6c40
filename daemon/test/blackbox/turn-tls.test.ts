/** TURN over TLS, and a certificate that changes under live sessions. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import t from 'tap';
import { loadOrCreateLocalCa } from '../../system/local-ca.ts';
import { METHOD } from '../../turn/codec/attribute-types.ts';
import { StreamFramer } from '../../turn/codec/stream-framer.ts';
import { buildStun, parseStun } from '../../turn/codec/stun-message.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { startTurn } from '../helpers/turn-client.ts';

t.setTimeout(170_000);

/** One Binding request over an open TLS connection. */
function binding(socket: TLSSocket, id: number): Promise<boolean> {
  const transactionId = Buffer.alloc(12, id);
  const framer = new StreamFramer({ maxFrameBytes: 2048 });
  return new Promise((resolve, reject) => {
    socket.once('close', () => {
      reject(new Error('closed'));
    });
    socket.on('data', (chunk: Buffer) => {
      framer.push(chunk, (frame) => {
        const answer = parseStun(frame);
        if (answer?.transactionId.equals(transactionId) === true) resolve(answer.class === 'success');
      });
    });
    socket.write(buildStun({ class: 'request', method: METHOD.BINDING, transactionId }, []));
  });
}

function dial(port: number, maxVersion?: 'TLSv1.1'): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const old = maxVersion === undefined ? {} : { maxVersion, minVersion: 'TLSv1' as const };
    const socket = connect({ host: '127.0.11.55', port, rejectUnauthorized: false, ...old }, () => {
      resolve(socket);
    });
    socket.once('error', reject);
  });
}

t.test('TLS listener', async (t) => {
  const dir = tempDir(t);
  const certFile = join(dir, 'cert.pem');
  const keyFile = join(dir, 'key.pem');
  const install = async (name: string): Promise<void> => {
    const subject = { names: [`${name}.test`], addresses: [], nowMs: Date.now() };
    const { certPem, keyPem } = await loadOrCreateLocalCa(join(dir, name), subject);
    writeFileSync(certFile, certPem);
    writeFileSync(keyFile, keyPem);
  };
  await install('first');
  const turn = await startTurn(t, {
    address: '127.0.11.55',
    transports: ['tls'],
    config: {
      certificate: { certFile, keyFile },
      relay: { addresses: ['127.0.11.56'], minPort: 53_200, maxPort: 53_210 },
    },
  });
  const namesOf = (socket: TLSSocket): string => String(socket.getPeerCertificate().subjectaltname);
  const before = await dial(turn.port);
  t.equal(namesOf(before), 'DNS:first.test');
  t.ok(await binding(before, 1));

  await install('second');
  await turn.control.call('reload', {});
  const after = await dial(turn.port);
  t.equal(namesOf(after), 'DNS:second.test', 'new connections see the new certificate');
  t.ok(await binding(after, 2));
  t.ok(await binding(before, 3), 'open ones go on');

  writeFileSync(keyFile, 'no key');
  // What else changed is applied: a bad certificate must not keep a secret or a limit from changing.
  const config = { ...turn.config, limits: { ...turn.config.limits, allocations: 7 } };
  writeFileSync(turn.configFile, JSON.stringify(config));
  await turn.control.call('reload', {});
  const status = await turn.control.call('status', {});
  t.match(status.certificate, { problem: /certificate: cannot use .*key\.pem/ });
  t.equal(status.limits.find(({ name }) => name === 'allocations')?.limit, 7);
  const kept = await dial(turn.port);
  t.equal(namesOf(kept), 'DNS:second.test', 'a pair that does not fit changes nothing');
  await t.rejects(dial(turn.port, 'TLSv1.1'), 'nothing below TLS 1.2');
  for (const socket of [before, after, kept]) socket.destroy();
  t.equal(await turn.stop(), 0);
});
