/**
 * Cameras as they are in the field: the older generation speaks JSON over `/ws`, ignores key frame requests and
 * sends one key frame in two seconds. A viewer who joins in between must not wait for the next one.
 */
import t from 'tap';
import { Appliance, artifactPath } from '../helpers/appliance.ts';
import { browserMissing, firstPicture, instrument, launchBrowser, motion, watchPicture } from './browser.ts';

const missing = browserMissing();
const LATE_VIEWERS = 5;

t.test('an older camera that ignores key frame requests', { skip: missing ?? false }, async (t) => {
  const appliance = await Appliance.start(t, '127.0.23.1');
  const operation = await appliance.enableNamespace('demo');
  t.equal(operation.state, 'succeeded', JSON.stringify(operation.error));
  const camera = await appliance.addCamera('Old gate', {
    namespace: 'demo',
    capture: { mode: 'always' },
    env: { DEMO_CAMERA_PROTOCOLS: 'ws', DEMO_CAMERA_KEY_FRAMES: 'ignore' },
  });
  await appliance.until(
    'the camera is live',
    async () => (await appliance.device(camera.device.id)).media.state === 'live',
  );
  t.equal((await appliance.device(camera.device.id)).media.producer, 'ws');
  const browser = await launchBrowser(t);
  const context = await browser.newContext({ viewport: { width: 1280, height: 720 }, colorScheme: 'light' });
  const page = await context.newPage();
  await instrument(page);
  await page.goto(await appliance.signInUrl());
  await firstPicture(page);

  await t.test('late viewers have a picture at once', async (t) => {
    const waits: number[] = [];
    for (let viewer = 0; viewer < LATE_VIEWERS; viewer += 1) {
      await page.goto(`${appliance.url}/cameras/${camera.device.id}`);
      waits.push(Math.round(await firstPicture(page)));
    }
    waits.sort((a, b) => a - b);
    t.equal(waits.length, LATE_VIEWERS);
    t.comment(
      `first picture after ${waits.join(', ')} ms from opening the page; key frames come every 2000 ms`,
    );
  });

  await t.test('the picture moves as the pattern says', async (t) => {
    const readings = await watchPicture(page, { forMs: 4000 });
    const { distinct, unreadable } = motion(readings);
    t.ok(distinct > 30, `${distinct} distinct frames were read from pixels`);
    t.ok(
      unreadable < readings.length / 10,
      `${unreadable} of ${readings.length} readings were not the pattern`,
    );
    await page.screenshot({ path: artifactPath('camera-live-light.png') });
  });
});
