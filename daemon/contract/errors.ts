/**
 * The single table of refusals. Every refusal a user, tenant or camera can see has a code here; its
 * HTTP status and its frame on the signaling socket derive from it. `error` and `message` are stable
 * parts of the API.
 */
import { z } from 'zod';

/** code -> HTTP status. Seed-defined codes (seeds 000 and 002) keep their seed's status. */
export const ERROR_STATUS = {
  // Requests
  invalid_request: 400,
  invalid_json: 400,
  unauthorized: 401,
  invalid_login: 401,
  forbidden: 403,
  origin_forbidden: 403,
  not_found: 404,
  conflict: 409,
  stale_version: 412,
  payload_too_large: 413,
  rate_limited: 429,
  internal: 500,
  unavailable: 503,
  shutting_down: 503,
  // Namespaces
  namespace_not_found: 404,
  namespace_exists: 409,
  namespace_in_use: 409,
  webrtc_already_enabled: 409,
  webrtc_not_enabled: 409,
  operation_in_progress: 409,
  operation_not_found: 404,
  operation_failed: 500,
  ports_exhausted: 503,
  port_taken: 409,
  service_failed: 503,
  proof_failed: 503,
  // Cameras (seeds 000 and 002)
  device_not_found: 404,
  device_exists: 409,
  device_offline: 409,
  device_not_provisioned: 409,
  device_limit: 429,
  forbidden_device_role: 403,
  credential_not_configured: 503,
  signaling_error: 502,
  // Rooms and signaling
  room_not_found: 404,
  room_exists: 409,
  room_full: 429,
  room_limit: 429,
  track_limit: 429,
  publisher_limit: 429,
  channel_limit: 429,
  track_not_found: 404,
  participant_not_found: 404,
  kicked: 403,
  not_joined: 409,
  already_joined: 409,
  negotiation_failed: 400,
  codec_not_supported: 400,
  resume_failed: 410,
  frame_too_large: 413,
} as const;

export type ErrorCode = keyof typeof ERROR_STATUS;
export const ERROR_CODES = Object.keys(ERROR_STATUS) as [ErrorCode, ...ErrorCode[]];

/** The body of every refused HTTP request. */
export const errorBodySchema = z.object({
  error: z.string(),
  message: z.string(),
  details: z.unknown().optional(),
});
export type ErrorBody = z.infer<typeof errorBodySchema>;

/** A refusal with a code from the table. `message` is one sentence a user can act on, free of secrets. */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  /** Machine-readable context, sent to the caller: no secrets. */
  readonly details: unknown;
  /** Seconds after which the caller may try again; becomes `Retry-After`. */
  readonly retryAfterSeconds: number | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { details?: unknown; retryAfterSeconds?: number; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }

  get statusCode(): number {
    return ERROR_STATUS[this.code];
  }
}
