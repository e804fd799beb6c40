/** Every transport of a namespace's TURN service on both families, as its credentials hand it out. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { openTurnLink } from '../../health/relay-probe-link.ts';
import { probeRelay } from '../../health/relay-probe.ts';
import type { Operation } from '../../contract/api.ts';
import { PROBE_UFRAG, probePassword } from '../../credentials/probe.ts';
import { formatEndpoint } from '../../kit/ip-address.ts';
import type { NamespacesOptions } from '../../namespaces/namespace-service.ts';
import { portPlanOf } from '../../namespaces/port-ledger.ts';
import { ATTRIBUTE, METHOD } from '../../turn/codec/attribute-types.ts';
import { text } from '../../turn/codec/attributes.ts';
import { buildStun, parseStun } from '../../turn/codec/stun-message.ts';
import { readDataIndication } from '../../turn/core/client-session.ts';
import { temporaryDirectory } from '../helpers/namespace-directory.ts';
import { ended, realNode, TEST_PORTS, type RealNode } from '../helpers/namespace-real.ts';
import { TurnClient } from '../helpers/turn-client.ts';

t.jobs = 1;
t.setTimeout(170_000);

type Transport = 'udp' | 'tcp' | 'tls';
type Listener<Kind = Transport> = { transport: Kind; address: string; port: number };

const address = '127.0.32.1';
/** ::1 is shared by all tests: the ports are this file's own. */
const PORTS = portPlanOf({
  ...TEST_PORTS,
  turn: { minPort: 26540, maxPort: 26559 },
  turns: { minPort: 26560, maxPort: 26579 },
});

/** @returns whether a STUN Binding request is answered; rejects when nobody listens or TLS fails. */
async function binds(listener: Listener, tls: { trustPem: string; host: string }): Promise<boolean> {
  const transactionId = Buffer.alloc(12, 9);
  const signal = AbortSignal.timeout(10_000);
  let answered: (ok: boolean) => void;
  let failed: (error: Error) => void;
  const answer = new Promise<boolean>((resolve, reject) => {
    answered = resolve;
    failed = reject;
    signal.addEventListener('abort', () => {
      reject(new Error('no answer'));
    });
  });
  answer.catch(() => undefined);
  const link = await openTurnLink({
    ...listener,
    tls,
    signal,
    onFrame: (frame) => {
      const stun = parseStun(frame);
      answered(stun?.class === 'success' && stun.transactionId.equals(transactionId));
    },
    onClosed: (error) => {
      failed(error);
    },
  });
  link.send(buildStun({ class: 'request', method: METHOD.BINDING, transactionId }, []));
  try {
    return await answer;
  } finally {
    link.close();
  }
}

/** As `binds` and the relay probe together, over DTLS: the SFU answers a STUN request through the relay. */
async function relaysOverDtls(
  t: Test,
  listener: { address: string; port: number },
  options: { username: string; password: string; peer: { address: string; port: number }; ticketKey: string },
): Promise<boolean> {
  const { username, password, peer, ticketKey } = options;
  const client = await TurnClient.open(t, { transport: 'dtls', ...listener, username, password });
  const binding = await client.request(METHOD.BINDING);
  const allocated = await client.allocate();
  const permitted = await client.permit(peer);
  const forbidden = await client.permit({ address: '192.0.2.1', port: 9 });
  t.same(
    [binding, allocated, permitted, forbidden].map(({ code }) => code),
    ['success', 'success', 'success', 403],
  );
  const transactionId = Buffer.alloc(12, 7);
  const request = buildStun(
    { class: 'request', method: METHOD.BINDING, transactionId },
    [text(ATTRIBUTE.USERNAME, `${PROBE_UFRAG}:dtls`)],
    { key: Buffer.from(probePassword(ticketKey)), fingerprint: true },
  );
  client.send(peer, request);
  return client.next((frame) => {
    const payload = readDataIndication(frame)?.payload;
    const answer = payload === undefined ? undefined : parseStun(payload);
    return answer?.transactionId.equals(transactionId) === true ? answer.class === 'success' : undefined;
  });
}

/** A URI of RFC 7065 in parts. */
function listenerOf(uri: string): Listener<Transport | 'dtls'> {
  const match = /^(turns?):(?:\[(.+)\]|([^:]+)):(\d+)\?transport=(udp|tcp)$/.exec(uri);
  if (match === null) throw new Error(uri);
  const [, scheme, v6, v4, port, transport] = match;
  const encrypted = transport === 'udp' ? 'dtls' : 'tls';
  return {
    transport: scheme === 'turns' ? encrypted : (transport as Transport),
    address: v6 ?? v4 ?? '',
    port: Number(port),
  };
}

async function enabledNode(
  t: Test,
  change: Partial<NamespacesOptions>,
): Promise<RealNode & { caPem: string; operation: Operation }> {
  const dataDir = temporaryDirectory(t);
  const node = await realNode({
    dataDir,
    address,
    stopServicesOnExit: true,
    change: {
      turnBindAddresses: [address, '::1'],
      publicAddresses: [address, '::1'],
      ports: PORTS,
      ...change,
    },
  });
  t.teardown(() => node.close());
  await node.namespaces.start();
  node.namespaces.create('demo');
  const started = node.namespaces.enableWebrtc('demo');
  const operation = await ended(node.namespaces, 'operationId' in started ? started.operationId : '');
  t.match(operation, { state: 'succeeded' }, JSON.stringify(operation.error));
  return { ...node, operation, caPem: readFileSync(join(dataDir, 'ca/ca.pem'), 'utf8') };
}

