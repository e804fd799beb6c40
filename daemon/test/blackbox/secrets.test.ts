/**
 * A run of the whole product in which everything secret is used, rightly and wrongly: none of it may be found in what
 * the run wrote, said or answered afterwards. Searched are the logs of daemon and services, the database, the state
 * file, the audit, the command line's output, refusals of the API, and the arguments and environments of all
 * processes. The only files that hold secrets are those whose work it is, and they are 0600.
 */
import { once } from 'node:events';
import { createHmac } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import t from 'tap';
import { WebSocket } from 'ws';
import { run } from '../../../cli/program.ts';
import type { DeviceCreated, DeviceTunnel, DeviceTurn } from '../../contract/api.ts';
import type { TurnCredentials } from '../../contract/ice.ts';
import { Appliance } from '../helpers/appliance.ts';
import { TurnClient } from '../helpers/turn-client.ts';

t.setTimeout(170_000);

const ADDRESS = '127.0.67.41';
/** Files that exist to hold secrets. Private keys of certificates are in the last two. */
const HOLDERS = /^(?:keys\/|services\/[^/]+\.json$|ca\/|turn-certificates\/|given\/)/;
/** Shorter ones would be found by chance. */
const MIN_SECRET_CHARS = 12;

class Secrets {
  readonly #known = new Map<string, string>();

  /** A text, or bytes in each of the forms they are written in. */
  add(name: string, secret: string | Buffer): void {
    const forms =
      typeof secret === 'string'
        ? [secret, encodeURIComponent(secret)]
        : [
            secret.toString('hex'),
            secret.toString('base64'),
            secret.toString('base64url'),
            secret.toString('latin1'),
          ];
    for (const form of forms) {
      if (form.length < MIN_SECRET_CHARS) throw new Error(`${name} is too short to be looked for`);
      this.#known.set(form, name);
    }
  }

