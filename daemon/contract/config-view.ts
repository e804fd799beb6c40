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
  /** `services`: the daemon, and with it TURN and SFU services: pictures stop for a moment. */
  restarts: z.enum(['daemon', 'services', 'everything']),
});
export type ConfigChange = z.infer<typeof configChangeSchema>;
export const configCheckSchema = z.object({
  problems: z.array(z.object({ line: z.number().nullable(), key: z.string(), message: z.string() })),
  /** Against the running daemon; empty while there are problems. */
  changes: z.array(configChangeSchema),
});
export type ConfigCheck = z.infer<typeof configCheckSchema>;
