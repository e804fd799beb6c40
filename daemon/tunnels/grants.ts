/**
 * What a tunnel token allows: the `resources.tunnels` claim and its evaluation. Pure. A grant that is
 * not there allows nothing; a shape we do not know is refused when the token is read.
 */
import { z } from 'zod';

/** A token is ours, yet a filter stays small: evaluation is bounded by its size. */
const MAX_DEPTH = 6;
const MAX_LIST = 64;

const text = z.string().max(1024);
const stringMatchSchema = z.union([
  text,
  z.strictObject({ exact: text }),
  z.strictObject({ oneof: z.array(text).min(1).max(MAX_LIST) }),
  z.strictObject({ regex: text.refine(isRegex, 'is not a regular expression') }),
]);
export type StringMatch = z.infer<typeof stringMatchSchema>;

const labelsSchema = z.record(z.string(), stringMatchSchema);
/** Fields a camera states itself; only these may stand in a create grant. */
const requestedFields = {
  name: stringMatchSchema,
  type: text,
  publish: z.boolean(),
  protocol: text,
  http_version: text,
  token_auth: z.boolean(),
  labels: labelsSchema,
};
const assignedFields = {
  id: stringMatchSchema,
  client_id: stringMatchSchema,
  status: z.enum(['online', 'offline']),
  hostname: stringMatchSchema,
};
type FieldFilter = Partial<z.infer<z.ZodObject<typeof requestedFields & typeof assignedFields>>>;
export type Filters = FieldFilter | { AND: Filters[] } | { OR: Filters[] };

const createFields = z.strictObject(requestedFields).partial();
const allFields = z.strictObject({ ...requestedFields, ...assignedFields }).partial();
const createFiltersSchema = tree<Filters>(createFields);
/** Filters of connect and list grants and of the list endpoints. */
export const filtersSchema = tree<Filters>(allFields);

const scopesSchema = z
  .strictObject({
    create: z.union([z.boolean(), z.strictObject({ filters: createFiltersSchema.optional() })]).optional(),
    connect: z
      .union([
        z.boolean(),
        z.strictObject({
          filters: filtersSchema.optional(),
          params: z.strictObject({ path: stringMatchSchema.optional() }).optional(),
        }),
      ])
      .optional(),
    list: z
      .union([
        z.boolean(),
        z.strictObject({
          filters: filtersSchema.optional(),
          select: z.record(z.string().max(64), z.boolean()).optional(),
        }),
      ])
      .optional(),
  })
  .refine((scopes) => Object.keys(scopes).length > 0, 'a grant needs create, connect or list');
type Scopes = z.infer<typeof scopesSchema>;

const leafSchema = z.strictObject({ scopes: z.strictObject({ tunnels: scopesSchema }) });
export type Grants = z.infer<typeof leafSchema> | { AND: Grants[] } | { OR: Grants[] };
/** The `resources.tunnels` claim. */
export const grantsSchema = tree<Grants>(leafSchema);

/** A tunnel as grants see it, in the spelling of the engine's JSON. */
export type GrantedTunnel = {
  id?: string;
  client_id?: string;
  status?: 'online' | 'offline';
  hostname?: string;
  name: string;
  type: string;
  publish: boolean;
  protocol: string;
  http_version: string;
  token_auth: boolean;
  labels: Record<string, string>;
};

/** May a camera open this tunnel? Labels a create grant names must be the tunnel's labels, all of them. */
export function mayCreate(grants: Grants, tunnel: GrantedTunnel): boolean {
  return anyLeaf(grants, ({ create }) => {
    if (typeof create !== 'object') return create === true;
    return create.filters === undefined || matches(create.filters, tunnel, { exactLabels: true });
  });
}

/** May the bearer open any tunnel at all? */
export function mayCreateAny(grants: Grants): boolean {
  return anyLeaf(grants, ({ create }) => create !== undefined && create !== false);
}

