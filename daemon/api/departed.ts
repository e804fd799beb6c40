/** Who was deleted watches nothing any more: tickets, signaling sessions, TURN sessions. */
import type { ApiContext } from './context.ts';

/**
 * Resolves when what the services answered to is ended; never rejects. `namespace` undefined: everywhere.
 * Call it after the deletion, so that nothing is issued anew.
 */
export async function endEverythingOf(
  context: Pick<ApiContext, 'namespaces' | 'tickets' | 'gateway'>,
  identity: string,
  namespace?: string,
): Promise<void> {
  context.tickets.forget(identity);
  await context.namespaces.turnAccess.depart(identity, namespace);
  // After the SFU: the browser hears why. A session that was just being opened is caught here.
  context.gateway.end(identity, namespace);
}
