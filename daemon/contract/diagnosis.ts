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

// -- Repair ----------------------------------------------------------------------------------------

export const repairSchema = z.object({
  what: z.enum(['firewall', 'dns']),
  /** The DNS name, or `host`. */
  subject: z.string(),
  /** What was not as it has to be. */
  found: z.string(),
  /** Why it still is not; empty: it was set anew. */
  problem: z.string(),
});
export type Repair = z.infer<typeof repairSchema>;

/** `POST /v1/repair`: what others changed of this node's firewall rules and DNS records. */
export const repairReportSchema = z.object({
  at: z.iso.datetime(),
  /** Nothing is wrong any more. */
  ok: z.boolean(),
  repairs: z.array(repairSchema),
});
export type RepairReport = z.infer<typeof repairReportSchema>;

// -- Doctor ----------------------------------------------------------------------------------------

export const DOCTOR_MAX_PROBES = 100;

/** `POST /v1/doctor` */
export const doctorRequestSchema = z.strictObject({
  /** Without it every enabled namespace. */
  namespace: namespaceNameSchema.optional(),
  /** Round trips for each transport. */
  probes: z.number().int().min(1).max(DOCTOR_MAX_PROBES).default(10),
  /** Tries peers that must be refused, instead of what a viewer does. */
  attack: z.boolean().default(false),
});
export type DoctorRequest = z.infer<typeof doctorRequestSchema>;

/** One transport to one address of a namespace's TURN service, as a viewer would. */
const doctorRowSchema = z.object({
  namespace: namespaceNameSchema,
  /** `dtls` where the service serves it. */
  transport: z.enum(['udp', 'tcp', 'tls', 'dtls']),
  /** As it stands in the URI, and what was dialled; null when the name does not resolve. */
  host: z.string(),
  address: z.string().nullable(),
  port: portSchema,
  ok: z.boolean(),
  /** Why it failed. */
  sentence: z.string().nullable(),
  /** What to do about it; null when there is nothing to do. */
  remedy: z.string().nullable().default(null),
  steps: z.array(
    z.object({ name: z.string(), ok: z.boolean(), durationMs: z.number(), sentence: z.string().nullable() }),
  ),
  /** Round trips to the SFU through the relay. */
  sent: z.number().int(),
  lost: z.number().int(),
  rttMs: z.object({ min: z.number(), average: z.number(), max: z.number() }).nullable(),
});
export type DoctorRow = z.infer<typeof doctorRowSchema>;

const attackRowSchema = z.object({
  namespace: namespaceNameSchema,
  ok: z.boolean(),
  /** Requests for peers that must be refused, and how many were. */
  tried: z.number().int(),
  refused: z.number().int(),
  /** Those that were not: method and peer. At most 50 are named. */
  open: z.array(z.string()),
  sentence: z.string(),
});
export type AttackRow = z.infer<typeof attackRowSchema>;

export const doctorReportSchema = z.object({
  at: z.iso.datetime(),
  ok: z.boolean(),
  transports: z.array(doctorRowSchema),
  attacks: z.array(attackRowSchema),
  /** Clock and host. */
  host: z.array(findingSchema),
});
export type DoctorReport = z.infer<typeof doctorReportSchema>;
