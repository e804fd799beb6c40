/** The API's description of itself: `GET /openapi.json`, made from the routes that are really there. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { access } from '../authentication.ts';
import { openApiDocument, type DescribedRoute } from '../openapi/document.ts';
import { CONTRACTS, ROUTE_DOCS } from '../openapi/route-docs.ts';

const PACKAGE_FILE = join(import.meta.dirname, '../../../package.json');
const CONSOLE_FILES = '/*';

/** Before all other routes: it watches them come. */
export function openApiRoute(server: FastifyInstance): void {
  const routes: DescribedRoute[] = [];
  let text: string | undefined;
  server.addHook('onRoute', ({ method, url, config }) => {
    for (const one of [method].flat()) {
      if (one === 'HEAD' || one === 'OPTIONS' || url === CONSOLE_FILES) continue;
      const doc = ROUTE_DOCS[`${one} ${url}`] ?? { summary: '' };
      routes.push({ method: one, url, access: config?.access ?? 'caller', doc });
    }
  });
  server.get('/openapi.json', access('public'), (_request, reply) => {
    text ??= JSON.stringify(openApiDocument(routes, { version: ownVersion(), contracts: CONTRACTS }));
    return reply.type('application/json').header('cache-control', 'no-cache').send(text);
  });
}

function ownVersion(): string {
  return z.object({ version: z.string() }).parse(JSON.parse(readFileSync(PACKAGE_FILE, 'utf8'))).version;
}
