/**
 * Kills each process of the product in turn while a viewer watches: nothing else ends, the picture comes back by
 * itself, and the console says meanwhile what is missing.
 */
import t from 'tap';
import { Appliance, artifactPath } from '../helpers/appliance.ts';
import {
  browserMissing,
  firstPicture,
  instrument,
  launchBrowser,
  pageClockMs,
  recordedSince,
  standstill,
  startRecorder,
} from './browser.ts';

const missing = browserMissing();
/** The picture must have moved for this long, without a stop of a second, to count as back. */
const STEADY_MS = 3000;
/** What takes longer was found out by a time limit of ICE, of the stall or of the recovery ladder. */
const TIMER_MS = 10_000;

t.test('the picture comes back after each process is killed', { skip: missing ?? false }, async (t) => {
  const appliance = await Appliance.start(t, '127.0.22.1');
  const operation = await appliance.enableNamespace('demo');
  t.equal(operation.state, 'succeeded', JSON.stringify(operation.error));
  const camera = await appliance.addCamera('Packing line', { namespace: 'demo' });
  const browser = await launchBrowser(t);
  const page = await (await browser.newContext({ viewport: { width: 1280, height: 720 } })).newPage();
  await instrument(page);
  await page.goto(await appliance.signInUrl());
  await firstPicture(page);
  await startRecorder(page, 'tk-tile');

  const pidOf = {
    camera: () => Promise.resolve(camera.process.pid),
    TURN: async () => (await appliance.status('demo')).turn?.pid,
    SFU: async () => (await appliance.status('demo')).sfu?.pid,
    daemon: () => Promise.resolve(appliance.daemon.pid),
  };
  for (const [name, findPid] of Object.entries(pidOf)) {
    await t.test(`${name} is killed`, async (t) => {
      const before = Object.fromEntries(
        await Promise.all(Object.entries(pidOf).map(async ([other, find]) => [other, await find()] as const)),
      );
      const pid = await findPid();
      t.type(pid, 'number');
      const killedAtMs = await pageClockMs(page);
      process.kill(Number(pid), 'SIGKILL');
      let photographed = false;
      await appliance.until(
        'the picture moves again',
        async () => {
          const records = await recordedSince(page, killedAtMs);
          const nowMs = await pageClockMs(page);
          const said = records.at(-1)?.said ?? '';
          if (!photographed && nowMs - killedAtMs > 2500) {
            photographed = true;
            await page.screenshot({ path: artifactPath(`killed-${name.toLowerCase()}.png`) });
            t.comment(`2.5 s after the end of ${name} the tile says: ${said}`);
          }
          if (nowMs - killedAtMs < STEADY_MS + 5000) return false;
          const steady = records.filter((one) => one.atMs > nowMs - STEADY_MS);
          return new Set(steady.map((one) => one.frame)).size > 30 && standstill(steady).longestMs < 1000;
        },
        90_000,
      );
      const records = await recordedSince(page, killedAtMs);
      const still = standstill(records);
      const sentences = [...new Set(records.map((one) => one.said))];
      t.comment(`${name}: the picture stood still for ${Math.round(still.longestMs)} ms`);
      for (const sentence of sentences) t.comment(`  tile: ${sentence}`);
      t.ok(still.longestMs < TIMER_MS, 'it came back by being told, not by a timer that ran out');
      if (name === 'daemon') t.ok(still.longestMs < 2000, 'killing the daemon stops no picture');
      else if (still.longestMs > 4000) t.ok(sentences.length > 1, 'the tile said what is missing');
      const after = Object.fromEntries(
        await Promise.all(Object.entries(pidOf).map(async ([other, find]) => [other, await find()] as const)),
      );
      for (const other of Object.keys(pidOf)) {
        if (other === name) t.not(after[other], before[other], `${other} is a new process`);
        else t.equal(after[other], before[other], `${other} was not disturbed`);
      }
    });
  }
});
