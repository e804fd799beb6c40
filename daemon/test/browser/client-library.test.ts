/**
 * The client library as the daemon serves it, in plain pages of another origin: a camera in the page of the README, by
 * pixels and decoded frames, through relays only.
 */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { Appliance } from '../helpers/appliance.ts';
import {
  browserMissing,
  firstPicture,
  instrument,
  launchBrowser,
  motion,
  paths,
  watchPicture,
} from './browser.ts';
import { otherSite } from './other-site.ts';

t.setTimeout(200_000);
const BOX = '127.0.50.1';

t.test('the client library', { skip: browserMissing() ?? false }, async (t) => {
  t.setTimeout(200_000);
  const appliance = await Appliance.start(t, BOX);
  const operation = await appliance.enableNamespace('demo');
  t.equal(operation.state, 'succeeded', JSON.stringify(operation.error));
  const { key } = await appliance.api.post<{ key: string }>('/v1/namespaces/demo/api-keys', {
    name: 'other site',
    role: 'operator',
  });
  const browser = await launchBrowser(t);

  await t.test('the page of the README shows a camera', async (t) => {
    const { device } = await appliance.addCamera('Packing line', { namespace: 'demo' });
    const room = `camera:${device.id}`;
    const readme = /```html\n([\s\S]*?)```/.exec(readFileSync('README.md', 'utf8'))?.[1] ?? '';
    t.ok(readme.trim().split('\n').length <= 10, 'ten lines');
    const page = readme
      .replaceAll('https://box.example.com', appliance.url)
      .replace('camera:YOUR-CAMERA', room);
    const ticket = { namespace: 'demo', role: 'viewer', rooms: [room] };
    const site = await otherSite(t, {
      address: '127.0.50.2',
      server: appliance.url,
      apiKey: key,
      ticket,
      page,
    });
    const tab = await (await browser.newContext()).newPage();
    const problems: string[] = [];
    tab.on('console', (message) => {
      if (message.type() === 'error' && !message.text().includes('favicon')) problems.push(message.text());
    });
    tab.on('pageerror', (error) => problems.push(error.message));
    await instrument(tab);
    await tab.goto(site.url);
    const firstMs = await firstPicture(tab).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${problems.join('\n')}\n${appliance.logTail()}`);
    });
    t.comment(`first picture ${Math.round(firstMs)} ms after the page was opened`);
    const readings = await watchPicture(tab, { forMs: 3000 });
    t.ok(
      motion(readings).distinct > 20,
      `${motion(readings).distinct} distinct frames were read from pixels`,
    );
    for (const path of await paths(tab)) {
      t.match(path, { localType: 'relay', remoteType: /./ });
      t.ok(path.framesDecoded > 30, `${path.framesDecoded} frames decoded`);
    }
    t.equal(site.tickets(), 1);
    t.same(problems, [], 'the page reports no error');
    await tab.context().close();
  });
});
