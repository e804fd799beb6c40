#!/usr/bin/env node
/** The command line of Turnkeep: it talks to the daemon's API and knows nothing else. */
import { run } from './program.ts';

process.exitCode = await run(
  process.argv.slice(2),
  {
    out: (text) => process.stdout.write(text),
    err: (text) => process.stderr.write(text),
  },
  process.env,
);
