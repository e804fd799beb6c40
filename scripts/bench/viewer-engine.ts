/**
 * How the load generator receives for all viewers: in batches, so that its own work is a small part of the delay it
 * measures. Without segmentation and merging: the viewers of the benchmark stand for as many machines.
 */
import { createRequire } from 'node:module';
import { LAYOUT, type Addon } from '../../daemon/datagrams/addon-layout.ts';
import type { DatagramEngine } from '../../daemon/datagrams/datagram.ts';
import { dgramEngine } from '../../daemon/datagrams/dgram-engine.ts';
import { MmsgEngine } from '../../daemon/datagrams/mmsg-engine.ts';

const ADDON = '../../daemon/datagrams/native/build/datagram.node';

/** Call it once in a process. @returns `node:dgram` where the addon is not built. */
export function viewerEngine(): DatagramEngine {
  let addon: Addon;
  try {
    addon = createRequire(import.meta.url)(ADDON) as Addon;
  } catch {
    return dgramEngine;
  }
  if (addon.layout !== LAYOUT) return dgramEngine;
  return new MmsgEngine({
    ...addon,
    open: (address, port, bufferBytes) => addon.open(address, port, bufferBytes, false),
  });
}
