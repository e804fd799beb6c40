/**
 * Addresses that come later than the programs that listen on them: after a power cut a lease takes as long as the switch
 * and the DHCP server need to come up, which is longer than the restarts that systemd grants.
 */
import type { Clock } from '../kit/clock.ts';
import { isErrno, messageOf } from '../kit/errors.ts';
import type { Logger } from '../kit/logger.ts';

const LOOK_MS = 500;

/**
 * Opens what listens, again and again while this host lacks its address. Only under systemd: who starts a program by hand
 * is told at once what is wrong.
 * @param options.waitMs in all; below TimeoutStartSec= of the unit, so that the sentence of the failure is in its log.
 * Rejects with what `open` rejected with last.
 */
export async function openOnLateAddress<T>(
  open: () => Promise<T>,
  options: { environment: Record<string, string | undefined>; waitMs: number; clock: Clock; log: Logger },
): Promise<T> {
  const { environment, waitMs, clock, log } = options;
  const looks = (environment['NOTIFY_SOCKET'] ?? '') === '' ? 0 : waitMs / LOOK_MS;
  for (let look = 0; ; look += 1) {
    try {
      return await open();
    } catch (error) {
      if (look >= looks || !isErrno((error as Error).cause, 'EADDRNOTAVAIL')) throw error;
      if (look === 0) log.warn({ reason: messageOf(error) }, 'waiting for an address of this host');
      await new Promise<void>((resolve) => {
        clock.after(LOOK_MS, resolve);
      });
    }
  }
}
