/** What the host says of itself: the map of ports, the report of the services. */
import { z } from 'zod';
import { portBlocksSchema, webrtcStateSchema } from './api.ts';
import { namespaceNameSchema, portSchema } from './names.ts';

// -- Ports -----------------------------------------------------------------------------------------

export const portRoleSchema = z.enum(['sfuSignaling', 'sfuMedia', 'turnRelay', 'turn', 'turns']);

/** `GET /v1/ports`: which blocks of this node's ranges are whose, and how many are left. */
export const portMapSchema = z.object({
  ranges: z.array(
    z.object({
      role: portRoleSchema,
      title: z.string(),
      minPort: portSchema,
      maxPort: portSchema,
      /** Ports of one namespace. */
      size: z.number().int(),
      blocks: z.number().int(),
      free: z.number().int(),
    }),
  ),
  /** How many more namespaces can be enabled. */
  freePlaces: z.number().int(),
  namespaces: z.array(
    z.object({
      namespace: namespaceNameSchema,
      ports: portBlocksSchema,
      /** As the TURN service says; empty while it does not answer. */
      listeners: z.array(
        z.object({ transport: z.string(), address: z.string(), port: z.number(), open: z.boolean() }),
      ),
    }),
  ),
});
export type PortMap = z.infer<typeof portMapSchema>;

// -- Report ----------------------------------------------------------------------------------------

/** `GET /v1/monitor` */
export const monitorReportSchema = z.object({
  at: z.iso.datetime(),
  /** Over which time packets per second were counted. */
  intervalMs: z.number(),
  namespaces: z.array(
    z.object({
      namespace: namespaceNameSchema,
      state: webrtcStateSchema,
      /** By live probe; null while WebRTC is not set up, and only then. */
      sfu_up: z.boolean().nullable(),
      turn_up: z.boolean().nullable(),
      /** What is known of both, a sentence each; empty while WebRTC is not set up. */
      sentences: z.array(z.string()),
      /** Signaling sessions of the SFU; null when it does not answer. */
      sessions: z.number().nullable(),
      rooms: z.number().nullable(),
      allocations: z.number().nullable(),
      /** Packets per second the SFU forwards, and TURN relays in both directions. */
      sfu_pps: z.number().nullable(),
      turn_pps: z.number().nullable(),
      ports: portBlocksSchema.nullable(),
    }),
  ),
});
export type MonitorReport = z.infer<typeof monitorReportSchema>;

// -- Inspection ------------------------------------------------------------------------------------

export const severitySchema = z.enum(['ok', 'notice', 'warning', 'failure']);
export type Severity = z.infer<typeof severitySchema>;

export const findingSchema = z.object({
  /** Which check, in one or two words: `state file`, `ledger`. */
  check: z.string(),
  /** The namespace it is about, or `host`. */
  subject: z.string(),
  severity: severitySchema,
  sentence: z.string(),
  /** What to do; null when there is nothing to do. */
  remedy: z.string().nullable(),
});
export type Finding = z.infer<typeof findingSchema>;

/** `GET /v1/inspect`: every check says something, also when all is well. */
export const inspectionSchema = z.object({
  at: z.iso.datetime(),
  durationMs: z.number(),
  /** No finding is a failure. */
  ok: z.boolean(),
  findings: z.array(findingSchema),
});
export type Inspection = z.infer<typeof inspectionSchema>;
