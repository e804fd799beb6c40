/** Checks what came in against its schema; every route calls it before it looks at a value. */
import { z } from 'zod';
import { AppError } from '../contract/errors.ts';
import { namespaceNameSchema } from '../contract/names.ts';
import { isTenant, type Caller } from '../identity/caller.ts';

const MAX_REPORTED_ISSUES = 20;

/** The parsed value. Throws invalid_request with every problem; `message` is the first. */
export function parseInput<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const parsed = schema.safeParse(value ?? {});
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.slice(0, MAX_REPORTED_ISSUES).map(({ path, message }) => ({
    path: path.join('.'),
    message,
  }));
  const [first] = issues;
  const where = first === undefined || first.path === '' ? '' : `${first.path}: `;
  throw new AppError('invalid_request', `${where}${first?.message ?? 'The request is not valid.'}`, {
    details: { issues },
  });
}

export const namespaceParams = z.object({ namespace: namespaceNameSchema });
export const idParams = z.object({ id: z.string().min(1).max(128) });
export const namespaceQuery = z.object({ namespace: namespaceNameSchema.optional() });

/** A key's own namespace, else the one that was named. A key that names another is refused by the caller. */
export function namespaceOf(caller: Caller, asked: string | undefined): string {
  const namespace = asked ?? (isTenant(caller) ? caller.namespace : undefined);
  if (namespace !== undefined) return namespace;
  throw new AppError('invalid_request', 'namespace: name the namespace, for example ?namespace=demo.');
}
