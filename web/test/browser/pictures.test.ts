/** The wall and the camera page with real pictures through a relay, in light, dark and at 375 px. */
import type { Page } from 'playwright-core';
import t from 'tap';
import { LOOKS, openPage, waitForText } from './console-browser.ts';
import { checkPage, missing, openStage } from './stage.ts';
import { addCameras, live } from './cameras.ts';

t.setTimeout(280_000);

/** A state fades in within 160 ms; axe would measure the contrast of half of it. */
const FADED_MS = 400;

t.test('the pages with pictures', { skip: missing }, async (t) => {
  t.setTimeout(280_000);
  const { double, browser, url } = await openStage(t);

  const check = (page: Page, problems: string[], name: string): Promise<void> =>
    checkPage(t, page, { problems, name });

  const { silo } = addCameras(double);

  for (const look of LOOKS) {
    const tag = look.width < 640 ? `375-${look.theme}` : look.theme;

    await t.test(`wall ${tag}`, async () => {
      double.sfu.freeze(silo, false);
      double.update(silo, { state: 'online', online: true, media: live(1) });
      const { page, problems } = await openPage(browser, look);
      await page.goto(`${url}/?n=9`);
      await page.waitForFunction(playing, look.width < 640 ? 4 : 6, { timeout: 60_000 });
      double.sfu.freeze(silo, true);
      double.update(silo, { state: 'offline', online: false, lastSeenAt: new Date().toISOString() });
      // On a phone both are further down: never seen, and paused.
      await waitForText(
        page,
        look.width < 640
          ? /^(?=.*Offline)(?=.*Last seen .*4 h 2\d min ago)/
          : /^(?=.*Camera reconnecting)(?=.*Offline)(?=.*Last seen .*4 h 2\d min ago)(?=.*Online, no picture)/,
      );
      if (look.width > 640) await page.locator('tk-tile').nth(1).focus();
      await page.waitForTimeout(FADED_MS);
      await check(page, problems, `wall-9-${tag}`);
      if (look.width > 640) {
        await page.keyboard.press('0');
        await waitForText(page, /^(?=.*State unknown)(?=.*This browser cannot play X-NEW)/);
        await page.waitForTimeout(FADED_MS);
        await check(page, problems, `wall-auto-${tag}`);
        await page.keyboard.press('?');
        await waitForText(page, /Use single keys/);
        await page.waitForTimeout(FADED_MS);
        await check(page, problems, `wall-keys-${tag}`);
      }
      await page.context().close();
    });

    await t.test(`camera ${tag}`, async () => {
      const { page, problems } = await openPage(browser, look);
      await page.goto(`${url}/cameras/cam01`);
      await page.waitForFunction(playing, 1, { timeout: 60_000 });
      if (look.width > 640) {
        await page.keyboard.press('i');
        await page.keyboard.press('i');
      }
      await waitForText(
        page,
        /^(?=.*First picture in \d+ ms)(?=.*relay via udp \d+)(?=.*\d+ fps)(?=.*VP8)(?=.*320 × 180)(?=.*Loss, 10 s 0\.0 %)/,
      );
      await check(page, problems, `camera-${tag}`);
      await page.goto(`${url}/cameras/cam09`);
      await waitForText(page, /Why is it black\?/);
      await page.waitForTimeout(FADED_MS);
      await check(page, problems, `camera-black-${tag}`);
      await page.context().close();
    });
  }
});

/** Runs in the page: at least `count` videos have shown frames. */
function playing(count: number): boolean {
  let shown = 0;
  const walk = (root: ParentNode): void => {
    for (const element of root.querySelectorAll('*')) {
      if (element instanceof HTMLVideoElement && element.getVideoPlaybackQuality().totalVideoFrames > 5)
        shown++;
      if (element.shadowRoot !== null) walk(element.shadowRoot);
    }
  };
  walk(document);
  return shown >= count;
}
