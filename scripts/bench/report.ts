/** Writes what a benchmark measured into daemon/BENCHMARKS.md, between the markers of its section. */
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, release } from 'node:os';
import { resolve } from 'node:path';

const FILE = resolve(import.meta.dirname, '../../daemon/BENCHMARKS.md');

/** Processor, kernel, Node and the day. */
export function machine(): string {
  const day = new Date().toISOString().slice(0, 10);
  const model = cpus()[0]?.model ?? 'unknown processor';
  return `${day}: ${availableParallelism()} x ${model}, Linux ${release()}, Node ${process.version}`;
}

export function markdownTable(rows: readonly Record<string, string | number>[]): string {
  const titles = Object.keys(rows[0] ?? {});
  const line = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`;
  return [
    line(titles),
    line(titles.map(() => '---')),
    ...rows.map((row) => line(titles.map((title) => row[title] ?? ''))),
  ].join('\n');
}

/** @throws Error when the file has no markers of that name. */
export function writeSection(name: string, blocks: readonly string[]): void {
  const [begin, end] = [`<!-- begin ${name} -->`, `<!-- end ${name} -->`];
  const text = readFileSync(FILE, 'utf8');
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${FILE} has no ${begin} before ${end}`);
  const section = `${begin}\n\n${blocks.join('\n\n')}\n\n`;
  writeFileSync(FILE, text.slice(0, from) + section + text.slice(to));
}
