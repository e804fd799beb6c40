/** One `reload` of a service that no control link is open to yet: at the start of the daemon. */
import { messageOf } from '../kit/errors.ts';
import type { Logger } from '../kit/logger.ts';
import type { ControlConnector, ControlLink, ReloadControl, ServiceManager, ServiceRef } from './system.ts';

const RELOAD_TIMEOUT_MS = 3000;

/** @returns false when nobody answers, or the service refuses what it read. Never rejects. */
export async function reloadOnce(
  service: ServiceRef,
  options: { connector: ControlConnector; services: Pick<ServiceManager, 'controlSocket'>; log: Logger },
): Promise<boolean> {
  const { connector, services, log } = options;
  let link: ControlLink<ReloadControl> | undefined;
  try {
    link = await connect(connector, services.controlSocket(service), service);
  } catch {
    return false; // The usual case at the start of a host: it does not run yet.
  }
  try {
    await link.control.call('reload', {}, { timeoutMs: RELOAD_TIMEOUT_MS });
    return true;
  } catch (error) {
    log.warn({ ...service, reason: messageOf(error) }, 'the running service does not take its file');
    return false;
  } finally {
    link.close();
  }
}

function connect(
  connector: ControlConnector,
  path: string,
  { kind, namespace }: ServiceRef,
): Promise<ControlLink<ReloadControl>> {
  const nothing = (): void => undefined;
  return kind === 'turn'
    ? connector.turn(path, { namespace, onClose: nothing })
    : connector.sfu(path, { namespace, onClose: nothing, onEvent: nothing });
}
