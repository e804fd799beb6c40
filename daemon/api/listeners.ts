/**
 * The two doors of the API: the unix socket of this host's operator and the TCP port. It owns both, and
 * the file of the socket. One daemon per socket: a live one is never pushed aside.
 */
import { chmod, mkdir, rm } from 'node:fs/promises';
import { connect, type AddressInfo } from 'node:net';
import { dirname } from 'node:path';
import { Server as TlsServer } from 'node:tls';
import { CleanupStack } from '../kit/cleanup-stack.ts';
import { AdapterError, isErrno, messageOf } from '../kit/errors.ts';
import { formatEndpoint } from '../kit/ip-address.ts';
import { HeldPort } from '../system/held-port.ts';
import { portHolder } from '../system/port-holder.ts';
import type { ApiContext } from './context.ts';
import { buildServer, MIN_TLS_VERSION, type TlsMaterial } from './server.ts';

export type TcpEndpoint = { address: string; port: number };

/** Throws an AdapterError when another daemon answers at the socket. Call it before anything is changed. */
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

/** Opens a port that nobody serves yet. Rejects with an AdapterError that names address, port and remedy. */
export async function holdPort(endpoint: TcpEndpoint, configKey: string): Promise<HeldPort> {
  try {
    return await HeldPort.open(endpoint);
  } catch (cause) {
    throw await listenError(endpoint, configKey, cause);
  }
}

export type Listeners = {
  port: number;
  /** New connections see it; open ones, WebSockets too, go on. Only where TLS is on. */
  setCertificate: (material: TlsMaterial) => void;
  close: () => Promise<void>;
};

/** Opens both. Rejects with an AdapterError, and leaves nothing open, when one does not. */
export async function openListeners(
  context: ApiContext,
  options: { socketPath: string; tcp: TcpEndpoint; tls: TlsMaterial | undefined; held: HeldPort },
): Promise<Listeners> {
  const { socketPath, tcp } = options;
  const stack = new CleanupStack();
  const close = async (): Promise<void> => {
    for (const { label, error } of await stack.run()) context.log.warn({ err: error }, `${label} not closed`);
  };
  try {
    const network = await buildServer(context, 'network', options.tls);
    stack.push('TCP listener', () => network.close());
    options.held.lendTo(network.server);
    try {
      await network.listen({ host: tcp.address, port: tcp.port });
    } catch (cause) {
      throw await listenError(tcp, 'api.listen', cause);
    }
    const local = await buildServer(context, 'local');
    stack.push('unix socket', () => local.close());
    await mkdir(dirname(socketPath), { recursive: true, mode: 0o700 });
    await rm(socketPath, { force: true }); // A leftover: assertOnlyDaemon found nobody behind it.
    await local.listen({ path: socketPath });
    await chmod(socketPath, 0o600);
    return {
      port: (network.server.address() as AddressInfo).port,
      setCertificate(material) {
        const { server } = network as { server: unknown };
        if (server instanceof TlsServer)
          server.setSecureContext({ ...material, minVersion: MIN_TLS_VERSION });
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
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
