/** How many processes an SFU service spreads its rooms over. */
import { z } from 'zod';

/** Each has a UDP port of the namespace's media block and about 100 MB. */
export const MAX_SFU_WORKERS = 16;

export const sfuWorkersSchema = z.number().int().min(1).max(MAX_SFU_WORKERS);

/** One worker, as `status` tells it. */
export const sfuWorkerStatusSchema = z.object({
  index: z.number(),
  /** null while it is being started again. */
  pid: z.number().nullable(),
  rooms: z.number(),
  subscriptions: z.number(),
  /** Since the service started. */
  restarts: z.number(),
});
export type SfuWorkerStatus = z.infer<typeof sfuWorkerStatusSchema>;
