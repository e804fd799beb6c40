/** Health with a record that somebody else changed: found, mended from the page, and a repair that is refused. */
import t from 'tap';
import { axe, screenshot, waitForText } from '../../../../web/test/browser/console-browser.ts';
import { Appliance } from '../../helpers/appliance.ts';
import { BIND, bindServer, bindSkip, ZONE } from '../../helpers/bind-server.ts';
import { openDns } from '../../../host-dns.ts';
import { daemonConfigSchema } from '../../../contract/daemon-config.ts';
import { browserMissing, launchBrowser } from '../browser.ts';
import { DESK, focused, looks, notable, signedIn } from '../console-pages.ts';

const ADDRESS = '127.0.76.1';
const NAME = `turn.ns-demo.${ZONE}`;

t.setTimeout(200_000);

t.test('the repair of DNS records', { skip: browserMissing() ?? bindSkip }, async (t) => {
  t.setTimeout(200_000);
  const { keyFile, resolver } = await bindServer(t);
  const dns = { manager: 'rfc2136', server: `${BIND.host}:${String(BIND.port)}`, zone: ZONE, keyFile };
  const appliance = await Appliance.start(t, ADDRESS, {
    dns,
    turn: { bindAddresses: [ADDRESS], hostName: `turn.ns-{namespace}.${ZONE}` },
  });
  await appliance.enableNamespace('demo');
  t.same(await resolver.resolve4(NAME), [ADDRESS]);
  // Somebody who has the key, too, says otherwise.
  await openDns(daemonConfigSchema.parse({ dns })).set(NAME, ['192.0.2.66']);

  const browser = await launchBrowser(t);
  const { page, problems } = await signedIn(appliance, browser, DESK);
  const repair = page.getByRole('button', { name: 'Repair now' });

  await t.test('a repair that is refused says why, and the finding stays', async (t) => {
    await page.goto(`${appliance.url}/health`);
    await waitForText(page, /has 192\.0\.2\.66 instead of 127\.0\.76\.1/);
    await page.route('**/v1/repair', (route) =>
      route.fulfill({
        status: 403,
        json: { error: 'forbidden', message: 'This needs the role operator; you have viewer.' },
      }),
    );
    await repair.click();
    await waitForText(page, /Nothing was repaired\. This needs the role operator/);
    t.equal(await focused(page), 'Repair now', 'the focus stays where it was');
    t.same(await axe(page), [], 'axe clean');
    await screenshot(page, 'health-repair-refused-dark', { whole: true });
    await page.unroute('**/v1/repair');
    t.match(notable(problems.splice(0)), [/403/], 'the browser reports the refusal itself');
    t.same(await resolver.resolve4(NAME), ['192.0.2.66']);
  });

  await looks(t, {
    appliance,
    browser,
    path: '/health',
    ready: /192\.0\.2\.66 instead/,
    name: 'health-repair',
  });

  await t.test('the record is set anew, the page says so, and the failure is gone', async (t) => {
    await repair.focus();
    await page.keyboard.press('Enter');
    // Looked at again by itself.
    await waitForText(
      page,
      /Nothing has failed\..*1 thing was mended\..*DNS: .* has 192\.0\.2\.66 instead .* mended/,
    );
    t.same(await resolver.resolve4(NAME), [ADDRESS]);
    t.equal(await repair.count(), 0);
    await page.waitForFunction(isFocused, 'Repair');
    t.same(await axe(page), [], 'axe clean');
    await screenshot(page, 'health-repaired-dark', { whole: true });
    t.same(notable(problems), [], 'the console reports no error');
  });

  const { items } = await appliance.api.get<{ items: { action: string }[] }>('/v1/audit?limit=20');
  t.ok(
    items.some(({ action }) => action === 'host.repair'),
    'the audit has noted it',
  );
});

/** Runs in the page: what has the focus reads so. */
function isFocused(text: string): boolean {
  let element = document.activeElement;
  while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
  return element?.textContent.trim() === text;
}
