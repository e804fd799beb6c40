/**
 * The console's rooms with nothing replaced: a person makes one, two pages meet in it by the client library, and they
 * are seen, muted and sent away; then the room is closed. By keyboard where it can be, in light, dark and on a phone.
 */
import { chromium, type Browser, type Page } from 'playwright-core';
import t, { type Test } from 'tap';
import {
  axe,
  openPage,
  screenshot,
  textOf,
  waitForText,
  type Look,
} from '../../../web/test/browser/console-browser.ts';
import type { RoomView } from '../../contract/rooms.ts';
import { Appliance } from '../helpers/appliance.ts';
import { ARGUMENTS, browserMissing, CHROMIUM } from './browser.ts';
import { PUBLISHER_PAGE, VIEWER_PAGE } from './client-pages.ts';
import { otherSite } from './other-site.ts';

t.setTimeout(200_000);
const DESK: Look = { theme: 'dark', width: 1440, height: 900 };
const OTHERS: Look[] = [
  { theme: 'light', width: 1440, height: 900 },
  { theme: 'light', width: 375, height: 812 },
];

t.test('the rooms page', { skip: browserMissing() ?? false }, async (t) => {
  t.setTimeout(200_000);
  const appliance = await Appliance.start(t, '127.0.65.3');
  const operation = await appliance.enableNamespace('demo');
  t.equal(operation.state, 'succeeded', JSON.stringify(operation.error));
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: [...ARGUMENTS, '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'],
  });
  t.teardown(() => browser.close());
  const { page, problems } = await openPage(browser, DESK);
  await page.goto(await appliance.signInUrl());
  await waitForText(page, /Wall/);
  problems.length = 0; // The browser reports the 401 of the first question itself.
  const lobby = (): Promise<RoomView> => appliance.api.get<RoomView>('/v1/webrtc/rooms/lobby?namespace=demo');

  await t.test('is reached by keys, and a room is made', async (t) => {
    await page.keyboard.press('g');
    await page.keyboard.press('r');
    await waitForText(page, /No room is open/);
    await page.getByRole('button', { name: 'Create room' }).first().click();
    t.equal(await focusedId(page), 'name', 'the name is asked for at once');
    await page.keyboard.type('lobby');
    await screenshot(page, 'rooms-create-dark');
    t.same(await axe(page), [], 'axe clean');
    await page.keyboard.press('Enter');
    await waitForText(page, /lobby[\s\S]*Empty for/);
    t.match((await lobby()).settings, { emptyTimeoutSeconds: 300 });
  });

  const enter = (name: string, html: string, address: string): Promise<Page> =>
    visitor(t, { appliance, browser, name, html, address });
  await enter('Ada', PUBLISHER_PAGE, '127.0.65.4');
  await enter('Bob', VIEWER_PAGE, '127.0.65.5');

  await t.test('who is there, what they send and who watches', async (t) => {
    await waitForText(page, /Ada[\s\S]*Screen, VP8, \d[\d.]* [kM]bit\/s, \d+p \d+ fps, 1 watching/, 60_000);
    const text = await textOf(page);
    t.match(text, /Microphone, opus, \d+ kbit\/s/);
    t.match(text, /Bob/);
    t.match(text, /Watches 3 tracks/);
    await screenshot(page, 'rooms-dark');
    t.same(await axe(page), [], 'axe clean');
    for (const look of OTHERS) await looks(t, { appliance, browser, look });
  });

  await t.test('a participant is muted, and may send again', async () => {
    await page.getByRole('button', { name: 'Mute Ada' }).click();
    await waitForText(page, /Screen, VP8, muted by a moderator/);
    await page.getByRole('button', { name: 'Unmute Ada' }).click();
    await waitForText(page, /^(?!.*muted by a moderator)/s);
  });

  await t.test('another is sent away after a question, by keys', async (t) => {
    await page.getByRole('button', { name: 'Send Bob away' }).focus();
    await page.keyboard.press('Enter');
    await page.getByText('Send Bob away?').waitFor();
    t.equal(await focusedText(page), 'Keep', 'the focus is on the safe answer');
    await screenshot(page, 'rooms-send-away-dark');
    t.same(await axe(page), [], 'axe clean');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await appliance.until('Bob is away', async () =>
      (await lobby()).participants.every(({ name }) => name !== 'Bob'),
    );
    await waitForText(page, /^(?!.*Bob)/s);
  });

  await t.test('the room is closed', async (t) => {
    await page.getByRole('button', { name: 'Close lobby' }).click();
    await page.getByText('Close lobby?').waitFor();
    t.equal(await focusedText(page), 'Keep it');
    await page.getByRole('button', { name: 'Close room' }).click();
    await waitForText(page, /No room is open/);
    await screenshot(page, 'rooms-empty-dark');
  });
  t.same(notable(problems), [], 'the console reports no error');
});

/** Chromium does not know every feature that the Permissions-Policy switches off, and says so. */
function notable(problems: string[]): string[] {
  return problems.filter((problem) => !problem.includes('Permissions-Policy'));
}

/** A page of somebody else's application, with an API key and so an identity of its own. */
async function visitor(
  t: Test,
  options: { appliance: Appliance; browser: Browser; name: string; html: string; address: string },
): Promise<Page> {
  const { appliance, browser, name, html, address } = options;
  const role = html === PUBLISHER_PAGE ? 'publisher' : 'viewer';
  const { key } = await appliance.api.post<{ key: string }>('/v1/namespaces/demo/api-keys', {
    name: `for ${name}`,
    role: 'operator',
  });
  const site = await otherSite(t, {
    ...{ address, server: appliance.url, apiKey: key, page: html.replaceAll('SERVER', appliance.url) },
    ticket: { namespace: 'demo', role, rooms: ['lobby'], name },
  });
  const context = await browser.newContext({ permissions: ['camera', 'microphone'] });
  const page = await context.newPage();
  await page.goto(site.url);
  await page.waitForFunction(() => 'page' in globalThis);
  return page;
}

async function looks(
  t: Test,
  options: { appliance: Appliance; browser: Browser; look: Look },
): Promise<void> {
  const { appliance, browser, look } = options;
  const { page } = await openPage(browser, look);
  await page.goto(await appliance.signInUrl());
  await waitForText(page, /Wall/);
  await page.goto(`${appliance.url}/rooms`);
  await waitForText(page, /Ada[\s\S]*watching/);
  const name = `rooms-${look.width < 640 ? '375-' : ''}${look.theme}`;
  await screenshot(page, name);
  t.same(await axe(page), [], `${name} is axe clean`);
  t.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${name} fits`);
  await page.context().close();
}

async function focused(page: Page, what: 'id' | 'text'): Promise<string> {
  return await page.evaluate((what) => {
    let element: Element | null = document.activeElement;
    while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
    return (what === 'id' ? element?.id : element?.textContent.trim()) ?? '';
  }, what);
}
const focusedId = (page: Page): Promise<string> => focused(page, 'id');
const focusedText = (page: Page): Promise<string> => focused(page, 'text');
