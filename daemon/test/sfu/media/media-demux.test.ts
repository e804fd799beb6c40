/** The shared media port: who gets an answer, who gets nothing, and that both are counted. */
import fc from 'fast-check';
import t from 'tap';
import { DropCounter } from '../../../kit/drop-counter.ts';
import { MediaDemux, type MuxDrop, type MuxEndpoint } from '../../../sfu/media/media-demux.ts';
import { RelaySet } from '../../../sfu/media/relay-set.ts';
import { bindingSuccess, hasIntegrity, readBinding } from '../../../sfu/media/stun-binding.ts';
import { bindingRequest } from '../../helpers/sfu-stun.ts';

const RELAY = '10.0.0.9';

class Recorder implements MuxEndpoint {
  readonly got: string[] = [];
  /** The pair in use, once there is one, with the role of the other side. */
  settled: string | undefined;
  isSettled(address: string, port: number, role: string | undefined): boolean {
    return this.settled === `${address}:${port} ${role}`;
  }
  onStun(_datagram: Buffer, address: string, port: number, useCandidate: boolean): void {
    this.got.push(`stun ${address}:${port}${useCandidate ? ' nominates' : ''}`);
  }
  onDtls(): void {
    this.got.push('dtls');
  }
  onMedia(): void {
    this.got.push('media');
  }
}

function bench() {
  const drops = new DropCounter<MuxDrop>();
  const replies: { datagram: Buffer; port: number; address: string }[] = [];
  const demux = new MediaDemux({
    relays: new RelaySet([{ address: RELAY, minPort: 1000, maxPort: 1999 }]),
    probePassword: 'probe-password',
    drops,
    reply: (datagram, port, address) => replies.push({ datagram, port, address }),
  });
  const endpoint = new Recorder();
  demux.setCredential('ours', { endpoint, password: 'secret', current: true });
  return { demux, drops, replies, endpoint };
}
const MEDIA = Buffer.from('806000010000000100000001', 'hex');

t.test('RFC 5769 section 2.1: the sample request is read and verified', (t) => {
  const request = Buffer.from(
    '000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff' +
      '80290008932ff9b151263b36000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249' +
      'c1b571a280280004e57a3bcf',
    'hex',
  );
  const message = readBinding(request);
  t.match(message, { class: 'request', username: 'evtj:h6vY' });
  t.ok(hasIntegrity(request, message!, 'VOkJxbRl1RmTxUk/WvJxBt'));
  t.notOk(hasIntegrity(request, message!, 'VOkJxbRl1RmTxUk/WvJxBu'));
  request[30]! ^= 1;
  t.notOk(hasIntegrity(request, message!, 'VOkJxbRl1RmTxUk/WvJxBt'), 'a changed byte is seen');
  t.end();
});

t.test('a datagram from elsewhere is dropped before it is looked at', (t) => {
  const { demux, drops, replies, endpoint } = bench();
  const request = bindingRequest('ours:theirs', 'secret');
  for (const [address, port] of [
    ['10.0.0.8', 1500],
    [RELAY, 999],
    [RELAY, 2000],
  ] as const) {
    demux.receive(request, address, port);
    demux.receive(MEDIA, address, port);
  }
  t.equal(drops.get('not-relay'), 6);
  t.same(replies, []);
  t.same(endpoint.got, []);
  t.end();
});

t.test('a request from a relay without the password gets no answer and binds nothing', (t) => {
  const { demux, drops, replies, endpoint } = bench();
  demux.receive(bindingRequest('ours:theirs', 'wrong'), RELAY, 1500);
  demux.receive(bindingRequest('ours:theirs', undefined), RELAY, 1500);
  demux.receive(bindingRequest('nobody:theirs', 'secret'), RELAY, 1500);
  demux.receive(bindingRequest(undefined, undefined), RELAY, 1500);
  demux.receive(MEDIA, RELAY, 1500);
  t.same(drops.totals(), { 'stun-unauthenticated': 2, 'stun-unknown-user': 2, 'unknown-source': 1 });
  t.same(replies, []);
  t.same(endpoint.got, []);
  t.end();
});

t.test('a verified request binds its address; the next one there may take it over', (t) => {
  const { demux, endpoint } = bench();
  const other = new Recorder();
  demux.setCredential('other', { endpoint: other, password: 'other-secret', current: true });
  demux.receive(bindingRequest('ours:theirs', 'secret', { useCandidate: true }), RELAY, 1500);
  demux.receive(MEDIA, RELAY, 1500);
  demux.receive(Buffer.from([22, 254, 253]), RELAY, 1500);
  t.same(endpoint.got, [`stun ${RELAY}:1500 nominates`, 'media', 'dtls']);
  demux.receive(bindingRequest('other:theirs', 'other-secret'), RELAY, 1500);
  demux.receive(MEDIA, RELAY, 1500);
  t.same(other.got, [`stun ${RELAY}:1500`, 'media']);
  t.equal(endpoint.got.length, 3, 'the first owner gets nothing more');
  demux.remove(other);
  demux.receive(MEDIA, RELAY, 1500);
  demux.receive(bindingRequest('other:theirs', 'other-secret'), RELAY, 1500);
  t.equal(other.got.length, 2, 'nothing after it is removed');
  t.end();
});

