/**
 * Writes what the API does into the audit, before the answer leaves. One table says which routes; a route that
 * changes something and is not in it is refused when the server is built, so that none is forgotten.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { AppError, type ErrorCode } from '../contract/errors.ts';
import { namespaceNameSchema } from '../contract/names.ts';
import type { AuditEvent } from '../identity/audit.ts';
import { identityOf, isTenant, OtherTenant } from '../identity/caller.ts';
import { apiKeyOf, tokenOf } from './authentication.ts';
import type { ApiContext } from './context.ts';

type Rule = {
  action: string;
  /** Credentials that are fetched again and again: see identity/audit-gate.ts. */
  grant?: true;
};

/** Secrets are shown by the routes that create, reset or rotate, and by the grants. */
const RULES: Record<string, Rule> = {
  'POST /v1/config/check': { action: 'config.check' },
  'POST /v1/config/reload': { action: 'config.reload' },
  'POST /v1/session': { action: 'session.open' },
  'DELETE /v1/session': { action: 'session.close' },
  'POST /v1/certificates/renew': { action: 'certificate.renew' },
  'POST /v1/doctor': { action: 'doctor.run' },
  'POST /v1/repair': { action: 'host.repair' },
  'POST /v1/issuers': { action: 'issuer.add' },
  'POST /v1/issuers/test': { action: 'issuer.test' },
  'DELETE /v1/issuers/:name': { action: 'issuer.remove' },
  'POST /v1/namespaces/:namespace/tokens': { action: 'token.issue' },
  'POST /v1/users': { action: 'user.create' },
  'PATCH /v1/users/:name': { action: 'user.change' },
  'DELETE /v1/users/:name': { action: 'user.delete' },
  'DELETE /v1/sessions/:session': { action: 'session.end' },
  'POST /v1/users/:name/reset-password': { action: 'user.reset-password' },
  'POST /v1/users/:name/sign-in-code': { action: 'user.sign-in-code' },
  'POST /v1/namespaces': { action: 'namespace.create' },
  'DELETE /v1/namespaces/:namespace': { action: 'namespace.delete' },
  'PATCH /v1/namespaces/:namespace/quota': { action: 'namespace.quota' },
  'POST /v1/namespaces/:namespace/webrtc/enable': { action: 'webrtc.enable' },
  'POST /v1/namespaces/:namespace/webrtc/disable': { action: 'webrtc.disable' },
  'POST /v1/namespaces/:namespace/api-keys': { action: 'api-key.create' },
  'DELETE /v1/namespaces/:namespace/api-keys/:id': { action: 'api-key.delete' },
  'POST /v1/namespaces/:namespace/turn/disconnect': { action: 'turn.disconnect' },
  'POST /v1/namespaces/:namespace/turn/credentials': { action: 'turn.credentials', grant: true },
  'POST /v1/namespaces/:namespace/turn/rotate-secret': { action: 'turn.rotate-secret' },
  'POST /v1/namespaces/:namespace/turn/revoke': { action: 'turn.revoke' },
  'POST /v1/namespaces/:namespace/turn/unrevoke': { action: 'turn.unrevoke' },
  'POST /v1/namespaces/:namespace/turn/drain': { action: 'turn.drain' },
  'POST /v1/namespaces/:namespace/turn/keys': { action: 'turn.add-key' },
  'DELETE /v1/namespaces/:namespace/turn/keys/:kind/:subject': { action: 'turn.remove-key' },
  'POST /v1/webrtc/turn/credentials': { action: 'turn.credentials', grant: true },
  'POST /v1/webrtc/tickets': { action: 'view.ticket', grant: true },
  'GET /api/devices/:id/webrtc': { action: 'view.credentials', grant: true },
  'POST /api/devices': { action: 'camera.create' },
  'PATCH /api/devices/:id': { action: 'camera.change' },
  'POST /api/devices/:id/rotate': { action: 'camera.rotate' },
  'DELETE /api/devices/:id': { action: 'camera.delete' },
  'POST /api/devices/tunnel': { action: 'camera.tunnel', grant: true },
  'POST /api/devices/turn': { action: 'camera.turn-credentials', grant: true },
  'POST /v1/webrtc/rooms': { action: 'room.create' },
  'POST /v1/webrtc/rooms/:roomId/kick': { action: 'room.kick' },
  'POST /v1/webrtc/rooms/:roomId/mute': { action: 'room.mute' },
  'DELETE /v1/webrtc/rooms/:roomId': { action: 'room.close' },
  'DELETE /v1/webrtc/rooms': { action: 'room.close' },
};
/** Mistakes of the caller and refusals before anybody knows who asks: they change nothing and tell nothing. */
const UNTOLD = new Set<ErrorCode>(['invalid_request', 'invalid_json', 'payload_too_large', 'unauthorized']);
const STRANGER = '-';

