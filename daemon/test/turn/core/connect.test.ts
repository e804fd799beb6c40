/** TCP relaying (RFC 6062) in the core: who may connect to whom, for how long, and what is left after. */
import t from 'tap';
import { ATTRIBUTE, METHOD } from '../../../turn/codec/attribute-types.ts';
import { addressFamily, lifetime, readConnectionId, readXorAddress } from '../../../turn/codec/attributes.ts';
import { attributeOf, parseStun } from '../../../turn/codec/stun-message.ts';
import { PeerPolicy } from '../../../turn/core/peer-policy.ts';
import { formatIp } from '../../../kit/ip-address.ts';
import {
  Bench,
  errorOf,
  PEER,
  PEER6,
  settings,
  user,
  type Acts,
  type Client,
  type Connection,
} from './harness.ts';

const EMPTY = { allocations: 0, reservations: 0, connections: 0, quotas: 0, deadlines: 0 };
const ALL_FAMILIES = [addressFamily(ATTRIBUTE.ADDITIONAL_ADDRESS_FAMILY, 6)];

function allocated(limits = {}): { bench: Bench; client: Client } {
  const bench = new Bench({ tcpRelaying: true, limits: { ...settings().limits, ...limits } });
  const client = bench.client(1000, user(), 'tcp');
  bench.allocateTcp(client, ALL_FAMILIES);
  return { bench, client };
}

/** Connects to a peer that answers. */
function connected(bench: Bench, client: Client, peer = PEER): { connection: Connection; id: number } {
  bench.connect(client, peer);
  const connection = [...bench.connections].at(-1)!;
  const { code, message } = answerOf(bench.peerAnswers(connection, true));
  if (code !== undefined) throw new Error(`Connect: ${code}`);
  return { connection, id: readConnectionId(attributeOf(message!, ATTRIBUTE.CONNECTION_ID)!)! };
}

function answerOf(actions: Acts): { code: number | undefined; message: ReturnType<typeof parseStun> } {
  const bytes = actions.flatMap((action) => (action.type === 'answer' ? [action.bytes] : []))[0]!;
  const message = parseStun(bytes);
  return { code: errorOf(message!), message };
}

const types = (actions: Acts): string[] => actions.map(({ type }) => type);

t.test('Allocate', (t) => {
  const token = { type: ATTRIBUTE.RESERVATION_TOKEN, value: Buffer.alloc(8) };
  const even = { type: ATTRIBUTE.EVEN_PORT, value: Buffer.from([0]) };
  const dontFragment = { type: ATTRIBUTE.DONT_FRAGMENT, value: Buffer.alloc(0) };
  for (const [name, tcpRelaying, transport, attributes, code] of [
    ['where TCP is not relayed', false, 'tcp', [], 442],
    ['where TCP is not relayed, over UDP', false, 'udp', [], 442],
    ['over UDP', true, 'udp', [], 400],
    ['with a reservation', true, 'tcp', [token], 400],
    ['with EVEN-PORT', true, 'tcp', [even], 400],
    ['with DONT-FRAGMENT', true, 'tcp', [dontFragment], 400],
    ['over TCP', true, 'tcp', [], 'success'],
    ['of both families', true, 'tcp', ALL_FAMILIES, 'success'],
  ] as const) {
    const bench = new Bench({ tcpRelaying });
    const client = bench.client(1, user(), transport);
    t.equal(bench.allocateTcp(client, [...attributes]).code, code, name);
  }
  t.end();
});

t.test('Connect, answer, ConnectionBind', (t) => {
  const { bench, client } = allocated();
  const { code, actions } = bench.connect(client);
  t.equal(code, 'none', 'the answer waits for the peer');
  t.match(actions, [{ type: 'connect-peer', connection: { ...PEER, state: 'connecting' } }]);
  const connection = [...bench.connections][0]!;
  const answer = answerOf(bench.peerAnswers(connection, true));
  const id = readConnectionId(attributeOf(answer.message!, ATTRIBUTE.CONNECTION_ID)!)!;
  t.equal(id, connection.id);
  const data = bench.client(1001, user(), 'tcp');
  const bound = bench.connectionBind(data, id);
  t.equal(bound.code, 'success');
  t.same(types(bound.actions), ['answer', 'bind-connection'], 'the answer goes before the first byte');
  t.equal(connection.state, 'bound');
  t.equal(bench.connectionBind(bench.client(1002, user(), 'tcp'), id).code, 400, 'only once');
  t.same(types(bench.advance(60_000)), [], 'a bound connection has no time limit of its own');
  t.same(types(bench.note(bench.core.peerClosed(connection, bench.nowMs))), ['close-connection']);
  t.same(bench.core.sizes.connections, 0);
  t.equal(connected(bench, client).connection.state, 'pending', 'the peer may be connected to again');
  t.end();
});

