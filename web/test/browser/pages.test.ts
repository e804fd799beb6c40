/** Every page in light, dark and at 375 px: drawn as designed, axe clean, no console error under the strict CSP. */
import type { Page } from 'playwright-core';
import t from 'tap';
import { CODE, PASSWORD } from '../double/console-double.ts';
import { LOOKS, openPage, textOf, waitForText } from './console-browser.ts';
import { checkPage, missing, openStage } from './stage.ts';
import { addCameras, live } from './cameras.ts';

t.setTimeout(280_000);

t.test('the pages of the console', { skip: missing }, async (t) => {
  t.setTimeout(280_000);
  const { double, browser, url } = await openStage(t);

  const check = (page: Page, problems: string[], name: string): Promise<void> =>
    checkPage(t, page, { problems, name });

  for (const look of LOOKS) {
    const tag = look.width < 640 ? `375-${look.theme}` : look.theme;

    await t.test(`sign-in ${tag}`, async () => {
      double.signedIn = false;
      const { page, problems } = await openPage(browser, look);
      await page.goto(`${url}/cameras`);
      await page.getByLabel('User name').fill('mara');
      await page.getByLabel('Password').fill('wrong');
      problems.length = 0; // The browser itself reports the 401 of the first question.
      await page.getByRole('button', { name: 'Sign in' }).click();
      await waitForText(page, /3 tries left/);
      problems.length = 0;
      await check(page, problems, `sign-in-${tag}`);
      await page.getByLabel('Password').fill(PASSWORD);
      await page.keyboard.press('Enter');
      await waitForText(page, /No cameras yet|Find a camera/);
      t.match(page.url(), /\/cameras$/, 'and leads back to the page that was asked for');
      await page.context().close();
    });

    await t.test(`empty wall ${tag}`, async () => {
      const { page, problems } = await openPage(browser, look);
      await page.goto(url);
      await waitForText(page, /No cameras yet/);
      await check(page, problems, `wall-empty-${tag}`);
      await page.context().close();
    });
  }

  await t.test('before the first namespace there is a way to it, not to a form that is refused', async () => {
    double.namespaces = [];
    const { page, problems } = await openPage(browser, LOOKS[1]!);
    await page.goto(url);
    await waitForText(page, /No namespace yet/);
    await page.goto(`${url}/cameras/new`);
    await waitForText(page, /No namespace yet/);
    await check(page, problems, 'add-camera-no-namespace-light');
    await page.getByRole('link', { name: 'Open the namespaces' }).click();
    await waitForText(page, /Add namespace/);
    await page.context().close();
    double.namespaces = ['nordwerk'];
  });

  addCameras(double);
  // The longest name there may be, without a place to break it.
  double.add('w'.repeat(80), { state: 'offline', lastSeenAt: null, onlineSince: null });

  for (const look of LOOKS) {
    const tag = look.width < 640 ? `375-${look.theme}` : look.theme;

    await t.test(`cameras ${tag}`, async (t) => {
      const { page, problems } = await openPage(browser, look);
      await page.goto(`${url}/cameras`);
      await waitForText(page, /Never connected/);
      await check(page, problems, `cameras-${tag}`);
      await page.getByRole('button', { name: 'Delete Cold store' }).click();
      await waitForText(page, /This is permanent/);
      t.equal(await focusedText(page), 'Keep it', 'the focus is on the safe answer');
      await check(page, problems, `cameras-delete-${tag}`);
      await page.keyboard.press('Escape');
      await page.context().close();
    });

    await t.test(`add camera ${tag}`, async (t) => {
      const { page, problems } = await openPage(browser, look);
      await page.goto(`${url}/cameras/new`);
      await waitForText(page, /When does the camera send video/);
      await waitForText(page, /Namespace/);
      await page.getByLabel('Name', { exact: true }).fill(`Gate ${tag}`);
      await check(page, problems, `add-camera-1-${tag}`);
      await page.getByRole('button', { name: 'Create camera' }).click();
      await waitForText(page, /It is shown this once/);
      await page.waitForTimeout(700);
      await check(page, problems, `add-camera-2-${tag}`);
      t.match(await textOf(page), /API_URL=https:\/\/keep\.nordwerk\.example/);
      const id = double.newest;
      double.update(id, {
        state: 'online',
        online: true,
        onlineSince: new Date().toISOString(),
        media: live(1),
      });
      double.sfu.publishTrack(id);
      await waitForText(page, /is live/);
      await page.waitForTimeout(500);
      await check(page, problems, `add-camera-3-${tag}`);
      await page.getByRole('link', { name: 'Done' }).click();
      await waitForText(page, /Find a camera|Cameras/);
      t.notMatch(await textOf(page), /dev_NOT-a-real-one/, 'leaving takes the secret away');
      t.notMatch(
        await page.evaluate(() => JSON.stringify([localStorage, sessionStorage, location.href])),
        /dev_NOT/,
      );
      await page.context().close();
    });
  }

  await t.test('a one-time code signs in and leaves the address bar', async (t) => {
    double.signedIn = false;
    const { page } = await openPage(browser, LOOKS[0]!);
    await page.goto(`${url}/#code=${CODE}`);
    await waitForText(page, /Wall/);
    t.equal(page.url(), `${url}/`);
    double.signedIn = false;
    const other = await openPage(browser, LOOKS[0]!);
    await other.page.goto(`${url}/#code=used`);
    await waitForText(other.page, /The sign-in code did not work/);
    await waitForText(other.page, /This sign-in code was used/);
    t.notMatch(other.page.url(), /code/);
    double.signedIn = true;
  });

  await t.test('a viewer is told what the role may not do', async (t) => {
    double.role = 'viewer';
    const { page, problems } = await openPage(browser, LOOKS[1]!);
    await page.goto(`${url}/cameras/new`);
    await waitForText(page, /You cannot add cameras/);
    await check(page, problems, 'add-camera-forbidden-light');
    await page.goto(`${url}/cameras`);
    await waitForText(page, /Never connected/);
    t.equal(await page.getByRole('button', { name: /^Delete/ }).count(), 0);
    double.role = 'owner';
  });
});

async function focusedText(page: { evaluate: (run: () => string) => Promise<string> }): Promise<string> {
  return await page.evaluate(() => {
    let focused: Element | null = document.activeElement;
    while (focused?.shadowRoot?.activeElement) focused = focused.shadowRoot.activeElement;
    return focused?.textContent.trim() ?? '';
  });
}
