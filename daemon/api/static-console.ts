/**
 * Serves the built console: hashed assets for ever, pages never from cache, and the page itself for every
 * address of the single-page application. Unknown addresses of the API stay errors. `/client/turnkeep.js` is the
 * client library, which pages of other origins may load; its types are beside it.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { AppError } from '../contract/errors.ts';
import { access } from './authentication.ts';
import { pathOf, sendError } from './error-handler.ts';

const NOT_BUILT = `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Turnkeep</title>
<h1>The console is not built yet</h1>
<p>Run <code>npm run build</code> in the folder of Turnkeep, then load this page again. The API works meanwhile.</p>
</html>
`;

export async function installStaticConsole(server: FastifyInstance, consoleDir: string): Promise<void> {
  const built = existsSync(join(consoleDir, 'index.html'));
  if (built) {
    await server.register(fastifyStatic, {
      root: consoleDir,
      serve: false,
      cacheControl: false,
      dotfiles: 'deny',
      setHeaders: (reply, path) => {
        // Vite puts a hash of the content into the names below assets/.
        const hashed = path.startsWith(join(consoleDir, 'assets'));
        reply.header('cache-control', hashed ? 'public, max-age=31536000, immutable' : 'no-cache');
        // The client library is code without secrets, for pages of any origin: modules are fetched by CORS.
        if (path.startsWith(join(consoleDir, 'client'))) {
          reply.header('access-control-allow-origin', '*');
          reply.header('cross-origin-resource-policy', 'cross-origin');
          // By its name alone a declaration file would pass for a video (MPEG transport stream).
          if (path.endsWith('.d.ts')) reply.header('content-type', 'application/typescript; charset=utf-8');
        }
      },
    });
    // A file that is not there falls through to the handler below. Nothing is returned: a reply is a
    // thenable, and each hop of it would listen on the response again.
    server.get<{ Params: { '*': string } }>('/*', access('public'), (request, reply) => {
      reply.sendFile(request.params['*'] === '' ? 'index.html' : request.params['*']);
    });
  }
  server.setNotFoundHandler((request, reply) => {
    if (!isPage(request)) {
      sendError(reply, new AppError('not_found', 'There is nothing at this address.'));
    } else if (built) {
      reply.header('cache-control', 'no-cache').sendFile('index.html');
    } else {
      reply.code(503).header('cache-control', 'no-store').type('text/html; charset=utf-8').send(NOT_BUILT);
    }
  });
}

/** An address a person opens: not the API, not a file that should be there. */
function isPage(request: FastifyRequest): boolean {
  if (request.method !== 'GET' && request.method !== 'HEAD') return false;
  const path = pathOf(request);
  if (/^\/(?:v1|api|assets|client|healthz|readyz|metrics)(?:\/|$)/.test(path)) return false;
  return !/\.[A-Za-z0-9]{1,8}$/.test(path);
}
