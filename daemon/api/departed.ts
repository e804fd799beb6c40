/** Who was deleted watches nothing any more: tickets, signaling sessions, TURN sessions. */
import { AppError } from '../contract/errors.ts';
import { messageOf } from '../kit/errors.ts';
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

/**
 * Who was disabled may watch again: takes back what `endEverythingOf` said of their TURN credentials, and nothing that
 * an owner said. Never rejects: what is left ends by itself within the life of a credential.
 */
export async function admitAgain(
  { namespaces, log }: Pick<ApiContext, 'namespaces' | 'log'>,
  identity: string,
): Promise<void> {
  for (const { name } of namespaces.list()) {
    try {
      const { items } = namespaces.turnAccess.revoked(name);
      const ours = items.some(({ subject, until }) => subject === identity && until !== null);
      if (ours) await namespaces.turnAccess.unrevoke(name, identity);
    } catch (error) {
      if (error instanceof AppError && error.code === 'webrtc_not_enabled') continue;
      log.warn({ namespace: name, user: identity, reason: messageOf(error) }, 'TURN subject still revoked');
    }
  }
}