t.test('what Connect refuses', (t) => {
  const bench = new Bench({ tcpRelaying: true });
  const stranger = bench.client(1, user(), 'tcp');
  bench.request(stranger, METHOD.REFRESH);
  t.equal(bench.connect(stranger).code, 437, 'no allocation');
  const datagrams = bench.client(2, user({ subject: 'udp' }), 'tcp');
  bench.allocate(datagrams);
  t.equal(bench.connect(datagrams).code, 403, 'an allocation of UDP');
  t.match(bench.core.journal[0], { method: 'Connect', code: 403, detail: { reason: 'relay-kind' } });
  const client = bench.client(3, user(), 'tcp');
  bench.allocateTcp(client);
  t.equal(bench.request(client, METHOD.CONNECT).code, 400, 'no peer');
  t.equal(bench.connect(client, { address: '10.0.0.8', port: 20_000 }).code, 403, 'another address');
  t.equal(bench.connect(client, { ...PEER, port: 22 }).code, 403, 'another port');
  t.equal(bench.connect(client, { ...PEER, port: 0 }).code, 403, 'no port');
  t.equal(bench.connect(client, PEER6).code, 443, 'a family without relay');
  bench.connect(client);
  t.equal(bench.connect(client).code, 446, 'while it is connecting');
  bench.peerAnswers([...bench.connections][0]!, true);
  t.equal(bench.connect(client).code, 446, 'while it waits');
  t.match(bench.core.journal[0]?.detail, { reason: 'connection-exists', peer: '10.0.0.9:20000' });
  t.equal(
    bench.connect(client, { ...PEER, port: 20_001 }).code,
    'none',
    'another port of the peer is another peer',
  );
  t.end();
});

t.test('447: the peer refused, or did not answer for 30 seconds', (t) => {
  const { bench, client } = allocated();
  bench.connect(client);
  const refused = bench.peerAnswers([...bench.connections][0]!, false);
  t.same(types(refused), ['close-connection', 'answer']);
  t.equal(answerOf(refused).code, 447);
  t.match(bench.core.journal[0]?.detail, { reason: 'peer-unreachable', peer: '10.0.0.9:20000' });
  bench.connect(client);
  const late = [...bench.connections][0]!;
  t.same(bench.advance(29_999), []);
  const timedOut = bench.advance(1);
  t.same(types(timedOut), ['close-connection', 'answer']);
  t.equal(answerOf(timedOut).code, 447);
  t.same(bench.peerAnswers(late, true), [], 'an answer after that is nobody’s');
  t.equal(bench.core.sizes.connections, 0);
  t.equal(bench.core.refusals['Connect 447'], 2);
  t.end();
});

t.test('a connection nobody binds is closed after 30 seconds', (t) => {
  const { bench, client } = allocated();
  const { id } = connected(bench, client);
  t.same(bench.advance(29_999), []);
  t.same(types(bench.advance(1)), ['close-connection']);
  t.equal(bench.core.drops.get('data-connection-unbound'), 1);
  t.equal(bench.connectionBind(bench.client(1001, user(), 'tcp'), id).code, 400);
  t.end();
});

t.test('who may bind', (t) => {
  const { bench, client } = allocated();
  const { id } = connected(bench, client);
  const other = user({ subject: 'somebody else' });
  t.equal(bench.connectionBind(bench.client(1, other, 'tcp'), id).code, 441, 'not another user');
  const guess = { username: user().username, password: 'guessed' };
  t.equal(bench.connectionBind(bench.client(2, guess, 'tcp'), id).code, 401, 'not by name alone');
  t.equal(bench.connectionBind(bench.client(3, user(), 'udp'), id).code, 400, 'not over UDP');
  t.equal(bench.connectionBind(client, id).code, 400, 'not the control connection');
  const data = bench.client(4, user(), 'tcp');
  t.equal(bench.connectionBind(data, (id ^ 1) >>> 0).code, 400, 'not by another id');
  t.equal(bench.request(data, METHOD.CONNECTION_BIND).code, 400, 'not without one');
  t.equal(bench.connectionBind(data, id).code, 'success');
  t.end();
});

t.test('the key is the allocation’s, also when its secret was rotated away', (t) => {
  const { bench, client } = allocated();
  const { id } = connected(bench, client);
  const { credentials } = settings();
  const rotated = settings({
    tcpRelaying: true,
    credentials: { resolve: (...all) => ({ ...credentials.resolve(...all), keys: [Buffer.alloc(16)] }) },
  });
  bench.core.configure(rotated, bench.nowMs);
  t.equal(bench.connectionBind(bench.client(1001, user(), 'tcp'), id).code, 'success');
  t.end();
});