t.test('a check that only keeps the path in use alive is answered here', (t) => {
  const { demux, drops, replies, endpoint } = bench();
  const role = 'controlled';
  demux.receive(bindingRequest('ours:theirs', 'secret', { role }), RELAY, 1500);
  t.equal(endpoint.got.length, 1, 'before there is a path');
  endpoint.settled = `${RELAY}:1500 controlled`;
  const request = bindingRequest('ours:theirs', 'secret', { role });
  demux.receive(request, RELAY, 1500);
  t.same([endpoint.got.length, replies.length], [1, 1]);
  t.same(replies[0], {
    datagram: bindingSuccess(request, RELAY, 1500, 'secret'),
    port: 1500,
    address: RELAY,
  });
  demux.receive(bindingRequest('ours:theirs', 'guess', { role }), RELAY, 1500);
  t.equal(drops.get('stun-unauthenticated'), 1);
  demux.receive(bindingRequest('ours:theirs', 'secret', { role, useCandidate: true }), RELAY, 1500);
  demux.receive(bindingRequest('ours:theirs', 'secret', { role: 'controlling' }), RELAY, 1500);
  demux.receive(bindingRequest('ours:theirs', 'secret'), RELAY, 1500);
  demux.receive(bindingRequest('ours:theirs', 'secret', { role }), RELAY, 1501);
  t.same([endpoint.got.length, replies.length], [5, 1], 'a nomination, a conflict of roles, another address');
  t.end();
});

t.test('the relay proof is answered, and only with its password', (t) => {
  const { demux, replies, drops } = bench();
  const request = bindingRequest('probe:abc', 'probe-password');
  demux.receive(request, RELAY, 1500);
  demux.receive(bindingRequest('probe:abc', 'guess'), RELAY, 1500);
  t.equal(replies.length, 1);
  t.equal(drops.get('stun-unauthenticated'), 1);
  const answer = replies[0]!.datagram;
  const message = readBinding(answer)!;
  t.equal(message.class, 'success');
  t.equal(message.transactionId, readBinding(request)!.transactionId);
  t.ok(hasIntegrity(answer, message, 'probe-password'));
  // XOR-MAPPED-ADDRESS is the first attribute: family 1, port and address XORed (RFC 8489 section 14.2).
  t.equal(answer.readUInt16BE(26) ^ 0x2112, 1500);
  t.equal((answer.readUInt32BE(28) ^ 0x2112a442) >>> 0, 0x0a000009);
  t.end();
});

t.test('an answer reaches who asked, and an answer nobody asked for is dropped', (t) => {
  const { demux, endpoint, drops } = bench();
  const request = bindingRequest('theirs:ours', 'their-secret');
  demux.noteOutgoingStun(endpoint, request);
  const answer = bindingSuccess(request, '10.0.0.1', 5, 'their-secret');
  demux.receive(answer, RELAY, 1600);
  demux.receive(answer, RELAY, 1600);
  t.same(endpoint.got, [`stun ${RELAY}:1600`]);
  t.equal(drops.get('stun-unexpected'), 1);
  t.end();
});

t.test('an older ICE generation is answered without bothering ICE', (t) => {
  const { demux, endpoint, replies } = bench();
  demux.setCredential('ours', { endpoint, password: 'secret', current: false });
  demux.receive(bindingRequest('ours:theirs', 'secret'), RELAY, 1500);
  t.equal(replies.length, 1);
  t.same(endpoint.got, []);
  demux.receive(MEDIA, RELAY, 1500);
  t.same(endpoint.got, ['media'], 'media of the old path still counts');
  t.end();
});

t.test('one endpoint holds a bounded number of addresses', (t) => {
  const { demux, endpoint } = bench();
  for (let port = 1000; port < 1100; port += 1) {
    demux.receive(bindingRequest('ours:theirs', 'secret'), RELAY, port);
  }
  endpoint.got.length = 0;
  for (let port = 1000; port < 1100; port += 1) demux.receive(MEDIA, RELAY, port);
  t.equal(endpoint.got.length, 16);
  t.end();
});

t.test('no datagram makes it throw or answer', (t) => {
  const { demux, replies } = bench();
  const valid = bindingRequest('ours:theirs', 'secret');
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({ maxLength: 200 }),
        fc.tuple(fc.nat(valid.length - 1), fc.nat(255), fc.nat(valid.length)).map(([at, byte, length]) => {
          const changed = Buffer.from(valid.subarray(0, length));
          if (at < changed.length) changed[at] = byte;
          return changed;
        }),
      ),
      (bytes) => {
        demux.receive(Buffer.from(bytes), RELAY, 1500);
        return replies.length === 0;
      },
    ),
    { numRuns: 5000 },
  );
  t.pass();
  t.end();
});
