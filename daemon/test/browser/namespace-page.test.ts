/**
 * The console's namespaces with nothing replaced: a person adds one, sees the plan, enables it, makes credentials,
 * sees the session that Chromium opens with them and what it is refused, ends it, and turns WebRTC off again.
 */
import { generateKeyPairSync } from 'node:crypto';
import type { Page } from 'playwright-core';
import t from 'tap';
import { axe, screenshot, waitForText } from '../../../web/test/browser/console-browser.ts';
import type { Operation } from '../../contract/api.ts';
import { Appliance } from '../helpers/appliance.ts';
import { browserMissing, launchBrowser } from './browser.ts';
import { DESK, focused, looks, notable, signedIn } from './console-pages.ts';

t.setTimeout(200_000);

t.test('the namespace page', { skip: browserMissing() ?? false }, async (t) => {
  t.setTimeout(200_000);
  const appliance = await Appliance.start(t, '127.0.45.1');
  const browser = await launchBrowser(t);
  const { page, problems } = await signedIn(appliance, browser, DESK);
  const look = (path: string, ready: RegExp, name: string): Promise<void> =>
    looks(t, { appliance, browser, path, ready, name });

  await t.test('a namespace is added, and enabled after its plan was shown', async () => {
    await page.getByRole('link', { name: 'Namespaces' }).first().click();
    await page.getByRole('button', { name: 'Add namespace' }).click();
    await page.getByLabel('Name', { exact: true }).fill('nordwerk');
    await page.keyboard.press('Enter');
    await waitForText(page, /Start the TURN service/);
    await look('/namespaces/nordwerk', /Start the TURN service/, 'namespace-off');
    await page.getByRole('button', { name: 'Enable WebRTC' }).click();
    await waitForText(page, /Step \d+ of \d+/);
    await screenshot(page, 'namespace-enabling-dark');
    await waitForText(page, /WebRTC on/, 60_000);
    await waitForText(page, /Nobody is connected/);
  });

  await t.test('credentials are shown once; the session of a browser and its refusal are seen', async (t) => {
    await page.getByLabel('Subject').fill('probe-1');
    await page.getByRole('button', { name: 'Make credentials' }).click();
    await page.locator('tk-secret .value').waitFor();
    const texts = await page.locator('tk-turn-credentials tk-command .command').allInnerTexts();
    const [username = '', servers = ''] = texts;
    const credential = await page.locator('tk-secret .value').innerText();
    t.match(username, /^\d+:nordwerk:probe-1$/);
    await page.getByRole('button', { name: 'Hide', exact: true }).click();
    t.equal(await page.locator('tk-secret').count(), 0, 'hidden for good');

    const urls = servers
      .split('\n')
      .filter((uri) => uri.includes('transport=udp') && uri.startsWith('turn:'));
    t.equal(urls.length, 1, servers);
    const connect = async (): Promise<Page> => {
      const client = await (await browser.newContext()).newPage();
      await client.goto(`${appliance.url}/icon.svg`);
      await client.evaluate(relayTo, { iceServer: { urls, username, credential }, peer: '10.0.0.5' });
      await page.locator('tk-turn-sessions th .name', { hasText: 'probe-1' }).waitFor();
      return client;
    };
    const client = await connect();
    await waitForText(page, /Peer 10\.0\.0\.5:9000 is not an SFU of this namespace\./);
    await look('/namespaces/nordwerk', /Peer 10\.0\.0\.5:9000 is not/, 'namespace-on');
    await look('/namespaces', /WebRTC on/, 'namespaces');
    await screenshot(page, 'namespace-on-dark', { whole: true });
    t.same(await axe(page), [], 'axe clean');

    await page.getByRole('button', { name: 'Disconnect probe-1' }).click();
    await page.getByText('Disconnect probe-1?').waitFor();
    t.equal(await focused(page), 'Keep it', 'the focus is on the safe answer');
    await screenshot(page, 'namespace-disconnect-dark');
    await page.getByRole('button', { name: 'Disconnect', exact: true }).click();
    await waitForText(page, /Nobody is connected/);
    await client.context().close();

    const again = await connect();
    await page.getByRole('button', { name: 'Disconnect probe-1' }).click();
    await page.getByRole('button', { name: 'Revoke probe-1' }).click();
    await page.locator('tk-turn-revoked li', { hasText: 'probe-1' }).waitFor();
    await waitForText(page, /Nobody is connected/);
    await page.locator('tk-turn-revoked').scrollIntoViewIfNeeded();
    await screenshot(page, 'namespace-revoked-dark');
    await page.getByRole('button', { name: 'Let in again' }).click();
    await page.locator('tk-turn-revoked li').waitFor({ state: 'detached' });
    await again.context().close();
  });

  await t.test('a key that derives credentials is listed and removed after a question', async (t) => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-521' });
    await appliance.api.post('/v1/namespaces/nordwerk/turn/keys', {
      ...{ kind: 'app', clientId: 'kiosk' },
      publicKey: publicKey.export({ type: 'spki', format: 'der' }).toString('hex'),
    });
    await page.reload();
    await page.getByRole('button', { name: 'Remove the key of kiosk' }).click();
    await page.getByText('Remove the key of kiosk?').waitFor();
    t.equal(await focused(page), 'Keep it');
    await page.locator('tk-turn-keys').scrollIntoViewIfNeeded();
    await screenshot(page, 'namespace-key-dark');
    t.same(await axe(page), [], 'axe clean');
    await page.getByRole('button', { name: 'Remove key' }).click();
    await page.locator('tk-turn-keys li').first().waitFor({ state: 'detached' });
  });

  await t.test('the secret is rotated after a question, and what runs stays in sight', async () => {
    await page.getByRole('button', { name: 'Rotate secret' }).click();
    await waitForText(page, /Rotate the TURN secret of nordwerk\?/);
    t.equal(await focused(page), 'Keep it');
    await page.locator('tk-confirm').getByRole('button', { name: 'Rotate secret' }).click();
    await appliance.until('the rotation ends', async () => {
      const { items } = await appliance.api.get<{ items: Operation[] }>('/v1/operations');
      return items[0]?.kind === 'rotate-turn-secret' && items[0].state === 'succeeded';
    });
    await waitForText(page, /Nobody is connected/);
  });

  await t.test('a service that ended is told; WebRTC is turned off after a question', async (t) => {
    await page.getByRole('button', { name: 'Drain', exact: true }).click();
    await page.getByRole('button', { name: 'Drain', exact: true }).click();
    await page.locator('tk-turn .sentence').waitFor();
    await waitForText(page, /Degraded/);
    await screenshot(page, 'namespace-down-dark');
    t.same(await axe(page), [], 'axe clean');
    await page.getByRole('button', { name: 'Disable WebRTC' }).click();
    await waitForText(page, /Disable WebRTC for nordwerk\?/);
    t.equal(await focused(page), 'Keep it on');
    await page.locator('tk-confirm').getByRole('button', { name: 'Disable WebRTC' }).click();
    await waitForText(page, /WebRTC off/, 60_000);
    t.equal((await appliance.status('nordwerk')).state, 'disabled');
  });
  t.same(notable(problems), [], 'the console reports no error');
});

/** Opens a relay, and asks it to reach `peer`: the connection stays as long as its page. */
async function relayTo(options: {
  iceServer: { urls: string[]; username: string; credential: string };
  peer: string;
}): Promise<void> {
  const near = new RTCPeerConnection({ iceServers: [options.iceServer], iceTransportPolicy: 'relay' });
  const far = new RTCPeerConnection();
  near.createDataChannel('x');
  const offer = await near.createOffer();
  await far.setRemoteDescription(offer);
  await far.setLocalDescription();
  await near.setLocalDescription(offer);
  await near.setRemoteDescription(far.localDescription!);
  await near.addIceCandidate({
    candidate: `candidate:1 1 udp 2130706431 ${options.peer} 9000 typ host`,
    sdpMid: '0',
  });
  Object.assign(globalThis, { kept: [near, far] });
}