t.test('a peer connects', (t) => {
  const { bench, client } = allocated();
  t.equal(bench.peerArrives(client).connection, undefined, 'without a permission');
  t.equal(bench.core.drops.get('no-permission'), 1);
  bench.permit(client);
  t.equal(
    bench.peerArrives(client, { ...PEER, port: 4444 }).connection,
    undefined,
    'from a port of somebody else',
  );
  t.equal(bench.core.drops.get('peer-refused'), 1);
  t.match(bench.core.journal[0], { method: 'ConnectionAttempt', code: 403 });
  const { connection, actions } = bench.peerArrives(client);
  t.match(actions, [{ type: 'answer', client: { port: client.port } }]);
  const { message } = answerOf(actions);
  t.match(message, { class: 'indication', method: METHOD.CONNECTION_ATTEMPT });
  const peer = readXorAddress(attributeOf(message!, ATTRIBUTE.XOR_PEER_ADDRESS)!, message!.transactionId)!;
  t.same([formatIp(peer.address), peer.port], [PEER.address, PEER.port]);
  const id = readConnectionId(attributeOf(message!, ATTRIBUTE.CONNECTION_ID)!)!;
  t.equal(bench.connect(client).code, 446, 'there is a connection to this peer');
  t.equal(bench.connectionBind(bench.client(1001, user(), 'tcp'), id).code, 'success');
  t.same(types(bench.advance(300_001)), [], 'it outlives the permission');
  t.equal(connection?.state, 'bound');
  t.equal(
    bench.peerArrives(client, { ...PEER, port: 20_001 }).connection,
    undefined,
    'and lets nobody else in',
  );
  t.end();
});

t.test('messages of datagrams on a TCP allocation', (t) => {
  const { bench, client } = allocated();
  t.equal(bench.permit(client).code, 'success');
  t.equal(bench.bind(client, 0x4000).code, 403);
  t.same(bench.send(client), []);
  t.equal(bench.core.drops.get('relay-kind'), 1);
  t.end();
});

t.test('limits, each by its name', (t) => {
  for (const name of [
    'dataConnectionsPerAllocation',
    'dataConnectionsPerUser',
    'dataConnectionsPerSubject',
    'dataConnections',
    'dataConnectionsOfNode',
  ] as const) {
    const { bench, client } = allocated({ [name]: 2 });
    bench.permit(client);
    connected(bench, client);
    t.ok(bench.peerArrives(client, { ...PEER, port: 20_001 }).connection);
    const { code, actions } = bench.connect(client, { ...PEER, port: 20_002 });
    t.equal(code, 508, name);
    t.match(actions, [{ type: 'answer' }, { type: 'quota-reached', bucket: name }]);
    t.equal(bench.peerArrives(client, { ...PEER, port: 20_003 }).connection, undefined);
    t.equal(bench.core.drops.get('data-connection-limit'), 1);
    t.match(bench.core.journal[0]?.detail, { reason: 'quota', bucket: name });
    bench.advance(30_000);
    t.equal(bench.connect(client, { ...PEER, port: 20_002 }).code, 'none', 'after they were given back');
  }
  t.end();
});

t.test('every end of an allocation is the end of its data connections', (t) => {
  const ends: Record<string, (bench: Bench, client: Client) => Acts> = {
    'the control connection closes': (bench, client) => bench.core.clientClosed(client, bench.nowMs),
    disconnect: (bench) => bench.core.disconnect(user().username).actions,
    revocation: (bench) =>
      bench.core.configure(
        settings({
          tcpRelaying: true,
          session: { ...settings().session, revoked: new Map([['ann', bench.nowMs + 1000]]) },
        }),
        bench.nowMs,
      ),
    'TCP is no longer relayed': (bench) => bench.core.configure(settings(), bench.nowMs),
    expiry: (bench) => {
      bench.nowMs += 600_000;
      return bench.core.expire(bench.nowMs);
    },
    'Refresh(0)': (bench, client) => bench.request(client, METHOD.REFRESH, [lifetime(0)]).actions,
  };
  for (const [name, end] of Object.entries(ends)) {
    const bench = new Bench({ tcpRelaying: true });
    const ann = user(name === 'revocation' ? { subject: 'ann' } : {});
    const client = bench.client(1000, ann, 'tcp');
    bench.allocateTcp(client, ALL_FAMILIES);
    const { id } = connected(bench, client);
    bench.connectionBind(bench.client(1001, ann, 'tcp'), id);
    if (name !== 'expiry') {
      connected(bench, client, PEER6);
      bench.connect(client, { ...PEER, port: 20_001 });
    }
    const actions = end(bench, client);
    if (name !== 'Refresh(0)') bench.note(actions);
    t.equal(bench.connections.size, 0, name);
    t.equal(types(actions).at(-1), 'ended', name);
    t.same(bench.core.sizes, EMPTY, name);
  }
  t.end();
});

t.test('a peer that is no longer allowed, and a family that is given back, lose their connections', (t) => {
  const { bench, client } = allocated();
  connected(bench, client);
  connected(bench, client, PEER6);
  const six = addressFamily(ATTRIBUTE.REQUESTED_ADDRESS_FAMILY, 6);
  bench.request(client, METHOD.REFRESH, [lifetime(0), six]);
  t.same(
    [...bench.connections].map(({ address }) => address),
    [PEER.address],
  );
  const narrow = new PeerPolicy([{ address: PEER.address, minPort: 20_001, maxPort: 20_009 }]);
  t.same(
    types(bench.note(bench.core.configure(settings({ tcpRelaying: true, policy: narrow }), bench.nowMs))),
    ['close-connection'],
  );
  t.equal(bench.core.sizes.connections, 0);
  t.equal(bench.core.sizes.allocations, 1);
  t.end();
});
