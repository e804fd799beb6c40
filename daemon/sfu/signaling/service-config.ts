/** The SFU's configuration file: read, checked, and what of it a running process may take over. */
import { readFile } from 'node:fs/promises';
import { AppError } from '../../contract/errors.ts';
import { sfuServiceConfigSchema, type SfuServiceConfig } from '../../contract/sfu-config.ts';
import { messageOf } from '../../kit/errors.ts';

/** @throws AppError invalid_request that names the file and every problem in it. */
export async function readServiceConfig(path: string): Promise<SfuServiceConfig> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw new AppError('invalid_request', `The file ${path} cannot be read: ${messageOf(error)}.`);
  }
  const parsed = sfuServiceConfigSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new AppError('invalid_request', `The file ${path} is not valid: ${problems.join('; ')}.`);
}

/**
 * Refuses what sockets and peers of this process are bound to.
 * @throws AppError invalid_request that names the key.
 */
export function assertReloadable(current: SfuServiceConfig, next: SfuServiceConfig): void {
  const fixed = (config: SfuServiceConfig): Record<string, unknown> => ({
    namespace: config.namespace,
    shield: config.shield,
    'signaling.port': config.signaling.port,
    media: config.media,
    workers: config.workers,
    controlSocket: config.controlSocket,
  });
  const before = fixed(current);
  for (const [key, value] of Object.entries(fixed(next))) {
    if (JSON.stringify(value) === JSON.stringify(before[key])) continue;
    throw new AppError('invalid_request', `"${key}" takes effect at a restart of the service only.`);
  }
}
