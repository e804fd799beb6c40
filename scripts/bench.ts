/**
 * `npm run bench`: each work beside a peer in the same run on the same machine, as CPU time per packet from the
 * kernel's accounting. Figures are ratios to quote, not limits to assert. Parts: `npm run bench -- turn|sfu
 * |pair|late|storm [--quick]`; the whole of a part writes its section of daemon/BENCHMARKS.md.
 */
import { cpus } from 'node:os';
import { lateCommand, stormCommand } from './bench/joins.ts';
import { pairCommand } from './bench/pair.ts';
import { sfuCommand } from './bench/sfu.ts';
import { turnCommand } from './bench/turn.ts';

const [part, ...rest] = process.argv.slice(2);
const parts: Record<string, () => Promise<void>> = {
  turn: () => turnCommand(rest),
  sfu: () => sfuCommand(rest),
  pair: () => pairCommand(rest),
  late: () => lateCommand(rest),
  storm: () => stormCommand(rest),
};
if (part !== undefined && parts[part] === undefined) {
  console.error(`There is no benchmark ${part}. Parts: ${Object.keys(parts).join(', ')}.`);
  process.exit(1);
}
console.log(`Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model ?? 'unknown processor'}\n`);
for (const [name, bench] of Object.entries(parts)) {
  if (part !== undefined && part !== name) continue;
  console.log(name);
  await bench();
}
process.exit(0);
