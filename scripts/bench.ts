/**
 * `npm run bench`: each work beside a peer in the same run on the same machine, as CPU time per packet from the
 * kernel's accounting. Figures are ratios to quote, not limits to assert. Parts: `npm run bench -- turn|sfu
 * |pair|late|storm|wall|power [--quick]`, one or several; the whole of a part writes its section of daemon/BENCHMARKS.md.
 */
import { cpus } from 'node:os';
import { lateCommand, stormCommand } from './bench/joins.ts';
import { pairCommand } from './bench/pair.ts';
import { powerCommand } from './bench/power.ts';
import { preferBench } from './bench/preference.ts';
import { sfuCommand } from './bench/sfu.ts';
import { turnCommand } from './bench/turn.ts';
import { wallCommand } from './bench/wall.ts';

const [first, ...others] = process.argv.slice(2);
const parts: Record<string, () => Promise<void>> = {
  turn: () => turnCommand(rest),
  sfu: () => sfuCommand(rest),
  pair: () => pairCommand(rest),
  late: () => lateCommand(rest),
  storm: () => stormCommand(rest),
  wall: () => wallCommand(rest),
  power: () => powerCommand(rest),
};
const wanted = first === undefined ? Object.keys(parts) : [first, ...others.filter((one) => one in parts)];
const rest = others.filter((one) => !(one in parts));
if (first !== undefined && parts[first] === undefined) {
  console.error(`There is no benchmark ${first}. Parts: ${Object.keys(parts).join(', ')}.`);
  process.exit(1);
}
const preferred = preferBench();
if (preferred !== undefined) console.log(preferred);
console.log(`Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model ?? 'unknown processor'}\n`);
for (const [name, bench] of Object.entries(parts)) {
  if (!wanted.includes(name)) continue;
  console.log(name);
  // What one part cannot do is no reason to leave out the next.
  await bench().catch((error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  });
}
process.exit();
