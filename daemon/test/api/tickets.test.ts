/** Tickets an application asks for on behalf of its users: less than it has itself, never more. */
import t from 'tap';
import type { Role } from '../../contract/api.ts';
import { apiBench, errorOf, route, type ApiBench } from '../helpers/api-bench.ts';

const ask = (bench: ApiBench, role: Role, payload: object) =>
  bench.network.inject(
    route('POST /v1/webrtc/tickets', {
      headers: bench.key('a', role),
      payload: { namespace: 'a', ...payload },
    }),
  );

t.test('a ticket grants the rooms, the role and the name that were asked for', async (t) => {
  const bench = await apiBench(t);
  const grant = async (role: Role, payload: object) => {
    const answer = await ask(bench, role, payload);
    t.equal(answer.statusCode, 201, answer.body);
    return bench.context.tickets.redeem(answer.json<{ ticket: string }>().ticket);
  };
  t.match(await grant('operator', {}), { role: 'publisher', rooms: null, name: /^key:/ });
  t.match(await grant('operator', { role: 'viewer', rooms: ['lobby'], name: 'Ada' }), {
    namespace: 'a',
    identity: /^key:/,
    role: 'viewer',
    rooms: ['lobby'],
    name: 'Ada',
  });
  t.match(await grant('viewer', { role: 'viewer' }), { role: 'viewer' });
});

t.test('a viewer gives no right to publish; a person keeps the own name', async (t) => {
  const bench = await apiBench(t);
  const refused = await ask(bench, 'viewer', { role: 'publisher' });
  t.equal(refused.statusCode, 403);
  t.equal(errorOf(refused), 'forbidden');
  for (const payload of [{ rooms: [] }, { rooms: ['not a room!'] }, { role: 'owner' }, { name: '' }]) {
    t.equal((await ask(bench, 'owner', payload)).statusCode, 400, JSON.stringify(payload));
  }
  const answer = await bench.network.inject(
    route('POST /v1/webrtc/tickets', {
      headers: await bench.as('owner'),
      payload: { namespace: 'a', name: 'Somebody else' },
    }),
  );
  const granted = bench.context.tickets.redeem(answer.json<{ ticket: string }>().ticket);
  t.equal(granted?.name, granted?.identity);
});
