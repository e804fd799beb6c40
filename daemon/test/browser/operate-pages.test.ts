/**
 * The pages people operate a host with, with nothing replaced: Health is inspected, visited by the doctor and
 * attacked, Metrics shows what every service uses, Access makes and takes away what people and applications may.
 */
import t from 'tap';
import { axe, screenshot, waitForText } from '../../../web/test/browser/console-browser.ts';
import type { DeviceCreated } from '../../contract/api.ts';
import { Appliance } from '../helpers/appliance.ts';
import { browserMissing, launchBrowser } from './browser.ts';
import { DESK, focused, looks, notable, signedIn } from './console-pages.ts';

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
    await waitForText(page, /today \d\d:\d\d.*0 viewers/);
    await page.getByRole('radio', { name: '10 min' }).click();
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

  await t.test('cameras: renamed, always on, with a new secret', async (t) => {
    const made = { name: 'Dock', namespace: 'nordwerk' };
    const { device, secret } = await appliance.api.post<DeviceCreated>('/api/devices', made);
    const accepted = async (bearer: string): Promise<number> => {
      const headers = { authorization: `Bearer ${bearer}` };
      return (await fetch(`${appliance.url}/api/devices/turn`, { method: 'POST', headers })).status;
    };
    t.equal(await accepted(secret), 200);
    await page.getByRole('link', { name: 'Cameras' }).first().click();
    await page.getByRole('button', { name: 'Change Dock' }).click();
    await page.getByLabel('Name', { exact: true }).fill('Dock 2');
    await page.getByLabel('When does the camera send video?').selectOption('always');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('button', { name: 'Change Dock 2' }).click();
    t.match(await appliance.device(device.id), { name: 'Dock 2', capture: { mode: 'always' } });
    t.equal(await page.getByLabel('Name', { exact: true }).inputValue(), 'Dock 2');
    await page.getByRole('button', { name: 'Replace secret' }).click();
    await page.getByText('Replace the secret of Dock 2?').waitFor();
    t.equal(await focused(page), 'Keep it', 'the focus is on the safe answer');
    t.same(await axe(page), [], 'axe clean');
    await page.locator('tk-confirm').getByRole('button', { name: 'Replace secret' }).click();
    await page.locator('tk-secret .value').waitFor();
    const fresh = await page.locator('tk-secret .value').innerText();
    await screenshot(page, 'cameras-secret-dark', { whole: true });
    t.equal(await accepted(secret), 401, 'the one of before opens nothing');
    t.equal(await accepted(fresh), 200);
    await page.getByRole('button', { name: 'Hide', exact: true }).click();
    await page.locator('tk-secret').waitFor({ state: 'detached' });
    await page.keyboard.press('Escape');
    await page.locator('tk-camera-settings').waitFor({ state: 'detached' });
  });

  await t.test('access: a user, a key, and what was done with them', async (t) => {
    await page.getByRole('link', { name: 'Access' }).first().click();
    await page.getByRole('button', { name: 'Add user' }).click();
    await page.getByLabel('Name', { exact: true }).fill('guard');
    await page.keyboard.press('Enter');
    await page.locator('tk-secret .value').waitFor();
    const password = await page.locator('tk-secret .value').innerText();
    await page.getByRole('button', { name: 'Hide', exact: true }).click();
    await page.getByRole('button', { name: 'Change guard' }).click();
    await page.getByRole('radio', { name: 'Operator' }).click();
    await page.getByRole('radio', { name: 'Operator', checked: true }).waitFor();
    await page.getByRole('button', { name: 'Disable guard' }).click();
    await page.getByRole('button', { name: 'Enable guard' }).waitFor();
    t.same(await axe(page), [], 'users are axe clean');
    const signIn = await fetch(`${appliance.url}/v1/session`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ user: 'guard', password }),
    });
    t.equal(signIn.status, 401, 'a disabled user does not come in');

    await page.getByRole('link', { name: 'API keys' }).click();
    await page.getByRole('button', { name: 'New API key' }).click();
    await page.getByLabel('What it is for').fill('Billing');
    await page.getByLabel('Namespace').selectOption('nordwerk');
    await page.getByRole('button', { name: 'Make key' }).click();
    await page.locator('tk-secret .value').waitFor();
    const key = await page.locator('tk-secret .value').innerText();
    await appliance.api.post('/v1/namespaces', { name: 'hofgut' });
    const crossed = await fetch(`${appliance.url}/v1/namespaces/hofgut`, { headers: { 'x-api-key': key } });
    t.equal(crossed.status, 403);
    await page.getByRole('button', { name: 'Hide', exact: true }).click();
    await page.getByRole('button', { name: 'Revoke Billing' }).click();
    await page.getByText('Revoke Billing?').waitFor();
    t.equal(await focused(page), 'Keep it', 'the focus is on the safe answer');
    await page.locator('tk-confirm').getByRole('button', { name: 'Revoke Billing' }).click();
    await waitForText(page, /No API key yet/);

    await page.getByRole('link', { name: 'Sessions' }).click();
    await waitForText(page, /this browser/);
    t.same(await axe(page), [], 'sessions are axe clean');

    await page.getByRole('link', { name: 'Audit' }).click();
    await page.getByRole('button', { name: 'Verify now' }).click();
    await waitForText(page, /Nothing was changed: all \d+ entries fit together.*changed the user guard/);
    await page.getByRole('radio', { name: 'Refused' }).click();
    await page.locator('tk-audit td', { hasText: 'made the user' }).waitFor({ state: 'detached' });
    t.equal(await page.locator('tk-audit .tk-state', { hasText: 'Other tenant' }).count(), 1);
    await screenshot(page, 'access-audit-dark', { whole: true });
    t.same(await axe(page), [], 'the audit is axe clean');
    await looks(t, { appliance, browser, path: '/access', ready: /guard.*Disabled/, name: 'access' });
    await looks(t, {
      appliance,
      browser,
      path: '/access/audit',
      ready: /made the user/,
      name: 'access-audit',
    });
  });

  await t.test('a token issuer is added, tried and removed', async (t) => {
    await page.getByRole('link', { name: 'Token issuers' }).click();
    await page.getByRole('button', { name: 'Add issuer' }).click();
    await page.getByLabel('Name', { exact: true }).fill('staff');
    await page.getByLabel('Issuer', { exact: true }).fill('https://127.0.66.9:9/realms/staff');
    await page.getByLabel('Audience', { exact: true }).fill('turnkeep');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Remove staff' }).waitFor();
    await waitForText(page, /Added, but its keys cannot be fetched/);
    await page.getByLabel('Token', { exact: true }).fill('no token');
    await page.getByRole('button', { name: 'Try', exact: true }).click();
    await waitForText(page, /Refused This token is not accepted/);
    t.same(await axe(page), [], 'axe clean');
    await page.getByRole('button', { name: 'Remove staff' }).click();
    await page.locator('tk-confirm').getByRole('button', { name: 'Remove staff' }).click();
    await page.locator('tk-access-issuers [aria-label="Remove staff"]').waitFor({ state: 'detached' });
  });

  await t.test('a namespace says how it is reached from outside', async () => {
    await page.goto(`${appliance.url}/namespaces/nordwerk`);
    await waitForText(page, /Clients are sent to addresses.*Everything is bound to loopback.*Fingerprint/);
  });

  await t.test('who may not open a page is told why', async (t) => {
    await appliance.api.post('/v1/users', { name: 'watcher', role: 'viewer' });
    const visitor = await signedIn(appliance, browser, DESK, 'watcher');
    await visitor.page.goto(`${appliance.url}/access`);
    await waitForText(visitor.page, /You cannot open Access.*Your role is viewer/);
    await visitor.page.goto(`${appliance.url}/health`);
    await waitForText(visitor.page, /You cannot open Health/);
    t.same(notable(visitor.problems), [], 'and nothing was asked that is refused');
    await visitor.page.context().close();
  });

  t.same(notable(problems), [], 'the console reports no error');
});
