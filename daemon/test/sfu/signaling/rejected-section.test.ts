/** A viewer that cannot play a codec: its answer rejects the section, and everything else has to come all the same. */
import t from 'tap';
import { parseSdp } from '../../../sfu/media/sdp/parse-sdp.ts';
import { NegotiatingClient } from '../../helpers/negotiating-client.ts';
import { SfuInProcess } from '../../helpers/sfu-in-process.ts';

const ROUNDS = 40;

/** Ada, who cannot play H.264, enters a room where Bob sends. */
async function watching(codecs: readonly ('H264' | 'VP8')[]): Promise<NegotiatingClient> {
  const bench = new SfuInProcess();
  t.teardown(() => {
    bench.close();
  });
  const bob = new NegotiatingClient(bench, 'bob', 'flat');
  const ada = new NegotiatingClient(bench, 'ada', 'flat');
  ada.cannotPlay = 'H264';
  const settle = async (): Promise<void> => {
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const client of [ada, bob]) {
        client.deliverUp();
        client.deliverDown();
      }
      await new Promise((resolve) => setImmediate(resolve));
      bench.clock.advance(10);
    }
  };
  bob.say('join', { roomId: 'room' });
  for (const codec of codecs) bob.addTrack(codec);
  await settle();
  ada.say('join', { roomId: 'room' });
  await settle();
  return ada;
}

t.test('the first section is rejected: the next offer puts another one in its place', async (t) => {
  const ada = await watching(['H264', 'VP8']);
  t.match(ada.errors, [/cannot play H264/]);
  const group = (sdp: string): string => /^a=group:BUNDLE (.*)$/m.exec(sdp)?.[1]?.trim() ?? '';
  const [refused, taken] = group(ada.offers[0]!).split(' ');
  t.equal(group(ada.offers.at(-1)!), taken);
  const [first, second] = parseSdp(ada.offers.at(-1)!).media;
  t.match([first, second], [{ port: 0 }, { port: 9, mid: taken }]);
  t.equal(ada.slots.get(refused!), null);
  t.ok(ada.slots.get(taken!));
  t.equal(ada.offers.length, 2, 'asked once more, not for ever');
});

t.test('another section is rejected: nothing is offered again', async (t) => {
  const ada = await watching(['VP8', 'H264']);
  t.match(ada.errors, [/cannot play H264/]);
  t.equal(ada.offers.length, 1);
});

t.test('nothing is left: nothing is offered again', async (t) => {
  const ada = await watching(['H264']);
  t.match(ada.errors, [/cannot play H264/]);
  t.equal(ada.offers.length, 1);
});
