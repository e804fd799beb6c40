/**
 * Writes into the audit what moderators did over their own sockets: the same actions as by the API's routes, told by the
 * SFUs. They need no catching up: without the daemon there are no sockets.
 */
import type { SfuDirectory } from '../cameras/system.ts';
import type { Audit } from '../identity/audit.ts';
import type { Logger } from '../kit/logger.ts';

export class ModerationTrail {
  readonly #stop: () => void;

  constructor(options: { audit: Audit; sfus: Pick<SfuDirectory, 'watch'>; log: Logger }) {
    const { audit, sfus, log } = options;
    this.#stop = sfus.watch((event) => {
      if (event.type !== 'event' || event.event.name !== 'moderated') return;
      const { action, actor, roomId: subject, detail } = event.event.data;
      const { namespace } = event;
      try {
        audit.record({
          ...{ actor, action: `room.${action}`, namespace, subject, detail: { ...detail, by: 'signaling' } },
          // Whoever mutes and unmutes all day long does not fill the audit.
          gate: { kind: 'moderation', key: `${namespace} ${actor}` },
        });
      } catch (error) {
        log.error({ err: error, action }, 'the audit cannot be written');
      }
    });
  }

  close(): void {
    this.#stop();
  }
}
