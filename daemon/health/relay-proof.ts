/** The proof at the end of an enable, done by the relay probe. */
import { AppError } from '../contract/errors.ts';
import { probePassword } from '../credentials/probe.ts';
import type { RelayProof } from '../namespaces/system.ts';
import { probeRelay } from './relay-probe.ts';

export const relayProof: RelayProof = {
  async prove(target, options) {
    const { turn, username, password, peer, forbiddenPeer, ticketKey } = target;
    const result = await probeRelay({
      ...turn,
      username,
      password,
      peer,
      forbiddenPeer,
      probePassword: probePassword(ticketKey),
      timeoutMs: options.timeoutMs,
    });
    options.signal?.throwIfAborted();
    const binding = result.steps.find((step) => step.name === 'binding');
    if (!result.ok || binding === undefined) {
      const what = result.sentence ?? 'the SFU was not asked';
      throw new AppError('proof_failed', `The relay of "${target.namespace}" is not proven: ${what}`, {
        details: { steps: result.steps.map(({ name, ok }) => ({ name, ok })) },
      });
    }
    return { rttMs: binding.durationMs };
  },
};
