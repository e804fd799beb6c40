/** Certificates that an ACME authority issues for this host. */
import type { FastifyInstance } from 'fastify';
import { renewCertificateSchema } from '../../contract/certificates.ts';
import { AppError } from '../../contract/errors.ts';
import { requireMay } from '../../identity/caller.ts';
import { noteForAudit } from '../audit-trail.ts';
import { access, callerOf } from '../authentication.ts';
import type { ApiContext } from '../context.ts';
import { noStore } from '../headers.ts';
import { parseInput } from '../input.ts';

export function certificateRoutes(server: FastifyInstance, context: ApiContext): void {
  const options = { ...access('caller'), onRequest: noStore };

  server.get('/v1/certificates', options, (request, reply) => {
    requireMay(callerOf(request), 'host.inspect');
    const { certificates, configuration } = context;
    const directory = certificates === undefined ? null : configuration.current.certificates.directory;
    return reply.send({ directory, items: certificates?.list() ?? [] });
  });

  server.post('/v1/certificates/renew', options, (request, reply) => {
    requireMay(callerOf(request), 'certificate.renew');
    const { name } = parseInput(renewCertificateSchema, request.body ?? {});
    noteForAudit(request, { subject: name ?? null });
    if (context.certificates === undefined) {
      throw new AppError(
        'conflict',
        'No authority issues certificates for this host: the local CA renews its own by itself. For one that browsers trust set certificates.source: acme.',
      );
    }
    return reply.code(202).send({ names: context.certificates.renew(name) });
  });
}
