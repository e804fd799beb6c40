/**
 * Tokens and applications that were registered derive credentials the TURN service takes, before and after a
 * restart of the daemon that lost its database; nobody else does.
 */
import { generateKeyPairSync } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { run } from '../../../cli/program.ts';
import { turnKeyListSchema } from '../../contract/turn-access.ts';
import { issueAppCredential } from '../../credentials/turn-app.ts';
import { issuePatCredential, patDigest } from '../../credentials/turn-pat.ts';
import { Appliance } from '../helpers/appliance.ts';
import { TurnClient } from '../helpers/turn-client.ts';

t.setTimeout(170_000);

const ADDRESS = '127.0.43.7';
const base64url = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const tokenOf = (payload: object): string =>
  `${base64url({ alg: 'HS256', typ: 'JWT' })}.${base64url(payload)}.AAAA`;

t.test('derived credentials of a running appliance', async (t) => {
  const appliance = await Appliance.start(t, ADDRESS);
  t.match(await appliance.enableNamespace('demo'), { state: 'succeeded' });
  const status = await appliance.status('demo');
  const allocate = async (t: Test, credentials: { username: string; password: string }) => {
    const { username, password } = credentials;
    const at = { address: ADDRESS, port: status.ports!.turn };
    const client = await TurnClient.open(t, { transport: 'udp', ...at, username, password });
    return { client, code: (await client.allocate()).code };
  };
  const said: string[] = [];
  const streams = { out: (text: string) => said.push(text), err: (text: string) => said.push(text) };
  const cli = (...args: string[]) =>
    run(['--socket', join(appliance.dir, 'run/turnkeepd.sock'), 'turn', ...args], streams, {});
  const keys = () => appliance.api.get('/v1/namespaces/demo/turn/keys', turnKeyListSchema);
  const file = (name: string, text: string): string => {
    writeFileSync(join(appliance.dir, name), text);
    return join(appliance.dir, name);
  };

  const nowSeconds = Math.floor(Date.now() / 1000);
  const token = tokenOf({ type: 'pat', token_endpoint: '0badc0de', iat: nowSeconds, exp: nowSeconds + 3000 });
  const pair = generateKeyPairSync('ec', { namedCurve: 'secp521r1' });
  const pem = pair.publicKey.export({ format: 'pem', type: 'spki' }).toString();
  const at = { realm: 'demo.turnkeep', endpoint: 'demo' };
  const pat = (change: object = {}) => issuePatCredential({ token, ...at, nowMs: Date.now(), ...change });
  t.equal((await allocate(t, pat())).code, 401, 'nobody is registered');

  const add = (...args: string[]) => cli('add-key', '--namespace', 'demo', ...args);
  t.equal(await add('--token-file', file('token', token)), 0, said.join(''));
  t.match(said.join(''), /pat:0badc0de may derive credentials of demo until 20/);
  t.equal(
    await add('--client-id', 'client-1', '--public-key-file', file('client.pem', pem)),
    0,
    said.join(''),
  );
  const list = await keys();
  t.match(list, {
    ...at,
    items: [
      { kind: 'pat', subject: '0badc0de' },
      { kind: 'app', subject: 'client-1' },
    ],
  });
  const ring = await fetch(`${appliance.url}/keyrings/turn/${list.realm}.spki.der.hex`);
  const serverPublicKeyHex = await ring.text();
  t.equal(serverPublicKeyHex, list.serverPublicKey, 'where SDKs look it up');
  t.equal((await fetch(`${appliance.url}/keyrings/turn/none.spki.der.hex`)).status, 404);
  const clientSecretHex = pair.privateKey.export({ format: 'der', type: 'pkcs8' }).toString('hex');
  const app = (change: object = {}) =>
    issueAppCredential({
      clientId: 'client-1',
      clientSecretHex,
      serverPublicKeyHex,
      ...at,
      nowMs: Date.now(),
      ...change,
    });
  const works = async (when: string): Promise<void> => {
    for (const [name, issue] of Object.entries({ pat, app })) {
      const { client, code } = await allocate(t, issue());
      t.equal(code, 'success', `${name} ${when}`);
      t.equal((await client.refresh(0)).code, 'success');
      t.equal((await allocate(t, issue({ endpoint: 'other' }))).code, 401, `${name} of another endpoint`);
      t.equal((await allocate(t, issue({ realm: 'other.turnkeep' }))).code, 401, `${name} of another realm`);
    }
  };
  await works('at once');
  t.equal((await allocate(t, app({ clientId: 'client-2' }))).code, 401, 'another application');

  const bad = (text: string) => add('--token-file', file('bad', text));
  t.equal(await bad('no token'), 2);
  t.equal(await bad(tokenOf({ type: 'pat', token_endpoint: '0badc0de', exp: nowSeconds - 1 })), 2);
  t.equal(await add('--client-id', 'x', '--public-key-file', file('bad.pem', 'abcd')), 2);
  t.match(said.join(''), /no personal access token[^]*has expired[^]*not a P-521 key/);
  t.equal(await add('--client-id', 'x'), 2);

  process.kill(appliance.daemon.pid!, 'SIGKILL');
  for (const name of readdirSync(appliance.dir).filter((one) => /^turnkeep\.db/.test(one))) {
    writeFileSync(join(appliance.dir, name), '');
  }
  const starts = appliance.daemon.starts;
  await appliance.until('the daemon is back', async () => {
    return appliance.daemon.starts > starts && (await keys()).items.length === 2;
  });
  await works('after the database was lost');

  const session = await allocate(t, pat());
  t.equal(session.code, 'success');
  t.equal(await cli('remove-key', '--namespace', 'demo', 'pat:0badc0de'), 0, said.join(''));
  t.match(said.join(''), /pat:0badc0de may not derive credentials any more; 1 session ended/);
  t.equal((await allocate(t, pat())).code, 401);
  t.equal((await allocate(t, app())).code, 'success');
  t.equal(await cli('revoke', '--namespace', 'demo', '--subject', 'app:client-1'), 0);
  t.match(said.join(''), /app:client-1 is revoked in demo; 1 session ended/);
  t.equal((await allocate(t, app())).code, 401);

  const state = readFileSync(join(appliance.dir, 'cluster_state.json'), 'utf8');
  const written = [state, readFileSync(join(appliance.dir, 'daemon.log'), 'utf8'), said.join('')].join('');
  for (const secret of [token, patDigest(token).toString('hex'), clientSecretHex]) {
    t.notOk(written.includes(secret), 'nothing in clear');
  }
});
