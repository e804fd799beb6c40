/** Registered keys in what the TURN service verifies with; the running service is in blackbox/turn-keys. */
import t from 'tap';
import { MAX_DERIVED_KEYS } from '../../contract/turn-access.ts';
import { patDigest, patTurnKey } from '../../credentials/turn-pat.ts';
import type { Namespaces } from '../../namespaces/namespace-service.ts';
import { settled, World } from '../helpers/namespace-fakes.ts';

const base64url = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

t.test('registered, replaced, ended with the token', async (t) => {
  const world = new World(t);
  const daemon: Namespaces = world.daemon();
  t.teardown(() => daemon.stop());
  await daemon.start();
  daemon.create('demo');
  t.throws(() => daemon.turnKeys.list('demo'), { code: 'webrtc_not_enabled' });
  daemon.enableWebrtc('demo');
  await settled(daemon, 'demo');
  const loaded = () =>
    world.services.loaded.get('turn-demo') as {
      realm: string;
      derived: { endpoint: string; keys: object[] } | null;
    };
  const derived = () => loaded().derived;
  t.equal(derived(), null);
  const exp = Math.floor(world.clock.nowMs() / 1000) + 3600;
  const token = (change: object = {}): string =>
    `x.${base64url({ type: 'pat', token_endpoint: '0badc0de', exp, ...change })}.y`;
  const register = (text: string, tokenEndpoint?: string) =>
    daemon.turnKeys.register('demo', {
      kind: 'pat',
      token: text,
      ...(tokenEndpoint === undefined ? {} : { tokenEndpoint }),
    });

  t.same(await register(token()), {
    kind: 'pat',
    subject: '0badc0de',
    until: new Date(exp * 1000).toISOString(),
  });
  const keyOf = (text: string): string => patTurnKey(patDigest(text), loaded().realm).toString('hex');
  t.same(derived(), { endpoint: 'demo', keys: [{ kind: 'pat', subject: '0badc0de', key: keyOf(token()) }] });
  await register(token({ iat: 1 }));
  t.match(derived(), { keys: [{ key: keyOf(token({ iat: 1 })) }] }, 'a new token of the same endpoint');
  t.equal(derived()!.keys.length, 1);
  await t.rejects(register(token({ token_endpoint: undefined })), {
    code: 'invalid_request',
    message: /name/,
  });
  await t.rejects(register(token(), 'deadbeef'), {
    code: 'invalid_request',
    message: /another token endpoint/,
  });

  for (let at = 1; at < MAX_DERIVED_KEYS; at += 1) {
    await register(token({ token_endpoint: undefined }), at.toString(16).padStart(8, '0'));
  }
  await t.rejects(register(token({ token_endpoint: 'ffffffff' })), {
    code: 'conflict',
    message: /100 registered/,
  });
  await t.rejects(daemon.turnKeys.remove('demo', { kind: 'app', subject: '0badc0de' }), {
    code: 'not_found',
  });
  await daemon.turnKeys.remove('demo', { kind: 'pat', subject: '00000001' });
  await register(token({ token_endpoint: 'ffffffff', exp: exp + 60 }));
  t.equal(derived()!.keys.length, MAX_DERIVED_KEYS);

  world.clock.advance(3_600_000);
  await daemon.turnAccess.sweep();
  t.match(derived(), { keys: [{ subject: 'ffffffff' }] });
  t.equal(derived()!.keys.length, 1, 'ended with their token');
});
