/** The TCP ports of the daemon, opened before everything that takes time: who dials meanwhile waits for its start. */
import { connect } from 'node:net';
import { listenAddress } from './config/addresses.ts';
import type { LoadedConfig } from './config/load.ts';
import { AdapterError, isErrno, messageOf } from './kit/errors.ts';
import { formatEndpoint } from './kit/ip-address.ts';
import { HeldPort } from './system/held-port.ts';
import { portHolder } from './system/port-holder.ts';

type TcpEndpoint = { address: string; port: number };

/** `close` spares a port that somebody serves. */
export type HostPorts = { api: HeldPort; tunnels: HeldPort; close: () => Promise<void> };

/**
 * Rejects with an AdapterError, and leaves nothing open, when another daemon answers at the socket or a port does not
 * open. Call it before anything is changed.
 */
export async function holdPorts({ api, tunnels }: LoadedConfig): Promise<HostPorts> {
  await assertOnlyDaemon(api.socket);
  const ofApi = await holdPort(listenAddress(api.listen), 'api.listen');
  try {
    const { listen } = tunnels.embedded;
    const ofTunnels = await holdPort(listenAddress(listen), 'tunnels.embedded.listen');
    const close = async (): Promise<void> => {
      await Promise.all([ofApi.close(), ofTunnels.close()]);
    };
    return { api: ofApi, tunnels: ofTunnels, close };
  } catch (error) {
    await ofApi.close();
    throw error;
  }
}

/** Rejects with an AdapterError when another daemon answers at the socket. */
export async function assertOnlyDaemon(socketPath: string): Promise<void> {
  const answered = await new Promise<boolean>((resolve) => {
    const socket = connect(socketPath);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => {
      resolve(false);
    });
  });
  if (!answered) return;
  throw new AdapterError(
    `Another turnkeepd runs already: it answers at ${socketPath}. Stop it first, or give this one another dataDir.`,
    { operation: 'listen', target: socketPath },
  );
}

/** Rejects with an AdapterError that names address, port and remedy. */
async function holdPort(endpoint: TcpEndpoint, configKey: string): Promise<HeldPort> {
  try {
    return await HeldPort.open(endpoint);
  } catch (cause) {
    throw await listenError(endpoint, configKey, cause);
  }
}

async function listenError(
  { address, port }: TcpEndpoint,
  configKey: string,
  cause: unknown,
): Promise<AdapterError> {
  const target = formatEndpoint(address, port);
  const taken = isErrno(cause, 'EADDRINUSE');
  const holder = taken ? await portHolder({ protocol: 'tcp', address, port }) : undefined;
  const whose = holder === undefined ? '' : ` (${holder})`;
  const why = taken
    ? `another program${whose} has it. Stop that program, or set ${configKey} to another port`
    : isErrno(cause, 'EADDRNOTAVAIL')
      ? `this host has no address ${address}. Set ${configKey} to one it has`
      : isErrno(cause, 'EACCES')
        ? `this user may not. Set ${configKey} to a port above 1023`
        : messageOf(cause);
  return new AdapterError(`Port ${String(port)} on ${address} (tcp ${target}) cannot be opened: ${why}.`, {
    operation: 'listen',
    target,
    cause,
  });
}
