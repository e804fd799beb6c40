import fc from 'fast-check';
import t from 'tap';
import { ProducerError } from '../../../cameras/producers/producer.ts';
import {
  candidateFragment,
  faultOfStatus,
  isWhepEndpoint,
  readCreated,
  readEtag,
  retryAfterMs,
  sessionPath,
  strictOffer,
} from '../../../cameras/producers/whep-protocol.ts';
import { ANSWER, OFFER } from '../../helpers/camera-producer.ts';

const created = (change: Record<string, string | undefined> = {}, body = ANSWER, status = 201) =>
  readCreated({
    status,
    headers: { location: '/whep/ID', etag: '"e1"', 'content-type': 'application/sdp', ...change },
    body,
  });

t.test('only an endpoint that takes SDP is WHEP', (t) => {
  const probe = (status: number, acceptPost?: string) =>
    isWhepEndpoint({ status, headers: { 'accept-post': acceptPost }, body: '' });
  t.ok(probe(200, 'application/sdp'));
  t.ok(probe(200, 'text/plain, Application/SDP'));
  t.ok(probe(200, 'application/sdp; charset=utf-8'));
  t.notOk(probe(200), 'a page that answers every path');
  t.notOk(probe(200, 'application/sdpx'));
  t.notOk(probe(404, 'application/sdp'));
  t.notOk(probe(204, 'application/sdp'));
  t.end();
});

t.test('a created session', (t) => {
  t.same(created(), { sdp: ANSWER, location: '/whep/ID', etag: '"e1"' });
  t.same(created({ etag: undefined }), { sdp: ANSWER, location: '/whep/ID', etag: null });
  t.match(created({ 'content-type': 'Application/SDP; charset=utf-8' }), { location: '/whep/ID' });
  const refused: [string, unknown, string][] = [
    ['no Location', created({ location: undefined }), 'protocol'],
    ['a Location elsewhere', created({ location: '/api/turn' }), 'protocol'],
    ['no SDP type', created({ 'content-type': 'text/html' }), 'protocol'],
    ['no SDP', created({}, '<html>'), 'protocol'],
    ['200', created({}, ANSWER, 200), 'protocol'],
    ['a redirect', created({}, '', 307), 'protocol'],
    ['400', created({}, '', 400), 'refused'],
    ['404', created({}, '', 404), 'unsupported'],
    ['405', created({}, '', 405), 'unsupported'],
    ['406', created({}, '', 406), 'refused'],
    ['409', created({}, '', 409), 'refused'],
    ['415', created({}, '', 415), 'refused'],
    ['500', created({}, '', 500), 'refused'],
    ['503', created({}, '', 503), 'busy'],
  ];
  for (const [name, result, fault] of refused) {
    t.ok(result instanceof ProducerError, name);
    t.match(result, { fault }, name);
  }
  t.end();
});

t.test('Location stays below /whep/', (t) => {
  const paths: [string, string | undefined][] = [
    ['/whep/ID', '/whep/ID'],
    ['whep/ID', '/whep/ID'],
    ['http://camera/whep/ID', '/whep/ID'],
    ['https://cam1.t.example:8443/whep/ID?rstream.token=x', '/whep/ID'],
    ['/whep/../api/turn', undefined],
    ['/whep/%2e%2e/api/turn', undefined],
    ['/whep/a/b', undefined],
    ['/whep/', undefined],
    ['/whep', undefined],
    ['//other/ws', undefined],
    ['file:///whep/ID', undefined],
    ['http://[', undefined],
    [`/whep/${'x'.repeat(200)}`, undefined],
  ];
  for (const [location, path] of paths) t.equal(sessionPath(location), path, location);
  fc.assert(
    fc.property(fc.webUrl({ withFragments: true, withQueryParameters: true }), (url) => {
      const path = sessionPath(url);
      return path === undefined || /^\/whep\/[A-Za-z0-9_-]+$/.test(path);
    }),
  );
  t.end();
});

t.test('Retry-After is bounded', (t) => {
  t.equal(retryAfterMs('3'), 3000);
  t.equal(retryAfterMs('999999'), 60_000);
  t.equal(retryAfterMs('-1'), null);
  t.equal(retryAfterMs('soon'), null);
  t.equal(retryAfterMs(undefined), null);
  t.match(faultOfStatus({ status: 429, headers: { 'retry-after': '2' }, body: '' }, 'x'), {
    fault: 'busy',
    retryAfterMs: 2000,
  });
  t.end();
});

t.test('entity tags that cannot be sent back are not kept', (t) => {
  t.equal(readEtag('"e1"'), '"e1"');
  t.equal(readEtag('W/"e1"'), 'W/"e1"');
  t.equal(readEtag('e1'), null);
  t.equal(readEtag('"a\r\nx"'), null);
  t.equal(readEtag('"a", "b"'), null);
  t.end();
});

t.test('strict producers find what they look for', (t) => {
  const strict = strictOffer(OFFER);
  t.match(strict, /a=recvonly\r\na=rtcp-mux-only\r\na=msid:turnkeep video\r\n$/);
  t.equal(strictOffer(strict), strict, 'nothing is added twice');
  const two = `${OFFER}m=audio 0 UDP/TLS/RTP/SAVPF 111\r\na=mid:1\r\n`;
  t.match(strictOffer(two), /a=mid:1\r\n$/, 'a rejected section is left alone');
  t.match(
    strictOffer(two.replace('m=audio 0', 'm=audio 9')),
    /a=mid:1\r\na=rtcp-mux-only\r\na=msid:turnkeep audio\r\n$/,
  );
  const data = `${OFFER}m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:1\r\n`;
  t.match(strictOffer(data), /a=mid:1\r\n$/);
  const tagged = OFFER.replace('a=recvonly', 'a=msid:mine v\r\na=recvonly');
  t.notMatch(strictOffer(tagged), 'turnkeep');
  t.end();
});

t.test('a trickle fragment', (t) => {
  t.equal(
    candidateFragment(OFFER, [{ candidate: 'candidate:1 1 udp 1 10.0.0.1 9 typ host' }], {
      endOfCandidates: true,
    }),
    [
      'a=group:BUNDLE 0',
      'm=video 9 UDP/TLS/RTP/SAVPF 96',
      'a=mid:0',
      'a=ice-ufrag:abcd',
      'a=ice-pwd:0123456789012345678901',
      'a=candidate:1 1 udp 1 10.0.0.1 9 typ host',
      'a=end-of-candidates',
      '',
    ].join('\r\n'),
  );
  const injected = candidateFragment(OFFER, [{ candidate: 'candidate:1\r\na=ice-pwd:evil' }], {
    endOfCandidates: false,
  });
  t.notMatch(injected, 'evil');
  t.equal(candidateFragment('v=0\r\n', [], { endOfCandidates: true }), undefined);
  t.end();
});
