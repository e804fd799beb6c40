/** Issuers of tokens (JWT) that tenant applications' users present, and the tokens this host issues itself. */
import { z } from 'zod';
import { roleSchema } from './api.ts';
import { namespaceNameSchema } from './names.ts';

/** The name of this host's own issuer. */
export const OWN_ISSUER = 'own';
/** Longer ones are refused before they are read. */
export const MAX_TOKEN_CHARS = 8192;

/** Signatures only, and none whose key an issuer publishes could be used as a shared secret (HS256 and the like). */
export const tokenAlgorithmSchema = z.enum([
  ...(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'] as const),
  ...(['ES256', 'ES384', 'ES512', 'EdDSA'] as const),
]);
export type TokenAlgorithm = z.infer<typeof tokenAlgorithmSchema>;

export const issuerNameSchema = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,22}$/, 'an issuer name has 1 to 23 characters: a-z first, then a-z, 0-9 or "-"')
  .refine((name) => name !== OWN_ISSUER, `"${OWN_ISSUER}" is this host's own issuer`);

/** Keys are fetched from there: nobody in between may change them. Loopback is this host itself. */
export const issuerUrlSchema = z
  .string()
  .max(512)
  .refine((text) => {
    if (!URL.canParse(text)) return false;
    const { protocol, hostname, username } = new URL(text);
    const isHere = hostname === 'localhost' || hostname === '[::1]' || /^127\.[0-9.]+$/.test(hostname);
    return username === '' && (protocol === 'https:' || (protocol === 'http:' && isHere));
  }, 'must be an https address, as the issuer writes it into its tokens (iss)');

const claimSchema = z.string().min(1).max(128);

export const createIssuerSchema = z
  .strictObject({
    name: issuerNameSchema,
    /** The `iss` of its tokens, to the letter. */
    issuer: issuerUrlSchema,
    /** The `aud` its tokens have to be for. */
    audience: z.string().min(1).max(256),
    /** Where its keys are; null: its discovery document says so. */
    jwksUri: issuerUrlSchema.nullable().default(null),
    algorithms: z.array(tokenAlgorithmSchema).min(1).max(10).default(['RS256', 'ES256']),
    /** What its tokens may be for; never more, whatever they claim. */
    namespaces: z.array(namespaceNameSchema).min(1).max(100),
    /** Claim that names the namespace, `a.b` for one inside another; null: the only one of `namespaces`. */
    namespaceClaim: claimSchema.nullable().default(null),
    /** Claim with the roles or groups of the user, `realm_access.roles` for example; null: `defaultRole`. */
    roleClaim: claimSchema.nullable().default(null),
    /** What a value of `roleClaim` stands for. The highest counts. */
    roles: z.record(z.string().min(1).max(128), roleSchema).default({}),
    /** Of a token without a value that `roles` knows; null: it is refused. */
    defaultRole: roleSchema.nullable().default(null),
    clockSkewSeconds: z.number().int().min(0).max(300).default(30),
  })
  .refine(({ namespaces, namespaceClaim }) => namespaceClaim !== null || namespaces.length === 1, {
    path: ['namespaceClaim'],
    message: 'is needed to tell several namespaces apart',
  })
  .refine(({ roleClaim, defaultRole }) => roleClaim !== null || defaultRole !== null, {
    path: ['defaultRole'],
    message: 'is needed where no roleClaim is',
  })
  .refine(({ roles }) => Object.keys(roles).length <= 100, {
    path: ['roles'],
    message: 'has more than 100 values',
  });
export type CreateIssuer = z.output<typeof createIssuerSchema>;

export const issuerSchema = z.object({
  name: z.string(),
  kind: z.enum(['own', 'oidc']),
  issuer: z.string(),
  audience: z.string(),
  jwksUri: z.string().nullable(),
  algorithms: z.array(tokenAlgorithmSchema),
  /** Null: every namespace, by its own claim. */
  namespaces: z.array(z.string()).nullable(),
  namespaceClaim: z.string().nullable(),
  roleClaim: z.string().nullable(),
  roles: z.record(z.string(), roleSchema),
  defaultRole: roleSchema.nullable(),
  clockSkewSeconds: z.number(),
  createdAt: z.iso.datetime().nullable(),
});
export type Issuer = z.infer<typeof issuerSchema>;
export const issuerListSchema = z.object({ items: z.array(issuerSchema) });

/** `POST /v1/issuers`: it is added whether or not its keys can be fetched now; `problem` says why they cannot. */
export const issuerCreatedSchema = z.object({ issuer: issuerSchema, problem: z.string().nullable() });

/** `POST /v1/issuers/test`: what this host makes of a token. The token is not kept. */
export const testTokenSchema = z.strictObject({
  token: z
    .string()
    .min(1)
    .max(64 * 1024),
});
export const tokenVerdictSchema = z.object({
  accepted: z.boolean(),
  /** Why it is refused; null when it is accepted. */
  reason: z.string().nullable(),
  issuer: z.string().nullable(),
  identity: z.string().nullable(),
  namespace: z.string().nullable(),
  role: roleSchema.nullable(),
  expiresAt: z.iso.datetime().nullable(),
});
export type TokenVerdict = z.infer<typeof tokenVerdictSchema>;

/** `POST /v1/namespaces/:namespace/tokens`: a token of this host's own issuer. */
export const createTokenSchema = z.strictObject({
  /** Whom it is for, in the application's own words. */
  subject: z.string().min(1).max(128),
  role: roleSchema.default('viewer'),
  ttlSeconds: z.number().int().min(60).max(86_400).default(3600),
});
export const tokenCreatedSchema = z.object({
  token: z.string(),
  identity: z.string(),
  expiresAt: z.iso.datetime(),
});
