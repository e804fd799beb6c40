/** The sweep against a real TURN process: a relay that lets one of the peers through is found and named. */
import t from 'tap';
import { attackPeers } from '../../health/attack-peers.ts';
import { probeRelay } from '../../health/relay-probe.ts';
import { credential, startTurn } from '../helpers/turn-client.ts';

t.setTimeout(90_000);

const ADDRESS = '127.0.54.21';
const SFU = '127.0.54.22';
const HOLE = '192.168.0.1';
const block = (address: string) => ({ address, minPort: 1, maxPort: 65_535 });

t.test('a relay with a hole', async (t) => {
  const turn = await startTurn(t, {
    address: ADDRESS,
    config: {
      relay: { addresses: [ADDRESS], minPort: 53_500, maxPort: 53_509 },
      peers: { scope: 'sfu', allow: [{ address: SFU, minPort: 20_000, maxPort: 20_099 }, block(HOLE)] },
    },
  });
  const { username, password } = credential();
  const peers = attackPeers([ADDRESS], [SFU]).map((address) => ({ address, port: 9 }));
  const sweep = (wanted: typeof peers, port: number) =>
    probeRelay({
      ...{ transport: 'udp', address: ADDRESS, port: turn.port, username, password },
      peer: { address: SFU, port: 20_000 },
      attack: { peers: wanted, ports: [{ address: SFU, port }] },
      timeoutMs: 30_000,
    });
  const closed = await sweep(
    attackPeers([])
      .slice(0, 20)
      .map((address) => ({ address, port: 9 })),
    22,
  );
  t.ok(closed.ok, closed.sentence ?? '');
  t.same(closed.attack, { tried: 41, refused: 41, open: [] });
  const open = await sweep(peers, 20_001);
  t.notOk(open.ok);
  t.match(open.sentence, /did not refuse: CreatePermission 192\.168\.0\.1:9/);
  t.ok(open.attack?.open.includes(`ChannelBind ${HOLE}:9`));
  t.ok(open.attack?.open.includes(`ChannelBind ${SFU}:20001`), 'a port that is open');
  await turn.stop();
});
