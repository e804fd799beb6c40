import t from 'tap';
import { ATTRIBUTE, METHOD } from '../../../turn/codec/attribute-types.ts';
import { addressFamily, channelNumber, lifetime, xorAddress } from '../../../turn/codec/attributes.ts';
import { buildStun, parseStun } from '../../../turn/codec/stun-message.ts';
import { EndedAnswers } from '../../../turn/core/ended-answers.ts';
import { PeerPolicy } from '../../../turn/core/peer-policy.ts';
import { endpoint } from '../../helpers/turn-client.ts';
import { Bench, PEER, PEER6, settings, user, type Client } from './harness.ts';

const allocated = (change = {}): { bench: Bench; client: Client } => {
  const bench = new Bench(change);
  const client = bench.client(1000);
  bench.allocate(client);
  return { bench, client };
};
const allocation = (bench: Bench) => [...bench.core.allocations()][0]!;

t.test('without an allocation everything is 437', (t) => {
  const bench = new Bench();
  const client = bench.client(1);
  t.equal(bench.request(client, METHOD.REFRESH, []).code, 437);
  t.equal(bench.permit(client).code, 437);
  t.equal(bench.bind(client, 0x4000).code, 437);
  t.same(bench.send(client), []);
  t.equal(bench.core.drops.get('no-allocation'), 1);
  t.end();
});

t.test('CreatePermission takes all its peers or none', (t) => {
  const { bench, client } = allocated();
  const request = (...addresses: string[]) => {
    const id = Buffer.alloc(12);
    return bench.once(
      client,
      client.session.request(
        METHOD.CREATE_PERMISSION,
        // IPv4 addresses are masked with the cookie only, so any transaction id will do.
        addresses.map((address) =>
          xorAddress(ATTRIBUTE.XOR_PEER_ADDRESS, endpoint({ address, port: 0 }), id),
        ),
      ),
    ).code;
  };
  t.equal(request(), 400);
  t.equal(request('10.0.0.9', '10.0.0.8'), 403);
  t.same(allocation(bench).permissions, []);
  t.equal(request('10.0.0.9', '10.0.0.10'), 'success');
  t.equal(allocation(bench).permissions.length, 2);
  t.equal(request('10.0.0.9'), 'success', 'a refresh needs no room');
  t.end();
});

t.test('permissions have a bound, a lifetime, and one family', (t) => {
  const { bench, client } = allocated({
    limits: { ...settings().limits, permissionsPerAllocation: 1 },
  });
  t.equal(bench.permit(client).code, 'success');
  t.equal(bench.permit(client, { address: '10.0.0.10', port: 1 }).code, 508);
  t.equal(bench.permit(client, PEER6).code, 443);
  bench.advance(299_999);
  t.match(bench.send(client), [{ type: 'send-peer' }]);
  bench.advance(1);
  t.same(bench.send(client), []);
  t.equal(bench.core.drops.get('no-permission'), 1);
  t.equal(bench.permit(client, { address: '10.0.0.10', port: 1 }).code, 'success');
  t.end();
});

const MAPPED = { address: '::ffff:10.0.0.9', port: 20000 };

t.test('a peer written in another form is the peer itself', (t) => {
  const bench = new Bench();
  const client = bench.client(1);
  bench.allocate(client, [addressFamily(ATTRIBUTE.ADDITIONAL_ADDRESS_FAMILY, 6)]);
  t.same(bench.send(client, MAPPED), []);
  t.equal(bench.core.drops.get('no-permission'), 1);
  t.equal(bench.permit(client, MAPPED).code, 'success');
  t.same([...allocation(bench).hosts.keys()], [PEER.address]);
  t.equal(allocation(bench).hosts.get(PEER.address)!.ip.family, 4);
  for (const written of [PEER, MAPPED]) {
    t.match(bench.send(client, written), [{ type: 'send-peer', ...PEER, relay: { family: 4 } }]);
  }
  t.same(bench.send(client, { address: '::ffff:10.0.0.8', port: 20000 }), []);
  t.equal(bench.core.drops.get('peer-refused'), 1);
  t.equal(bench.bind(client, 0x4000, MAPPED).code, 'success');
  t.equal(bench.bind(client, 0x4001, PEER).code, 400, 'the same peer on another channel');
  t.match(allocation(bench).channels.get(0x4000), { ...PEER, relay: { family: 4 } });
  const six = addressFamily(ATTRIBUTE.REQUESTED_ADDRESS_FAMILY, 6);
  bench.request(client, METHOD.REFRESH, [lifetime(0), six]);
  t.ok(allocation(bench).channels.has(0x4000), 'it went with IPv4, not with the form');
  t.equal(bench.permit(client, MAPPED).code, 443);
  t.end();
});