/** What only the route knows. */
export type AuditNote = Pick<AuditEvent, 'namespace' | 'subject' | 'detail'> & { actor?: string };

declare module 'fastify' {
  interface FastifyRequest {
    auditNote: AuditNote | null;
    audited: boolean;
  }
}

/** Tells what the line of this request is about. Nothing secret: it is kept. */
export function noteForAudit(request: FastifyRequest, note: AuditNote): void {
  request.auditNote = { ...request.auditNote, ...note };
}

export function installAuditTrail(server: FastifyInstance, context: ApiContext): void {
  server.decorateRequest('auditNote', null);
  server.decorateRequest('audited', false);
  server.addHook('onRoute', ({ method, url }) => {
    for (const one of [method].flat()) {
      const key = `${one} ${url}`;
      if (one === 'GET' || one === 'HEAD' || one === 'OPTIONS' || Object.hasOwn(RULES, key)) continue;
      throw new Error(`route ${key} has no line in the audit: add it to RULES in api/audit-trail.ts`);
    }
  });
  server.addHook('onSend', (request, reply, payload, done) => {
    // An audit that fails sends an error, which comes by here again.
    if (request.audited) {
      done(null, payload);
      return;
    }
    request.audited = true;
    const event = eventOf(request, reply.statusCode);
    const audit = event === undefined ? undefined : context.database()?.audit;
    try {
      if (event !== undefined) audit?.record(event);
      done(null, payload);
    } catch (error) {
      context.log.error({ err: error, action: event?.action }, 'the audit cannot be written');
      done(
        new AppError(
          'unavailable',
          'The audit cannot be written, so this is not answered. Is the disk full? The log of turnkeepd says why.',
        ),
      );
    }
  });
}

function eventOf(request: FastifyRequest, status: number): AuditEvent | undefined {
  const rule = RULES[`${request.method} ${request.routeOptions.url ?? ''}`];
  const { caller, refusal, auditNote: note } = request;
  const actor = note?.actor ?? (caller === null ? STRANGER : identityOf(caller));
  const params = paramsOf(request);
  const base = {
    actor,
    namespace:
      note?.namespace ??
      params['namespace'] ??
      (caller !== null && isTenant(caller) ? caller.namespace : null),
    subject: note?.subject ?? params['name'] ?? params['id'] ?? params['subject'] ?? params['roomId'] ?? null,
  };
  const detail = { ...note?.detail, address: request.ip };
  if (refusal === null) {
    if (rule === undefined || status >= 400 || actor === STRANGER) return undefined;
    const key = `${actor} ${rule.action} ${base.namespace ?? ''} ${base.subject ?? ''}`;
    const gate = rule.grant === true ? { gate: { kind: 'grant' as const, key } } : {};
    return { ...base, ...gate, action: rule.action, detail };
  }
  const { code } = refusal;
  const route = `${request.method} ${request.routeOptions.url ?? ''}`;
  if (refusal instanceof OtherTenant) {
    return {
      ...base,
      action: 'tenant.cross',
      namespace: refusal.namespace,
      outcome: 'refused',
      detail: {
        ...detail,
        error: code,
        route,
        of: caller !== null && isTenant(caller) ? caller.namespace : null,
      },
      gate: { kind: 'refused', key: actor },
    };
  }
  const refused = {
    ...base,
    outcome: refusal.statusCode >= 500 ? ('failed' as const) : ('refused' as const),
    detail: { ...detail, error: code },
    gate: { kind: actor === STRANGER ? ('stranger' as const) : ('refused' as const), key: actor },
  };
  if (code === 'unauthorized' && tokenOf(request) !== undefined) {
    const told = { ...refused.detail, route, reason: refusal.message };
    return { ...refused, action: 'token.wrong', detail: told };
  }
  if (code === 'unauthorized' && apiKeyOf(request) !== undefined) {
    return { ...refused, action: 'api-key.wrong', detail: { ...refused.detail, route } };
  }
  return rule === undefined || UNTOLD.has(code) ? undefined : { ...refused, action: rule.action };
}

/** Of the path: what is not of the right form is not kept. */
function paramsOf(request: FastifyRequest): Record<string, string | undefined> {
  const params = (request.params ?? {}) as Record<string, string | undefined>;
  const namespace = namespaceNameSchema.safeParse(params['namespace']).data;
  return { ...params, namespace };
}
