/**
 * `npm run fuzz -- turn|rtp|rtcp|sdp|signaling [--seed N] [--seconds N]`: mutations of valid traffic, `turn` against
 * running services, the others into the SFU's code in a thread of this process.
 */
import { parseArgs } from 'node:util';
import { fuzzParser } from './fuzz/parsers/fuzz-parser.ts';
import { PARSER_TARGETS } from './fuzz/parsers/target.ts';
import { fuzzTurn } from './fuzz/turn.ts';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: 'string' }, seconds: { type: 'string', default: '60' } },
});
const seed = Number(values.seed ?? Date.now() % 1_000_000);
const seconds = Number(values.seconds);
const [name] = positionals;
const parser = PARSER_TARGETS.find((one) => one === name);
const isKnown = positionals.length === 1 && (name === 'turn' || parser !== undefined);
if (!isKnown || !Number.isSafeInteger(seed) || !(seconds > 0)) {
  console.error(`Usage: npm run fuzz -- turn|${PARSER_TARGETS.join('|')} [--seed N] [--seconds N]`);
  process.exit(2);
}
console.log(`${name}, seed ${seed}, ${seconds} s`);
const found =
  parser === undefined
    ? await fuzzTurn({ seed, seconds })
    : await fuzzParser({ target: parser, seed, seconds });
console.log(JSON.stringify(found));
process.exit(0);
