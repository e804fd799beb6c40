/**
 * The client library as the daemon serves it, in plain pages of another origin: a camera in the page of the README;
 * camera, screen and microphone of one page in another. By pixels and decoded frames, through relays only.
 */
import { readFileSync } from 'node:fs';
import { chromium, type Page } from 'playwright-core';
import t from 'tap';
import { Appliance } from '../helpers/appliance.ts';
import {
  ARGUMENTS,
  browserMissing,
  CHROMIUM,
  firstPicture,
  instrument,
  motion,
  paths,
  watchPicture,
} from './browser.ts';
import { lookAtRoom, PUBLISHER_PAGE, VIEWER_PAGE, type Viewed } from './client-pages.ts';
import { otherSite, type OtherSite } from './other-site.ts';

t.setTimeout(200_000);
const BOX = '127.0.50.1';

t.test('the client library', { skip: browserMissing() ?? false }, async (t) => {
  t.setTimeout(200_000);
  const appliance = await Appliance.start(t, BOX);
  const operation = await appliance.enableNamespace('demo');
  t.equal(operation.state, 'succeeded', JSON.stringify(operation.error));
  const { key } = await appliance.api.post<{ key: string }>('/v1/namespaces/demo/api-keys', {
    name: 'other site',
    role: 'operator',
  });
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: [...ARGUMENTS, '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'],
  });
  t.teardown(() => browser.close());

  await t.test('the page of the README shows a camera', async (t) => {
    const { device } = await appliance.addCamera('Packing line', { namespace: 'demo' });
    const room = `camera:${device.id}`;
    const readme = /```html\n([\s\S]*?)```/.exec(readFileSync('README.md', 'utf8'))?.[1] ?? '';
    t.ok(readme.trim().split('\n').length <= 10, 'ten lines');
    const page = readme
      .replaceAll('https://box.example.com', appliance.url)
      .replace('camera:YOUR-CAMERA', room);
    const ticket = { namespace: 'demo', role: 'viewer', rooms: [room] };
    const site = await otherSite(t, {
      address: '127.0.50.2',
      server: appliance.url,
      apiKey: key,
      ticket,
      page,
    });
    const tab = await (await browser.newContext()).newPage();
    const problems: string[] = [];
    tab.on('console', (message) => {
      if (message.type() === 'error' && !message.text().includes('favicon')) problems.push(message.text());
    });
    tab.on('pageerror', (error) => problems.push(error.message));
    await instrument(tab);
    await tab.goto(site.url);
    const firstMs = await firstPicture(tab).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${problems.join('\n')}\n${appliance.logTail()}`);
    });
    t.comment(`first picture ${Math.round(firstMs)} ms after the page was opened`);
    const readings = await watchPicture(tab, { forMs: 3000 });
    t.ok(
      motion(readings).distinct > 20,
      `${motion(readings).distinct} distinct frames were read from pixels`,
    );
    for (const path of await paths(tab)) {
      t.match(path, { localType: 'relay', remoteType: /./ });
      t.ok(path.framesDecoded > 30, `${path.framesDecoded} frames decoded`);
    }
    t.equal(site.tickets(), 1);
    t.same(problems, [], 'the page reports no error');
    await tab.context().close();
  });

  await t.test('one page publishes camera, screen and microphone, another shows them', async (t) => {
    const open = async (
      name: string,
      page: string,
      address: string,
      role: string,
    ): Promise<{ tab: Page; site: OtherSite }> => {
      const ticket = { namespace: 'demo', role, rooms: ['lobby'], name };
      const html = page.replaceAll('SERVER', appliance.url);
      const site = await otherSite(t, { address, server: appliance.url, apiKey: key, ticket, page: html });
      const context = await browser.newContext({ permissions: ['camera', 'microphone'] });
      const tab = await context.newPage();
      await instrument(tab);
      await tab.goto(site.url);
      await tab.waitForFunction(() => 'page' in globalThis);
      return { tab, site };
    };
    const { tab: viewer, site } = await open('Bob', VIEWER_PAGE, '127.0.50.3', 'viewer');
    const { tab: publisher } = await open('Ada', PUBLISHER_PAGE, '127.0.50.4', 'publisher');
    const until = async (what: string, enough: (seen: Viewed) => boolean): Promise<Viewed> => {
      let seen: Viewed | undefined;
      await appliance
        .until(what, async () => enough((seen = await viewer.evaluate(lookAtRoom))), 40_000)
        .catch((error: unknown) => {
          throw new Error(`${JSON.stringify(seen, null, 1)}\n${String(error)}`);
        });
      return seen!;
    };
    const flow = ({ tracks, numbers }: Viewed, from = 0): boolean =>
      tracks.length === 3 &&
      tracks.every(({ source, stats }) =>
        source === 'microphone' ? (stats?.bytes ?? 0) > 1000 : (stats?.framesDecoded ?? 0) > 30,
      ) &&
      numbers > from + 20;

    const seen = await until('three tracks flow', flow);
    t.match(seen, { errors: [], removed: [], participants: ['Ada', 'Bob'] });
    t.same(
      seen.tracks.map(({ source, stats }) => [source, stats?.codec]),
      [
        ['camera', 'video/VP8'],
        ['microphone', 'audio/opus'],
        ['screen', 'video/VP8'],
      ],
    );
    for (const tab of [viewer, publisher]) {
      const all = await paths(tab);
      t.same(
        all.map(({ localType }) => localType),
        ['relay'],
        'one connection, over a relay',
      );
    }
    const sent = await publisher.evaluate(async () => {
      const { page } = globalThis as unknown as {
        page: { published: Record<string, { stats: () => Promise<{ framesEncoded: number } | null> }> };
      };
      return await page.published['screen']!.stats();
    });
    t.ok((sent?.framesEncoded ?? 0) > 30, `${sent?.framesEncoded ?? 0} frames encoded`);

    const act = (what: string): Promise<void> =>
      publisher.evaluate((act) => {
        const { camera, screen } = (
          globalThis as unknown as {
            page: {
              published: Record<string, { setMuted: (muted: boolean) => void; unpublish: () => void }>;
            };
          }
        ).page.published;
        if (act === 'mute') camera!.setMuted(true);
        else screen!.unpublish();
      }, what);
    await act('mute');
    await until('the viewer knows that the camera is muted', ({ tracks }) => tracks[0]?.muted === true);
    await act('unpublish');
    const after = await until(
      'the screen is gone',
      ({ removed, tracks }) => removed.length > 0 && tracks.length === 2,
    );
    t.same(after.removed, ['screen']);
    t.same(
      after.tracks.map(({ source }) => source),
      ['camera', 'microphone'],
    );

    const idsOf = ({ tracks }: Viewed): string[] => tracks.map(({ trackId }) => trackId);
    const decoded = ({ tracks }: Viewed): number => tracks[0]?.stats?.framesDecoded ?? 0;

    await t.test('the daemon is killed: the session is resumed, no track is lost', async (t) => {
      const [before, asked] = [await viewer.evaluate(lookAtRoom), site.tickets()];
      process.kill(appliance.daemon.pid!, 'SIGKILL');
      await until('the session is open by another ticket', (seen) => {
        return site.tickets() > asked && seen.signaling === 'open';
      });
      const again = await until('frames are decoded', (seen) => decoded(seen) > decoded(before) + 20);
      t.same(idsOf(again), idsOf(before));
    });

    await t.test('the SFU is killed: both pages join anew, what was muted stays muted', async (t) => {
      const before = await viewer.evaluate(lookAtRoom);
      process.kill((await appliance.status('demo')).sfu!.pid!, 'SIGKILL');
      const again = await until('other tracks flow', (seen) => {
        const known = idsOf(before);
        const fresh = idsOf(seen).filter((id) => !known.includes(id));
        return fresh.length === 2 && decoded(seen) > 20 && seen.tracks[0]?.muted === true;
      });
      t.same(
        again.tracks.map(({ source }) => source),
        ['camera', 'microphone'],
      );
    });

    await t.test('a viewer may not publish, and is told', async (t) => {
      const told = await viewer.evaluate(async () => {
        const { page } = globalThis as unknown as {
          page: {
            room: {
              publish: (track: MediaStreamTrack) => {
                on: (name: 'ended', heard: (data: { reason: string | null }) => void) => void;
              };
            };
          };
        };
        const [track] = document.createElement('canvas').captureStream().getVideoTracks();
        const publication = page.room.publish(track!);
        return await new Promise<string | null>((resolve) => {
          publication.on('ended', ({ reason }) => {
            resolve(reason);
          });
        });
      });
      t.match(told, /may watch, but not publish/);
    });
  });
});
