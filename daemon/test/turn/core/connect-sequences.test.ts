/** Random sequences round TCP allocations: no connection id, peer connection, port or unit of a quota is left. */
import fc from 'fast-check';
import t from 'tap';
import { METHOD } from '../../../turn/codec/attribute-types.ts';
import { lifetime } from '../../../turn/codec/attributes.ts';
import { Bench, PEER, settings, user, type Client } from './harness.ts';

const PEERS = [
  PEER,
  { ...PEER, port: 20_001 },
  { address: '10.0.0.10', port: 20_000 },
  { address: '10.0.0.8', port: 1 },
];
const LIMITS = {
  ...settings().limits,
  ...{ dataConnectionsPerAllocation: 3, dataConnectionsPerUser: 4, dataConnections: 5 },
};

const step = fc.record({
  kind: fc.constantFrom(
    ...(['allocate', 'allocate', 'permit', 'permit', 'connect', 'connect', 'connect'] as const),
    ...(['answers', 'answers', 'refuses', 'arrives', 'arrives', 'bind', 'bind', 'closes'] as const),
    ...(['control-closes', 'release', 'wait', 'disconnect', 'reload'] as const),
  ),
  client: fc.nat(3),
  pick: fc.nat(3),
});

t.test('no connection is left behind', (t) => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80, size: 'max' }), (steps) => {
      const bench = new Bench({ tcpRelaying: true, limits: LIMITS });
      const users = [user(), user({ subject: 'b' })];
      const clients = users.flatMap((one, at) =>
        [1, 2].map((port) => bench.client(2 * at + port, one, 'tcp')),
      );
      // They begin with what most sequences would never come to.
      for (const client of clients.slice(0, 3)) {
        bench.allocateTcp(client);
        for (const peer of PEERS.slice(0, 2)) bench.permit(client, peer);
      }
      for (const { kind, client: at, pick } of steps) {
        const client = clients[at]!;
        const connection = [...bench.connections][pick];
        switch (kind) {
          case 'allocate':
            // The last client relays datagrams: nothing here may give it a connection.
            if (at === 3) bench.allocate(client);
            else bench.allocateTcp(client);
            break;
          case 'permit':
            bench.permit(client, PEERS[pick]);
            break;
          case 'connect':
            bench.connect(client, PEERS[pick]);
            break;
          case 'answers':
          case 'refuses':
            if (connection !== undefined) bench.peerAnswers(connection, kind === 'answers');
            break;
          case 'arrives':
            if (hasRelay(bench, client)) bench.peerArrives(client, PEERS[pick]);
            break;
          case 'bind':
            // Of the right user in one case of two.
            if (connection === undefined) break;
            bench.connectionBind(bench.client(100 + at, users[at % 2], 'tcp'), connection.id);
            break;
          case 'closes':
            if (connection !== undefined) bench.note(bench.core.peerClosed(connection, bench.nowMs));
            break;
          case 'control-closes':
            bench.note(bench.core.clientClosed(client, bench.nowMs));
            break;
          case 'release':
            bench.request(client, METHOD.REFRESH, [lifetime(0)]);
            break;
          case 'wait':
            bench.advance(pick * 11_000);
            break;
          case 'disconnect':
            if (pick === 0) bench.note(bench.core.disconnect(users[at % 2]!.username).actions);
            break;
          case 'reload':
            bench.note(
              bench.core.configure(settings({ tcpRelaying: pick !== 0, limits: LIMITS }), bench.nowMs),
            );
            break;
        }
        for (const { state, request } of bench.connections) {
          seen.add(`${request === undefined ? 'from' : 'to'} peer, ${state}`);
        }
        if (!consistent(bench)) return false;
      }
      bench.advance(10_000_000);
      const left = Object.values(bench.core.sizes).some((size) => size !== 0);
      return !left && bench.relays.size === 0 && bench.connections.size === 0;
    }),
    { numRuns: 250 },
  );
  // A generator that never got there would prove nothing.
  t.same([...seen].sort(), [
    'from peer, bound',
    'from peer, pending',
    'to peer, bound',
    'to peer, connecting',
    'to peer, pending',
  ]);
  t.end();
});

function hasRelay(bench: Bench, client: Client): boolean {
  return bench.core.lookup(client.listener, client.address, client.port)?.relays[0] !== undefined;
}

function consistent(bench: Bench): boolean {
  const { core, connections } = bench;
  const held = [...core.allocations()].flatMap((allocation) => [...allocation.connections]);
  const of = (holder: string): number =>
    held.filter(({ allocation }) => allocation.username === holder).length;
  return (
    held.length === connections.size &&
    held.length === core.sizes.connections &&
    held.length <= LIMITS.dataConnections &&
    new Set(held.map(({ id }) => id)).size === held.length &&
    core.limits.find(({ name }) => name === 'dataConnections')?.used === held.length &&
    held.every((one) => {
      const { allocation, state, relay } = one;
      return (
        connections.has(one) &&
        state !== 'closed' &&
        allocation.relayTransport === 'tcp' &&
        allocation.relays.includes(relay) &&
        allocation.connections.size <= LIMITS.dataConnectionsPerAllocation &&
        of(allocation.username) <= LIMITS.dataConnectionsPerUser
      );
    })
  );
}