t.test('a re-encoding without a relay for what it hides is refused', (t) => {
  const bench = new Bench();
  const client = bench.client(1);
  bench.allocate(client, [addressFamily(ATTRIBUTE.REQUESTED_ADDRESS_FAMILY, 6)]);
  t.equal(bench.permit(client, MAPPED).code, 403);
  t.equal(bench.bind(client, 0x4000, MAPPED).code, 403);
  t.same(bench.send(client, MAPPED), []);
  t.equal(bench.core.drops.get('peer-refused'), 1);
  t.equal(allocation(bench).hosts.size, 0);
  t.end();
});

t.test('ChannelBind', (t) => {
  const { bench, client } = allocated();
  const other = { address: PEER.address, port: 20001 };
  for (const [name, number, peer, code] of [
    ['below the range', 0x3fff, PEER, 400],
    ['above the range of RFC 8656', 0x5000, PEER, 400],
    ['a port outside the block', 0x4000, { ...PEER, port: 20010 }, 403],
    ['port 0', 0x4000, { ...PEER, port: 0 }, 403],
    ['another address', 0x4000, { ...PEER, address: '10.0.0.8' }, 403],
    ['a v4-mapped address, which is written as IPv6', 0x4000, MAPPED, 443],
    ['another family', 0x4000, PEER6, 443],
    ['the first binding', 0x4000, PEER, 'success'],
    ['its refresh', 0x4000, PEER, 'success'],
    ['the channel for another peer', 0x4000, other, 400],
    ['the peer on another channel', 0x4001, PEER, 400],
    ['a second binding', 0x4001, other, 'success'],
    ['one too many', 0x4002, { ...PEER, port: 20002 }, 508],
  ] as const) {
    t.equal(bench.bind(client, number, peer).code, code, name);
  }
  const incomplete = bench.once(client, client.session.request(METHOD.CHANNEL_BIND, [channelNumber(0x4000)]));
  t.equal(incomplete.code, 400);
  t.equal(allocation(bench).permissions.length, 1, 'it installs the permission');
  t.end();
});

t.test('the range of RFC 5766 on request', (t) => {
  const { bench, client } = allocated({ lastChannel: 0x7fff });
  t.equal(bench.bind(client, 0x7fff).code, 'success');
  t.equal(bench.bind(client, 0x8000, { ...PEER, port: 20001 }).code, 400);
  t.end();
});

t.test('a channel outlives its permission and takes it up again', (t) => {
  const { bench, client } = allocated();
  bench.request(client, METHOD.REFRESH, [lifetime(3600)]);
  bench.bind(client, 0x4000);
  bench.advance(300_000);
  const host = allocation(bench).hosts.get(PEER.address)!;
  t.equal(host.permitted, false);
  t.ok(allocation(bench).channels.has(0x4000));
  bench.permit(client);
  t.equal(host.permitted, true);
  t.equal(host.channels.get(PEER.port)?.number, 0x4000);
  bench.advance(299_999);
  t.equal(allocation(bench).channels.size, 1);
  bench.advance(1);
  t.equal(allocation(bench).channels.size, 0, 'after ten minutes it is gone');
  t.equal(allocation(bench).hosts.size, 0);
  t.end();
});

