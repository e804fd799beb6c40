/** The few keys that environment variables may set, for containers and tests: they win over the file. Pure. */

export type Override = { variable: string; path: string[]; value: unknown };

const LIST = (text: string): string[] =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');

const VARIABLES: { variable: string; path: string[]; read?: (text: string) => unknown }[] = [
  { variable: 'TURNKEEP_DATA_DIR', path: ['dataDir'] },
  { variable: 'TURNKEEP_API_LISTEN', path: ['api', 'listen'] },
  { variable: 'TURNKEEP_API_TLS', path: ['api', 'tls'] },
  { variable: 'TURNKEEP_PUBLIC_URL', path: ['api', 'publicUrl'] },
  { variable: 'TURNKEEP_SOCKET', path: ['api', 'socket'] },
  { variable: 'TURNKEEP_PUBLIC_ADDRESSES', path: ['public', 'addresses'], read: LIST },
  { variable: 'TURNKEEP_TURN_BIND_ADDRESSES', path: ['turn', 'bindAddresses'], read: LIST },
  { variable: 'TURNKEEP_SHIELD_ADDRESS', path: ['shield', 'address'] },
  { variable: 'TURNKEEP_TUNNELS_LISTEN', path: ['tunnels', 'embedded', 'listen'] },
  { variable: 'TURNKEEP_TUNNELS_ADVERTISE', path: ['tunnels', 'embedded', 'advertise'] },
  { variable: 'TURNKEEP_LOG_LEVEL', path: ['logging', 'level'] },
];

/** What the environment sets. Empty variables count as not set. */
export function environmentOverrides(environment: Record<string, string | undefined>): Override[] {
  return VARIABLES.flatMap(({ variable, path, read }) => {
    const text = environment[variable];
    if (text === undefined || text === '') return [];
    return [{ variable, path, value: read === undefined ? text : read(text) }];
  });
}
