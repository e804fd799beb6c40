/** What every browser test of the console needs: the double, a relay, Chromium, and the page that plays the SFU. */
import type { Browser } from 'playwright-core';
import type { Test } from 'tap';
import { ConsoleDouble } from '../double/console-double.ts';
import { Relay, relayMissing } from '../double/relay.ts';
import { axe, chromiumMissing, launchChromium, screenshot } from './console-browser.ts';

/** Why these tests cannot run here, for `skip`; false when they can. */
export const missing: string | false = chromiumMissing() ?? relayMissing() ?? false;

export type Stage = {
  double: ConsoleDouble;
  /** Replace it after a restart: the one that stands here at the end is ended. */
  relay: Relay;
  browser: Browser;
  url: string;
};

/** Everything is closed at the end of the test. */
export async function openStage(t: Test): Promise<Stage> {
  const double = new ConsoleDouble();
  const relay = await Relay.start();
  double.sfu.iceUrls = [relay.url];
  const url = await double.listen();
  const browser = await launchChromium();
  const stage: Stage = { double, relay, browser, url };
  t.teardown(async () => {
    await browser.close();
    await double.close();
    await stage.relay.kill();
  });
  const page = await (await browser.newContext()).newPage();
  await page.goto(`${url}/stage.html`);
  await double.sfu.stageReady;
  return stage;
}

/** Takes a screenshot and asks that the page is axe clean, no wider than the screen, and reported nothing. */
export async function checkPage(
  t: Test,
  page: Parameters<typeof axe>[0],
  options: { problems: string[]; name: string },
): Promise<void> {
  const { problems, name } = options;
  await screenshot(page, name);
  t.same(await axe(page), [], `${name} is axe clean`);
  const width = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  t.ok(width[0]! <= width[1]!, `${name} is ${width.join(' px wide on a screen of ')} px`);
  t.same(problems.splice(0), [], `${name} reports no error`);
}
