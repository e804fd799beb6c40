/** Which trickled candidates of a peer reach ICE. */
import t from 'tap';
import { RelaySet } from '../../../sfu/media/relay-set.ts';
import { MediaEngine } from '../../../sfu/media/media-engine.ts';
import { PeerLink } from '../../../sfu/media/peer-link.ts';
import { parseSdp } from '../../../sfu/media/sdp/parse-sdp.ts';
import type { SecureTransport } from '../../../sfu/media/secure-transport.ts';
import { FakeClock } from '../../helpers/fake-clock.ts';
import { silentLog } from '../../helpers/silent-log.ts';

const RELAY = '10.0.0.9';
const candidate = (port: number): string => `candidate:1 1 udp 1 ${RELAY} ${port} typ relay`;

function description(ufrag: string) {
  return parseSdp(
    [
      'v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0',
      'm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:0',
      `a=ice-ufrag:${ufrag}\r\na=ice-pwd:0123456789012345678901`,
      `a=fingerprint:sha-256 ${Array.from({ length: 32 }, () => 'AB').join(':')}\r\na=setup:active\r\n`,
    ].join('\r\n'),
  );
}

async function link() {
  const taken: string[] = [];
  const transport: Partial<SecureTransport> = {
    setRemote: () => undefined,
    addCandidate: (text) => void taken.push(text),
    close: () => undefined,
  };
  const engine = new MediaEngine({
    createCore: () => ({ close: () => undefined }) as never,
    transports: { create: () => Promise.resolve(transport) } as never,
    relays: () => new RelaySet([{ address: RELAY, minPort: 1000, maxPort: 1999 }]),
    clock: new FakeClock(),
    log: silentLog,
  });
  const events = { connected: () => undefined, closed: () => undefined };
  return { peer: await PeerLink.open(engine, { controlling: true, events }), taken };
}

t.test('candidates wait for the description they belong to', async (t) => {
  const { peer, taken } = await link();
  peer.addCandidate({ candidate: candidate(1001), usernameFragment: 'one' });
  t.same(taken, []);
  peer.setRemote(description('one'));
  t.same(taken, [candidate(1001)]);
});

t.test('candidates of restarts that were given up do not crowd out those of the next one', async (t) => {
  const { peer, taken } = await link();
  peer.setRemote(description('one'));
  for (let port = 1100; port < 1300; port += 1) {
    peer.addCandidate({ candidate: candidate(port), usernameFragment: 'given-up' });
  }
  peer.addCandidate({ candidate: candidate(1500), usernameFragment: 'two' });
  peer.setRemote(description('two'));
  t.same(taken, [candidate(1500)]);
});
