/** The TCP ports of the daemon, opened before everything that takes time: who dials meanwhile waits for its start. */
import { holdPort } from './api/listeners.ts';
import { listenAddress } from './config/addresses.ts';
import type { LoadedConfig } from './config/load.ts';
import type { HeldPort } from './system/held-port.ts';

/** Rejects with an AdapterError, and leaves nothing open, when one does not open. `close` spares what is served. */
export async function holdPorts({
  api,
  tunnels,
}: LoadedConfig): Promise<{ api: HeldPort; tunnels: HeldPort; close: () => Promise<void> }> {
  const ofApi = await holdPort(listenAddress(api.listen), 'api.listen');
  try {
    const ofTunnels = await holdPort(listenAddress(tunnels.embedded.listen), 'tunnels.embedded.listen');
    const close = async (): Promise<void> => {
      await Promise.all([ofApi.close(), ofTunnels.close()]);
    };
    return { api: ofApi, tunnels: ofTunnels, close };
  } catch (error) {
    await ofApi.close();
    throw error;
  }
}
