/** `/openapi.json` says what the server really has and really answers. */
import t from 'tap';
import { z } from 'zod';
import { ROUTE_DOCS } from '../../api/openapi/route-docs.ts';
import { apiBench, HOST } from '../helpers/api-bench.ts';

type Operation = {
  summary: string;
  parameters: { name: string; in: string }[];
  requestBody?: { content: Record<string, { schema: Record<string, unknown> }> };
  responses: Record<string, { content?: Record<string, { schema?: Record<string, unknown> }> }>;
  security: Record<string, unknown>[];
};
type Document = {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, unknown>; securitySchemes: Record<string, unknown> };
};

t.test('every route is described, and nothing else is', async (t) => {
  const bench = await apiBench(t);
  const reply = await bench.network.inject({ url: '/openapi.json', headers: { host: HOST } });
  t.equal(reply.statusCode, 200);
  const document = reply.json<Document>();
  t.equal(document.openapi, '3.1.0');
  const described = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => ({
      key: `${method.toUpperCase()} ${path.replaceAll(/\{([A-Za-z]+)\}/g, ':$1')}`,
      operation,
    })),
  );
  t.same(
    described.filter(({ operation }) => operation.summary === '').map(({ key }) => key),
    [],
    'routes without a line in ROUTE_DOCS',
  );
  t.same(described.map(({ key }) => key).sort(), Object.keys(ROUTE_DOCS).sort(), 'lines without a route');

  const text = JSON.stringify(document);
  for (const [, name] of text.matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)) {
    t.ok(Object.hasOwn(document.components.schemas, name!), `${name} is defined`);
  }
  t.equal([...text.matchAll(/"\$ref":"(?!#\/components\/schemas\/)/g)].length, 0, 'references stay inside');
  const schemes = new Set(described.flatMap(({ operation }) => operation.security.flatMap(Object.keys)));
  t.same(
    [...schemes].filter((name) => !Object.hasOwn(document.components.securitySchemes, name)),
    [],
  );

  const create = document.paths['/v1/namespaces']?.['post'];
  t.match(create?.requestBody?.content['application/json']?.schema, {
    type: 'object',
    required: ['name'],
    additionalProperties: false,
  });
  t.match(create?.responses['201']?.content?.['application/json']?.schema, {
    $ref: '#/components/schemas/Namespace',
  });
  t.match(
    document.paths['/v1/audit']?.['get']?.parameters.map((one) => one.in),
    ['query'],
  );
});

t.test('answers are what the description says', async (t) => {
  const bench = await apiBench(t);
  const headers = await bench.as('owner');
  const ask = [
    '/v1/session',
    '/v1/users',
    '/v1/namespaces',
    '/v1/namespaces/a',
    '/v1/operations',
    '/v1/namespaces/a/api-keys',
    '/v1/webrtc/rooms?namespace=a',
    '/v1/namespaces/a/webrtc/status',
    '/v1/namespaces/a/turn/status',
    '/v1/namespaces/a/turn/sessions',
    '/v1/namespaces/a/turn/refusals',
    '/v1/namespaces/a/turn/revoked',
    '/v1/namespaces/a/turn/keys',
    '/api/devices',
    '/v1/monitor',
    '/v1/audit',
    '/v1/audit/verify',
    '/v1/config',
  ];
  for (const url of ask) {
    const reply = await bench.network.inject({ url, headers: { host: HOST, ...headers } });
    t.equal(reply.statusCode, 200, url);
    const route = `GET ${url.replace(/\?.*/, '').replace(/\/namespaces\/a\b/, '/namespaces/:namespace')}`;
    const answer = ROUTE_DOCS[route]?.answer;
    t.ok(answer, `${route} has an answer`);
    const parsed = answer!.safeParse(reply.json());
    t.ok(parsed.success, `${url}: ${parsed.success ? 'as described' : z.prettifyError(parsed.error)}`);
  }
});
