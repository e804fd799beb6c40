/** The transport of a sample's path: `udp 3478`. */
import type { StatsSample } from './statistics.ts';

export function transportName(sample: StatsSample | null): string | null {
  return sample?.path?.transport ?? null;
}