t.test('Send', (t) => {
  const { bench, client } = allocated();
  bench.permit(client);
  t.match(bench.send(client), [{ type: 'send-peer', ...PEER, payload: Buffer.from('hello') }]);
  t.match(bench.send(client, PEER, Buffer.alloc(0)), [{ type: 'send-peer', payload: Buffer.alloc(0) }]);
  t.same(bench.send(client, { ...PEER, port: 22 }), [], 'the port counts');
  t.same(bench.send(client, { address: '10.0.0.8', port: 20000 }), []);
  t.equal(bench.core.drops.get('peer-refused'), 2);
  t.same(bench.send(client, PEER6), []);
  t.equal(bench.core.drops.get('peer-family'), 1);

  const indication = (attributes: { type: number; value: Buffer }[]) =>
    bench.feed(
      client,
      buildStun({ class: 'indication', method: METHOD.SEND, transactionId: Buffer.alloc(12) }, attributes),
    );
  const to = xorAddress(ATTRIBUTE.XOR_PEER_ADDRESS, endpoint(PEER), Buffer.alloc(12));
  const data = (length: number) => ({ type: ATTRIBUTE.DATA, value: Buffer.alloc(length) });
  const dontFragment = { type: ATTRIBUTE.DONT_FRAGMENT, value: Buffer.alloc(0) };
  t.same(indication([to]), [], 'without DATA');
  t.same(indication([data(1)]), [], 'without a peer');
  t.same(
    indication([to, data(1), { type: 0x7777, value: Buffer.alloc(0) }]),
    [],
    'with an unknown attribute',
  );
  t.equal(indication([to, data(1472), dontFragment]).length, 1);
  t.equal(indication([to, data(1473), dontFragment]).length, 0);
  t.equal(indication([to, data(1473)]).length, 1);
  t.end();
});

t.test('Refresh', (t) => {
  const { bench, client } = allocated();
  const six = addressFamily(ATTRIBUTE.REQUESTED_ADDRESS_FAMILY, 6);
  t.equal(bench.request(client, METHOD.REFRESH, [six]).code, 443);
  t.equal(
    bench.request(client, METHOD.REFRESH, [{ type: ATTRIBUTE.LIFETIME, value: Buffer.alloc(1) }]).code,
    400,
  );
  bench.bind(client, 0x4000);
  const gone = bench.request(client, METHOD.REFRESH, [lifetime(0)]);
  t.match(gone.actions, [
    { type: 'answer' },
    { type: 'close-relay' },
    { type: 'ended', reason: 'refreshed-to-0' },
  ]);
  t.same(bench.core.sizes, { allocations: 0, reservations: 0, connections: 0, quotas: 0, deadlines: 0 });
  t.equal(bench.request(client, METHOD.REFRESH, [lifetime(0)]).code, 437);
  t.equal(bench.allocate(client).code, 'success', 'the five-tuple is free again');
  t.end();
});

t.test('a request that ended something gets the same answer again, and ends nothing else', (t) => {
  const { bench, client } = allocated();
  const answers = (bytes: Buffer, of = client) =>
    bench.feed(of, bytes).flatMap((action) => (action.type === 'answer' ? [action.bytes] : []));
  const end = client.session.request(METHOD.REFRESH, [lifetime(0)]).bytes;
  const [answer] = answers(end);
  t.same(answers(end), [answer], 'retransmitted');
  t.equal(bench.request(client, METHOD.REFRESH, [lifetime(0)]).code, 437, 'a new one finds nothing');
  t.equal(bench.allocate(client).code, 'success');
  t.same(answers(end), [answer], 'a copy that comes late');
  t.equal(bench.core.sizes.allocations, 1, 'does not end the allocation that was made since');
  bench.advance(40_000);
  answers(end);
  t.equal(bench.core.sizes.allocations, 0, 'after 40 s it is a request like any other');

  const six = addressFamily(ATTRIBUTE.REQUESTED_ADDRESS_FAMILY, 6);
  const dual = bench.client(2);
  bench.allocate(dual, [addressFamily(ATTRIBUTE.ADDITIONAL_ADDRESS_FAMILY, 6)]);
  const endSix = dual.session.request(METHOD.REFRESH, [lifetime(0), six]).bytes;
  t.same(answers(endSix, dual), answers(endSix, dual), 'one family, not 443');
  t.end();
});

