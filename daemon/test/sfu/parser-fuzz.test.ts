/** The short form of `npm run fuzz -- rtp|rtcp|sdp|signaling`: always the same mutations, after the whole corpus. */
import t from 'tap';
import { fuzzParser } from '../../../scripts/fuzz/parsers/fuzz-parser.ts';
import { PARSER_TARGETS } from '../../../scripts/fuzz/parsers/target.ts';

t.setTimeout(110_000);

for (const target of PARSER_TARGETS) {
  t.test(target, async (t) => {
    // The time ends it where a machine is slow; 20 batches are well under two seconds.
    const result = await fuzzParser({ target, seed: 20, batches: 20, seconds: 15 });
    t.comment(JSON.stringify(result));
    t.ok(result.batches > 0);
  });
}
