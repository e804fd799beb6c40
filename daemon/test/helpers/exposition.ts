/** A strict reader of the Prometheus text format, for tests: it throws at what a scraper would refuse. */

export type Exposed = { name: string; labels: Record<string, string>; value: number };

export function parseExposition(text: string): { types: Map<string, string>; samples: Exposed[] } {
  if (!text.endsWith('\n')) throw new Error('the last line does not end');
  const types = new Map<string, string>();
  const samples: Exposed[] = [];
  const seen = new Set<string>();
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('# HELP ')) continue;
    const type = /^# TYPE ([a-z_]+) (counter|gauge)$/.exec(line);
    if (type !== null) {
      types.set(type[1]!, type[2]!);
      continue;
    }
    const sample = /^([a-z_]+)(?:\{((?:[a-z]+="[^"\\]*",?)*)\})? (-?[0-9.e+]+)$/.exec(line);
    if (sample === null) throw new Error(`not a sample: ${line}`);
    const [, name = '', inside = '', value = ''] = sample;
    if (!types.has(name)) throw new Error(`${name} has no type`);
    const key = `${name}{${inside}}`;
    if (seen.has(key)) throw new Error(`twice: ${key}`);
    seen.add(key);
    const labels = Object.fromEntries(
      [...inside.matchAll(/([a-z]+)="([^"]*)"/g)].map(([, label = '', text = '']) => [label, text]),
    );
    samples.push({ name, labels, value: Number(value) });
  }
  return { types, samples };
}

/** The one sample of this name with at least these labels. */
export function sampleOf(samples: Exposed[], name: string, labels: Record<string, string> = {}): number {
  const found = samples.filter(
    (one) => one.name === name && Object.entries(labels).every(([key, value]) => one.labels[key] === value),
  );
  if (found.length !== 1) throw new Error(`${found.length} samples of ${name} ${JSON.stringify(labels)}`);
  return found[0]!.value;
}
