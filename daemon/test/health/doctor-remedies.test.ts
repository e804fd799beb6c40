/** What the probe meets where a TURN server should be, and what the doctor makes of it. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import t, { type Test } from 'tap';
import { remedyFor } from '../../health/doctor-remedies.ts';
import { probeRelay, type RelayProbeOptions } from '../../health/relay-probe.ts';
import { loadOrCreateLocalCa } from '../../system/local-ca.ts';
import { loadDtlsEngine } from '../../turn/server/dtls/openssl-engine.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const ADDRESS = '127.0.75.9';

const portOf = async (t: Test, server: Server): Promise<number> => {
  server.listen(0, ADDRESS);
  await once(server, 'listening');
  t.teardown(() => server.close());
  return (server.address() as AddressInfo).port;
};

const probe = (options: Pick<RelayProbeOptions, 'transport' | 'port' | 'tls' | 'dtls'>, waitMs: number) =>
  probeRelay({
    ...options,
    ...{ address: ADDRESS, username: 'u', password: 'p', peer: { address: ADDRESS, port: 9 } },
    contactTimeoutMs: waitMs,
  });

void t.test('a port whose packets are dropped is to be opened, for its own protocol', async (t) => {
  const udp = createSocket('udp4');
  t.teardown(() => udp.close());
  udp.bind(0, ADDRESS);
  await once(udp, 'listening');
  const mute = await portOf(
    t,
    createServer((socket) => socket.on('error', () => undefined).resume()),
  );
  const loaded = loadDtlsEngine();
  const connect = 'engine' in loaded ? loaded.engine : undefined;
  for (const [transport, port, protocol] of [
    ['udp', udp.address().port, 'udp'],
    ['tcp', mute, 'tcp'],
    ['tls', mute, 'tcp'],
    ...(connect === undefined ? [] : ([['dtls', udp.address().port, 'udp']] as const)),
  ] as const) {
    const dtls = connect === undefined ? {} : { dtls: connect.connect.bind(connect) };
    const { ok, fault, sentence } = await probe({ transport, port, ...dtls }, 200);
    t.match(
      { ok, fault, sentence },
      { ok: false, fault: { code: 'ETIMEDOUT' }, sentence: /no answer within 200/ },
    );
    const path = { namespace: 'demo', transport, address: ADDRESS, port, fault: fault!, sfu: 'x' };
    const open = new RegExp(
      `^Open ${protocol} port ${String(port)} in the firewall of this host.*before it\\.$`,
    );
    t.match(remedyFor({ ...path, firewall: 'none', isHere: true }), open);
    t.match(remedyFor({ ...path, firewall: 'nftables', isHere: true }), /other rules.*`turnkeep repair`/);
    t.match(remedyFor({ ...path, firewall: 'none', isHere: false }), /forward it.*try from outside/);
  }
});

void t.test('a closed port is a service that is down, not a firewall to open', async (t) => {
  const server = createServer();
  const port = await portOf(t, server);
  await new Promise((resolve) => server.close(resolve));
  for (const transport of ['udp', 'tcp', 'tls'] as const) {
    const { fault } = await probe({ transport, port }, 5000);
    t.match(fault, { code: 'ECONNREFUSED' }, transport);
    const path = { namespace: 'demo', transport, address: ADDRESS, port, fault: fault!, sfu: 'x' };
    t.match(
      remedyFor({ ...path, firewall: 'none', isHere: true }),
      /Nothing listens.*webrtc-status --namespace demo/,
    );
  }
});

void t.test('a certificate for another name is a certificate to mend', async (t) => {
  const nowMs = Date.now();
  const pair = await loadOrCreateLocalCa(tempDir(t), { names: ['other.test'], addresses: [], nowMs });
  const tlsServer = createTlsServer({ cert: pair.certPem, key: pair.keyPem });
  tlsServer.on('tlsClientError', () => undefined);
  const port = await portOf(t, tlsServer);
  const tls = { trustPem: pair.caPem, host: 'turn.test' };
  const { fault, sentence } = await probe({ transport: 'tls', port, tls }, 5000);
  t.match(fault, { step: 'connect', code: 'ERR_TLS_CERT_ALTNAME_INVALID' }, sentence ?? '');
  const path = {
    namespace: 'demo',
    transport: 'tls',
    address: ADDRESS,
    port,
    fault: fault!,
    sfu: 'x',
  } as const;
  t.match(
    remedyFor({ ...path, firewall: 'none', isHere: true }),
    /refuse that certificate.*`turnkeep inspect`/,
  );
});

void t.test('an SFU that does not answer its relay, a limit, and what nobody foresaw', (t) => {
  const remedy = (step: 'binding' | 'allocate', code: string) =>
    remedyFor({
      ...{ namespace: 'demo', transport: 'udp', address: ADDRESS, port: 3478, fault: { step, code } },
      ...{ sfu: '10.0.0.1 udp 20000-20499', firewall: 'none', isHere: true },
    });
  t.match(remedy('binding', 'ETIMEDOUT'), /let 10\.0\.0\.1 udp 20000-20499 pass/);
  t.match(remedy('allocate', '486'), /`turnkeep turn status --namespace demo` names the limit/);
  t.match(remedy('allocate', '401'), /`turnkeep inspect`/);
  t.end();
});
