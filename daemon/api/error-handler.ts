/** Turns whatever a route threw into the one error body, and hides what is none of the caller's business. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AppError, type ErrorBody, type ErrorCode } from '../contract/errors.ts';
import type { Logger } from '../kit/logger.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** What the answer refuses with. */
    refusal: AppError | null;
  }
}

export function installErrorHandler(server: FastifyInstance, log: Logger): void {
  server.decorateRequest('refusal', null);
  server.setErrorHandler((error, request, reply) => {
    const refusal = refusalOf(error);
    request.refusal = refusal;
    if (refusal.code === 'internal') {
      log.error({ err: error, method: request.method, path: pathOf(request) }, 'request failed');
    }
    return sendError(reply, refusal);
  });
}

/** Sends a refusal with its status and, when it says so, `Retry-After`. */
export function sendError(reply: FastifyReply, error: AppError): FastifyReply {
  const body: ErrorBody = { error: error.code, message: error.message };
  if (error.details !== undefined) body.details = error.details;
  if (error.retryAfterSeconds !== undefined) reply.header('retry-after', String(error.retryAfterSeconds));
  if (error.statusCode === 401) reply.header('www-authenticate', 'Bearer');
  return reply.header('cache-control', 'no-store').code(error.statusCode).send(body);
}

/** The path without the query: queries may carry tickets and keys. */
export function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? '';
}

/** Fastify's own refusals, in our words. */
const FRAMEWORK: Record<string, { code: ErrorCode; message: string }> = {
  FST_ERR_CTP_BODY_TOO_LARGE: { code: 'payload_too_large', message: 'The body is too large.' },
  FST_ERR_CTP_INVALID_JSON_BODY: { code: 'invalid_json', message: 'The body is not valid JSON.' },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: {
    code: 'invalid_request',
    message: 'Send the body as JSON, with Content-Type: application/json.',
  },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: {
    code: 'invalid_request',
    message: 'The body is not as long as Content-Length says.',
  },
};

function refusalOf(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const { code, statusCode } = error as { code?: unknown; statusCode?: unknown };
  const known = typeof code === 'string' && Object.hasOwn(FRAMEWORK, code) ? FRAMEWORK[code] : undefined;
  if (known !== undefined) return new AppError(known.code, known.message);
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500) {
    return new AppError('invalid_request', 'The request is not valid.');
  }
  return new AppError('internal', 'Something went wrong here. The log of turnkeepd says what.');
}
