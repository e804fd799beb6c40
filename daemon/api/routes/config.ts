/** The configuration: what runs, and what a file would change. */
import type { FastifyInstance } from 'fastify';
import { configChanges, configValues } from '../../config/compare.ts';
import { ConfigError, resolvedConfig } from '../../config/load.ts';
import {
  checkConfigSchema,
  MAX_CONFIG_CHARS,
  type ConfigCheck,
  type ConfigReloadAnswer,
} from '../../contract/config-view.ts';
import { requireMay } from '../../identity/caller.ts';
import { access, callerOf } from '../authentication.ts';
import type { ApiContext } from '../context.ts';
import { noStore } from '../headers.ts';
import { parseInput } from '../input.ts';

export function configRoutes(server: FastifyInstance, context: ApiContext): void {
  const options = { ...access('caller'), onRequest: noStore };

  server.get('/v1/config', options, (request, reply) => {
    requireMay(callerOf(request), 'config.read');
    return reply.send({ values: configValues(context.configuration.current) });
  });

  // Characters of a text may take several bytes each in JSON.
  const large = { ...options, bodyLimit: MAX_CONFIG_CHARS * 2 };
  server.post('/v1/config/check', large, (request, reply) => {
    requireMay(callerOf(request), 'config.read');
    const { text } = parseInput(checkConfigSchema, request.body);
    return reply.send(check(context, text));
  });

  server.post('/v1/config/reload', options, async (request, reply) => {
    requireMay(callerOf(request), 'config.reload');
    return reply.send(await reload(context));
  });
}

async function reload(context: ApiContext): Promise<ConfigReloadAnswer> {
  try {
    return { problems: [], ...(await context.configuration.reload()) };
  } catch (error) {
    if (error instanceof ConfigError) return { problems: error.problems, applied: [], waiting: [] };
    throw error;
  }
}

function check(context: ApiContext, text: string): ConfigCheck {
  try {
    // With the environment of this daemon: it would read the file with that.
    const file = resolvedConfig(text, { source: 'The file', environment: process.env });
    return { problems: [], changes: configChanges(context.configuration.current, file) };
  } catch (error) {
    if (error instanceof ConfigError) return { problems: error.problems, changes: [] };
    throw error;
  }
}
