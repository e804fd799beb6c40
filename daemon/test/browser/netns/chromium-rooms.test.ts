/**
 * Chromium publishes every codec it has and another Chromium shows it, through relays only and over each
 * transport of the real TURN service. Judged by pixels, decoded frames and sound, the browser's own
 * statistics and the TURN service's list of sessions.
 */
import { existsSync } from 'node:fs';
import t from 'tap';
import { interfaceAddress, SfuBehindTurn, type RelayTransport } from '../../helpers/sfu-behind-turn.ts';
import { CHROMIUM } from '../browser.ts';
import { CERTUTIL, launchChromium, lookUntil, servePage, showsPicture } from '../room-tabs.ts';

t.setTimeout(280_000);
const tools = [CHROMIUM, CERTUTIL].every((path) => existsSync(path));
const ROWS: { mimeType: string; via: RelayTransport; scalability?: string }[] = [
  { mimeType: 'video/VP8', via: 'udp' },
  { mimeType: 'video/VP9', via: 'udp' },
  // Chromium describes the layers of AV1 in a header extension as soon as there are several.
  { mimeType: 'video/AV1', via: 'udp', scalability: 'L1T3' },
  { mimeType: 'video/H264', via: 'udp' },
  { mimeType: 'video/VP8', via: 'tcp' },
  { mimeType: 'video/H264', via: 'tls' },
];

if (tools && interfaceAddress() !== undefined) await run();
else {
  const skip = 'needs chromium, certutil of libnss3-tools and a network interface';
  t.test('Chromium in a room', { skip }, () => undefined);
}

async function run(): Promise<void> {
  const bench = await SfuBehindTurn.start({
    shield: '127.0.47.7',
    turn: '127.0.47.8',
    transports: ['udp', 'tcp', 'tls'],
  });
  t.teardown(() => bench.stop());
  const { sfu } = bench;
  const url = await servePage(t, '127.0.47.1');
  const open = await launchChromium(t, bench.caPem);
  const ticket = (identity: string, role: 'publisher' | 'viewer'): string =>
    sfu.url(sfu.ticket({ identity, role }));

  for (const { mimeType, via, scalability } of ROWS) {
    t.test(`${mimeType} ${scalability ?? ''} and Opus over ${via}`, async (t) => {
      const name = `${mimeType.slice(6)}-${via}`;
      const room = { room: name, via, picture: 'numbers' as const };
      const publisher = await open(url);
      await publisher.enter({
        ...{ ...room, url: ticket(`ada-${name}`, 'publisher'), publish: mimeType },
        ...(scalability === undefined ? {} : { scalability }),
      });
      const viewer = await open(url);
      const inspects = scalability !== undefined;
      await viewer.enter({ ...room, url: ticket(`bob-${name}`, 'viewer'), publish: null, inspects });
      const [shown, sent] = await lookUntil(
        bench,
        [viewer, publisher],
        ([seen]) =>
          showsPicture(seen!) &&
          (seen?.viewer?.soundEnergy ?? 0) > 0 &&
          (seen?.loudness ?? 0) > 0 &&
          (!inspects || seen!.layers.includes('0.2')),
      );
      t.comment(`${shown!.viewer!.framesDecoded} frames, ${shown!.pictures} different pictures`);
      if (inspects) t.ok(shown!.described >= 40, 'each picture came with the frames it depends on');
      t.match(shown, { errors: [], tracks: ['audio', 'video'], size: '640x360' });
      t.same(shown!.viewer!.codecs, ['audio/opus', mimeType.toLowerCase()]);
      t.same(sent!.errors, []);
      for (const [who, side] of [
        [`bob-${name}`, shown!.viewer],
        [`ada-${name}`, sent!.publisher],
      ] as const) {
        t.match(side, {
          state: 'connected',
          gathered: ['relay'],
          path: { localType: 'relay', relayProtocol: via, url: bench.uri(via) },
        });
        t.same(
          (await bench.sessionsOf(who)).map(({ transport }) => transport),
          [via],
          `the TURN service has one session of ${who}`,
        );
      }
      await publisher.close();
      await viewer.close();
    });
  }

  t.test('over tls, who does not trust the authority has no relay', async (t) => {
    const stranger = await (await launchChromium(t))(url);
    const credential = ticket('eve', 'publisher');
    await stranger.enter({
      room: 'eve',
      via: 'tls',
      url: credential,
      publish: 'video/VP8',
      picture: 'numbers',
    });
    const [seen] = await lookUntil(bench, [stranger], ([one]) => one?.publisher?.gatheringDone === true);
    t.match(seen!.publisher, { gathered: [], path: null });
    t.same(await bench.sessionsOf('eve'), []);
  });

  t.test('nothing came past a relay', async (t) => {
    const { drops } = await sfu.control.call('status', {});
    t.equal(drops['not-relay'] ?? 0, 0);
  });
}
