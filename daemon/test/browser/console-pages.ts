/** What tests of the console's pages against the whole product share: signing in, the looks, what is reported. */
import type { Browser, Page } from 'playwright-core';
import type { Test } from 'tap';
import {
  axe,
  openPage,
  screenshot,
  waitForText,
  type Look,
} from '../../../web/test/browser/console-browser.ts';
import type { Appliance } from '../helpers/appliance.ts';

export const DESK: Look = { theme: 'dark', width: 1440, height: 900 };
const OTHERS: Look[] = [
  { theme: 'light', width: 1440, height: 900 },
  { theme: 'dark', width: 390, height: 844 },
];

/** Chromium does not know every feature that the Permissions-Policy switches off, and says so. */
export function notable(problems: string[]): string[] {
  return problems.filter((problem) => !problem.includes('Permissions-Policy'));
}

export async function signedIn(
  appliance: Appliance,
  browser: Browser,
  look: Look,
  user?: string,
): Promise<{ page: Page; problems: string[] }> {
  const opened = await openPage(browser, look);
  await opened.page.goto(await appliance.signInUrl(user));
  await waitForText(opened.page, /Wall/);
  opened.problems.length = 0; // The browser reports the 401 of the first question itself.
  return opened;
}

/** The page in light, and on a phone: axe clean, nothing wider than the screen, no error. */
export async function looks(
  t: Test,
  options: { appliance: Appliance; browser: Browser; path: string; ready: RegExp; name: string },
): Promise<void> {
  const { appliance, browser, path, ready, name } = options;
  for (const look of OTHERS) {
    const tag = `${name}-${look.width < 640 ? '390-' : ''}${look.theme}`;
    const { page, problems } = await signedIn(appliance, browser, look);
    await page.goto(`${appliance.url}${path}`);
    await waitForText(page, ready);
    await screenshot(page, tag, { whole: true });
    t.same(await axe(page), [], `${tag} is axe clean`);
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    t.ok(width <= look.width, `${tag} is ${width} px wide`);
    t.same(notable(problems), [], `${tag} reports no error`);
    await page.context().close();
  }
}

/** The text of what has the focus, through shadow roots. */
export async function focused(page: Page): Promise<string> {
  return await page.evaluate(() => {
    let element = document.activeElement;
    while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
    return element?.textContent.trim() ?? '';
  });
}
