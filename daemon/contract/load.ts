/**
 * How busy this host and its services are: what `GET /v1/events?load=1` carries, and its past
 * (`GET /v1/load`). Counters count since the start of a service.
 */
import { z } from 'zod';

/** What a process has used: CPU seconds of all its threads since start, resident bytes now. */
export const processLoadSchema = z.object({ cpuSeconds: z.number(), rssBytes: z.number() });
export type ProcessLoad = z.infer<typeof processLoadSchema>;

const counters = z.record(z.string(), z.number());

export const namespaceLoadSchema = z.object({
  namespace: z.string(),
  /** Null while WebRTC is off, and when the service does not answer in time. */
  turn: z
    .object({
      process: processLoadSchema.nullable(),
      allocations: z.number(),
      /** Both directions together. */
      relayed: z.object({ packets: z.number(), bytes: z.number() }),
      /** By reason; those of the kernel are `kernel`. */
      drops: counters,
    })
    .nullable(),
  sfu: z
    .object({
      process: processLoadSchema.nullable(),
      /** Signaling sessions. */
      sessions: z.number(),
      rooms: z.number(),
      publishers: z.number(),
      /** Tracks being watched. */
      subscriptions: z.number(),
      forwarded: z.object({ packets: z.number(), bytes: z.number() }),
      drops: counters,
    })
    .nullable(),
});
export type NamespaceLoad = z.infer<typeof namespaceLoadSchema>;

export const hostLoadSchema = z.object({
  name: z.string(),
  cpus: z.number(),
  /** Of the last minute. */
  loadAverage: z.number(),
  upSeconds: z.number(),
  memory: z.object({ totalBytes: z.number(), availableBytes: z.number() }),
  /** Of the data folder; null when it cannot be told. */
  disk: z.object({ path: z.string(), freeBytes: z.number(), totalBytes: z.number() }).nullable(),
  daemon: processLoadSchema.extend({ startedAt: z.iso.datetime() }),
});
export type HostLoad = z.infer<typeof hostLoadSchema>;

export const loadSchema = z.object({
  at: z.iso.datetime(),
  /** Only for those who may inspect the host. */
  host: hostLoadSchema.nullable(),
  namespaces: z.array(namespaceLoadSchema),
});
export type Load = z.infer<typeof loadSchema>;

export const loadSpanSchema = z.enum(['1h', '24h', '7d']);
export type LoadSpan = z.infer<typeof loadSpanSchema>;
export const loadQuerySchema = z.strictObject({ span: loadSpanSchema.default('1h') });

/** One value per time of `at`; null where nobody told a number. */
const series = z.array(z.number().nullable());

/** Kept in the memory of the daemon: it begins anew with it. */
export const loadHistorySchema = z.object({
  span: loadSpanSchema,
  /** A value is of the time from its `at` to one step later. */
  stepSeconds: z.number(),
  at: z.array(z.iso.datetime()),
  namespaces: z.array(
    z.object({
      namespace: z.string(),
      /** Signaling sessions: the most at once. */
      viewers: series,
      /** Means per second of what the SFU sent to viewers, and of what TURN relayed in both directions. */
      sentBytes: series,
      sentPackets: series,
      relayedBytes: series,
    }),
  ),
});
export type LoadHistory = z.infer<typeof loadHistorySchema>;
