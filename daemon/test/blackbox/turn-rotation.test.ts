/**
 * The secret of a namespace changes while cameras are watched: one `reload` puts the new one first, a
 * later one takes the older one away. Running allocations notice neither.
 */
import { writeFileSync } from 'node:fs';
import t from 'tap';
import { ATTRIBUTE } from '../../turn/codec/attribute-types.ts';
import { buildChannelData, channelOf, isChannelData } from '../../turn/codec/channel-data.ts';
import { attributeOf } from '../../turn/codec/stun-message.ts';
import {
  credential,
  relayedPort,
  startTurn,
  TestPeer,
  TEST_SECRET,
  TurnClient,
} from '../helpers/turn-client.ts';

// Every process start costs a second or more on a busy machine.
t.setTimeout(170_000);

const RELAY = '127.0.11.61';
const CHANNEL = 0x4000;
const NEXT_SECRET = 'the next secret of the namespace';

t.test('a rotation under running allocations', async (t) => {
  const peer = await TestPeer.open(t, '127.0.11.62');
  const allow = [{ address: peer.address, minPort: peer.port, maxPort: peer.port }];
  const turn = await startTurn(t, {
    address: '127.0.11.60',
    config: {
      relay: { addresses: [RELAY], minPort: 52500, maxPort: 52599 },
      peers: { scope: 'sfu', allow },
    },
  });
  const old = { id: 'first', secret: TEST_SECRET };
  const next = { id: 'second', secret: NEXT_SECRET };
  const rotate = async (secrets: object[]): Promise<void> => {
    writeFileSync(turn.configFile, JSON.stringify({ ...turn.config, secrets }));
    await turn.control.call('reload', {});
  };

  for (const hash of ['sha1', 'sha256'] as const) {
    await t.test(`clients that sign with ${hash}`, async (t) => {
      await rotate([old]);
      const open = (secret: string) =>
        TurnClient.open(t, { transport: 'udp', ...turn, ...credential({ secret, subject: hash }), hash });
      const codeOf = async (secret: string) => {
        const client = await open(secret);
        const { code, message } = await client.allocate();
        if (code === 'success') await client.refresh(0);
        else t.ok(attributeOf(message!, ATTRIBUTE.NONCE), 'a refusal is a challenge again');
        return code;
      };
      const running = await open(TEST_SECRET);
      const allocated = await running.allocate();
      t.equal(allocated.code, 'success');
      const relayed = { address: RELAY, port: relayedPort(allocated) };
      t.equal((await running.bind(CHANNEL, peer)).code, 'success');
      const works = async (when: string): Promise<void> => {
        running.raw(buildChannelData(CHANNEL, Buffer.from(`to ${when}`), { padded: false }));
        t.equal((await peer.next()).bytes.toString(), `to ${when}`);
        peer.send(Buffer.from(`from ${when}`), relayed);
        const back = await running.next((frame) =>
          isChannelData(frame[0]!) && channelOf(frame) === CHANNEL ? frame.subarray(4) : undefined,
        );
        t.equal(back.toString(), `from ${when}`);
        t.equal((await running.permit(peer)).code, 'success', `CreatePermission ${when}`);
        t.equal((await running.bind(CHANNEL, peer)).code, 'success', `ChannelBind ${when}`);
        t.equal((await running.refresh(600)).code, 'success', `Refresh ${when}`);
      };
      await works('before');
      t.equal(await codeOf(NEXT_SECRET), 401, 'the new one is not known yet');

      await rotate([next, old]);
      t.equal(await codeOf(NEXT_SECRET), 'success', 'the new one is first');
      t.equal(await codeOf(TEST_SECRET), 'success', 'a credential of the older one still allocates');
      await works('during');

      await rotate([next]);
      t.equal(await codeOf(TEST_SECRET), 401, 'the older one is over');
      t.equal(await codeOf(NEXT_SECRET), 'success');
      await works('after');
      t.equal((await turn.control.call('status', {})).allocations, 1);
      t.equal((await running.refresh(0)).code, 'success');
    });
  }
  t.equal((await turn.control.call('status', {})).allocations, 0);
  t.equal(await turn.stop(), 0);
});
