/** Certificates of a real ACME authority (Pebble), by DNS-01 through a real BIND and by HTTP-01. */
import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import type { CertificateList } from '../../../contract/certificates.ts';
import type { TurnCredentials } from '../../../contract/ice.ts';
import type { TurnOperationsStatus } from '../../../contract/turn-operations.ts';
import type { Inspection } from '../../../contract/diagnosis.ts';
import { daemonConfigSchema } from '../../../contract/daemon-config.ts';
import { openDns } from '../../../host-dns.ts';
import { AcmeAuthority, type ChallengeResponder } from '../../../system/acme/acme-authority.ts';
import { Dns01Responder } from '../../../system/acme/dns01-responder.ts';
import { Http01Responder } from '../../../system/acme/http01-responder.ts';
import { Appliance } from '../../helpers/appliance.ts';
import { BIND, bindServer, bindSkip, ZONE } from '../../helpers/bind-server.ts';
import { pebble, pebbleSkip } from '../../helpers/pebble.ts';
import { tempDir } from '../../helpers/temp-dir.ts';
import { TurnClient } from '../../helpers/turn-client.ts';

t.setTimeout(280_000);

const ADDRESS = '127.0.67.1';
const PEBBLE = '127.0.67.2';
const NOBODY = '127.0.67.3';
const HTTP_PORT = 5002;
const API_NAME = `box.${ZONE}`;
const TURN_NAME = `turn.ns-demo.${ZONE}`;

async function cli(appliance: Appliance, ...args: string[]): Promise<{ code: number; out: string }> {
  const argv = ['cli/turnkeep.ts', '--socket', appliance.api.socketPath, ...args];
  try {
    const { stdout } = await promisify(execFile)(process.execPath, argv, { timeout: 200_000 });
    return { code: 0, out: stdout };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, out: stdout + stderr };
  }
}

/** A verified connection; rejects when `ca` does not vouch for `name`. */
async function dial(t: Test, port: number, name: string, ca: string): Promise<TLSSocket> {
  const socket = connect({ host: ADDRESS, port, servername: name, ca });
  t.teardown(() => socket.destroy());
  await once(socket, 'secureConnect');
  return socket;
}

const shownBy = (socket: TLSSocket): string =>
  new X509Certificate(socket.getPeerCertificate().raw).fingerprint256;

/** One request on a connection that stays open. */
async function ask(socket: TLSSocket): Promise<string> {
  const answer = once(socket, 'data');
  socket.write(`GET /healthz HTTP/1.1\r\nHost: ${API_NAME}\r\n\r\n`);
  return String((await answer)[0]);
}

