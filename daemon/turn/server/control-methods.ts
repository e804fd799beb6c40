/** What the daemon may ask a TURN process over its control socket (contract/control.ts). */
import type { z } from 'zod';
import { CONTROL_VERSION, type turnControlMethods } from '../../contract/control.ts';
import { AppError } from '../../contract/errors.ts';
import type { Logger } from '../../kit/logger.ts';
import { processLoad } from '../../kit/process-load.ts';
import { CertificateError } from './certificate.ts';
import { loadCertificate, readServiceConfig } from './service-config.ts';
import type { TurnServer } from './turn-server.ts';
import { restartReasons } from './turn-settings.ts';
import { isTarget, sessionView } from './session-view.ts';

type Methods = typeof turnControlMethods;
type Handlers = {
  [Name in keyof Methods]: (
    params: z.output<Methods[Name]['params']>,
  ) => z.input<Methods[Name]['result']> | Promise<z.input<Methods[Name]['result']>>;
};

export function turnControlHandlers(options: {
  server: TurnServer;
  configFile: string;
  startedAtMs: number;
  log: Logger;
  /** Ends the process when it is empty or after `deadlineMs`. */
  drain: (deadlineMs: number) => void;
}): Handlers {
  const { server } = options;
  return {
    hello: ({ controlVersion }) => {
      if (controlVersion !== CONTROL_VERSION) {
        throw new AppError(
          'conflict',
          `This TURN service speaks control version ${String(CONTROL_VERSION)}, the daemon ${String(controlVersion)}: restart the service.`,
        );
      }
      return {
        service: 'turn',
        namespace: server.config.namespace,
        controlVersion: CONTROL_VERSION,
        pid: process.pid,
        startedAtMs: options.startedAtMs,
      };
    },
    reload: async () => {
      await reloadConfig(options);
      return {};
    },
    drain: ({ deadlineMs }) => {
      options.drain(deadlineMs);
      return {};
    },
    status: async () => ({
      ready: server.isOpen && !server.core.draining,
      draining: server.core.draining,
      listeners: server.listeners,
      allocations: server.core.sizes.allocations,
      connections: server.connections.total,
      relayed: server.core.relayed(),
      drops: server.core.drops.totals(),
      refusals: server.core.refusals,
      limits: [...server.connections.uses(), ...server.core.limits],
      kernelDrops: await server.kernelDrops(),
      dtls: server.dtls,
      datagrams: server.datagrams,
      dtlsProblem: server.dtlsProblem,
      certificate: server.certificate,
      process: processLoad(),
    }),
    sessions: ({ limit }) => {
      const open = [...server.core.allocations()].filter(({ state }) => state === 'open');
      return { items: open.slice(0, limit).map(sessionView), total: open.length };
    },
    refusals: () => ({ items: server.core.journal }),
    disconnect: (target) => ({
      ended: server.disconnect((allocation) => isTarget(target, allocation)),
    }),
  };
}

/**
 * Applies the file to a running service. Rejects with an AppError and changes nothing when it cannot. A certificate
 * that cannot be used holds up nothing else: the old one goes on, and status says why.
 */
export async function reloadConfig({
  server,
  configFile,
  log,
}: {
  server: TurnServer;
  configFile: string;
  log: Logger;
}): Promise<void> {
  const config = await readServiceConfig(configFile);
  const reasons = restartReasons(server.config, config);
  if (reasons.length > 0) {
    throw new AppError('conflict', `A change of ${reasons.join(', ')} needs a restart of the TURN service.`, {
      details: { keys: reasons },
    });
  }
  try {
    server.useCertificate(await loadCertificate(config));
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error;
    server.keepCertificate(error.message);
    log.error({ reason: error.message }, 'certificate kept: the new one cannot be used');
  }
  server.reconfigure(config);
  log.info({ secrets: config.secrets.length, peers: config.peers.allow.length }, 'configuration reloaded');
}
