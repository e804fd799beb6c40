/** Gives the benchmark and all it starts the machine before others: a starved generator measures the machine. */
import { writeFileSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';

const NICE = -15;

/** @returns a sentence when it may not: the run goes on as it is. */
export function preferBench(): string | undefined {
  try {
    // Login groups share the cores before processes do, where the kernel groups them.
    writeFileSync('/proc/self/autogroup', String(NICE));
  } catch {
    // The kernel does not group, or this is not root: then the priority says why.
  }
  try {
    setPriority(NICE);
  } catch {
    return `The benchmark runs at priority ${getPriority()}: as root it would go before other programs.`;
  }
  return undefined;
}
