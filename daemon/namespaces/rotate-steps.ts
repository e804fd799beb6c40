/**
 * What each step of a rotation of the TURN secret does. Every step may be run again. Up to `issue-secret` a
 * failure is taken back; from then on both secrets are good, and a service that does not answer is told later.
 */
import { randomToken } from '../kit/secret.ts';
import { InvalidStateError, messageOf } from '../kit/errors.ts';
import type { Logger } from '../kit/logger.ts';
import type { StepDependencies } from './enable-steps.ts';
import type { SagaStep } from './saga-runner.ts';
import type { RotateStepId } from './saga.ts';
import type { WebrtcRecord } from './system.ts';
import {
  hasComingSecret,
  issueComingSecret,
  withComingSecret,
  withoutComingSecret,
  withoutOlderSecrets,
} from './turn-access.ts';

const SECRET_BYTES = 32;

export type RotateDependencies = Pick<
  StepDependencies,
  'store' | 'sealer' | 'state' | 'clock' | 'settings'
> & {
  /** How long a credential may live and still be taken, by any clock: the life of an older secret. */
  longestCredentialMs: number;
  log: Logger;
};

export function rotateSteps(
  namespace: string,
  dependencies: RotateDependencies,
): Record<RotateStepId, SagaStep> {
  const { store, sealer, state, clock, settings, longestCredentialMs, log } = dependencies;
  const config = (): WebrtcRecord => {
    const found = store.webrtcConfig(namespace);
    if (found === undefined) throw new InvalidStateError('step out of order');
    return found;
  };
  const change = (next: Partial<WebrtcRecord>): void => {
    const { sealedTurnSecret, turnAccess } = { ...config(), ...next };
    store.setTurnKeys(namespace, { sealedTurnSecret, turnAccess });
  };
  /** What the file says of before is good as well: it holds both secrets since the first step. */
  const saveQuietly = async (): Promise<void> => {
    try {
      await state.save();
    } catch (error) {
      log.error({ namespace, reason: messageOf(error) }, 'state file not written');
    }
  };
  return {
    'make-secret': {
      run: async () => {
        const { turnAccess } = config();
        if (!hasComingSecret(turnAccess)) {
          const sealed = sealer.seal('turn-secret', namespace, randomToken(SECRET_BYTES));
          change({ turnAccess: withComingSecret(turnAccess, sealed) });
        }
        await state.save();
        return undefined;
      },
      undo: async () => {
        change({ turnAccess: withoutComingSecret(config().turnAccess) });
        await saveQuietly();
      },
    },
    'accept-secret': {
      run: async () => {
        await settings.apply('turn', namespace);
        return undefined;
      },
      // The coming secret is taken away first: what is rendered after that does not hold it.
      undo: async () => {
        change({ turnAccess: withoutComingSecret(config().turnAccess) });
        await settings.applySoon('turn', namespace);
      },
    },
    'issue-secret': {
      run: async () => {
        const untilMs = clock.nowMs() + longestCredentialMs;
        const before = config();
        const rotated = hasComingSecret(before.turnAccess);
        change(issueComingSecret(before, untilMs));
        settings.adopt(namespace);
        await saveQuietly();
        if (rotated)
          log.info({ namespace, olderUntil: new Date(untilMs).toISOString() }, 'TURN secret rotated');
        return `Credentials of before are good until ${new Date(untilMs).toISOString()} at the latest.`;
      },
    },
    'tell-sfu': {
      run: async () => {
        const told = await settings.applySoon('sfu', namespace);
        return told ? undefined : 'It does not answer, and is told as soon as it does.';
      },
    },
    'drop-older': {
      run: async () => {
        change({ turnAccess: withoutOlderSecrets(config().turnAccess) });
        await saveQuietly();
        log.info({ namespace }, 'older TURN secrets dropped');
        const told = await settings.applySoon('turn', namespace);
        return told ? undefined : 'The TURN service does not answer, and is told as soon as it does.';
      },
    },
  };
}