t.test('ACME', { skip: bindSkip === false ? pebbleSkip : bindSkip }, async (t) => {
  const bind = await bindServer(t);
  const dnsServer = `${BIND.host}:${String(BIND.port)}`;
  const acme = await pebble(t, { address: PEBBLE, httpPort: HTTP_PORT, dnsServer });
  const dns = { manager: 'rfc2136', server: dnsServer, zone: ZONE, keyFile: bind.keyFile };
  const records = openDns(daemonConfigSchema.parse({ dns }));
  const { directory, directoryCaFile } = acme;
  const zone = { server: BIND, zone: ZONE, ttlSeconds: 60 };
  const authority = (responder: ChallengeResponder, change: object = {}): AcmeAuthority =>
    new AcmeAuthority({
      ...{ directory, directoryCaFile, email: 'ops@video.test', responder },
      accountKeyFile: join(tempDir(t), 'acme', 'account.key'),
      ...change,
    });
  const never = new AbortController().signal;
  const shows = (port: number, name: string): Promise<boolean> =>
    dial(t, port, name, acme.root).then(
      () => true,
      () => false,
    );

  await t.test('an appliance has them, and has them renewed under live sessions', async (t) => {
    const appliance = await Appliance.start(t, ADDRESS, {
      api: { listen: `${ADDRESS}:8080`, tls: 'acme', publicUrl: `https://${API_NAME}:8080` },
      turn: { bindAddresses: [ADDRESS], hostName: `turn.ns-{namespace}.${ZONE}` },
      dns,
      certificates: { source: 'acme', directory, directoryCaFile, agreeToTerms: true, challenge: 'dns-01' },
    });
    const list = (): Promise<CertificateList> => appliance.api.get('/v1/certificates');
    const issued = async (name: string): Promise<string | null | undefined> =>
      (await list()).items.find((one) => one.name === name)?.fingerprint;
    t.equal((await appliance.enableNamespace('demo')).state, 'succeeded');
    const shown = async (): Promise<string | undefined> =>
      (await appliance.api.get<TurnOperationsStatus>('/v1/namespaces/demo/turn/status')).certificate
        ?.fingerprint;
    await appliance.until('both are issued, and the TURN service shows its own', async () => {
      const [api, turn] = [await issued(API_NAME), await issued(TURN_NAME)];
      return typeof api === 'string' && typeof turn === 'string' && turn === (await shown());
    });

    const { ports } = await appliance.status('demo');
    const credentials = await appliance.api.post<TurnCredentials>('/v1/webrtc/turn/credentials', {
      namespace: 'demo',
    });
    t.ok(credentials.uris.some((uri) => uri.startsWith(`turns:${TURN_NAME}:`)));
    const client = await TurnClient.open(t, {
      ...{ transport: 'tls', address: ADDRESS, port: ports!.turns },
      ...{ username: credentials.username, password: credentials.password },
      tls: { trustPem: acme.root, host: TURN_NAME },
    });
    t.equal((await client.allocate()).code, 'success');
    await appliance.until('the console shows its own, too', () => shows(8080, API_NAME));
    const console = await dial(t, 8080, API_NAME, acme.root);
    t.match(await ask(console), /^HTTP\/1\.1 200/);
    const before = { turn: await shown(), api: shownBy(console) };

    const renewed = await cli(appliance, 'certificate', 'renew');
    t.equal(renewed.code, 0, renewed.out);
    t.match(renewed.out, /box\.video\.test +api +valid/);
    t.match(renewed.out, /turn\.ns-demo\.video\.test +turn:demo +valid/);
    await appliance.until('the TURN service shows the newest', async () => {
      const now = await issued(TURN_NAME);
      return now !== before.turn && now === (await shown());
    });
    t.equal((await client.refresh(600)).code, 'success', 'the allocation goes on');
    t.match(await ask(console), /^HTTP\/1\.1 200/, 'the connection goes on');
    await appliance.until('a new connection sees the new certificate', async () => {
      return shownBy(await dial(t, 8080, API_NAME, acme.root)) !== before.api;
    });
    await dial(t, ports!.turns, TURN_NAME, acme.root);

    const folder = join(appliance.dir, 'acme');
    const files = readdirSync(folder);
    t.equal(files.length, 3, files.join(' '));
    for (const file of files) t.equal(statSync(join(folder, file)).mode & 0o777, 0o600, file);
    t.same(
      await bind.resolver.resolveTxt(`_acme-challenge.${TURN_NAME}`).catch(() => []),
      [],
      'nothing is left',
    );
    t.match(readFileSync(join(appliance.dir, 'daemon.log'), 'utf8'), /new certificate/);
    const { findings } = await appliance.api.get<Inspection>('/v1/inspect');
    const found = findings.filter(({ check }) => check === 'certificates');
    t.strictSame(
      found.map(({ severity }) => severity),
      ['ok'],
      JSON.stringify(found),
    );
  });

  await t.test('HTTP-01: the port is open while the authority asks, and knows one path', async (t) => {
    await records.set(`web.${ZONE}`, [ADDRESS]);
    const probe = (path: string): Promise<number | string> =>
      new Promise((resolve) => {
        get({ host: ADDRESS, port: HTTP_PORT, path, agent: false }, (response) => {
          response.resume();
          resolve(response.statusCode ?? 0);
        }).once('error', (error: NodeJS.ErrnoException) => {
          resolve(error.code ?? '');
        });
      });
    const responder = new Http01Responder({ address: ADDRESS, port: HTTP_PORT });
    const seen: (number | string)[] = [];
    const watched: ChallengeResponder = {
      type: 'http-01',
      async answer(challenge) {
        const withdraw = await responder.answer(challenge);
        seen.push(await probe('/'), await probe(`/.well-known/acme-challenge/${challenge.token}`));
        return withdraw;
      },
    };
    t.equal(await probe('/'), 'ECONNREFUSED');
    const { certPem } = await authority(watched).obtain(`web.${ZONE}`, never);
    t.ok(new X509Certificate(certPem).checkHost(`web.${ZONE}`));
    t.equal(certPem.match(/BEGIN CERTIFICATE/g)?.length, 2, 'with the issuer');
    t.same(seen, [404, 200]);
    t.equal(await probe('/'), 'ECONNREFUSED');
  });

  await t.test('an appliance has them by HTTP-01, for TURN and for the console', async (t) => {
    await records.set(API_NAME, [ADDRESS]);
    const appliance = await Appliance.start(t, ADDRESS, {
      api: { listen: `${ADDRESS}:8080`, tls: 'acme', publicUrl: `https://${API_NAME}:8080` },
      turn: { bindAddresses: [ADDRESS], hostName: `turn.ns-{namespace}.${ZONE}` },
      dns, // The name of the TURN service has to lead here before anybody asks for it.
      certificates: {
        ...{ source: 'acme', directory, directoryCaFile, agreeToTerms: true },
        ...{ challenge: 'http-01', httpListen: `${ADDRESS}:${String(HTTP_PORT)}` },
      },
    });
    t.equal((await appliance.enableNamespace('demo')).state, 'succeeded');
    t.match(await appliance.api.post('/v1/certificates/renew'), { names: [API_NAME, TURN_NAME] });
    const { ports } = await appliance.status('demo');
    await appliance.until('both show what the authority issued', async () => {
      const { items } = await appliance.api.get<CertificateList>('/v1/certificates');
      // A slow host may have asked before the record was there: not in a minute, now.
      if (items.some(({ problem }) => problem !== '')) await appliance.api.post('/v1/certificates/renew');
      return (await shows(ports!.turns, TURN_NAME)) && (await shows(8080, API_NAME));
    });
    const { items } = await appliance.api.get<CertificateList>('/v1/certificates');
    t.match(items, [
      { name: API_NAME, usedBy: ['api'], state: 'valid', problem: '' },
      { name: TURN_NAME, usedBy: ['turn:demo'], state: 'valid', problem: '' },
    ]);
    t.same(
      await bind.resolver.resolveTxt(`_acme-challenge.${TURN_NAME}`).catch(() => []),
      [],
      'DNS had no part in it',
    );
    const closed = connect(HTTP_PORT, ADDRESS);
    t.match(await once(closed, 'error'), [{ code: 'ECONNREFUSED' }], 'the port is closed again');
  });

  await t.test('a refusal has the words of the authority, and what to do', async (t) => {
    await records.set(`away.${ZONE}`, [NOBODY]);
    const http = new Http01Responder({ address: ADDRESS, port: HTTP_PORT });
    await t.rejects(
      authority(http).obtain(`away.${ZONE}`, never),
      /127\.0\.67\.2:14000 issues no certificate for away\.video\.test: .*connection refused.*port 80 is open/s,
    );
    await t.rejects(
      authority(http).obtain('invalid..name', never),
      /issues no certificate for invalid\.\.name: /,
    );
    const stranger = new Dns01Responder({ ...zone, keyFile: bind.strangerKeyFile });
    await t.rejects(
      authority(stranger).obtain(TURN_NAME, never),
      /did not take the TXT record _acme-challenge\.turn\.ns-demo\.video\.test: .*dns\.keyFile may change TXT/s,
    );
    await t.rejects(
      authority(http, { directory: `https://${PEBBLE}:9/dir` }).obtain(TURN_NAME, never),
      /cannot be reached.*certificates\.directory/s,
    );
    const elsewhere = { directoryCaFile: bind.keyFile };
    await t.rejects(authority(http, elsewhere).obtain(TURN_NAME, never), /certificates\.directoryCaFile/);
    const first = await new Http01Responder({ address: ADDRESS, port: HTTP_PORT }).answer({
      ...{ name: 'x', token: 'x', answer: 'x' },
    });
    await t.rejects(authority(http).obtain(`away.${ZONE}`, never), /Port 5002 .*another program.*dns-01/s);
    await first();
    await t.rejects(authority(http).obtain(`away.${ZONE}`, AbortSignal.abort()), /no certificate/);
  });
});
