/**
 * One viewer behind a line that carries half of the picture, another beside it that has all, through a real SFU and a real
 * TURN service. The slow one loses whole pictures and nothing else, the fast one and the publisher notice nothing; the
 * service says who is slow and counts what it leaves out. TURNKEEP_SLOW_HELD=1 goes on until the track is held back,
 * which takes 10 s, and given again on a line that carries it.
 */
import { existsSync, readFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import type { RoomViewer } from '../../../contract/rooms.ts';
import { interfaceAddress, SfuBehindTurn } from '../../helpers/sfu-behind-turn.ts';
import { CLEAN_LINE, NatPath } from '../../testbed/nat-path.ts';
import { CHROMIUM } from '../browser.ts';
import { launchChromium, lookUntil, servePage, showsPicture, type Tab } from '../room-tabs.ts';

t.setTimeout(280_000);
const IS_LONG = process.env['TURNKEEP_SLOW_HELD'] === '1';
const ROOM = 'narrow';
const MOST_GROWTH = 64 * 1024 * 1024;

const address = interfaceAddress();
if (existsSync(CHROMIUM) && address !== undefined) await run(address);
else t.test('a slow viewer', { skip: 'needs chromium and a network interface' }, () => undefined);

async function run(address: string): Promise<void> {
  const paths: NatPath[] = [];
  const bench = await SfuBehindTurn.start({
    shield: '127.0.72.7',
    turn: '127.0.72.8',
    detours: async ([listener]) => {
      paths.push(await NatPath.open(t, { address, server: listener!, seed: 72 }));
      return paths.map((path) => `turn:${path.address.address}:${path.address.port}?transport=udp`);
    },
  });
  t.teardown(() => bench.stop());
  const { control } = bench.sfu;
  const [path] = paths as [NatPath];
  const narrow = `turn:${path.address.address}:${path.address.port}?transport=udp`;
  const url = await servePage(t, '127.0.72.1');
  const open = await launchChromium(t);
  const enter = async (identity: string, publish: string | null, relay: string): Promise<Tab> => {
    const tab = await open(url);
    const role = publish === null ? 'viewer' : 'publisher';
    const entrance = { room: ROOM, via: 'udp', picture: 'numbers', busy: true, publish, relay } as const;
    await tab.enter({ ...entrance, url: bench.sfu.url(bench.sfu.ticket({ identity, role })) });
    return tab;
  };
  const viewer = async (identity: string): Promise<RoomViewer> => {
    const { viewers } = await control.call('rooms.viewers', { roomId: ROOM });
    return viewers.find((one) => one.identity === identity)!;
  };
  const video = async (): Promise<{ trackId: string; bitsPerSecond: number }> => {
    const { participants } = await control.call('rooms.get', { roomId: ROOM });
    return participants.flatMap(({ tracks }) => tracks).find(({ kind }) => kind === 'video')!;
  };

  await t.test('loses whole pictures and disturbs nobody', async (t) => {
    const publisher = await enter('ada', 'video/VP8', bench.uri('udp'));
    const fast = await enter('fast', null, bench.uri('udp'));
    const slow = await enter('slow', null, narrow);
    const tabs = [fast, slow, publisher];
    const from = await lookUntil(bench, tabs, (seen) => seen.slice(0, 2).every(showsPicture));
    const { trackId, bitsPerSecond } = await video();
    const spared = async (identity: string): Promise<number> =>
      (await viewer(identity)).sent[trackId]?.framesSpared ?? 0;
    const memoryBefore = residentBytes(bench.pids.sfu);
    path.line = { ...CLEAN_LINE, delayMs: 10, bytesPerSecond: bitsPerSecond / 8 / 2 };
    await until('pictures are left out', async () => (await spared('slow')) >= 40);

    const status = await control.call('status', {});
    const to = await lookUntil(bench, tabs, () => true);
    const [fastTo, slowTo] = to as [(typeof to)[0], (typeof to)[0]];
    const frames = (at: number): number => to[at]!.viewer!.framesDecoded - from[at]!.viewer!.framesDecoded;
    const sent = to[2]!.publisher!.sent.frames - from[2]!.publisher!.sent.frames;
    t.comment(
      JSON.stringify({
        ...{ bitsPerSecond, sent, fast: frames(0), slow: frames(1), spared: await spared('slow') },
        ...{ drops: status.drops, line: path.counts.down, slowViewers: status.slowViewers },
        ...{ fastSide: fastTo.viewer!.repair, slowSide: slowTo.viewer!.repair },
      }),
    );
    t.same(
      to.map(({ errors }) => errors),
      [[], [], []],
    );
    t.equal(fastTo.viewer!.repair.lost, 0, 'the fast one misses no packet');
    t.equal(await spared('fast'), 0, 'and no picture is left out for it');
    t.ok(frames(0) >= sent - 10, 'it decodes every picture but those under way');
    t.equal(slowTo.viewer!.repair.lost, path.counts.down.lost, 'what the slow one misses, the line has lost');
    t.ok(frames(1) < sent - 20, 'the slow one has fewer pictures');
    t.same([fastTo.unread, slowTo.unread], [0, 0], 'no picture is shown in part');
    t.ok((status.drops['slow-viewer'] ?? 0) >= 40, 'counted by its reason');
    t.match(status.slowViewers, [{ identity: 'slow' }]);
    t.match((await viewer('slow')).timelines, [{ sentence: /network/ }]);
    t.ok((await video()).bitsPerSecond > bitsPerSecond / 2, 'the publisher sends as before');
    t.ok(residentBytes(bench.pids.sfu) - memoryBefore < MOST_GROWTH, 'nothing is kept for the slow one');
    if (IS_LONG) await heldAndBack(t, slow);
    for (const tab of tabs) await tab.close();
  });

  async function heldAndBack(t: Test, slow: Tab): Promise<void> {
    path.line = { ...CLEAN_LINE, delayMs: 10, bytesPerSecond: 12_000 };
    const isPaused = (course: string[]): boolean => course.some((one) => one.includes('paused: It carries'));
    const [held] = await lookUntil(bench, [slow], ([seen]) => isPaused(seen!.course));
    t.comment(held!.course.at(-1));
    t.match((await viewer('slow')).timelines, [{ sentence: /too slow for the track: it is held back/ }]);
    path.line = CLEAN_LINE;
    const before = held!.viewer!.framesDecoded;
    await lookUntil(bench, [slow], ([seen]) => seen!.viewer!.framesDecoded > before + 40);
    t.match((await viewer('slow')).timelines, [{ sentence: /^(?!.*held back)/ }]);
  }
}

function residentBytes(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4096;
}

async function until(what: string, enough: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + 60_000;
  while (!(await enough())) {
    if (performance.now() > endMs) throw new Error(`not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
