/** Size of the client module that other people's pages load, as `npm run build` left it. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import t from 'tap';

const FILE = join(import.meta.dirname, '../dist/client/turnkeep.js');
const BUDGET = 12_000;

t.test(
  'the client library is small',
  { skip: existsSync(FILE) ? false : 'not built: npm run build' },
  (t) => {
    const code = readFileSync(FILE, 'utf8');
    const bytes = gzipSync(code).length;
    t.comment(`${code.length} B, ${bytes} B gzip`);
    t.ok(bytes < BUDGET, `${bytes} of ${BUDGET} B`);
    t.notMatch(code, /\bimport\s*["'{(]/, 'one file: nothing else is loaded');
    t.match(code, /export\s*\{[^}]*\bas connect\b|export\s*\{[^}]*\bconnect\b/);
    t.end();
  },
);
