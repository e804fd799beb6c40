/**
 * The pages people operate a host with, with nothing replaced: Health is inspected, visited by the doctor and
 * attacked, Metrics shows what every service uses.
 */
import t from 'tap';
import { axe, screenshot, waitForText } from '../../../web/test/browser/console-browser.ts';
import { Appliance } from '../helpers/appliance.ts';
import { browserMissing, launchBrowser } from './browser.ts';
import { DESK, looks, notable, signedIn } from './console-pages.ts';

t.setTimeout(200_000);

t.test('the pages of an operator', { skip: browserMissing() ?? false }, async (t) => {
  t.setTimeout(200_000);
  const appliance = await Appliance.start(t, '127.0.66.1');
  await appliance.enableNamespace('nordwerk');
  const browser = await launchBrowser(t);
  const { page, problems } = await signedIn(appliance, browser, DESK);

  await t.test('health: inspected, visited by the doctor, attacked', async (t) => {
    await page.getByRole('link', { name: 'Health' }).first().click();
    await waitForText(page, /Inspected today .* TURN and SFU of each up/);
    await waitForText(page, /nordwerk: 0 viewers in 0 rooms.* more namespaces fit/);
    await page.getByRole('button', { name: 'Run doctor' }).click();
    await waitForText(page, /TURN tls.*0 % lost/);
    await page.getByRole('button', { name: 'Run attack' }).click();
    await waitForText(page, /(\d+) of \1 refused/);
    await screenshot(page, 'health-dark', { whole: true });
    t.same(await axe(page), [], 'axe clean');
    await looks(t, { appliance, browser, path: '/health', ready: /Inspected today/, name: 'health' });
  });

  await t.test('metrics: live numbers of each service, as plots and as a table', async (t) => {
    await page.getByRole('link', { name: 'Metrics' }).first().click();
    await waitForText(page, /turnkeep-sfu@nordwerk.*MB/);
    await page.getByRole('radio', { name: 'Table' }).click();
    await waitForText(page, /\d\d:\d\d:\d\d.*0 viewers/);
    t.same(await axe(page), [], 'the table is axe clean');
    await page.getByRole('radio', { name: 'Plots' }).click();
    await screenshot(page, 'metrics-dark', { whole: true });
    await looks(t, {
      appliance,
      browser,
      path: '/load',
      ready: /turnkeep-sfu@nordwerk.*MB/,
      name: 'metrics',
    });
  });

  t.same(notable(problems), [], 'the console reports no error');
});
