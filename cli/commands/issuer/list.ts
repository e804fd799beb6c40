import { Command } from 'commander';
import { issuerListSchema, type Issuer } from '../../../daemon/contract/issuers.ts';
import type { ContextOf } from '../../cli-context.ts';
import { table } from '../../output.ts';

/** `turnkeep issuer list` */
export function listCommand(contextOf: ContextOf): Command {
  return new Command('list')
    .description('whose tokens are accepted, and what they may be for')
    .action(async (_options: object, command: Command) => {
      const { client, output } = contextOf(command);
      const list = await client.get('/v1/issuers', issuerListSchema);
      const headers = ['NAME', 'ISSUER', 'AUDIENCE', 'NAMESPACES', 'ROLES', 'ALGORITHMS'];
      output.show(list, () => table(headers, list.items.map(row)));
    });
}

function row({
  name,
  issuer,
  audience,
  namespaces,
  namespaceClaim,
  roleClaim,
  roles,
  defaultRole,
  algorithms,
}: Issuer) {
  const mapped = Object.entries(roles).map(([value, role]) => `${value}=${role}`);
  return [
    name,
    issuer,
    audience,
    `${namespaces?.join(', ') ?? 'all'}${namespaceClaim === null ? '' : ` by ${namespaceClaim}`}`,
    [
      ...(roleClaim === null ? [] : [`${roleClaim}: ${mapped.join(', ')}`]),
      ...(defaultRole === null ? [] : [`else ${defaultRole}`]),
    ].join('; '),
    algorithms.join(', '),
  ];
}
