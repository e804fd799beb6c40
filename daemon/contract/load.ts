/** How busy this host and its services are: what `GET /v1/events?load=1` carries. Counters count since the start of a service. */
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