  get names(): string[] {
    return [...new Set(this.#known.values())];
  }

  /** Names of what is in it. */
  foundIn(bytes: Buffer): string[] {
    const text = bytes.toString('latin1');
    return [...this.#known].filter(([secret]) => text.includes(secret)).map(([, name]) => name);
  }
}

function filesUnder(root: string): string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
}

/** The process and all below it. */
function processTree(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc').filter((one) => /^\d+$/.test(one))) {
    try {
      const parent = Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${name}/status`, 'utf8'))?.[1]);
      children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
    } catch {
      // It ended meanwhile.
    }
  }
  const all = [root];
  for (const pid of all) all.push(...(children.get(pid) ?? []));
  return all;
}

t.test('nothing secret is in what a run leaves behind', async (t) => {
  const secrets = new Secrets();
  /** What was said and answered, by whom. What is shown on purpose, once, is not kept here. */
  const said: { where: string; bytes: Buffer }[] = [];
  const keep = (where: string, text: string): void => void said.push({ where, bytes: Buffer.from(text) });
  const tsig = createHmac('sha256', 'k').update('tsig').digest('base64');
  const appliance = await Appliance.start(t, ADDRESS, {
    logging: { level: 'debug' },
    turn: { bindAddresses: [ADDRESS], hostName: null },
  });
  const { api, dir, url } = appliance;

  const given = (name: string, text: string): string => {
    const path = join(dir, 'given');
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, name), text, { mode: 0o600 });
    return join(path, name);
  };
  const cli = async (...args: string[]): Promise<string> => {
    let text = '';
    const write = (part: string): void => {
      text += part;
    };
    await run(['--socket', api.socketPath, ...args], { out: write, err: write }, {});
    return text;
  };
  /** Over the network, as strangers come. The answer is kept: it is meant to be a refusal. */
  const refusedBy = async (path: string, init: RequestInit & { json?: unknown } = {}): Promise<void> => {
    const { json, ...rest } = init;
    const body = json === undefined ? {} : { method: 'POST', body: JSON.stringify(json) };
    const headers = {
      'content-type': 'application/json',
      ...(rest.headers as Record<string, string> | undefined),
    };
    const answer = await fetch(url + path, { ...body, ...rest, headers });
    t.ok(answer.status >= 400, `${path} is refused`);
    keep(`answer of ${path.split('?')[0]!}`, JSON.stringify([...answer.headers]) + (await answer.text()));
  };

  // People.
  t.match(await appliance.enableNamespace('demo'), { state: 'succeeded' });
  const { password } = await api.post<{ password: string }>('/v1/users/admin/reset-password', {});
  secrets.add('password', password);
  const wrong = 'wrong-password-3f9a';
  secrets.add('wrong password', wrong);
  const origin = { origin: url };
  await refusedBy('/v1/session', { json: { user: 'admin', password: wrong }, headers: origin });
  await refusedBy('/v1/session', {
    method: 'POST',
    body: `{"user":"admin","password":"${password}"`,
    headers: origin,
  });
  const signIn = await fetch(`${url}/v1/session`, {
    ...{ method: 'POST', body: JSON.stringify({ user: 'admin', password }) },
    headers: { 'content-type': 'application/json', ...origin },
  });
  t.equal(signIn.status, 201);
  const cookie = signIn.headers.get('set-cookie')!.split(';')[0]!;
  secrets.add('session cookie', cookie.split('=')[1]!);
  await refusedBy('/v1/namespaces', { json: { name: 'demo' }, headers: { cookie, ...origin } });
  const { code } = await api.post<{ code: string }>('/v1/users/admin/sign-in-code', {});
  secrets.add('sign-in code', code);
  await refusedBy('/v1/session', { json: { code: `${code}x` }, headers: origin });

  // Applications and their users.
  const { key } = await api.post<{ key: string }>('/v1/namespaces/demo/api-keys', {
    name: 'shop',
    role: 'operator',
  });
  secrets.add('API key', key);
  await refusedBy('/v1/namespaces/other', { headers: { 'x-api-key': key } });
  await refusedBy('/v1/namespaces/demo', { headers: { authorization: `ApiKey ${key}x` } });
  await refusedBy(`/v1/webrtc/rooms?api_key=${key}`);
  await refusedBy(`/v1/webrtc/signal?api_key=${key}`);
  const { token } = await api.post<{ token: string }>('/v1/namespaces/demo/tokens', { subject: 'alice' });
  secrets.add('token', token);
  secrets.add('signature of the token', token.split('.')[2]!);
  await refusedBy('/v1/users', { headers: { authorization: `Bearer ${token}` } });
  await refusedBy('/v1/webrtc/rooms', { headers: { authorization: `Bearer ${token.slice(0, -4)}` } });
  await refusedBy(`/v1/webrtc/signal?token=${token}`);
  keep('issuer test', await cli('issuer', 'test', given('token', token)));
  const { ticket } = await api.post<{ ticket: string }>('/v1/webrtc/tickets', { namespace: 'demo' });
  secrets.add('ticket', ticket);
  for (const query of [`ticket=${ticket}`, `api_key=${key}`, `token=${token}`, `ticket=${ticket}`]) {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/webrtc/signal?room=lobby&${query}`);
    socket.on('error', (error) => {
      keep('signaling socket', error.message);
    });
    socket.on('open', () => {
      socket.send(JSON.stringify({ type: 'join', data: { roomId: 'lobby', nonsense: ticket } }));
      socket.send(JSON.stringify({ type: 'offer', data: { sdp: key } }));
    });
    // The second use of the ticket is refused: an error, and no frame.
    const answered = (await Promise.race([once(socket, 'message'), once(socket, 'close')]).catch(
      () => [],
    )) as [(Buffer | number)?];
    keep('signaling socket', (answered[0] ?? '').toString());
    socket.terminate();
  }

  // TURN: the secret, credentials of it, and both derived kinds.
  const turnConfig = join(dir, 'services', 'turn-demo.json');
  const configText = readFileSync(turnConfig, 'utf8');
  for (const [, secret] of configText.matchAll(/"(?:secret|key|ticketKey)":\s*"([^"]{20,})"/g))
    secrets.add('TURN secret', secret!);
  const status = await appliance.status('demo');
  const credentials = await api.post<TurnCredentials>('/v1/webrtc/turn/credentials', { namespace: 'demo' });
  secrets.add('TURN password', credentials.password);
  const dial = async (password: string): Promise<number | string> => {
    const at = { transport: 'udp', address: ADDRESS, port: status.ports!.turn } as const;
    const client = await TurnClient.open(t, { ...at, username: credentials.username, password });
    const { code } = await client.allocate();
    client.close();
    return code;
  };
  t.equal(await dial(credentials.password), 'success');
  t.equal(await dial('wrong-turn-password-77'), 401);
  secrets.add('wrong TURN password', 'wrong-turn-password-77');
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const soon = Math.floor(Date.now() / 1000) + 3000;
  const signature = 'c2lnbmF0dXJlIG9mIGEgcGF0';
  const pat = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ type: 'pat', token_endpoint: '0badc0de', exp: soon })}.${signature}`;
  secrets.add('access token', pat);
  secrets.add('signature of the access token', signature);
  keep('turn add-key', await cli('turn', 'add-key', '-n', 'demo', '--token-file', given('pat', pat)));
  keep('turn add-key', await cli('turn', 'add-key', '-n', 'demo', '--token-file', given('bad', `${pat}.x`)));
  keep('turn keys', await cli('turn', 'keys', '-n', 'demo'));
  keep('turn status', await cli('turn', 'status', '-n', 'demo'));
  keep('turn sessions', await cli('turn', 'sessions', '-n', 'demo', '--json'));
  keep('rotate', await cli('turn', 'rotate-secret', '-n', 'demo', '--json'));

  // Cameras.
  const camera = await api.post<DeviceCreated>('/api/devices', { name: 'Dock', namespace: 'demo' });
  secrets.add('device secret', camera.secret);
  const provision = async <T>(path: string): Promise<T> => {
    const answer = await fetch(url + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${camera.secret}` },
    });
    t.ok(answer.ok, path);
    return (await answer.json()) as T;
  };
  const tunnel = await provision<DeviceTunnel>('/api/devices/tunnel');
  const turn = await provision<DeviceTurn>('/api/devices/turn');
  for (const [name, value] of Object.entries({ ...tunnel, ...turn })) {
    if (/token|credential|password|secret/i.test(name) && typeof value === 'string')
      secrets.add(`camera's ${name}`, value);
  }
  await refusedBy('/api/devices/tunnel', {
    method: 'POST',
    headers: { authorization: `Bearer ${camera.secret}x` },
  });
  await refusedBy(`/whip/${camera.device.id}`, {
    method: 'POST',
    body: 'v=0',
    headers: { authorization: `Bearer ${camera.secret}` },
  });

  // A backup, and what everybody says at the end.
  const passphrase = 'correct horse battery';
  secrets.add('passphrase', passphrase);
  const config = join(dir, 'turnkeep.yaml');
  keep(
    'backup',
    await cli(
      'backup',
      'create',
      join(dir, 'one.backup'),
      '--config',
      config,
      '--passphrase-file',
      given('passphrase', passphrase),
    ),
  );
  for (const name of readdirSync(join(dir, 'keys')))
    secrets.add(`keys/${name}`, readFileSync(join(dir, 'keys', name)));

  // DNS: an update that nobody answers, with its TSIG key.
  secrets.add('TSIG key', tsig);
  const keyFile = given('tsig', `key "turnkeep" { algorithm hmac-sha256; secret "${tsig}"; };\n`);
  const dns = { manager: 'rfc2136', server: `${ADDRESS}:9`, zone: 'video.test', keyFile };
  const running = JSON.parse(readFileSync(config, 'utf8')) as Record<string, object>;
  const named = {
    ...running,
    dns,
    turn: { bindAddresses: [ADDRESS], hostName: 'turn.ns-{namespace}.video.test' },
  };
  writeFileSync(config, JSON.stringify(named));
  const before = appliance.daemon.starts;
  process.kill(appliance.daemon.pid!, 'SIGTERM');
  await appliance.until('the daemon is back', async () => {
    return appliance.daemon.starts > before && (await api.get<{ ready: boolean }>('/readyz')).ready;
  });
  const failed = await appliance.enableNamespace('second');
  t.equal(failed.state, 'failed');
  t.match(JSON.stringify(failed), /nsupdate|did not set/);
  keep('operation', JSON.stringify(failed));
  t.match(await appliance.status('demo'), { state: 'enabled' });

  const pids = processTree(appliance.daemon.pid!);
  t.ok(pids.length >= 3, 'the daemon, a TURN and an SFU service');
  for (const pid of pids) {
    for (const file of ['cmdline', 'environ']) {
      const path = `/proc/${String(pid)}/${file}`;
      said.push({ where: path, bytes: readFileSync(path) });
    }
  }
  for (const path of [
    '/v1/audit?limit=1000',
    '/v1/config',
    '/v1/inspect',
    '/v1/monitor',
    '/v1/issuers',
    '/v1/operations',
    '/metrics',
    '/v1/users',
  ]) {
    const answer = await fetch(url + path, { headers: { cookie } });
    t.equal(answer.status, 200, path);
    keep(path, await answer.text());
  }
  await appliance.daemon.stop();

  t.ok(secrets.names.length >= 18, secrets.names.join(', '));
  for (const { where, bytes } of said) t.strictSame(secrets.foundIn(bytes), [], where);
  const files = filesUnder(dir);
  for (const wanted of ['turnkeep.db', 'cluster_state.json', 'daemon.log', 'one.backup'])
    t.ok(files.includes(wanted), wanted);
  const held = new Set<string>();
  for (const file of files) {
    const path = join(dir, file);
    const found = secrets.foundIn(readFileSync(path));
    if (HOLDERS.test(file)) {
      for (const name of found) held.add(name);
      if (found.length > 0) t.equal(statSync(path).mode & 0o077, 0, `${file} is for its owner alone`);
    } else {
      t.strictSame(found, [], file);
    }
  }
  t.ok(
    held.has('TURN secret') && held.has('keys/host.key') && held.has('TSIG key'),
    'the search finds what is there',
  );
});
