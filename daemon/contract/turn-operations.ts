/** What operators see and do of a namespace's TURN service: `/v1/namespaces/:ns/turn/`, and its live form. */
import { z } from 'zod';
import { turnStatusSchema } from './control.ts';
import { turnRefusalRecordSchema } from './turn-refusal.ts';
import { sessionLimitSchema, turnSessionListSchema } from './turn-session.ts';

export {
  disconnectedSchema,
  disconnectTargetSchema,
  turnSessionListSchema,
  turnSessionSchema,
  type DisconnectTarget,
  type TurnSession,
  type TurnSessionList,
} from './turn-session.ts';

/** `GET status`. A service that does not answer is not `ready`, its numbers are 0, `sentence` says why. */
export const turnOperationsStatusSchema = turnStatusSchema.extend({ sentence: z.string().default('') });
export type TurnOperationsStatus = z.infer<typeof turnOperationsStatusSchema>;
/** Of a service that does not answer; the sentence is to be said. */
export const NO_TURN_STATUS: TurnOperationsStatus = turnOperationsStatusSchema.parse({
  ready: false,
  draining: false,
  listeners: [],
  allocations: 0,
  connections: 0,
  relayed: { toPeerPackets: 0, toPeerBytes: 0, toClientPackets: 0, toClientBytes: 0 },
  drops: {},
  refusals: {},
});

/** Query of `GET sessions`. */
export const turnSessionsQuerySchema = z.object({ limit: sessionLimitSchema });

export const turnRefusalSchema = turnRefusalRecordSchema
  .omit({ detail: true })
  .extend({ reason: z.string(), sentence: z.string() });
export type TurnRefusal = z.infer<typeof turnRefusalSchema>;

/** `GET refusals`: newest first. */
export const turnRefusalListSchema = z.object({ items: z.array(turnRefusalSchema) });
export type TurnRefusalList = z.infer<typeof turnRefusalListSchema>;

/** `POST credentials`: without a subject they are the caller's own. */
export const operatorCredentialsSchema = z.strictObject({
  subject: z
    .string()
    .regex(/^[A-Za-z0-9._@-]{1,64}$/, 'a subject has 1 to 64 letters, digits or . _ @ -')
    .optional(),
});

/** `POST drain`: sessions that last longer than the deadline are ended. */
export const drainTurnSchema = z.strictObject({ deadlineSeconds: z.number().int().min(0).max(86_400) });

/** What `GET /v1/events?turn=NAMESPACE` carries beside the other events. */
export const turnLiveSchema = z.object({
  namespace: z.string(),
  status: turnOperationsStatusSchema,
  sessions: turnSessionListSchema,
  refusals: turnRefusalListSchema,
});
export type TurnLive = z.infer<typeof turnLiveSchema>;
