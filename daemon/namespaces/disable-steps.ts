/** What each step of a disable does. There is no way back: a disable that was cut off is run again. */
import { serviceRefs } from './enabled-namespaces.ts';
import type { StepDependencies } from './enable-steps.ts';
import type { SagaStep } from './saga-runner.ts';
import type { DisableStepId } from './saga.ts';

export function disableSteps(
  namespace: string,
  dependencies: StepDependencies,
): Record<DisableStepId, SagaStep> {
  const { node, store, services, state, enabled, settings, firewall, dns, times } = dependencies;
  const { turn, sfu } = serviceRefs(namespace);
  const step = (act: () => Promise<void> | void): SagaStep => ({
    run: async () => {
      await act();
      return undefined;
    },
  });
  return {
    // Desired state first: a crash from here on must not bring the services back.
    'mark-disabling': step(() => {
      store.setWebrtcState(namespace, 'disabling');
      enabled.turnOff(namespace);
    }),
    'drain-services': step(async () => {
      const deadline = { deadlineMs: times.drainDeadlineMs };
      await Promise.all([services.drain(sfu, deadline), services.drain(turn, deadline)]);
    }),
    // `stop` resolves when the process is confirmed gone: only then its ports may be given to others.
    'stop-sfu': step(() => services.stop(sfu)),
    'stop-turn': step(() => services.stop(turn)),
    'close-firewall': {
      run: async () => {
        const problem = await firewall.close(namespace);
        return problem === '' ? undefined : `Not closed yet, tried again every minute: ${problem}`;
      },
    },
    'withdraw-dns': {
      run: async () => {
        const problem = await dns.withdraw(namespace);
        return problem === '' ? undefined : `Not removed yet, tried again every minute: ${problem}`;
      },
    },
    'remove-configs': step(async () => {
      await settings.idle(); // What is under way could write a file again.
      await enabled.removeConfigs(namespace);
    }),
    'release-ports': step(() => {
      store.deletePortClaim(node, namespace);
    }),
    'delete-config': step(async () => {
      store.deleteWebrtcConfig(namespace);
      await settings.shareNode();
    }),
    'save-state': step(() => state.save()),
  };
}
