import { Command, InvalidArgumentError } from 'commander';
import { issuerCreatedSchema } from '../../../daemon/contract/issuers.ts';
import type { ContextOf } from '../../cli-context.ts';
import { wholeNumber } from '../../option-values.ts';
import { printable } from '../../output.ts';

type Options = {
  issuer: string;
  audience: string;
  namespace: string[];
  namespaceClaim?: string;
  roleClaim?: string;
  map: Record<string, string>;
  defaultRole?: string;
  algorithm?: string[];
  jwksUri?: string;
  clockSkew?: number;
};

/** `turnkeep issuer add NAME --issuer URL ...` */
export function addCommand(contextOf: ContextOf): Command {
  return new Command('add')
    .description('believe the tokens of an OpenID Connect issuer, as far as is said here')
    .argument('<name>', 'how it is called here')
    .requiredOption('--issuer <url>', 'the issuer, as it stands in its tokens (iss)')
    .requiredOption('--audience <text>', 'whom its tokens have to be for (aud)')
    .requiredOption('-n, --namespace <name...>', 'what its tokens may be for, never more')
    .option('--namespace-claim <claim>', 'the claim that names the namespace, where there are several')
    .option('--role-claim <claim>', 'the claim with roles or groups, for example realm_access.roles')
    .option('--map <value=role>', 'what a value of it stands for; repeat it', mapping, {})
    .option('--default-role <role>', 'viewer, operator or owner, of tokens without such a value')
    .option('--algorithm <name...>', 'accepted signatures (RS256 and ES256)')
    .option('--jwks-uri <url>', 'where its keys are, when it has no discovery document')
    .option('--clock-skew <seconds>', 'how far its clock may be off, 0 to 300 (30)', wholeNumber(0, 300))
    .addHelpText(
      'after',
      `
Examples:
  turnkeep issuer add corp --issuer https://login.example.com --audience turnkeep -n demo --default-role viewer
  turnkeep issuer add sso --issuer https://sso.example.com/realms/cctv --audience turnkeep -n north south \\
    --namespace-claim site --role-claim realm_access.roles --map cctv-admin=owner --map guard=viewer
`,
    )
    .action(async (name: string, options: Options, command: Command) => {
      const { client, output } = contextOf(command);
      const { issuer, audience, namespace, namespaceClaim, roleClaim, map, defaultRole } = options;
      const { algorithm, jwksUri, clockSkew } = options;
      const added = await client.post(
        '/v1/issuers',
        {
          ...{ name, issuer, audience, roles: map, namespaces: namespace },
          ...{ namespaceClaim, roleClaim, defaultRole, jwksUri },
          ...{ algorithms: algorithm, clockSkewSeconds: clockSkew },
        },
        issuerCreatedSchema,
      );
      output.show(added, () =>
        added.problem === null
          ? `Tokens of ${name} are accepted.`
          : printable(
              `Tokens of ${name} will be accepted when its keys can be had. Now they cannot: ${added.problem}`,
            ),
      );
    });
}

function mapping(text: string, before: Record<string, string>): Record<string, string> {
  const at = text.lastIndexOf('=');
  if (at < 1) throw new InvalidArgumentError('Write it as VALUE=ROLE, for example guard=viewer.');
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}
