/**
 * Who may use a namespace's TURN service, beside the one secret that issues: what the database and the state
 * file keep of it, and what operators ask for. Secrets are sealed with the host key.
 */
import { z } from 'zod';
import { MAX_REVOKED_SUBJECTS, turnSubjectSchema } from './turn-config.ts';

/** The TURN service takes eight secrets: the one that issues, one that is coming, and the older ones. */
export const MAX_OLDER_TURN_SECRETS = 6;

/** Each costs a key agreement when a configuration is rendered. */
export const MAX_DERIVED_KEYS = 100;
const derivedKindSchema = z.enum(['pat', 'app']);

/** Kept as one document; what an older one does not have is empty. */
export const turnAccessSchema = z.strictObject({
  /** Grows with every change, of the issuing secret too: of two copies the higher one is the newer. */
  revision: z.number().int().min(0).default(0),
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
  /**
   * Who may derive credentials. `sealed` is the digest of a token (hex) or an application's public key (SPKI DER
   * as hex); `untilMs` is the token's end.
   */
  keys: z
    .array(
      z.strictObject({
        kind: derivedKindSchema,
        subject: z.string().min(1).max(64),
        sealed: z.string().min(1).max(2048),
        untilMs: z.number().int().min(0).nullable(),
      }),
    )
    .max(MAX_DERIVED_KEYS)
    .default([]),
  /** The private key that applications agree with, sealed; null until the first one is registered. */
  serverKey: z.string().min(1).max(2048).nullable().default(null),
});
export type TurnAccess = z.infer<typeof turnAccessSchema>;

export const NO_TURN_ACCESS: TurnAccess = {
  revision: 0,
  secrets: [],
  revoked: [],
  keys: [],
  serverKey: null,
};

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

/**
 * `POST keys`: a personal access token, which need not name its endpoint itself, or an application with its
 * P-521 public key (SPKI DER as hex).
 */
export const registerTurnKeySchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('pat'),
    token: z.string().min(1).max(8192),
    tokenEndpoint: z
      .string()
      .regex(/^[0-9a-f]{8}$/, 'a token endpoint has 8 hex digits')
      .optional(),
  }),
  z.strictObject({
    kind: z.literal('app'),
    clientId: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'a client id has 1 to 64 letters, digits or . _ -'),
    publicKey: z.string().min(1).max(1024),
  }),
]);
export type RegisterTurnKey = z.infer<typeof registerTurnKeySchema>;

export const turnKeySchema = z.object({
  kind: derivedKindSchema,
  /** Of the usernames `v1:{expiry}:{kind}:{endpoint}:{subject}`. */
  subject: z.string(),
  /** The token's end; null for an application. */
  until: z.iso.datetime().nullable(),
});
export type TurnKey = z.infer<typeof turnKeySchema>;

/** `GET keys`: who may derive credentials, and what they derive them with. */
export const turnKeyListSchema = z.object({
  realm: z.string(),
  endpoint: z.string(),
  /** SPKI DER as hex; null while no application is registered. */
  serverPublicKey: z.string().nullable(),
  items: z.array(turnKeySchema),
});
export type TurnKeyList = z.infer<typeof turnKeyListSchema>;

/** Path of `DELETE keys/:kind/:subject`. */
export const turnKeyParamsSchema = z.object({
  kind: derivedKindSchema,
  subject: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/),
});
