/**
 * Firefox publishes and watches VP8, alone and beside Chromium, through relays only. Judged by pixels, decoded
 * frames and sound, the browser's own statistics and the TURN service's list of sessions.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import t from 'tap';
import { interfaceAddress, SfuBehindTurn, type RelayTransport } from '../../helpers/sfu-behind-turn.ts';
import { CHROMIUM } from '../browser.ts';
import { FIREFOX, launchFirefox } from '../firefox.ts';
import { launchChromium, lookUntil, servePage, showsPicture } from '../room-tabs.ts';

t.setTimeout(280_000);
const tools = [FIREFOX, CHROMIUM].every((path) => existsSync(path));
const SHIELD = '10.99.47.7';
const RELAY = '10.99.47.8';
type Name = 'Firefox' | 'Chromium';
const ROWS: { from: Name; to: Name; via: RelayTransport }[] = [
  { from: 'Firefox', to: 'Firefox', via: 'udp' },
  { from: 'Chromium', to: 'Firefox', via: 'udp' },
  { from: 'Firefox', to: 'Chromium', via: 'udp' },
  { from: 'Firefox', to: 'Firefox', via: 'tcp' },
];

if (tools && interfaceAddress() !== undefined) await run();
else {
  const skip = 'needs firefox-esr, chromium and a network interface';
  t.test('Firefox in a room', { skip }, () => undefined);
}

async function run(): Promise<void> {
  // Firefox uses the address of the default route only, and has none without one. The other end of this
  // interface is in the same namespace: nothing is reached through it.
  execFileSync('ip', ['route', 'add', 'default', 'dev', 'tk0']);
  // It refuses relayed addresses of 127.0.0.0/8: the shield is a private address, as on an installed host.
  for (const address of [SHIELD, RELAY]) execFileSync('ip', ['address', 'add', `${address}/32`, 'dev', 'lo']);
  const bench = await SfuBehindTurn.start({
    shield: SHIELD,
    turn: RELAY,
    transports: ['udp', 'tcp'],
  });
  t.teardown(() => bench.stop());
  const { sfu } = bench;
  const url = await servePage(t, '127.0.47.11');
  const open = {
    Firefox: await launchFirefox(t),
    Chromium: await launchChromium(t),
  };
  const ticket = (identity: string, role: 'publisher' | 'viewer'): string =>
    sfu.url(sfu.ticket({ identity, role }));

  for (const { from, to, via } of ROWS) {
    t.test(`${from} publishes VP8 and ${to} shows it, over ${via}`, async (t) => {
      const name = `${from}-${to}-${via}`;
      const room = { room: name, via, picture: 'numbers' as const };
      const publisher = await open[from](url);
      await publisher.enter({ ...room, url: ticket(`ada-${name}`, 'publisher'), publish: 'video/VP8' });
      const viewer = await open[to](url);
      await viewer.enter({ ...room, url: ticket(`bob-${name}`, 'viewer'), publish: null });
      const [shown, sent] = await lookUntil(
        bench,
        [viewer, publisher],
        ([seen]) => showsPicture(seen!) && (seen?.viewer?.soundEnergy ?? 0) > 0,
      );
      t.comment(`${shown!.viewer!.framesDecoded} frames, ${shown!.pictures} different pictures`);
      // Firefox begins smaller than the picture is: it does not know yet what the path carries.
      t.match(shown, { errors: [], tracks: ['audio', 'video'], size: /^(?:640x360|480x270|320x180)$/ });
      t.same(shown!.viewer!.codecs, ['audio/opus', 'video/vp8']);
      t.same(sent!.errors, []);
      for (const [who, side] of [
        [`bob-${name}`, shown!.viewer],
        [`ada-${name}`, sent!.publisher],
      ] as const) {
        t.match(side, {
          state: 'connected',
          gathered: ['relay'],
          path: { localType: 'relay', relayProtocol: via },
        });
        const sessions = await bench.sessionsOf(who);
        t.same([...new Set(sessions.map(({ transport }) => transport))], [via]);
      }
      await publisher.close();
      await viewer.close();
    });
  }

  // A Firefox without OpenH264 (it is fetched later, from the internet) has no H.264; its answer decides.
  t.test('Firefox is offered H.264: it shows it, or is told why not', async (t) => {
    const room = { room: 'h264', via: 'udp', picture: 'numbers' } as const;
    const publisher = await open.Chromium(url);
    await publisher.enter({ ...room, url: ticket('ada-h264', 'publisher'), publish: 'video/H264' });
    const viewer = await open.Firefox(url);
    await viewer.enter({ ...room, url: ticket('bob-h264', 'viewer'), publish: null });
    const refusal = 'Its browser cannot decode H264, the codec of this track';
    const said = async (): Promise<string> => {
      const { viewers } = await sfu.control.call('rooms.viewers', { roomId: 'h264' });
      return viewers.find(({ identity }) => identity === 'bob-h264')?.timelines[0]?.sentence ?? '';
    };
    let sentence = '';
    const [shown] = await lookUntil(bench, [viewer], ([seen]) => {
      void said().then((now) => (sentence = now));
      return showsPicture(seen!) || (sentence.startsWith(refusal) && (seen?.viewer?.soundEnergy ?? 0) > 0);
    });
    t.comment(`${shown!.pictures} pictures; ${sentence}; ${shown!.errors.join()}`);
    if (shown!.pictures === 0) t.match(sentence, refusal);
    else t.notMatch(sentence, refusal);
    await publisher.close();
    await viewer.close();
  });

  // The daemon's `shieldWarning` says so; when this fails, Firefox has changed and the sentence goes.
  t.test('Firefox takes no relay on a loopback address', async (t) => {
    const other = await SfuBehindTurn.start({ shield: '127.0.47.17', turn: '127.0.47.18' });
    t.teardown(() => other.stop());
    const tab = await open.Firefox(url);
    await tab.enter({
      url: other.sfu.url(other.sfu.ticket({ identity: 'ada' })),
      room: 'loopback',
      via: 'udp',
      publish: 'video/VP8',
      picture: 'numbers',
    });
    const [seen] = await lookUntil(other, [tab], ([one]) => one?.publisher?.gatheringDone === true);
    t.match(seen!.publisher, { gathered: [], path: null });
    t.ok((await other.sessionsOf('ada')).length > 0, 'the TURN service had given it one');
    await tab.close();
  });

  t.test('nothing came past a relay', async (t) => {
    const { drops } = await sfu.control.call('status', {});
    t.equal(drops['not-relay'] ?? 0, 0);
    t.equal(drops['candidate-malformed'] ?? 0, 0);
  });
}
