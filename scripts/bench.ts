/**
 * `npm run bench`: each work beside a peer in the same run on the same machine, as CPU time per packet from the
 * kernel's accounting. Figures are ratios to quote, not limits to assert. Parts: `npm run bench -- turn|sfu`.
 */
import { cpus } from 'node:os';
import { benchSfu } from './bench/sfu.ts';
import { benchTurn } from './bench/turn.ts';

const parts = { turn: benchTurn, sfu: benchSfu };
const wanted = process.argv.slice(2);
console.log(`Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model ?? 'unknown processor'}\n`);
for (const [name, bench] of Object.entries(parts)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  console.log(name);
  console.table(await bench());
}
process.exit(0);
