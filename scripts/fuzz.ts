/** `npm run fuzz -- turn [--seed N] [--seconds N]`: mutations of valid traffic against a running service. */
import { parseArgs } from 'node:util';
import { fuzzTurn } from './fuzz/turn.ts';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: 'string' }, seconds: { type: 'string', default: '60' } },
});
const seed = Number(values.seed ?? Date.now() % 1_000_000);
const seconds = Number(values.seconds);
if (positionals.join() !== 'turn' || !Number.isSafeInteger(seed) || !(seconds > 0)) {
  console.error('Usage: npm run fuzz -- turn [--seed N] [--seconds N]');
  process.exit(2);
}
console.log(`turn, seed ${seed}, ${seconds} s`);
console.log(JSON.stringify(await fuzzTurn({ seed, seconds })));
process.exit(0);
