/**
 * The product's story on a real server, with nothing replaced: install it on a booted Debian, enable a namespace, attach a
 * camera, watch it in a browser on another host, kill the daemon, cut the power, remove it.
 */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import t from 'tap';
import { z } from 'zod';
import { artifactPath } from '../../helpers/appliance.ts';
import { tempDir } from '../../helpers/temp-dir.ts';
import { bootBox, BOX_ADDRESS } from '../../testbed/box.ts';
import { makeBundle } from '../../testbed/bundle.ts';
import {
  ARGUMENTS,
  browserMissing,
  CHROMIUM,
  firstPicture,
  instrument,
  motion,
  paths,
  watchPicture,
} from '../browser.ts';

t.setTimeout(290_000);
const missing = browserMissing();
const ROOT = join(import.meta.dirname, '../../../..');
const created = z.object({ secret: z.string(), caPem: z.string() });

t.test('from install to removal, with somebody watching', { skip: missing ?? false }, async (t) => {
  const bundle = await makeBundle();
  const box = await bootBox(t);
  const directory = tempDir(t);

  const installed = await box.run([`${bundle}/install.sh`, '--yes'], { timeoutMs: 120_000 });
  t.equal(installed.code, 0, installed.stderr);
  const signIn = /https:\/\/\S+#code=\S+/.exec(installed.stdout)?.[0];
  t.ok(signIn, 'the installer says how to sign in');
  await box.sh('turnkeep namespace create plant && turnkeep namespace enable webrtc --namespace plant', {
    timeoutMs: 120_000,
  });

  const made = await box.sh("turnkeep --json camera add 'Packing line' --namespace plant");
  const { secret, caPem } = created.parse(JSON.parse(made));
  const caFile = join(directory, 'ca.pem');
  writeFileSync(caFile, caPem);
  box.startOutside([process.execPath, join(ROOT, 'scripts/demo-camera/camera.ts')], {
    API_URL: `https://${BOX_ADDRESS}:8080`,
    DEVICE_SECRET: secret,
    SSL_CERT_FILE: caFile,
    NODE_EXTRA_CA_CERTS: caFile,
    NODE_NO_WARNINGS: '1',
  });

  // The browser talks to us over a pipe, so it can live on the other host by itself.
  const chromiumOutside = join(directory, 'chromium');
  writeFileSync(chromiumOutside, `#!/bin/sh\nexec ip netns exec ${box.client} ${CHROMIUM} "$@"\n`);
  chmodSync(chromiumOutside, 0o755);
  const browser = await chromium.launch({ executablePath: chromiumOutside, args: ARGUMENTS });
  t.teardown(() => browser.close());
  const page = await (await browser.newContext({ ignoreHTTPSErrors: true })).newPage();
  await instrument(page);
  await page.goto(signIn!);

  await t.test('the camera is a moving picture, through a relay', async (t) => {
    await firstPicture(page, 0, 60_000);
    const { distinct } = motion(await watchPicture(page, { forMs: 3000 }));
    t.ok(distinct > 20, `${String(distinct)} distinct frames were read from pixels`);
    const all = await paths(page);
    t.ok(all.length > 0);
    for (const path of all) t.match(path, { localType: 'relay', url: new RegExp(BOX_ADDRESS) });
    await page.screenshot({ path: artifactPath('journey-wall.png') });
  });

  await t.test('a killed daemon stops no picture', async (t) => {
    const watching = watchPicture(page, { forMs: 6000 });
    await box.sh('systemctl kill --signal=KILL turnkeepd');
    const { distinct, longestStillMs } = motion(await watching);
    t.ok(distinct > 40, `${String(distinct)} distinct frames while the daemon was gone and came back`);
    t.comment(`longest time without a new frame: ${String(Math.round(longestStillMs))} ms`);
  });

  await t.test('after a power cut the picture comes back by itself', async (t) => {
    const startedMs = await box.cutPower();
    for (let moving = 0; moving < 10;) {
      moving = motion(await watchPicture(page, { forMs: 1000 })).distinct;
      if (performance.now() - startedMs > 90_000) break;
    }
    const tookMs = performance.now() - startedMs;
    t.ok(tookMs < 90_000, 'the picture moves again');
    t.comment(
      `from power on to a moving picture in the page that was open: ${String(Math.round(tookMs))} ms`,
    );
  });

  await t.test('removal ends it', async (t) => {
    const removed = await box.run([`${bundle}/install.sh`, '--uninstall', '--purge', '--yes'], {
      timeoutMs: 60_000,
    });
    t.equal(removed.code, 0, removed.stderr);
    t.equal((await box.run(['test', '-e', '/var/lib/turnkeep'])).code, 1);
  });
  if (!t.passing()) t.comment(box.saidOutside);
});