/** May a viewer reach this path (without query) of this tunnel? */
export function mayConnect(grants: Grants, tunnel: GrantedTunnel, path: string): boolean {
  return anyLeaf(grants, ({ connect }) => {
    if (typeof connect !== 'object') return connect === true;
    if (connect.filters !== undefined && !matches(connect.filters, tunnel)) return false;
    return connect.params?.path === undefined || matchesText(connect.params.path, path);
  });
}

/** May the bearer list anything at all? */
export function mayList(grants: Grants): boolean {
  return anyLeaf(grants, ({ list }) => list !== undefined && list !== false);
}

/** The fields the bearer may see of a tunnel in a list: `all`, some, or undefined when not the tunnel. */
export function listedFields(grants: Grants, tunnel: GrantedTunnel): 'all' | Set<string> | undefined {
  if ('OR' in grants) {
    for (const part of grants.OR) {
      const fields = listedFields(part, tunnel);
      if (fields !== undefined) return fields;
    }
    return undefined;
  }
  if ('AND' in grants) {
    const parts = grants.AND.map((part) => listedFields(part, tunnel));
    if (parts.includes(undefined)) return undefined;
    const [first, ...rest] = parts.filter((fields) => fields instanceof Set);
    if (first === undefined) return 'all';
    return new Set([...first].filter((field) => rest.every((fields) => fields.has(field))));
  }
  const { list } = grants.scopes.tunnels;
  if (typeof list !== 'object') return list === true ? 'all' : undefined;
  if (list.filters !== undefined && !matches(list.filters, tunnel)) return undefined;
  const { select } = list;
  return select === undefined ? 'all' : new Set(Object.keys(select).filter((key) => select[key]));
}

/** Does the tunnel satisfy the filters? A field the tunnel lacks satisfies none. */
export function matches(
  filters: Filters,
  tunnel: GrantedTunnel,
  how: { exactLabels?: boolean } = {},
): boolean {
  if ('AND' in filters) return filters.AND.every((part) => matches(part, tunnel, how));
  if ('OR' in filters) return filters.OR.some((part) => matches(part, tunnel, how));
  const { labels, ...fields } = filters;
  for (const [name, wanted] of Object.entries(fields)) {
    const value = tunnel[name as keyof typeof fields];
    if (typeof wanted === 'boolean' ? value !== wanted : !matchesText(wanted, value)) return false;
  }
  if (labels === undefined) return true;
  if (how.exactLabels === true && Object.keys(tunnel.labels).some((key) => !Object.hasOwn(labels, key))) {
    return false;
  }
  return Object.entries(labels).every(
    ([key, wanted]) => Object.hasOwn(tunnel.labels, key) && matchesText(wanted, tunnel.labels[key]),
  );
}

function matchesText(match: StringMatch, value: unknown): boolean {
  if (typeof value !== 'string') return false;
  if (typeof match === 'string') return match === value;
  if ('exact' in match) return match.exact === value;
  if ('oneof' in match) return match.oneof.includes(value);
  return new RegExp(match.regex, 'u').test(value);
}

/** One leaf that allows is enough in an OR; an AND needs one in each of its branches. */
function anyLeaf(grants: Grants, allows: (scopes: Scopes) => boolean): boolean {
  if ('AND' in grants) return grants.AND.every((part) => anyLeaf(part, allows));
  if ('OR' in grants) return grants.OR.some((part) => anyLeaf(part, allows));
  return allows(grants.scopes.tunnels);
}

/** A leaf, or AND / OR lists of the same, nested at most `MAX_DEPTH` deep. An empty list is refused. */
function tree<T>(leaf: z.ZodType): z.ZodType<T> {
  let schema: z.ZodType = leaf;
  for (let depth = 0; depth < MAX_DEPTH; depth += 1) {
    const branch = z.array(schema).min(1).max(MAX_LIST);
    // AND and OR first: `leaf` may be an object of optional fields, which an empty object satisfies.
    schema = z.union([z.strictObject({ AND: branch }), z.strictObject({ OR: branch }), leaf]);
  }
  return schema as z.ZodType<T>;
}

function isRegex(source: string): boolean {
  try {
    return new RegExp(source, 'u') instanceof RegExp;
  } catch {
    return false; // The reason of a refusal, not an error.
  }
}
