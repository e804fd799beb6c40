#!/usr/bin/env node
/** The command line of Turnkeep: it talks to the daemon's API and knows nothing else. */
import { run } from './program.ts';

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // The reader has seen enough, as `head` has: the command goes on, and its exit code is its own.
  if (error.code === 'EPIPE') return;
  process.stderr.write(`The output cannot be written: ${error.message}.\n`);
  process.exit(1);
});
process.stderr.on('error', () => undefined); // Nobody is there to be told.

process.exitCode = await run(
  process.argv.slice(2),
  {
    out: (text) => process.stdout.write(text),
    err: (text) => process.stderr.write(text),
  },
  process.env,
);
