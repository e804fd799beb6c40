/** Random sequences of operations: whatever happens, nothing leaks and nothing outlives its owner. */
import fc from 'fast-check';
import t from 'tap';
import { ATTRIBUTE, METHOD } from '../../../turn/codec/attribute-types.ts';
import { addressFamily, lifetime, requestedTransport } from '../../../turn/codec/attributes.ts';
import { Bench, PEER, PEER6, settings, user, type Acts, type Client } from './harness.ts';

const PEERS = [
  PEER,
  { ...PEER, port: 20001 },
  PEER6,
  { address: '10.0.0.10', port: 20000 },
  { address: '10.0.0.8', port: 1 },
];
const EXTRAS = [
  [],
  [{ type: ATTRIBUTE.EVEN_PORT, value: Buffer.from([0x80]) }],
  [addressFamily(ATTRIBUTE.REQUESTED_ADDRESS_FAMILY, 6)],
  [addressFamily(ATTRIBUTE.ADDITIONAL_ADDRESS_FAMILY, 6)],
];

const step = fc.record({
  kind: fc.constantFrom(
    'challenge',
    'allocate',
    'opened',
    'failed',
    'refresh',
    'release',
    'permit',
    'bind',
    'send',
    'closed',
    'wait',
    'disconnect',
    'reload',
  ),
  client: fc.nat(4),
  pick: fc.nat(4),
});

t.test('no relay leaks, no channel is orphaned, quotas add up', (t) => {
  fc.assert(
    // Without a size most sequences end before the first allocation is open.
    fc.property(fc.array(step, { maxLength: 120, size: 'max' }), (steps) => {
      const bench = new Bench({ limits: { ...settings().limits, channelsPerAllocation: 3 } });
      const users = [user(), user({ subject: 'b' })];
      const clients: Client[] = Array.from({ length: 5 }, (_, at) =>
        bench.client(at + 1, users[at % 2], at > 2 ? 'tcp' : 'udp'),
      );
      let opening: Acts = [];
      for (const { kind, client: at, pick } of steps) {
        const client = clients[at]!;
        const { session } = client;
        switch (kind) {
          case 'challenge':
            bench.once(client, session.request(METHOD.REFRESH, []));
            break;
          case 'allocate':
            opening.push(
              ...bench.feed(
                client,
                session.request(METHOD.ALLOCATE, [requestedTransport(17), ...EXTRAS[pick % 4]!]).bytes,
              ),
            );
            break;
          case 'opened':
          case 'failed': {
            const now = opening;
            opening = [];
            bench.openRelays(now, (family) => kind === 'opened' || (family === 4 && pick === 0));
            break;
          }
          case 'refresh':
            bench.once(client, session.request(METHOD.REFRESH, []));
            break;
          case 'release':
            bench.once(client, session.request(METHOD.REFRESH, [lifetime(0)]));
            break;
          case 'permit':
            bench.permit(client, PEERS[pick]);
            break;
          case 'bind':
            bench.bind(client, 0x4000 + (pick % 3), PEERS[(pick + at) % 5]);
            break;
          case 'send':
            for (const action of bench.send(client, PEERS[pick])) {
              if (action.type === 'send-peer' && !bench.core.allowsPeer(action.address, action.port))
                return false;
            }
            break;
          case 'closed':
            bench.note(bench.core.clientClosed(client, bench.nowMs));
            break;
          case 'wait':
            bench.advance(pick * 97_000);
            break;
          case 'disconnect':
            bench.note(bench.core.disconnect(users[pick % 2]!.username).actions);
            break;
          case 'reload':
            bench.note(bench.core.configure(settings(), bench.nowMs));
            break;
        }
        if (!consistent(bench)) return false;
      }
      bench.openRelays(opening);
      bench.advance(10_000_000);
      const { sizes } = bench.core;
      return bench.relays.size === 0 && Object.values(sizes).every((size) => size === 0);
    }),
    { numRuns: 300 },
  );
  t.pass('for every sequence');
  t.end();
});

t.test('nothing is remembered before authentication', (t) => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({ port: fc.nat(65535), method: fc.nat(12), signed: fc.boolean(), pick: fc.nat(3) }),
        {
          maxLength: 60,
        },
      ),
      (requests) => {
        const bench = new Bench();
        for (const { port, method, signed, pick } of requests) {
          const client = bench.client(port, { username: user().username, password: 'guessed' });
          if (signed) bench.once(client, client.session.request(METHOD.ALLOCATE, []));
          bench.feed(
            client,
            client.session.request(method, [requestedTransport(17), ...EXTRAS[pick]!]).bytes,
          );
        }
        return Object.values(bench.core.sizes).every((size) => size === 0) && bench.relays.size === 0;
      },
    ),
  );
  t.pass('for every sequence');
  t.end();
});

function consistent(bench: Bench): boolean {
  let owned = 0;
  const held = { allocations: bench.core.sizes.reservations, permissions: 0, channels: 0 };
  for (const allocation of bench.core.allocations()) {
    owned += allocation.relays.length;
    held.allocations += 1;
    held.permissions += allocation.permissions.length;
    held.channels += allocation.channels.size;
    if (allocation.state === 'ended') return false;
    if (allocation.state === 'open' && allocation.relays.length === 0) return false;
    for (const channel of allocation.channels.values()) {
      if (allocation.hosts.get(channel.address)?.channels.get(channel.port) !== channel) return false;
      if (!allocation.relays.includes(channel.relay)) return false;
    }
    for (const host of allocation.hosts.values()) {
      if (!host.permitted && host.channels.size === 0) return false;
      for (const channel of host.channels.values()) {
        if (allocation.channels.get(channel.number) !== channel) return false;
      }
    }
  }
  for (const { name, used } of bench.core.limits) {
    if (name in held && used !== held[name as keyof typeof held]) return false;
  }
  return bench.relays.size === owned + bench.core.sizes.reservations;
}
