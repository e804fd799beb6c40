/** Renders the description of the API: OpenAPI 3.1, its schemas generated from those that check the requests. Pure. */
import { z } from 'zod';
import { errorBodySchema, ERROR_STATUS } from '../../contract/errors.ts';
import type { Access } from '../authentication.ts';
import type { RouteDoc } from './route-docs.ts';

export type DescribedRoute = { method: string; url: string; access: Access; doc: RouteDoc };
type Json = Record<string, unknown>;

const COMPONENTS = '#/components/schemas/';
/** Dates and transforms have no schema of their own: they are described as what goes over the wire, or as anything. */
const LENIENT = { unrepresentable: 'any' } as const;

const SECURITY: Record<Access, Json[]> = {
  public: [],
  caller: [{ session: [] }, { apiKey: [] }, { bearer: [] }],
  device: [{ deviceSecret: [] }],
  signal: [{ ticket: [] }, { apiKeyQuery: [] }, { session: [] }, { bearer: [] }],
};

const SECURITY_SCHEMES = {
  session: { type: 'apiKey', in: 'cookie', name: 'turnkeep_session', description: 'A user of the console.' },
  apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key', description: 'A key of one namespace.' },
  apiKeyQuery: { type: 'apiKey', in: 'query', name: 'api_key', description: 'A key of one namespace.' },
  bearer: { type: 'http', scheme: 'bearer', description: 'The API key again.' },
  ticket: { type: 'apiKey', in: 'query', name: 'ticket', description: 'Of POST /v1/webrtc/tickets.' },
  deviceSecret: { type: 'http', scheme: 'bearer', description: "The camera's one-time secret." },
};

/** @param contracts modules whose `somethingSchema` become the component `Something`. */
export function openApiDocument(
  routes: readonly DescribedRoute[],
  options: { version: string; contracts: readonly Record<string, unknown>[] },
): Json {
  const names = componentNames(options.contracts);
  const reference = (schema: z.ZodType): Json => {
    const name = names.get(schema);
    return name === undefined ? jsonSchema(schema, 'output') : { $ref: `${COMPONENTS}${name}` };
  };
  const paths: Record<string, Json> = {};
  for (const { method, url, access, doc } of routes) {
    const path = url.replaceAll(/:([A-Za-z]+)/g, '{$1}');
    paths[path] = {
      ...paths[path],
      [method.toLowerCase()]: {
        summary: doc.summary,
        parameters: [...pathParameters(url), ...queryParameters(doc.query)],
        ...(doc.body === undefined ? {} : { requestBody: { content: json(jsonSchema(doc.body, 'input')) } }),
        responses: {
          [doc.status ?? 200]: answerOf(doc, reference),
          default: {
            description: 'Refused: one of the codes of the table.',
            content: json(reference(errorBodySchema)),
          },
        },
        security: SECURITY[access],
      },
    };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Turnkeep',
      version: options.version,
      description: `Every refusal is {"error": code, "message": sentence, "details"?}. Codes: ${Object.entries(
        ERROR_STATUS,
      )
        .map(([code, status]) => `${code} (${String(status)})`)
        .join(', ')}.`,
    },
    paths,
    components: { schemas: componentSchemas(names), securitySchemes: SECURITY_SCHEMES },
  };
}

function componentNames(contracts: readonly Record<string, unknown>[]): Map<z.ZodType, string> {
  const names = new Map<z.ZodType, string>([[errorBodySchema, 'ErrorBody']]);
  for (const contract of contracts) {
    for (const [key, value] of Object.entries(contract)) {
      if (!(value instanceof z.ZodType) || !key.endsWith('Schema') || names.has(value)) continue;
      names.set(value, `${key.charAt(0).toUpperCase()}${key.slice(1, -'Schema'.length)}`);
    }
  }
  return names;
}

function componentSchemas(names: ReadonlyMap<z.ZodType, string>): Json {
  const registry = z.registry<{ id: string }>();
  for (const [schema, id] of names) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, { ...LENIENT, uri: (id) => `${COMPONENTS}${id}` });
  return Object.fromEntries(Object.entries(schemas).map(([id, schema]) => [id, bare(schema)]));
}

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): Json {
  return bare(z.toJSONSchema(schema, { ...LENIENT, io }));
}

/** Their dialect is said by the document, and their names by where they stand. */
function bare(schema: Json): Json {
  return Object.fromEntries(Object.entries(schema).filter(([key]) => key !== '$schema' && key !== '$id'));
}

function answerOf(doc: RouteDoc, reference: (schema: z.ZodType) => Json): Json {
  if (doc.status === 204) return { description: 'Done.' };
  if (doc.status === 101) return { description: 'A WebSocket; its frames are among the schemas.' };
  if (doc.mediaType !== undefined) return { description: 'Text.', content: { [doc.mediaType]: {} } };
  return { description: 'Done.', content: json(doc.answer === undefined ? {} : reference(doc.answer)) };
}

const json = (schema: Json): Json => ({ 'application/json': { schema } });

function pathParameters(url: string): Json[] {
  return [...url.matchAll(/:([A-Za-z]+)/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
}

function queryParameters(query: z.ZodObject | undefined): Json[] {
  if (query === undefined) return [];
  const { properties = {}, required = [] } = z.toJSONSchema(query, { ...LENIENT, io: 'input' });
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    schema,
  }));
}
