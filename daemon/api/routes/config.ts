/** The configuration: what runs, and what a file would change. */
import type { FastifyInstance } from 'fastify';
import { configChanges, configValues } from '../../config/compare.ts';
import { ConfigError, resolvedConfig } from '../../config/load.ts';
import { checkConfigSchema, MAX_CONFIG_CHARS, type ConfigCheck } from '../../contract/config-view.ts';
import { requireMay } from '../../identity/caller.ts';
import { access, callerOf } from '../authentication.ts';
import type { ApiContext } from '../context.ts';
import { noStore } from '../headers.ts';
import { parseInput } from '../input.ts';

export function configRoutes(server: FastifyInstance, context: ApiContext): void {
  const options = { ...access('caller'), onRequest: noStore };

  server.get('/v1/config', options, (request, reply) => {
    requireMay(callerOf(request), 'config.read');
    return reply.send({ values: configValues(context.config) });
  });

  // Characters of a text may take several bytes each in JSON.
  const large = { ...options, bodyLimit: MAX_CONFIG_CHARS * 2 };
  server.post('/v1/config/check', large, (request, reply) => {
    requireMay(callerOf(request), 'config.read');
    const { text } = parseInput(checkConfigSchema, request.body);
    return reply.send(check(context, text));
  });
}

function check(context: ApiContext, text: string): ConfigCheck {
  try {
    // With the environment of this daemon: it would read the file with that.
    const file = resolvedConfig(text, { source: 'The file', environment: process.env });
    return { problems: [], changes: configChanges(context.config, file) };
  } catch (error) {
    if (error instanceof ConfigError) return { problems: error.problems, changes: [] };
    throw error;
  }
}
