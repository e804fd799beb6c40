/** Whether a node's addresses and port ranges can serve namespaces at all. Pure. */
import { AppError } from '../contract/errors.ts';
import { isPrivate, isUnspecified, parseIp } from '../kit/ip-address.ts';
import { portPlanProblems, type PortPlan } from './port-ledger.ts';

/** Throws AppError invalid_request with everything that is wrong. */
export function checkNode(options: {
  ports: PortPlan;
  shieldAddress: string;
  publicAddresses: readonly string[];
  turnBindAddresses: readonly string[];
}): void {
  const problems = portPlanProblems(options.ports);
  const shield = parseIp(options.shieldAddress);
  if (shield === undefined || isUnspecified(shield) || !isPrivate(shield)) {
    problems.push(`the shield address "${options.shieldAddress}" is not one private address`);
  }
  if (options.publicAddresses.length === 0) problems.push('there is no public address');
  if (options.turnBindAddresses.length === 0) problems.push('there is no address for the TURN listeners');
  if (problems.length === 0) return;
  throw new AppError('invalid_request', `Namespaces cannot be served: ${problems.join('; ')}.`);
}
