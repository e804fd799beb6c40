/**
 * The main journey, with nothing replaced: a camera process attaches through a tunnel, a person signs in to the console and
 * sees its picture on the wall and in the camera view, through relays only.
 */
import t from 'tap';
import { Appliance, artifactPath } from '../helpers/appliance.ts';
import {
  browserMissing,
  firstPicture,
  instrument,
  launchBrowser,
  motion,
  pageText,
  paths,
  waitForText,
  watchPicture,
} from './browser.ts';

const missing = browserMissing();

t.test('a camera becomes a picture in the console', { skip: missing ?? false }, async (t) => {
  const appliance = await Appliance.start(t, '127.0.21.1');
  const operation = await appliance.enableNamespace('demo');
  t.equal(operation.state, 'succeeded', JSON.stringify(operation.error));
  const camera = await appliance.addCamera('Packing line', { namespace: 'demo' });
  const browser = await launchBrowser(t);
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, colorScheme: 'dark' });
  const page = await context.newPage();
  const problems: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text());
  });
  page.on('pageerror', (error) => problems.push(error.message));
  await instrument(page);
  await page.goto(await appliance.signInUrl());

  await t.test('the wall shows the moving pattern', async (t) => {
    const firstMs = await firstPicture(page);
    t.comment(`first picture ${Math.round(firstMs)} ms after the page was opened (camera on demand)`);
    const readings = await watchPicture(page, { forMs: 4000 });
    const { distinct, longestStillMs, unreadable } = motion(readings);
    t.ok(distinct > 30, `${distinct} distinct frames were read from pixels`);
    t.ok(
      unreadable < readings.length / 10,
      `${unreadable} of ${readings.length} readings were not the pattern`,
    );
    t.comment(`longest time without a new frame: ${Math.round(longestStillMs)} ms`);
    await page.screenshot({ path: artifactPath('wall-live-dark.png') });
  });

  await t.test('every path is a relay and frames are decoded', async (t) => {
    const all = await paths(page);
    t.ok(all.length > 0);
    for (const path of all) {
      t.equal(path.localType, 'relay');
      t.equal(path.protocol, 'udp');
      t.ok(path.framesDecoded > 30, `${path.framesDecoded} frames decoded`);
    }
  });

  await t.test('the camera view plays on and says how the picture came', async (t) => {
    await page.goto(`${appliance.url}/cameras/${camera.device.id}`);
    await firstPicture(page);
    await page.keyboard.press('i');
    await waitForText(page, 'relay via udp', 15_000);
    // Rates need two samples.
    await waitForText(page, /\d fps/, 15_000);
    const text = await pageText(page);
    for (const figure of ['H.264', '640 × 360', 'fps', 'relay via udp 3478']) t.match(text, figure);
    await page.screenshot({ path: artifactPath('camera-live-dark.png') });
  });

  await t.test('a second viewer of a running camera has a picture at once', async (t) => {
    const other = await (await browser.newContext()).newPage();
    await instrument(other);
    await other.goto(await appliance.signInUrl());
    const firstMs = await firstPicture(other);
    t.comment(`first picture ${Math.round(firstMs)} ms after the page was opened (camera already running)`);
    const rooms = await appliance.device(camera.device.id);
    t.equal(rooms.media.state, 'live');
    t.ok(rooms.media.watching >= 2, `${rooms.media.watching} watch one upstream`);
    await other.close();
  });
  t.same(problems, [], 'the console reports no error');
});
