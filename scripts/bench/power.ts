/**
 * `npm run bench -- power` (root, Debian's systemd-container and debootstrap): an installed appliance in a booted box loses its
 * power (PID 1 and everything below it at once) and gets it back. Measured is what a viewer waits whose page stays open: from
 * power on, which is after the kernel here, to a picture that moves. A camera of the field dials every five seconds, so the
 * power stays off a little longer each time, until each moment of these five seconds was met. Writes the section "power".
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { ApiClient } from '../../cli/api-client.ts';
import { bootBox, type Box } from '../../daemon/test/testbed/box.ts';
import { makeBundle } from '../../daemon/test/testbed/bundle.ts';
import { enable, untilServed } from '../../daemon/test/testbed/installed-box.ts';
import { WatchedPicture } from '../../daemon/test/testbed/watched-picture.ts';
import { machine, markdownTable, writeSection } from './report.ts';

const NAMESPACE = 'plant';
const OFF_MS = [1000, 1500, 2000, 2500, 3000, 3500, 4000, 4500, 5000, 5500];
const TARGET_MS = 5000;
const LIMIT_MS = 60_000;

/** Milliseconds since power on. */
type Boot = { offMs: number; turn: number; sfu: number; daemon: number; tunnel: number; picture: number };

export async function powerCommand(args: readonly string[]): Promise<void> {
  const startedMs = performance.now();
  const load = loadavg()[0]!.toFixed(1);
  const undo: (() => unknown)[] = [];
  const scope = { teardown: (fn: () => unknown) => void undo.unshift(fn) };
  try {
    const { box, picture } = await installed(scope);
    const boots: Boot[] = [];
    for (const offMs of args.includes('--quick') ? OFF_MS.slice(0, 2) : OFF_MS) {
      await picture.frames(30);
      boots.push(await cut(box, picture, offMs));
      console.log(JSON.stringify(boots.at(-1)));
    }
    if (args.includes('--quick')) return;
    const waits = boots.map((boot) => boot.picture).sort((a, b) => a - b);
    const below = waits.filter((ms) => ms < TARGET_MS).length;
    writeSection('power', [
      `${machine()}; load average before the run ${load}.`,
      `Written by \`npm run bench -- power\` in ${String(Math.round((performance.now() - startedMs) / 1000))} s. Median ${String(
        waits[Math.floor(waits.length / 2)],
      )} ms, longest ${String(waits.at(-1))} ms, ${String(below)} of ${String(waits.length)} below ${String(TARGET_MS)} ms.`,
      markdownTable(boots.map(shown)),
    ]);
  } finally {
    for (const one of undo) await one();
  }
}

async function installed(scope: { teardown: (fn: () => unknown) => void }) {
  const bundle = await makeBundle();
  const box = await bootBox(scope);
  await box.sh(`${bundle}/install.sh --yes`, { timeoutMs: 180_000 });
  await enable(box, NAMESPACE);
  await untilServed(box, NAMESPACE);
  const directory = mkdtempSync(join(tmpdir(), 'power-'));
  scope.teardown(() => {
    rmSync(directory, { recursive: true, force: true });
  });
  const api = new ApiClient({ socketPath: box.pathOf('/run/turnkeep/turnkeepd.sock') });
  return { box, picture: await WatchedPicture.start(box, api, NAMESPACE, directory) };
}

async function cut(box: Box, picture: WatchedPicture, offMs: number): Promise<Boot> {
  let onMs = 0;
  await box.cutPower(async () => {
    await pause(offMs);
    onMs = Date.now();
  });
  const deadline = onMs + LIMIT_MS;
  let moved = picture.movedMs(onMs);
  while (moved === undefined) {
    if (Date.now() > deadline) {
      throw new Error(`No picture within ${String(LIMIT_MS)} ms: ${picture.words.slice(-20).join('; ')}`);
    }
    await pause(100);
    moved = picture.movedMs(onMs);
  }
  const journal = await box.sh('journalctl --boot --quiet --no-pager --output=short-unix');
  const first = (words: string): number => {
    const line = journal.split('\n').find((one) => one.includes(words)) ?? '';
    return Math.round(Number.parseFloat(line) * 1000 - onMs);
  };
  return {
    offMs,
    turn: first(`Started turnkeep-turn@${NAMESPACE}`),
    sfu: first(`Started turnkeep-sfu@${NAMESPACE}`),
    daemon: first('Started turnkeepd'),
    tunnel: first('"component":"tunnels","tunnel"'),
    picture: Math.round(moved - onMs),
  };
}

function shown({ offMs, turn, sfu, daemon, tunnel, picture }: Boot): Record<string, number> {
  return {
    'off s': offMs / 1000,
    'TURN serves ms': turn,
    'SFU serves ms': sfu,
    'daemon is ready ms': daemon,
    'camera is attached ms': tunnel,
    'picture ms': picture,
  };
}
