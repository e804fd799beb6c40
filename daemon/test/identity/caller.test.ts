import t from 'tap';
import { ALL_ACTIONS, may, requireMay, type Action, type Caller } from '../../identity/caller.ts';

const user = (role: 'owner' | 'operator' | 'viewer'): Caller => ({
  kind: 'user',
  user: { name: role, role },
  tokenHash: '',
});
const key = (role: 'owner' | 'operator' | 'viewer'): Caller => ({
  kind: 'api-key',
  id: 'k',
  namespace: 'a',
  role,
});

/** Written out again on purpose: a change of the table must be meant. */
const VIEWER: Action[] = ['events.watch', 'namespace.read', 'device.read', 'live_view', 'turn.credentials'];
const OPERATOR: Action[] = [
  ...VIEWER,
  'operation.read',
  'device.change',
  'turn.read',
  'room.read',
  'room.change',
  'token.issue',
  'metrics.read',
  'monitor.read',
];
const HOST: Action[] = [
  'namespace.create',
  'namespace.delete',
  'namespace.quota',
  'host.inspect',
  'host.repair',
  'certificate.renew',
  'config.read',
  'config.reload',
  'host.attack',
  'audit.read',
  'issuer.read',
  'issuer.change',
  'user.read',
  'user.change',
  'user.take-over',
];
const allowed = (caller: Caller, namespace?: string): Action[] =>
  ALL_ACTIONS.filter((action) => may(caller, action, namespace));

t.test('who may do what', (t) => {
  t.strictSame(allowed({ kind: 'local' }), ALL_ACTIONS);
  t.strictSame(allowed(user('viewer'), 'a').sort(), [...VIEWER].sort());
  t.strictSame(allowed(user('operator'), 'a').sort(), [...OPERATOR, 'host.inspect', 'host.repair'].sort());
  t.strictSame(
    allowed(user('owner'), 'a'),
    ALL_ACTIONS.filter((action) => action !== 'user.take-over'),
  );
  t.strictSame(allowed(key('viewer'), 'a').sort(), [...VIEWER].sort());
  t.strictSame(
    allowed(key('owner'), 'a'),
    ALL_ACTIONS.filter((action) => !HOST.includes(action)),
    'an owner key is no owner of the host',
  );
  for (const role of ['viewer', 'operator', 'owner'] as const)
    t.strictSame(allowed(key(role), 'b'), [], `a ${role} key of a does nothing in b`);
  t.end();
});

t.test('a refusal says why', (t) => {
  t.throws(() => requireMay(user('viewer'), 'device.change'), {
    code: 'forbidden',
    message: 'This needs the role operator; you have viewer.',
  });
  t.throws(() => requireMay(key('owner'), 'device.read', { namespace: 'b', code: 'device_not_found' }), {
    code: 'device_not_found',
  });
  t.throws(() => requireMay(user('owner'), 'user.take-over'), /command line/);
  t.throws(() => requireMay(key('owner'), 'namespace.create'), /An API key may not/);
  t.end();
});
