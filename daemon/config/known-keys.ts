/** Reads a zod schema for the keys it knows, and finds the known key a mistyped one was meant to be. Pure. */
import { z } from 'zod';

/** Beyond this many edits a suggestion is more confusing than helpful. */
const MAX_EDITS = 3;

/** The keys an object has at `path`, or an empty list when the path leads to no object. */
export function knownKeys(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let at = unwrap(schema);
  for (const key of path) {
    if (at instanceof z.ZodArray) {
      at = unwrap(at.element as z.ZodType);
      continue;
    }
    const shape = at instanceof z.ZodObject ? (at.shape as Record<string, z.ZodType>) : {};
    const next = Object.hasOwn(shape, String(key)) ? shape[String(key)] : undefined;
    if (next === undefined) return [];
    at = unwrap(next);
  }
  return at instanceof z.ZodObject ? Object.keys(at.shape) : [];
}

/** Every leaf as `a.b.c`, in the order of the schema. */
export function leafKeys(schema: z.ZodType, prefix = ''): string[] {
  const plain = unwrap(schema);
  if (!(plain instanceof z.ZodObject)) return [prefix];
  const shape = plain.shape as Record<string, z.ZodType>;
  return Object.entries(shape).flatMap(([key, child]) =>
    leafKeys(child, prefix === '' ? key : `${prefix}.${key}`),
  );
}

/** The candidate with the fewest edits, or undefined when none is near. */
export function nearestKey(given: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestEdits = MAX_EDITS + 1;
  for (const candidate of candidates) {
    const edits = editDistance(given.toLowerCase(), candidate.toLowerCase());
    if (edits < bestEdits && edits < candidate.length) {
      best = candidate;
      bestEdits = edits;
    }
  }
  return best;
}

function unwrap(schema: z.ZodType): z.ZodType {
  let at: unknown = schema;
  while (
    at instanceof z.ZodDefault ||
    at instanceof z.ZodPrefault ||
    at instanceof z.ZodNullable ||
    at instanceof z.ZodOptional
  ) {
    at = at.unwrap();
  }
  return at as z.ZodType;
}

/** Optimal string alignment distance: a swap of neighbours is one edit. */
function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, at) => at)];
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let edits = Math.min(
        (rows[i - 1]?.[j] ?? 0) + 1,
        (row[j - 1] ?? 0) + 1,
        (rows[i - 1]?.[j - 1] ?? 0) + cost,
      );
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        edits = Math.min(edits, (rows[i - 2]?.[j - 2] ?? 0) + 1);
      }
      row.push(edits);
    }
    rows.push(row);
  }
  return rows[a.length]?.[b.length] ?? Infinity;
}
