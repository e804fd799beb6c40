/**
 * A page publishes a picture in two sizes with the client library; the console shows it in a wall of 16 tiles, then
 * large: it is received in the size it is shown at, by the decoder's figures and by pixels, relay-only.
 */
import { chromium, type Page } from 'playwright-core';
import t from 'tap';
import type { DeviceCreated } from '../../contract/api.ts';
import type { RoomViewers } from '../../contract/rooms.ts';
import { Appliance } from '../helpers/appliance.ts';
import { ARGUMENTS, browserMissing, CHROMIUM, instrument, paths } from './browser.ts';
import { SIMULCAST_PAGE } from './client-pages.ts';
import { otherSite } from './other-site.ts';

t.setTimeout(200_000);

t.test('a picture is received in the size it is shown at', { skip: browserMissing() ?? false }, async (t) => {
  t.setTimeout(200_000);
  const appliance = await Appliance.start(t, '127.0.65.1');
  const operation = await appliance.enableNamespace('demo');
  t.equal(operation.state, 'succeeded', JSON.stringify(operation.error));
  const { key } = await appliance.api.post<{ key: string }>('/v1/namespaces/demo/api-keys', {
    name: 'encoder',
    role: 'operator',
  });
  const ids: string[] = [];
  for (let number = 1; number <= 16; number += 1) {
    const name = `Aisle ${String(number).padStart(2, '0')}`;
    const { device } = await appliance.api.post<DeviceCreated>('/api/devices', { name, namespace: 'demo' });
    ids.push(device.id);
  }
  const room = `camera:${ids[0]!}`;
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS });
  t.teardown(() => browser.close());
  const site = await otherSite(t, {
    ...{ address: '127.0.65.2', server: appliance.url, apiKey: key },
    ticket: { namespace: 'demo', role: 'publisher', rooms: [room], name: 'Encoder' },
    page: SIMULCAST_PAGE.replace('SERVER', appliance.url).replace('ROOM', room),
  });
  const publisher = await (await browser.newContext()).newPage();
  await publisher.goto(site.url);

  const page = await (await browser.newContext({ viewport: { width: 1440, height: 900 } })).newPage();
  await instrument(page);
  await page.goto(await appliance.signInUrl());
  const shows = async (what: string, lines: number): Promise<Shown> => {
    let shown: Shown | null = null;
    await appliance
      .until(what, async () => {
        shown = await look(page);
        return shown?.frameHeight === lines && shown.videoHeight === lines && shown.numbers > 20;
      })
      .catch(async (error: unknown) => {
        const errors = await publisher.evaluate(() => JSON.stringify((globalThis as { page?: object }).page));
        await page.screenshot({ path: 'artifacts/tile-sizes.png' });
        throw new Error(`${JSON.stringify(shown)} ${errors}\n${String(error)}`);
      });
    return shown!;
  };

  await t.test('the small one in a wall of sixteen', async (t) => {
    await page.goto(`${appliance.url}/?n=16`);
    const { boxHeight } = await shows('the low layer in the wall', 180);
    t.equal(await page.locator('tk-tile').count(), 16);
    t.ok(boxHeight <= 225, `the tile has ${boxHeight} lines`);
  });

  await t.test('the large one in the player, and the small one again in the wall', async (t) => {
    await page.locator('tk-tile').first().dblclick();
    await page.waitForURL(/\/cameras\//);
    const { boxHeight } = await shows('the high layer in the player', 360);
    t.ok(boxHeight > 400, `the player has ${boxHeight} lines`);
    await page.keyboard.press('Escape');
    await shows('the low layer again', 180);
    for (const path of await paths(page)) t.equal(path.localType, 'relay');
  });

  await t.test('the server knows what the browser sees', async () => {
    const path = `/v1/webrtc/rooms/${encodeURIComponent(room)}/viewers?namespace=demo`;
    await appliance.until('figures of the browser in the room', async () => {
      const { viewers } = await appliance.api.get<RoomViewers>(path);
      return viewers.some(({ figures }) =>
        Object.values(figures).some(
          (one) => one['height'] === 180 && one['framesDecoded']! > 1 && one['freezes'] !== undefined,
        ),
      );
    });
  });
});

type Shown = { frameHeight: number; videoHeight: number; boxHeight: number; numbers: number };

/** What the one playing <video> of the console shows for a second and a half: sizes, and different numbers in it. */
async function look(page: Page): Promise<Shown | null> {
  return await page.evaluate(async () => {
    const scope = globalThis as unknown as {
      testVideos: () => HTMLVideoElement[];
      testPeerConnections: RTCPeerConnection[];
    };
    const video = scope.testVideos().find(({ videoWidth }) => videoWidth > 0);
    if (video === undefined) return null;
    const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 360 });
    const context = canvas.getContext('2d', { willReadFrequently: true })!;
    const numbers = new Set<number>();
    for (let reading = 0; reading < 60 && numbers.size <= 20; reading += 1) {
      context.drawImage(video, 0, 0, 640, 360);
      let bits = 0;
      for (let cell = 0; cell < 16; cell += 1) {
        bits = (bits << 1) | (context.getImageData(cell * 40 + 20, 240, 1, 1).data[1]! > 128 ? 1 : 0);
      }
      if ((bits & 0xff) === (~(bits >> 8) & 0xff)) numbers.add(bits >> 8);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    let frameHeight = 0;
    for (const connection of scope.testPeerConnections) {
      for (const one of (await connection.getStats()).values() as Iterable<Record<string, unknown>>) {
        if (one['type'] === 'inbound-rtp')
          frameHeight = Math.max(frameHeight, Number(one['frameHeight'] ?? 0));
      }
    }
    const { videoHeight, clientHeight: boxHeight } = video;
    return { frameHeight, videoHeight, boxHeight, numbers: numbers.size };
  });
}
