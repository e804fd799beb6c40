/** The configuration as the API shows it: it holds no secrets, only where they are. */
import { z } from 'zod';

export const configValueSchema = z.object({
  /** `api.listen` */
  key: z.string(),
  value: z.unknown(),
  isDefault: z.boolean(),
});
export type ConfigValue = z.infer<typeof configValueSchema>;
/** `GET /v1/config`: what the running daemon works with, file and environment together. */
export const configViewSchema = z.object({ values: z.array(configValueSchema) });

export const MAX_CONFIG_CHARS = 256 * 1024;
/** `POST /v1/config/check`: the text of a file. */
export const checkConfigSchema = z.strictObject({ text: z.string().max(MAX_CONFIG_CHARS) });

export const configChangeSchema = z.object({
  key: z.string(),
  running: z.unknown(),
  file: z.unknown(),
  /**
   * `nothing`: `config reload` is enough. `services`: the daemon, and with it TURN and SFU services: pictures stop
   * for a moment.
   */
  restarts: z.enum(['nothing', 'daemon', 'services', 'everything']),
});
export type ConfigChange = z.infer<typeof configChangeSchema>;
const configProblemSchema = z.object({ line: z.number().nullable(), key: z.string(), message: z.string() });
/** What `daemon/config-check.ts` prints. */
export const configProblemsSchema = z.object({ problems: z.array(configProblemSchema) });
export const configCheckSchema = z.object({
  problems: z.array(configProblemSchema),
  /** Against the running daemon; empty while there are problems. */
  changes: z.array(configChangeSchema),
});
export type ConfigCheck = z.infer<typeof configCheckSchema>;
/** `POST /v1/config/reload`: the daemon's own file and environment. Both lists are empty while there are problems. */
export const configReloadSchema = z.object({
  problems: z.array(configProblemSchema),
  /** In force now. */
  applied: z.array(configChangeSchema),
  /** In the file, and not in force before the restart that each of them names. */
  waiting: z.array(configChangeSchema),
});
export type ConfigReloadAnswer = z.infer<typeof configReloadSchema>;
