import { Command } from 'commander';
import {
  certificateListSchema,
  type CertificateList,
  type CertificateView,
} from '../../../daemon/contract/certificates.ts';
import type { ContextOf } from '../../cli-context.ts';
import { printable, table } from '../../output.ts';

/** `turnkeep certificate status` */
export function statusCommand(contextOf: ContextOf): Command {
  return new Command('status')
    .description(
      'certificates of an ACME authority: until when, when the next is ordered, and what went wrong',
    )
    .addHelpText('after', '\nExample:\n  turnkeep certificate status --json\n')
    .action(async (_options: object, command: Command) => {
      const { client, output } = contextOf(command);
      const list = await client.get('/v1/certificates', certificateListSchema);
      output.show(list, () => describe(list));
    });
}

export function describe({ directory, items }: CertificateList): string {
  if (directory === null) {
    return "No authority issues certificates: they are of this server's own CA, or your files. certificates.source: acme changes that.";
  }
  if (items.length === 0)
    return `No certificate of ${directory} is in use: no namespace with a name is enabled.`;
  const rows = items.map((one) => [
    one.name,
    one.usedBy.join(', '),
    one.state,
    minute(one.notAfter),
    minute(one.nextOrderAt),
    one.issuer ?? '-',
  ]);
  return [
    table(['NAME', 'USED BY', 'STATE', 'UNTIL', 'NEXT ORDER', 'ISSUER'], rows),
    ...items.flatMap(problemLine),
  ].join('\n');
}

export function problemLine({ name, problem }: CertificateView): string[] {
  return problem === '' ? [] : [printable(`${name}: ${problem}`)];
}

function minute(time: string | null): string {
  return time === null ? '-' : time.slice(0, 16).replace('T', ' ');
}
