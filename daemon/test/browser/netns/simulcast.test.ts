/**
 * Chromium publishes one picture in two sizes, as two encodings or as layers of one (SVC), relay-only; two viewers watch
 * it at once, each in the size it asks for, then the other way round, and are told who speaks. Judged by the size of
 * the decoded picture, its pixels and decoded frames.
 */
import { existsSync } from 'node:fs';
import t from 'tap';
import { interfaceAddress, SfuBehindTurn } from '../../helpers/sfu-behind-turn.ts';
import { CHROMIUM } from '../browser.ts';
import { launchChromium, lookUntil, servePage, showsPicture } from '../room-tabs.ts';

t.setTimeout(200_000);
/** Of a picture of 640x360; Chromium sends no third one below 960x540. */
const ENCODINGS = { l: 2, h: 1 };
const ROWS: { codec: string; scalability?: string }[] = [
  { codec: 'VP8' },
  { codec: 'H264' },
  // Two spatial layers are what Chromium makes of that, at this size.
  { codec: 'VP9', scalability: 'L3T3_KEY' },
  { codec: 'AV1', scalability: 'L2T2_KEY' },
];

if (existsSync(CHROMIUM) && interfaceAddress() !== undefined) await run();
else t.test('simulcast', { skip: 'needs chromium and a network interface' }, () => undefined);

async function run(): Promise<void> {
  const bench = await SfuBehindTurn.start({ shield: '127.0.48.7', turn: '127.0.48.8' });
  t.teardown(() => bench.stop());
  const { sfu } = bench;
  const url = await servePage(t, '127.0.48.1');
  const open = await launchChromium(t);
  for (const { codec, scalability } of ROWS) {
    const sizes = scalability === undefined ? { encodings: ENCODINGS } : { scalability };
    t.test(`${codec} ${scalability ?? ''}`, async (t) => {
      const enter = async (identity: string, options: { publish: boolean; height?: number }) => {
        const tab = await open(url);
        await tab.enter({
          url: sfu.url(sfu.ticket({ identity, role: options.publish ? 'publisher' : 'viewer' })),
          room: codec,
          via: 'udp',
          picture: 'numbers',
          publish: options.publish ? `video/${codec}` : null,
          ...(options.publish ? { ...sizes, speaks: true } : {}),
          ...(options.height === undefined ? {} : { height: options.height }),
        });
        return tab;
      };
      const publisher = await enter('ada', { publish: true });
      const large = await enter('bob', { publish: false });
      const small = await enter('cem', { publish: false, height: 100 });
      const seen = await lookUntil(
        bench,
        [large, small],
        ([one, two]) =>
          one!.speaker !== '' &&
          showsPicture(one!) &&
          showsPicture(two!) &&
          one!.size === '640x360' &&
          two!.size === '320x180',
      );
      await large.askFor(100);
      await small.askFor(null);
      const after = await lookUntil(
        bench,
        [large, small],
        (now) =>
          now[0]!.size === '320x180' &&
          now[1]!.size === '640x360' &&
          now.every((one, at) => one.shown >= seen[at]!.shown + 15),
      );
      for (const one of after) {
        t.comment(`${one.size}: ${one.viewer!.framesDecoded} frames, ${one.pictures} different pictures`);
        t.same(one.errors, []);
        t.same(one.viewer!.codecs, ['audio/opus', `video/${codec.toLowerCase()}`]);
      }
      for (const tab of [publisher, large, small]) await tab.close();
    });
  }
}
