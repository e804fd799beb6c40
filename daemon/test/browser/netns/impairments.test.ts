/**
 * A bad line between a browser and the box: five per cent of loss in each direction at a round trip of 50 ms, first
 * at the viewer, then at the publisher. Retransmission repairs it, and the picture does not freeze; judged by
 * Chromium's own statistics and by what the line dropped. TURNKEEP_IMPAIRED_SECONDS=60 watches for the full minute in
 * which it may freeze for half a second; the short form allows for a busy machine.
 */
import { existsSync } from 'node:fs';
import t from 'tap';
import { interfaceAddress, SfuBehindTurn } from '../../helpers/sfu-behind-turn.ts';
import { NatPath } from '../../testbed/nat-path.ts';
import { CHROMIUM } from '../browser.ts';
import type { Entrance } from '../room-page.ts';
import { launchChromium, lookUntil, servePage, showsPicture, type Tab } from '../room-tabs.ts';

t.setTimeout(280_000);
const SECONDS = Number(process.env['TURNKEEP_IMPAIRED_SECONDS'] ?? 7);
const BAD_LINE = { delayMs: 25, jitterMs: 0, loss: 0.05, reorders: false };
const FROZEN_MS = SECONDS >= 60 ? (500 * SECONDS) / 60 : 1500;

const address = interfaceAddress();
if (existsSync(CHROMIUM) && address !== undefined) await run(address);
else t.test('a bad line', { skip: 'needs chromium and a network interface' }, () => undefined);

async function run(address: string): Promise<void> {
  const paths: NatPath[] = [];
  const bench = await SfuBehindTurn.start({
    shield: '127.0.64.7',
    turn: '127.0.64.8',
    detours: async ([listener]) => {
      paths.push(await NatPath.open(t, { address, server: listener!, seed: 64 }));
      return paths.map((path) => `turn:${path.address.address}:${path.address.port}?transport=udp`);
    },
  });
  t.teardown(() => bench.stop());
  const [path] = paths as [NatPath];
  const relay = `turn:${path.address.address}:${path.address.port}?transport=udp`;
  const url = await servePage(t, '127.0.64.1');
  const open = await launchChromium(t);
  const enter = async (
    entrance: Partial<Entrance> & { room: string; publish: string | null },
  ): Promise<Tab> => {
    const tab = await open(url);
    const role = entrance.publish === null ? 'viewer' : 'publisher';
    const ticket = bench.sfu.ticket({ identity: `${role}-${entrance.room}`, role });
    await tab.enter({ url: bench.sfu.url(ticket), via: 'udp', picture: 'numbers', busy: true, ...entrance });
    return tab;
  };

  for (const [who, codec] of [
    ['viewer', 'VP8'],
    ['publisher', 'H264'],
  ] as const) {
    t.test(`5 % loss at 50 ms between ${who} and box, ${codec}`, async (t) => {
      const room = `${who}-${codec}`;
      const direct = bench.uri('udp');
      path.line = BAD_LINE;
      const publisher = await enter({
        ...{ room, publish: `video/${codec}`, relay: who === 'publisher' ? relay : direct },
      });
      const viewer = await enter({ room, publish: null, relay: who === 'viewer' ? relay : direct });
      // The encoder has its rate.
      const settled = (packets: number): boolean => packets > 300;
      const [from, sentFrom] = await lookUntil(
        bench,
        [viewer, publisher],
        ([seen]) => showsPicture(seen!) && settled(seen!.viewer!.repair.packets),
      );
      const dropped = (): number => path.counts[who === 'viewer' ? 'down' : 'up'].lost;
      const droppedBefore = dropped();
      await new Promise((resolve) => setTimeout(resolve, SECONDS * 1000));
      const [to, sentTo] = await Promise.all([viewer.look(), publisher.look()]);
      const figures = difference(from!.viewer!.repair, to.viewer!.repair);
      const sent = difference(sentFrom!.publisher!.sent, sentTo.publisher!.sent);
      t.comment(
        JSON.stringify({ ...{ seconds: SECONDS, dropped: dropped() - droppedBefore }, figures, sent }),
      );
      t.ok(dropped() - droppedBefore > 3 * SECONDS, 'the line drops packets');
      t.same([to.errors, sentTo.errors], [[], []]);
      if (who === 'viewer') {
        t.ok(figures.lost > 2 * SECONDS, 'the browser misses packets');
        t.ok(figures.retransmitted >= 0.95 * figures.lost, 'RTX brings more than 95 % of them back');
      } else {
        t.ok(sent.retransmitted > SECONDS, 'the publisher is asked for what was lost');
        t.equal(figures.lost, 0, 'the viewer misses nothing');
      }
      t.ok(figures.frames >= 0.9 * sent.frames, 'almost every picture that was sent is decoded');
      t.ok(figures.frozenMs < FROZEN_MS, 'no freeze to speak of');
      await publisher.close();
      await viewer.close();
    });
  }
}

function difference<Figures extends Record<string, number>>(from: Figures, to: Figures): Figures {
  return Object.fromEntries(
    Object.entries(to).map(([key, value]) => [key, Math.round(value - (from[key] ?? 0))]),
  ) as Figures;
}
