/** One TURN session (an allocation with its client) as operators see it, and how they name one to end. */
import { z } from 'zod';

export const turnSessionSchema = z.object({
  /** Unguessable, for the life of the session. */
  sessionId: z.string(),
  username: z.string(),
  /** Whom the credential was issued to; null for one that names nobody. */
  subject: z.string().nullable(),
  transport: z.string(),
  /** Endpoint of the client as the service sees it. */
  client: z.string(),
  /** Endpoints of the relay, one for each family. */
  relayed: z.array(z.string()),
  createdAtMs: z.number(),
  expiresAtMs: z.number(),
  /** Peer addresses the client may exchange packets with. */
  permissions: z.array(z.string()),
  channels: z.number(),
  /** What the relay speaks to peers. */
  relayTransport: z.enum(['udp', 'tcp']).default('udp'),
  /** TCP connections to peers (RFC 6062). `peer` is an endpoint; `pending`: the client has not taken it yet. */
  dataConnections: z
    .array(
      z.object({
        peer: z.string(),
        state: z.enum(['connecting', 'pending', 'bound']),
        openedBy: z.enum(['client', 'peer']),
      }),
    )
    .default([]),
  toPeerBytes: z.number(),
  toClientBytes: z.number(),
  toPeerPackets: z.number(),
  toClientPackets: z.number(),
});
export type TurnSession = z.infer<typeof turnSessionSchema>;

export const turnSessionListSchema = z.object({ items: z.array(turnSessionSchema), total: z.number() });
export type TurnSessionList = z.infer<typeof turnSessionListSchema>;

const SESSION_LIST = { min: 1, max: 1000, usual: 100 } as const;
export const sessionLimitSchema = z.coerce
  .number()
  .int()
  .min(SESSION_LIST.min)
  .max(SESSION_LIST.max)
  .default(SESSION_LIST.usual);

/** Which sessions to end: exactly one of the three names. */
export const disconnectTargetSchema = z.union(
  [
    z.strictObject({ username: z.string().min(1).max(508) }),
    z.strictObject({ subject: z.string().min(1).max(128) }),
    z.strictObject({ sessionId: z.string().min(1).max(64) }),
  ],
  { error: 'Name exactly one of username, subject or sessionId.' },
);
export type DisconnectTarget = z.infer<typeof disconnectTargetSchema>;

export const disconnectedSchema = z.object({ ended: z.number() });
