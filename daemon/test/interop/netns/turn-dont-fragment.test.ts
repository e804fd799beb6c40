/** DONT-FRAGMENT where the link of the relay carries less than Ethernet does. */
import { execFileSync } from 'node:child_process';
import t from 'tap';
import { ATTRIBUTE, METHOD } from '../../../turn/codec/attribute-types.ts';
import { xorAddress } from '../../../turn/codec/attributes.ts';
import { buildStun } from '../../../turn/codec/stun-message.ts';
import { credential, endpoint, startTurn, TestPeer, TurnClient } from '../../helpers/turn-client.ts';

t.setTimeout(120_000);

const MTU = 1400;
const PEER = '127.0.44.32';
const skip = process.env['TURNKEEP_TEST_NETWORK_ADDRESS'] === undefined && 'needs a network namespace (root)';

t.test(
  'what would be fragmented is dropped and counted; without the attribute it arrives',
  { skip },
  async (t) => {
    execFileSync('ip', ['link', 'set', 'lo', 'mtu', String(MTU)]);
    const peer = await TestPeer.open(t, PEER);
    const turn = await startTurn(t, {
      address: '127.0.44.30',
      config: {
        relay: { addresses: ['127.0.44.31'], minPort: 53_480, maxPort: 53_489 },
        peers: { scope: 'sfu', allow: [{ address: PEER, minPort: 1, maxPort: 65_535 }] },
      },
    });
    const client = await TurnClient.open(t, { transport: 'udp', ...turn, ...credential() });
    const asked = { type: ATTRIBUTE.DONT_FRAGMENT, value: Buffer.alloc(0) };
    t.equal((await client.allocate([asked])).code, 'success');
    t.equal((await client.permit(peer)).code, 'success');
    const transactionId = Buffer.alloc(12, 9);
    const send = (length: number, more: (typeof asked)[]): void => {
      const to = xorAddress(ATTRIBUTE.XOR_PEER_ADDRESS, endpoint(peer), transactionId);
      const data = { type: ATTRIBUTE.DATA, value: Buffer.alloc(length, length) };
      client.raw(buildStun({ class: 'indication', method: METHOD.SEND, transactionId }, [to, data, ...more]));
    };
    const most = MTU - 28;
    send(most, [asked]);
    t.equal((await peer.next()).bytes.length, most, 'as large as the link carries');
    send(most + 1, [asked]);
    send(most + 2, []);
    t.equal(
      (await peer.next()).bytes.length,
      most + 2,
      'one larger is dropped, without the attribute it is not',
    );
    t.equal((await turn.control.call('status', {})).drops['would-fragment'], 1);
  },
);
