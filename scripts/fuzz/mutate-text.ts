/** Seeded mutations of text: tokens, lines and single bytes of session descriptions and JSON. Pure. */
import { mutate } from './mutate.ts';

const MAX_BYTES = 32 * 1024;
const TOKEN = /"[^"]*"|[^\s:;=,"{}[\]]+/g;
/** What parsers stumble over. */
const ODD = [
  ...['0', '-1', '65536', '4294967296', '1e999', 'NaN', 'null', 'true', '[]', '{}', '""', '*', ' ', ''],
  ...['"__proto__"', '"constructor"', '"\\ud800"', '\u0000', '/'.repeat(300), '9'.repeat(400), '"%s"'],
];

/** One to three changes; the same numbers make the same text. */
export function mutateText(bytes: Buffer, random: () => number): Buffer {
  const below = (limit: number): number => Math.floor(random() * limit);
  let text = bytes.toString('utf8');
  for (let change = below(3); change >= 0; change -= 1) {
    const lines = text.split('\n');
    const line = below(lines.length);
    switch (below(7)) {
      case 0:
        return mutate(Buffer.from(text), random).subarray(0, MAX_BYTES);
      case 1:
        text = lines.toSpliced(line, 1).join('\n');
        break;
      case 2:
        text = lines.toSpliced(below(lines.length), 0, ...lines.slice(line, line + 1 + below(20))).join('\n');
        break;
      case 3: {
        const [one, other] = pair(text, random);
        text = swap(text, one, other);
        break;
      }
      default: {
        const [one] = pair(text, random);
        if (one === undefined) break;
        const odd = ODD[below(ODD.length)]!;
        text = text.slice(0, one.index) + odd + text.slice(one.index + one[0].length);
      }
    }
  }
  return Buffer.from(text).subarray(0, MAX_BYTES);
}

/** Two tokens of it, if it has any. */
function pair(text: string, random: () => number): (RegExpExecArray | undefined)[] {
  const tokens = [...text.matchAll(TOKEN)];
  return [0, 1].map(() => tokens[Math.floor(random() * tokens.length)]);
}

/** The second token in place of the first. */
function swap(text: string, one: RegExpExecArray | undefined, other: RegExpExecArray | undefined): string {
  if (one === undefined || other === undefined) return text;
  return text.slice(0, one.index) + other[0] + text.slice(one.index + one[0].length);
}