t.test('UDP, TCP, TLS and DTLS on IPv4 and IPv6: each answers and relays to the SFU', async (t) => {
  const { namespaces, caPem } = await enabledNode(t, {});
  const status = await namespaces.status('demo');
  const { uris, username, password } = namespaces.turnCredentials('demo', { subject: 'viewer' });
  t.same(uris, status.uris);
  t.same(
    uris,
    [address, '::1'].flatMap((host) => [
      `turn:${formatEndpoint(host, 26540)}?transport=udp`,
      `turn:${formatEndpoint(host, 26540)}?transport=tcp`,
      `turns:${formatEndpoint(host, 26560)}?transport=tcp`,
      `turns:${formatEndpoint(host, 26560)}?transport=udp`,
    ]),
  );
  t.same(
    namespaces.turnCredentials('demo', { subject: 'viewer', browser: true }).uris,
    uris.filter((uri) => !/^turns:.*udp$/.test(uri)),
    'browsers are not sent to DTLS',
  );
  t.match(status.turn, { up: 'up', sentence: /answers; 0 allocations\.$/ });
  const { ticketKey } = namespaces.signaling('demo')!;
  const peer = { address, port: status.ports!.sfuMedia.minPort };
  for (const uri of uris) {
    const { transport, ...where } = listenerOf(uri);
    if (transport === 'dtls') {
      t.ok(await relaysOverDtls(t, where, { username, password, peer, ticketKey }), `${uri} relays`);
      continue;
    }
    const listener = { transport, ...where };
    const tls = { trustPem: caPem, host: listener.address };
    t.ok(await binds(listener, tls), `${uri} answers Binding`);
    const proof = await probeRelay({
      ...listener,
      tls,
      username,
      password,
      peer,
      probePassword: probePassword(ticketKey),
      forbiddenPeer: { address: '192.0.2.1', port: 9 },
      timeoutMs: 20_000,
    });
    t.ok(proof.ok, `${uri} relays: ${proof.sentence ?? ''}`);
  }
  await t.rejects(
    binds({ transport: 'tls', address, port: 26560 }, { trustPem: caPem, host: 'elsewhere.test' }),
    { code: 'ERR_TLS_CERT_ALTNAME_INVALID' },
    'the certificate is verified',
  );
});

t.test('encryptedOnly: TLS and DTLS alone listen and are handed out, TLS is what is proven', async (t) => {
  const { namespaces, caPem, operation } = await enabledNode(t, { turnEncryptedOnly: true });
  t.equal(
    operation.steps.find(({ id }) => id === 'claim-ports')?.note,
    'TURNS port 26560, no plain TURN port.',
    'no port is claimed to be open that is not',
  );
  const expected = [address, '[::1]'].flatMap((host) => [
    `turns:${host}:26560?transport=tcp`,
    `turns:${host}:26560?transport=udp`,
  ]);
  const { uris, username, password } = namespaces.turnCredentials('demo', { subject: 'viewer' });
  t.same(uris, expected);
  const status = await namespaces.status('demo');
  t.same(status.uris, expected);
  const peer = { address, port: status.ports!.sfuMedia.minPort };
  const { ticketKey } = namespaces.signaling('demo')!;
  for (const host of [address, '::1']) {
    const tls = { trustPem: caPem, host };
    t.ok(await binds({ transport: 'tls', address: host, port: 26560 }, tls));
    const dtls = { address: host, port: 26560 };
    t.ok(await relaysOverDtls(t, dtls, { username, password, peer, ticketKey }));
    for (const transport of ['udp', 'tcp'] as const) {
      await t.rejects(binds({ transport, address: host, port: 26540 }, tls), { code: 'ECONNREFUSED' });
    }
  }
});

t.test('a host name stands in every URI, and certificates are for it', async (t) => {
  const { namespaces, caPem } = await enabledNode(t, { turnHostName: 'turn.ns-{namespace}.example.com' });
  const name = 'turn.ns-demo.example.com';
  const { uris } = namespaces.turnCredentials('demo', { subject: 'viewer' });
  t.same(uris, [
    `turn:${name}:26540?transport=udp`,
    `turn:${name}:26540?transport=tcp`,
    `turns:${name}:26560?transport=tcp`,
    `turns:${name}:26560?transport=udp`,
  ]);
  t.same((await namespaces.status('demo')).uris, uris);
  // As a browser does it: whatever the name resolves to, the certificate has to name it.
  const listener = { transport: 'tls' as const, address, port: 26560 };
  t.ok(await binds(listener, { trustPem: caPem, host: name }));
  await t.rejects(binds(listener, { trustPem: caPem, host: 'turn.ns-other.example.com' }), {
    code: 'ERR_TLS_CERT_ALTNAME_INVALID',
  });
  await t.rejects(binds(listener, { trustPem: caPem, host: address }), {
    code: 'ERR_TLS_CERT_ALTNAME_INVALID',
  });
  t.equal((await namespaces.turn.status('demo')).certificate!.problem, '');
});
