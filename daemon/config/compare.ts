/** Configurations key by key: which stand at their default, which differ, and what a change of each restarts. Pure. */
import { daemonConfigSchema, type DaemonConfig } from '../contract/daemon-config.ts';
import type { ConfigChange, ConfigValue } from '../contract/config-view.ts';
import { leafKeys } from './known-keys.ts';
import type { LoadedConfig } from './load.ts';

/** The longest prefix counts; `config/turnkeep.example.yaml` says the same beside each key. */
const RESTARTS: Record<string, ConfigChange['restarts']> = {
  '': 'daemon',
  dataDir: 'everything',
  'public.addresses': 'services',
  'turn.bindAddresses': 'services',
  'turn.credentialTtlSeconds': 'services',
  'turn.encryptedOnly': 'services',
  'turn.maxSessionSeconds': 'nothing',
  'turn.strictExpiry': 'nothing',
  'turn.limits': 'nothing',
  'turn.clockSkewSeconds': 'services',
  'shield.address': 'services',
  'sfu.alternatives': 'nothing',
  'sfu.workers': 'services',
  rooms: 'nothing',
  'viewers.credentialTtlSeconds': 'nothing',
  'services.manager': 'everything',
  'services.quota': 'nothing',
  'logging.level': 'nothing',
};

export function configValues(config: DaemonConfig): ConfigValue[] {
  const defaults = daemonConfigSchema.parse({});
  return leafKeys(daemonConfigSchema).map((key) => {
    const value = valueAt(config, key);
    return { key, value, isDefault: same(value, valueAt(defaults, key)) };
  });
}

/** What would be different if `file` were the configuration of a daemon that runs with `running`. */
export function configChanges(running: DaemonConfig, file: DaemonConfig): ConfigChange[] {
  return leafKeys(daemonConfigSchema).flatMap((key) => {
    const [now, then] = [valueAt(running, key), valueAt(file, key)];
    return same(now, then) ? [] : [{ key, running: now, file: then, restarts: restartOf(key) }];
  });
}

/** A copy that differs in these keys, which must be leaves of the schema. */
export function withValues(
  config: LoadedConfig,
  values: readonly { key: string; value: unknown }[],
): LoadedConfig {
  const copy = structuredClone(config);
  for (const { key, value } of values) {
    const path = key.split('.');
    const last = path.pop() ?? '';
    let at = copy as Record<string, unknown>;
    for (const part of path) at = at[part] as Record<string, unknown>;
    at[last] = value;
  }
  return copy;
}

function restartOf(key: string): ConfigChange['restarts'] {
  const prefix = Object.keys(RESTARTS)
    .filter((one) => one === '' || key === one || key.startsWith(`${one}.`))
    .sort((a, b) => b.length - a.length)[0];
  return RESTARTS[prefix ?? ''] ?? 'daemon';
}

function valueAt(config: DaemonConfig, key: string): unknown {
  let at: unknown = config;
  for (const part of key.split('.')) at = (at as Record<string, unknown> | null | undefined)?.[part];
  return at ?? null;
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
