/**
 * Who may use a namespace's TURN service, beside the one secret that issues: what the database and the state
 * file keep of it, and what operators ask for. Secrets are sealed with the host key.
 */
import { z } from 'zod';
import { MAX_REVOKED_SUBJECTS, turnSubjectSchema } from './turn-config.ts';

/** The TURN service takes eight secrets: the one that issues, one that is coming, and the older ones. */
export const MAX_OLDER_TURN_SECRETS = 6;

/** Kept as one document; what an older one does not have is empty. */
export const turnAccessSchema = z.strictObject({
  /** Accepted beside the one that issues. `untilMs` null: coming, it issues nothing yet. */
  secrets: z
    .array(
      z.strictObject({
        sealed: z.string().min(1).max(1024),
        untilMs: z.number().int().min(0).nullable(),
      }),
    )
    .max(MAX_OLDER_TURN_SECRETS + 1)
    .default([]),
  /** Who gets nothing more. `untilMs` null: until it is taken back. */
  revoked: z
    .array(z.strictObject({ subject: turnSubjectSchema, untilMs: z.number().int().min(0).nullable() }))
    .max(MAX_REVOKED_SUBJECTS)
    .default([]),
});
export type TurnAccess = z.infer<typeof turnAccessSchema>;

export const NO_TURN_ACCESS: TurnAccess = { secrets: [], revoked: [] };

/** `POST rotate-secret`. `now`: older secrets are not accepted any more, nor are credentials made with them. */
export const rotateTurnSecretSchema = z.strictObject({ now: z.boolean().default(false) });
export type RotateTurnSecret = z.infer<typeof rotateTurnSecretSchema>;

/** `POST revoke` and `POST unrevoke`: a subject as sessions show it, or the identity it was made of. */
export const turnSubjectRequestSchema = z.strictObject({ subject: z.string().min(1).max(128) });
export const revokedSchema = z.object({
  /** As it stands in usernames. */
  subject: z.string(),
  /** How many sessions that ended. */
  ended: z.number(),
});

/** `GET revoked`. `until` null: until it is taken back. */
export const revokedListSchema = z.object({
  items: z.array(z.object({ subject: z.string(), until: z.iso.datetime().nullable() })),
});
export type RevokedList = z.infer<typeof revokedListSchema>;