t.test('what is kept for retransmissions is bounded', (t) => {
  const { bench } = allocated();
  const kept = new EndedAnswers();
  const where = (port: number, transport: 'udp' | 'tcp' = 'udp') => bench.client(port, user(), transport);
  const id = Buffer.alloc(12, 7);
  for (let port = 0; port < 3000; port += 1) kept.keep(where(port), id, Buffer.alloc(1), 0);
  t.equal(kept.size, 1024);
  t.equal(kept.find(where(0), id, 1), undefined, 'the oldest are gone');
  t.ok(kept.find(where(2999), id, 1));
  kept.keep(where(3000), id, Buffer.alloc(1), 40_000);
  t.equal(kept.size, 1, 'what is too old goes first');
  kept.keep(where(1, 'tcp'), id, Buffer.alloc(1), 40_000);
  t.equal(kept.size, 1, 'a stream repeats nothing');
  t.end();
});

t.test('Refresh(0) of one family keeps the other', (t) => {
  const bench = new Bench();
  const client = bench.client(1);
  bench.allocate(client, [addressFamily(ATTRIBUTE.ADDITIONAL_ADDRESS_FAMILY, 6)]);
  bench.bind(client, 0x4000, PEER);
  bench.bind(client, 0x4001, PEER6);
  const six = addressFamily(ATTRIBUTE.REQUESTED_ADDRESS_FAMILY, 6);
  t.equal(bench.request(client, METHOD.REFRESH, [lifetime(0), six]).code, 'success');
  t.equal(bench.relays.size, 1);
  t.same([...allocation(bench).channels.keys()], [0x4000]);
  t.equal(bench.permit(client, PEER6).code, 443);
  t.end();
});

t.test('a policy that shrinks takes permissions and channels along', (t) => {
  const { bench, client } = allocated();
  bench.bind(client, 0x4000);
  bench.bind(client, 0x4001, { ...PEER, port: 20001 });
  bench.core.configure(
    settings({ policy: new PeerPolicy([{ address: PEER.address, minPort: 20001, maxPort: 20001 }]) }),
    bench.nowMs,
  );
  t.same([...allocation(bench).channels.keys()], [0x4001]);
  t.equal(allocation(bench).permissions.length, 1);
  bench.core.configure(settings({ policy: new PeerPolicy([]) }), bench.nowMs);
  t.equal(allocation(bench).channels.size, 0);
  t.equal(allocation(bench).hosts.size, 0);
  t.same(bench.core.sizes.deadlines, 1, 'only the allocation’s own');
  t.end();
});

t.test('Binding is answered without credentials', (t) => {
  const bench = new Bench();
  const client = bench.client(1);
  const { code, message } = bench.once(client, client.session.request(METHOD.BINDING, []));
  t.equal(code, 'success');
  t.same(
    message!.attributes.map(({ type }) => type),
    [ATTRIBUTE.XOR_MAPPED_ADDRESS],
  );
  const unknown = client.session.request(METHOD.BINDING, [{ type: 0x7777, value: Buffer.alloc(0) }]);
  t.equal(bench.once(client, unknown).code, 420);
  t.end();
});

t.test('what is no request is counted and not answered', (t) => {
  const bench = new Bench();
  const client = bench.client(1);
  const id = Buffer.alloc(12);
  for (const [stunClass, method, reason] of [
    ['success', METHOD.ALLOCATE, 'unexpected-class'],
    ['error', METHOD.BINDING, 'unexpected-class'],
    ['indication', METHOD.DATA, 'unexpected-class'],
    ['request', 0x0ff, 'unknown-method'],
    ['request', METHOD.SEND, 'unknown-method'],
  ] as const) {
    const before = bench.core.drops.get(reason);
    t.same(bench.feed(client, buildStun({ class: stunClass, method, transactionId: id }, [])), []);
    t.equal(bench.core.drops.get(reason), before + 1, `${stunClass} ${method}`);
  }
  t.same(bench.feed(client, Buffer.from('hello')), []);
  t.equal(bench.core.drops.get('malformed-stun'), 1);
  t.same(
    bench.feed(client, buildStun({ class: 'indication', method: METHOD.BINDING, transactionId: id }, [])),
    [],
  );
  t.ok(parseStun(buildStun({ class: 'indication', method: METHOD.BINDING, transactionId: id }, [])));
  t.end();
});
