/** A service process that knows derived keys: PAT and APP names allocate beside REST names, others do not. */
import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import t from 'tap';
import { appTurnKey } from '../../credentials/turn-app.ts';
import { patDigest, patTurnKey } from '../../credentials/turn-pat.ts';
import { issueV1Credential, v1Password, type V1Kind } from '../../credentials/turn-v1.ts';
import { credential, startTurn, TurnClient } from '../helpers/turn-client.ts';

t.setTimeout(120_000);

const REALM = 'turnkeep.test';

t.test('derived credentials at a service process', async (t) => {
  const server = generateKeyPairSync('ec', { namedCurve: 'secp521r1' });
  const camera = generateKeyPairSync('ec', { namedCurve: 'secp521r1' });
  const hex = (key: Buffer): string => key.toString('hex');
  const spki = { format: 'der', type: 'spki' } as const;
  const pkcs8 = { format: 'der', type: 'pkcs8' } as const;
  const keyOf = {
    pat: patTurnKey(patDigest('a.personal.token'), REALM),
    // The two sides of the agreement: the service gets the server's, the client makes its own.
    app: appTurnKey(
      {
        privateKeyHex: hex(server.privateKey.export(pkcs8)),
        publicKeyHex: hex(camera.publicKey.export(spki)),
      },
      REALM,
    ),
  };
  const clientKey = {
    pat: keyOf.pat,
    app: appTurnKey(
      {
        privateKeyHex: hex(camera.privateKey.export(pkcs8)),
        publicKeyHex: hex(server.publicKey.export(spki)),
      },
      REALM,
    ),
  };
  const subjectOf = { pat: '0a1b2c3d', app: 'client-1' };
  const issue = (kind: V1Kind, change: Partial<Parameters<typeof issueV1Credential>[0]> = {}) =>
    issueV1Credential({
      key: clientKey[kind],
      kind,
      endpoint: 'demo-proj',
      subject: subjectOf[kind],
      nowMs: Date.now(),
      ...change,
    });
  const keys = (['pat', 'app'] as const).map((kind) => ({
    kind,
    subject: subjectOf[kind],
    key: hex(keyOf[kind]),
  }));
  const derived = { endpoint: 'demo-proj', keys };
  const turn = await startTurn(t, {
    address: '127.0.34.10',
    config: { relay: { addresses: ['127.0.34.11'], minPort: 52000, maxPort: 52099 }, derived },
  });
  const open = (user: { username: string; password: string }, hash: 'sha1' | 'sha256' = 'sha1') =>
    TurnClient.open(t, { transport: 'udp', ...turn, username: user.username, password: user.password, hash });
  const codeOf = async (...args: Parameters<typeof open>) => (await (await open(...args)).allocate()).code;

  t.equal(await codeOf(credential()), 'success', 'REST stands beside them');
  for (const kind of ['pat', 'app'] as const) {
    for (const hash of ['sha1', 'sha256'] as const) {
      t.equal(await codeOf(issue(kind), hash), 'success', `${kind} with ${hash}`);
    }
    t.equal(await codeOf(issue(kind, { endpoint: 'other' })), 401, `${kind} of another endpoint`);
    t.equal(await codeOf(issue(kind, { key: Buffer.alloc(32, 1) })), 401, `${kind} with a wrong key`);
    t.equal(await codeOf(issue(kind, { nowMs: Date.now() - 700_000 })), 401, `${kind} that has expired`);
  }
  // The key a stranger's name is verified with is no secret: verifying may not be enough.
  const stranger = { key: Buffer.alloc(32), subject: 'ffffffff' };
  t.equal(await codeOf(issue('pat', stranger)), 401, 'an unknown subject');
  const swapped = issue('pat').username.replace(':pat:', ':app:');
  t.equal(
    await codeOf({ username: swapped, password: v1Password(keyOf.pat, swapped) }),
    401,
    'a PAT as an APP',
  );
  const hostile = 'v1:1:pat:demo-proj:__proto__';
  t.equal(await codeOf({ username: hostile, password: 'x' }), 401, 'a name outside the grammar');

  const running = await open(issue('pat'));
  t.equal((await running.allocate()).code, 'success');
  writeFileSync(turn.configFile, JSON.stringify({ ...turn.config, derived: { ...derived, keys: [] } }));
  await turn.control.call('reload', {});
  t.equal(await codeOf(issue('pat')), 401, 'a key that a reload took away allocates no more');
  t.equal((await running.refresh(600)).code, 'success', 'what runs goes on');
});
