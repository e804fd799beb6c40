/** What the services of one namespace (its TURN and its SFU together) may take of the host. */
import { z } from 'zod';

const quotaShape = {
  /** MiB; above three quarters of it the kernel slows the namespace down, at it a process is ended. */
  memoryMiB: z.number().int().min(256).max(1_048_576),
  /** Processes and threads. */
  tasks: z.number().int().min(48).max(32_768),
  /** Percent of one CPU core: 150 is one and a half; 0: no more bound than the whole host. */
  cpuPercent: z.number().int().min(0).max(102_400),
  /** Its part while the host is busy, against the others': 200 gets twice what 100 gets. */
  cpuWeight: z.number().int().min(1).max(10_000),
};

/** What counts for namespaces without a quota of their own: `services.quota` of the configuration. */
export const quotaSchema = z.strictObject({
  memoryMiB: quotaShape.memoryMiB.default(2048),
  tasks: quotaShape.tasks.default(128),
  cpuPercent: quotaShape.cpuPercent.default(0),
  cpuWeight: quotaShape.cpuWeight.default(100),
});
export type Quota = z.output<typeof quotaSchema>;
export const DEFAULT_QUOTA: Quota = quotaSchema.parse({});

/** One process of a service: its own thread, four of V8, four of libuv, two of Node. */
const TASKS_OF_A_PROCESS = 11;
/** At rest. */
const MIB_OF_A_PROCESS = 64;

/**
 * Why a namespace could not run in this quota, in a sentence; undefined when it can. With workers its SFU is a process for each and
 * one before them, and TURN is another.
 */
export function quotaTooSmall(
  { tasks, memoryMiB }: Pick<Quota, 'tasks' | 'memoryMiB'>,
  sfuWorkers: number,
): { key: 'tasks' | 'memoryMiB'; message: string } | undefined {
  const processes = sfuWorkers === 1 ? 2 : sfuWorkers + 2;
  for (const [key, has, needs, what] of [
    ['tasks', tasks, processes * TASKS_OF_A_PROCESS, 'processes and threads'],
    ['memoryMiB', memoryMiB, processes * MIB_OF_A_PROCESS, 'MiB'],
  ] as const) {
    if (has >= needs) continue;
    const message = `${String(has)} ${what} are too few for the ${String(processes)} processes of a namespace with sfu.workers: ${String(sfuWorkers)}; it needs ${String(needs)}`;
    return { key, message };
  }
  return undefined;
}

/** What one namespace has of its own; what is left out is as configured. */
export const ownQuotaSchema = z.strictObject(quotaShape).partial();
export type OwnQuota = z.infer<typeof ownQuotaSchema>;

/** `PATCH /v1/namespaces/:ns/quota`: what is left out stays, null is as configured again. */
export const changeQuotaSchema = z.strictObject({
  memoryMiB: quotaShape.memoryMiB.nullable().optional(),
  tasks: quotaShape.tasks.nullable().optional(),
  cpuPercent: quotaShape.cpuPercent.nullable().optional(),
  cpuWeight: quotaShape.cpuWeight.nullable().optional(),
});
export type ChangeQuota = z.infer<typeof changeQuotaSchema>;

/** `GET /v1/namespaces/:ns/quota`, and a part of the status. */
export const quotaViewSchema = z.object({
  /** What counts. */
  quota: quotaSchema,
  own: ownQuotaSchema,
  /** Why it is not held to it, in a sentence; empty when it is, or when nothing runs. */
  problem: z.string(),
  /** What it takes now; null when nobody measures it, or nothing runs. */
  used: z.object({ memoryBytes: z.number().nullable(), tasks: z.number().nullable() }).nullable(),
});
export type QuotaView = z.infer<typeof quotaViewSchema>;
