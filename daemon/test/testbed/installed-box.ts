/** A box with Turnkeep installed, and what the daemon in it says. */
import { setTimeout as pause } from 'node:timers/promises';
import type { z } from 'zod';
import { webrtcStatusSchema } from '../../contract/api.ts';
import type { Box } from './box.ts';

const READY_LIMIT_MS = 60_000;
const statusOf = webrtcStatusSchema.pick({ state: true, ports: true, turn: true, sfu: true });
export type NamespaceStatus = z.infer<typeof statusOf>;

export async function namespaceStatus(box: Box, namespace: string): Promise<NamespaceStatus> {
  const command = `turnkeep --json namespace webrtc-status --namespace ${namespace}`;
  return statusOf.parse(JSON.parse(await box.sh(command)));
}

/** Until the daemon says that both services are up: by live probes, not from a row. */
export async function untilServed(box: Box, namespace: string): Promise<NamespaceStatus> {
  const deadline = Date.now() + READY_LIMIT_MS;
  let last: unknown;
  while (Date.now() < deadline) {
    try {
      const status = await namespaceStatus(box, namespace);
      last = JSON.stringify(status);
      const { state, turn, sfu } = status;
      if (state === 'enabled' && turn?.up === 'up' && sfu?.up === 'up') return status;
    } catch (error) {
      last = error; // The daemon is not there yet.
    }
    await pause(200);
  }
  throw new Error(`The namespace did not come back: ${String(last)}`);
}

export async function enable(box: Box, namespace: string): Promise<void> {
  await box.sh(`turnkeep namespace create ${namespace}`);
  await box.sh(`turnkeep namespace enable webrtc --namespace ${namespace}`, { timeoutMs: 120_000 });
}
