/**
 * The two doors of the API: the unix socket of this host's operator and the TCP port, which was opened before. It
 * owns both, and the file of the socket. One daemon per socket: a live one is never pushed aside (`host-ports.ts`).
 */
import { chmod, mkdir, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Server as TlsServer } from 'node:tls';
import { CleanupStack } from '../kit/cleanup-stack.ts';
import type { HeldPort } from '../system/held-port.ts';
import type { ApiContext } from './context.ts';
import { buildServer, MIN_TLS_VERSION, type TlsMaterial } from './server.ts';

export type Listeners = {
  /** New connections see it; open ones, WebSockets too, go on. Only where TLS is on. */
  setCertificate: (material: TlsMaterial) => void;
  close: () => Promise<void>;
};

/** Opens both. Rejects with an AdapterError, and leaves nothing open, when one does not. */
export async function openListeners(
  context: ApiContext,
  options: { socketPath: string; tls: TlsMaterial | undefined; held: HeldPort },
): Promise<Listeners> {
  const { socketPath } = options;
  const stack = new CleanupStack();
  const close = async (): Promise<void> => {
    for (const { label, error } of await stack.run()) context.log.warn({ err: error }, `${label} not closed`);
  };
  try {
    const network = await buildServer(context, 'network', options.tls);
    stack.push('TCP listener', () => network.close());
    options.held.lendTo(network.server);
    await network.listen();
    const local = await buildServer(context, 'local');
    stack.push('unix socket', () => local.close());
    await mkdir(dirname(socketPath), { recursive: true, mode: 0o700 });
    await rm(socketPath, { force: true }); // A leftover: nobody was behind it.
    await local.listen({ path: socketPath });
    await chmod(socketPath, 0o600);
    return {
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
