/** Namespaces, their WebRTC, their API keys, and the operations that run on them. */
import type { FastifyInstance } from 'fastify';
import { createNamespaceSchema, disableWebrtcSchema, enableWebrtcSchema } from '../../contract/api.ts';
import { AppError } from '../../contract/errors.ts';
import { changeQuotaSchema } from '../../contract/quota.ts';
import { createApiKeySchema } from '../../contract/identity.ts';
import { apiKeyIdentity, identityOf, may, requireMay, type Action } from '../../identity/caller.ts';
import { noteForAudit } from '../audit-trail.ts';
import { access, callerOf } from '../authentication.ts';
import { endEverythingOf } from '../departed.ts';
import { openDatabaseParts, type ApiContext } from '../context.ts';
import { noStore } from '../headers.ts';
import { idParams, namespaceParams, parseInput } from '../input.ts';
import type { FastifyRequest } from 'fastify';

const keyParams = namespaceParams.extend(idParams.shape);

export function namespaceRoutes(server: FastifyInstance, context: ApiContext): void {
  const { namespaces, log } = context;
  const options = access('caller');
  const secret = { ...options, onRequest: noStore };

  /** The namespace of the path, once the caller may do `action` in it. */
  const allowed = (request: FastifyRequest, action: Action): string => {
    const { namespace } = parseInput(namespaceParams, request.params);
    requireMay(callerOf(request), action, { namespace });
    return namespace;
  };

  server.get('/v1/namespaces', options, (request, reply) => {
    const caller = callerOf(request);
    requireMay(caller, 'namespace.read');
    return reply.send({
      items: namespaces.list().filter(({ name }) => may(caller, 'namespace.read', name)),
    });
  });

  server.post('/v1/namespaces', options, (request, reply) => {
    const caller = callerOf(request);
    requireMay(caller, 'namespace.create');
    const { name } = parseInput(createNamespaceSchema, request.body);
    noteForAudit(request, { namespace: name, subject: name });
    openDatabaseParts(context);
    const created = namespaces.create(name);
    log.info({ namespace: name, by: identityOf(caller) }, 'namespace created');
    return reply.code(201).send(created);
  });

  server.get('/v1/namespaces/:namespace', options, (request, reply) =>
    reply.send(namespaces.get(allowed(request, 'namespace.read'))),
  );

  server.delete('/v1/namespaces/:namespace', options, (request, reply) => {
    const name = allowed(request, 'namespace.delete');
    const { apiKeys, cameras } = openDatabaseParts(context);
    refuseWithCameras(namespaces.get(name).name, cameras.list(name).length);
    namespaces.delete(name);
    apiKeys.deleteAllOf(name);
    log.info({ namespace: name, by: identityOf(callerOf(request)) }, 'namespace deleted');
    return reply.code(204).send();
  });

  server.get('/v1/namespaces/:namespace/quota', options, async (request, reply) =>
    reply.send(await namespaces.quotas.view(allowed(request, 'namespace.read'))),
  );

  server.patch('/v1/namespaces/:namespace/quota', options, async (request, reply) => {
    const name = allowed(request, 'namespace.quota');
    openDatabaseParts(context);
    const change = parseInput(changeQuotaSchema, request.body);
    noteForAudit(request, { detail: change });
    const view = await namespaces.quotas.change(name, change);
    log.info({ namespace: name, by: identityOf(callerOf(request)) }, 'quota changed');
    return reply.send(view);
  });

  server.post('/v1/namespaces/:namespace/webrtc/enable', options, async (request, reply) => {
    const name = allowed(request, 'webrtc.change');
    openDatabaseParts(context);
    const asked = parseInput(enableWebrtcSchema, request.body);
    noteForAudit(request, { detail: asked });
    if (asked.dryRun) return reply.send({ plan: await namespaces.planEnable(name, asked) });
    const answer = namespaces.enableWebrtc(name, asked);
    noteForAudit(request, { detail: { ...asked, ...answer } });
    log.info({ namespace: name, by: identityOf(callerOf(request)) }, 'WebRTC enable asked for');
    return reply.code(202).send(answer);
  });

  server.post('/v1/namespaces/:namespace/webrtc/disable', options, (request, reply) => {
    const name = allowed(request, 'webrtc.change');
    openDatabaseParts(context);
    const asked = parseInput(disableWebrtcSchema, request.body ?? undefined);
    noteForAudit(request, { detail: asked });
    if (asked.dryRun) return reply.send({ plan: namespaces.planDisable(name) });
    const answer = namespaces.disableWebrtc(name);
    noteForAudit(request, { detail: { ...asked, ...answer } });
    log.info({ namespace: name, by: identityOf(callerOf(request)) }, 'WebRTC disable asked for');
    return reply.code(202).send(answer);
  });

  server.get('/v1/namespaces/:namespace/webrtc/status', options, async (request, reply) =>
    reply.send(await namespaces.status(allowed(request, 'namespace.read'))),
  );

  server.get('/v1/operations', options, (request, reply) => {
    const caller = callerOf(request);
    requireMay(caller, 'operation.read');
    return reply.send({
      items: namespaces.operations().filter(({ namespace }) => may(caller, 'operation.read', namespace)),
    });
  });

  server.get('/v1/operations/:id', options, (request, reply) => {
    const caller = callerOf(request);
    requireMay(caller, 'operation.read');
    const operation = namespaces.operation(parseInput(idParams, request.params).id);
    requireMay(caller, 'operation.read', { namespace: operation.namespace, code: 'operation_not_found' });
    return reply.send(operation);
  });

  server.get('/v1/namespaces/:namespace/api-keys', secret, (request, reply) => {
    const name = allowed(request, 'api-key.change');
    namespaces.get(name);
    return reply.send({ items: openDatabaseParts(context).apiKeys.list(name) });
  });

  server.post('/v1/namespaces/:namespace/api-keys', secret, (request, reply) => {
    const namespace = allowed(request, 'api-key.change');
    namespaces.get(namespace);
    const { name, role } = parseInput(createApiKeySchema, request.body);
    noteForAudit(request, { detail: { name, role } });
    const created = openDatabaseParts(context).apiKeys.create(namespace, name, role);
    noteForAudit(request, { subject: created.apiKey.id });
    const by = identityOf(callerOf(request));
    log.info({ namespace, apiKey: created.apiKey.id, role, by }, 'API key created');
    return reply.code(201).send(created);
  });

  server.delete('/v1/namespaces/:namespace/api-keys/:id', secret, async (request, reply) => {
    const namespace = allowed(request, 'api-key.change');
    const { id } = parseInput(keyParams, request.params);
    namespaces.get(namespace);
    openDatabaseParts(context).apiKeys.delete(namespace, id);
    await endEverythingOf(context, apiKeyIdentity(id), namespace);
    log.info({ namespace, apiKey: id, by: identityOf(callerOf(request)) }, 'API key deleted');
    return reply.code(204).send();
  });
}

/** A camera without its namespace could neither be watched nor found. */
function refuseWithCameras(name: string, cameras: number): void {
  if (cameras === 0) return;
  const what = cameras === 1 ? '1 camera: remove it' : `${String(cameras)} cameras: remove them`;
  const sentence = `The namespace "${name}" still has ${what} first, then delete the namespace.`;
  throw new AppError('namespace_in_use', sentence, { details: { cameras } });
}
