/** Size of what a browser loads, as `npm run build` left it. Gzip, as the design counts it. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import t from 'tap';

const DIST = join(import.meta.dirname, '../dist');
const FIRST_VIEW = 60_000;
const FIRST_VIEW_CSS = 12_000;
const ALL = 150_000;

type Chunk = { file: string; src?: string; imports?: string[]; css?: string[]; isDynamicEntry?: boolean };

const skip = existsSync(join(DIST, 'manifest.json')) ? false : 'the console is not built: npm run build';
t.test('the console keeps its budget', { skip }, (t) => {
  const manifest = JSON.parse(readFileSync(join(DIST, 'manifest.json'), 'utf8')) as Record<string, Chunk>;
  const size = (file: string): number => gzipSync(readFileSync(join(DIST, file))).length;
  const withImports = (key: string, seen = new Set<string>()): Set<string> => {
    const chunk = manifest[key];
    if (chunk === undefined || seen.has(key)) return seen;
    seen.add(key);
    for (const one of chunk.imports ?? []) withImports(one, seen);
    return seen;
  };
  const wall = Object.keys(manifest).find((key) => manifest[key]?.src?.endsWith('tk-wall-page.ts'));
  t.ok(wall, 'the wall is a chunk');
  const first = withImports('index.html');
  withImports(wall!, first);
  const firstBytes = [...first].reduce((sum, key) => sum + size(manifest[key]!.file), 0);
  const allBytes = Object.values(manifest)
    .filter((chunk) => chunk.file.endsWith('.js'))
    .reduce((sum, chunk) => sum + size(chunk.file), 0);
  const css = Object.values(manifest).flatMap((chunk) => chunk.css ?? []);
  const cssBytes = [...new Set(css)].reduce((sum, file) => sum + size(file), 0);
  t.comment(`first view ${firstBytes} B, all ${allBytes} B of JavaScript, ${cssBytes} B of CSS, gzip`);
  t.ok(firstBytes <= FIRST_VIEW, `first view: ${firstBytes} of ${FIRST_VIEW} B`);
  t.ok(allBytes <= ALL, `all routes: ${allBytes} of ${ALL} B`);
  t.ok(cssBytes <= FIRST_VIEW_CSS, `CSS: ${cssBytes} of ${FIRST_VIEW_CSS} B`);
  const html = readFileSync(join(DIST, 'index.html'), 'utf8');
  t.notMatch(html, /<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=/, 'nothing inline: the CSP forbids it');
  t.notMatch(html, /(?:src|href)="(?:https?:)?\/\//, 'nothing from elsewhere');
  t.end();
});
