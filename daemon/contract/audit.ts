/** The audit as the API shows it: one line for everything that was done, granted, refused or watched. */
import { z } from 'zod';

/** 64 hexadecimal digits: HMAC-SHA256. */
const hashSchema = z.string().regex(/^[0-9a-f]{64}$/);

export const auditOutcomeSchema = z.enum(['ok', 'refused', 'failed']);

export const auditEntrySchema = z.object({
  /** 1 and up, without gaps. */
  seq: z.number().int().min(1),
  at: z.iso.datetime(),
  /** `local` (the unix socket), a user, `key:ID`, `camera:ID`; `-`: somebody who did not prove who they are. */
  actor: z.string(),
  /** `session.open`, `camera.create`, ... */
  action: z.string(),
  namespace: z.string().nullable(),
  /** What it was done to: a user, a camera, a key, a room. */
  subject: z.string().nullable(),
  outcome: auditOutcomeSchema,
  /** Free of secrets. */
  detail: z.record(z.string(), z.unknown()),
  prevHash: hashSchema,
  hash: hashSchema,
});
export type AuditEntry = z.infer<typeof auditEntrySchema>;

export const auditQuerySchema = z.object({
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  /** Lines older than this one. */
  before: z.coerce.number().int().min(1).optional(),
  namespace: z.string().max(64).optional(),
  actor: z.string().max(128).optional(),
  action: z.string().max(64).optional(),
  outcome: auditOutcomeSchema.optional(),
});
export type AuditQuery = z.infer<typeof auditQuerySchema>;

/** Newest first. `next`: what to ask for as `before`; null at the end. */
export const auditListSchema = z.object({
  items: z.array(auditEntrySchema),
  next: z.number().int().nullable(),
});
export type AuditList = z.infer<typeof auditListSchema>;

/** One line of before, written down elsewhere: `SEQ:HASH`. */
export const auditMarkSchema = z
  .string()
  .regex(/^[1-9][0-9]{0,15}:[0-9a-f]{64}$/, 'must be a line and its hash, as SEQ:HASH of an earlier verify');
export const auditVerifyQuerySchema = z.object({ expect: auditMarkSchema.optional() });

export const auditVerificationSchema = z.object({
  intact: z.boolean(),
  /** How many lines were read. */
  lines: z.number(),
  /** The oldest line that is kept and the newest; null when there is none. */
  first: z.number().nullable(),
  last: z.number().nullable(),
  /** `SEQ:HASH` of the newest line, to be kept outside this host and given as `expect` later. */
  mark: z.string().nullable(),
  /** At most 50. */
  problems: z.array(
    z.object({
      seq: z.number(),
      kind: z.enum(['changed', 'removed', 'moved', 'broken']),
      message: z.string(),
    }),
  ),
});
export type AuditVerification = z.infer<typeof auditVerificationSchema>;
