/** Issuers of tokens, the tokens this host issues itself, and its public keys. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { AppError } from '../../contract/errors.ts';
import { createIssuerSchema, createTokenSchema, testTokenSchema } from '../../contract/issuers.ts';
import { identityOf, requireMay, roleOf } from '../../identity/caller.ts';
import { covers } from '../../identity/token-claims.ts';
import { noteForAudit } from '../audit-trail.ts';
import { access, callerOf } from '../authentication.ts';
import { openDatabaseParts, type ApiContext } from '../context.ts';
import { noStore } from '../headers.ts';
import { namespaceParams, parseInput } from '../input.ts';

const nameParams = z.object({ name: z.string().min(1).max(64) });
/** The longest token, and room for its quotes. */
const TEST_BODY_BYTES = 80 * 1024;

export function issuerRoutes(server: FastifyInstance, context: ApiContext): void {
  const { log } = context;
  const options = { ...access('caller'), onRequest: noStore };

  server.get('/v1/issuers', options, (request, reply) => {
    requireMay(callerOf(request), 'issuer.read');
    return reply.send({ items: openDatabaseParts(context).tokens.list() });
  });

  server.post('/v1/issuers', options, async (request, reply) => {
    const caller = callerOf(request);
    requireMay(caller, 'issuer.change');
    const wanted = parseInput(createIssuerSchema, request.body);
    const { name, issuer, namespaces } = wanted;
    noteForAudit(request, { subject: name, detail: { issuer, namespaces } });
    const added = await openDatabaseParts(context).tokens.add(wanted);
    log.info({ issuer, name, namespaces, by: identityOf(caller) }, 'issuer added');
    return reply.code(201).send(added);
  });

  server.post('/v1/issuers/test', { ...options, bodyLimit: TEST_BODY_BYTES }, async (request, reply) => {
    requireMay(callerOf(request), 'issuer.read');
    const { token } = parseInput(testTokenSchema, request.body);
    const verdict = await openDatabaseParts(context).tokens.judge(token);
    noteForAudit(request, { subject: verdict.identity, detail: { accepted: verdict.accepted } });
    return reply.send(verdict);
  });

  server.delete('/v1/issuers/:name', options, (request, reply) => {
    const caller = callerOf(request);
    requireMay(caller, 'issuer.change');
    const { name } = parseInput(nameParams, request.params);
    openDatabaseParts(context).tokens.remove(name);
    log.info({ name, by: identityOf(caller) }, 'issuer removed');
    return reply.code(204).send();
  });

  server.post('/v1/namespaces/:namespace/tokens', options, async (request, reply) => {
    const caller = callerOf(request);
    const { namespace } = parseInput(namespaceParams, request.params);
    requireMay(caller, 'token.issue', { namespace });
    const { subject, role, ttlSeconds } = parseInput(createTokenSchema, request.body);
    context.namespaces.get(namespace);
    const own = roleOf(caller);
    if (own !== 'local' && !covers(own, role)) {
      throw new AppError('forbidden', `A token may not do more than its issuer: you have the role ${own}.`);
    }
    if (caller.kind === 'token') {
      throw new AppError('forbidden', 'A token makes no tokens: use an API key.');
    }
    const made = await openDatabaseParts(context).tokens.sign({ namespace, subject, role, ttlSeconds });
    const { token, identity, expiresAtMs } = made;
    noteForAudit(request, { subject: identity, detail: { role, ttlSeconds } });
    return reply.code(201).send({ token, identity, expiresAt: new Date(expiresAtMs).toISOString() });
  });

  // Public keys are for everybody.
  server.get('/.well-known/jwks.json', access('public'), (_request, reply) =>
    reply.header('cache-control', 'max-age=300').send(openDatabaseParts(context).tokens.ownKeys()),
  );
}
