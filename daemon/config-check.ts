/**
 * Checks a configuration file with the environment of this process, no daemon needed: `node daemon/config-check.ts
 * FILE`. Prints `{"problems":[{"line","key","message"}]}` in one line; exit code 1 when there is one. `turnkeep config
 * check` runs it.
 */
import { ConfigError, loadConfig } from './config/load.ts';
import type { ConfigProblem } from './config/load.ts';

const [file, ...others] = process.argv.slice(2);
if (file === undefined || others.length > 0) {
  console.error('Say which file: node daemon/config-check.ts FILE');
  process.exit(2);
}
const problems = problemsOf(file);
process.stdout.write(`${JSON.stringify({ problems })}\n`);
process.exitCode = problems.length === 0 ? 0 : 1;

function problemsOf(path: string): ConfigProblem[] {
  try {
    loadConfig({ path, environment: process.env });
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}
