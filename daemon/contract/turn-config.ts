/**
 * What the daemon renders for one `turnkeep-turn@<namespace>` process: a JSON file, mode 0600, read at
 * start and on `reload`. The process knows nothing else.
 */
import { z } from 'zod';
import { ipSchema, namespaceNameSchema, portRangeSchema, portSchema } from './names.ts';
import { turnLimitsSchema } from './turn-limits.ts';

export { DEFAULT_TURN_LIMITS } from './turn-limits.ts';

export const turnTransportSchema = z.enum(['udp', 'tcp', 'tls', 'dtls']);
export type TurnTransport = z.infer<typeof turnTransportSchema>;

/** A block of UDP ports on one address. */
export const addressBlockSchema = z.intersection(z.object({ address: ipSchema }), portRangeSchema);
export type AddressBlock = z.infer<typeof addressBlockSchema>;

/** A REST username's subject, or `pat:` or `app:` and a derived one's. */
export const turnSubjectSchema = z.string().regex(/^(?:(?:pat|app):)?[A-Za-z0-9._@-]{1,64}$/);
/** More than a day of deleting users and cameras. */
export const MAX_REVOKED_SUBJECTS = 10_000;

/** Limits of a session on top of those of its credential. A reload applies them from the next Refresh on. */
export const turnSessionSchema = z.strictObject({
  /** Longest life of an allocation, in seconds; 0: as long as it is refreshed. */
  maxSeconds: z.union([z.literal(0), z.number().int().min(60).max(2_592_000)]).default(0),
  /** true: a session ends with its credential. false: it goes on as long as it is refreshed. */
  strictExpiry: z.boolean().default(false),
  /** How far behind the clock of who issues credentials may be: they count as valid that much longer. */
  clockSkewSeconds: z.number().int().min(0).max(300).default(0),
});

export const turnServiceConfigSchema = z.strictObject({
  version: z.literal(1),
  namespace: namespaceNameSchema,
  realm: z.string().min(1).max(128),
  /** Public listeners. `address` is what is bound. */
  listeners: z
    .array(z.strictObject({ transport: turnTransportSchema, address: ipSchema, port: portSchema }))
    .min(1)
    .max(32),
  /** PEM files for `tls` and `dtls` listeners. */
  certificate: z.strictObject({ certFile: z.string(), keyFile: z.string() }).optional(),
  /** Relayed addresses: one block of ports, on the shield address of each family. */
  relay: z.intersection(z.object({ addresses: z.array(ipSchema).min(1).max(2) }), portRangeSchema),
  /**
   * `sfu`: peers are exactly the blocks of `allow`. `public`: also every public address except those of
   * `deny`, of the host's interfaces and of the special-purpose registries.
   */
  peers: z.strictObject({
    scope: z.enum(['sfu', 'public']),
    allow: z.array(addressBlockSchema).max(64),
    /** Addresses of this host that its interfaces do not show, such as the public one in front of a NAT. */
    deny: z.array(ipSchema).max(256).optional(),
  }),
  /** Shared secrets of the REST model, newest first; each is used as its UTF-8 text. */
  secrets: z
    .array(z.strictObject({ id: z.string(), secret: z.string().min(16) }))
    .min(1)
    .max(8),
  /**
   * Who may use derived names `v1:{expiry}:{kind}:{endpoint}:{subject}`. `key` is the derived key (32 bytes,
   * hex), made with `realm` by `patTurnKey` or `appTurnKey`: never the token or a private key.
   */
  derived: z
    .strictObject({
      endpoint: z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/),
      keys: z
        .array(
          z.strictObject({
            kind: z.enum(['pat', 'app']),
            subject: z.string().min(1).max(64),
            key: z.string().regex(/^[0-9a-f]{64}$/),
          }),
        )
        .max(1000),
    })
    .nullable()
    .default(null),
  session: turnSessionSchema.prefault({}),
  /**
   * Subjects that get nothing more until `untilMs` (ms of the epoch), and whose sessions end with the reload:
   * a REST username's subject, or `pat:` or `app:` and a derived one's.
   */
  revoked: z
    .array(
      z.strictObject({
        subject: turnSubjectSchema,
        untilMs: z.number().int().min(0),
      }),
    )
    .max(MAX_REVOKED_SUBJECTS)
    .default([]),
  limits: turnLimitsSchema,
  /**
   * Binds channels 0x5000-0x7FFF too, for clients that follow RFC 5766 (Debian's coturn tools), and reads
   * ADDITIONAL-ADDRESS-FAMILY under the number those tools give it.
   */
  rfc5766Channels: z.boolean(),
  controlSocket: z.string(),
});
export type TurnServiceConfig = z.infer<typeof turnServiceConfigSchema>;
/** The file before its defaults are filled in: every key an older file does not have is optional. */
export type TurnServiceConfigInput = z.input<typeof turnServiceConfigSchema>;

export const DEFAULT_TURN_SESSION: TurnServiceConfig['session'] = {
  maxSeconds: 0,
  strictExpiry: false,
  clockSkewSeconds: 0,
};
