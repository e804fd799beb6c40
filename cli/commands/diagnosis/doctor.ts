import { Command } from 'commander';
import {
  DOCTOR_MAX_PROBES,
  doctorReportSchema,
  type DoctorReport,
} from '../../../daemon/contract/diagnosis.ts';
import type { ContextOf } from '../../cli-context.ts';
import { wholeNumber } from '../../option-values.ts';
import { OperationFailed, printable, table } from '../../output.ts';

type Options = { namespace?: string; probes: number; attack?: boolean };

/** Ports that are closed take seconds each. */
const TIMEOUT_MS = 180_000;

/** `turnkeep doctor`: exit 1 when something fails. */
export function doctorCommand(contextOf: ContextOf): Command {
  return new Command('doctor')
    .description(
      'do what a viewer does, over udp, tcp, tls and dtls through the public address: relay, round trips, loss',
    )
    .option('-n, --namespace <name>', 'this namespace only')
    .option(
      '--probes <count>',
      `round trips for each transport, 1 to ${String(DOCTOR_MAX_PROBES)}`,
      wholeNumber(1, DOCTOR_MAX_PROBES),
      10,
    )
    .option('--attack', 'try hundreds of peers the relays must refuse instead')
    .addHelpText(
      'after',
      `
Examples:
  turnkeep doctor --namespace demo --probes 50
  turnkeep doctor --attack

Every transport gets a real allocation, a permission, and answers of the SFU through the relay. Exit code 1 when one
of them fails, or when a relay does not refuse what --attack tries; that shows in the refusals of \`turn status\`.
`,
    )
    .action(async (request: Options, command: Command) => {
      const { client, output } = contextOf(command);
      const report = await client.post('/v1/doctor', request, doctorReportSchema, TIMEOUT_MS);
      output.show(report, () => describe(report));
      if (!report.ok) throw new OperationFailed('something fails');
    });
}

function describe({ transports, attacks, host }: DoctorReport): string {
  const found = host.filter(({ severity }) => severity !== 'ok');
  if (transports.length === 0 && attacks.length === 0) return 'No namespace has WebRTC enabled.';
  const rows = transports.map((one) => [
    one.namespace,
    one.transport,
    `${one.host} port ${String(one.port)}`,
    one.ok ? 'ok' : 'FAIL',
    one.rttMs === null
      ? '-'
      : `${one.rttMs.min.toFixed(1)} / ${one.rttMs.average.toFixed(1)} / ${one.rttMs.max.toFixed(1)}`,
    `${String(one.lost)} of ${String(one.sent)}`,
  ]);
  return [
    ...(rows.length === 0
      ? []
      : [table(['NAMESPACE', 'TRANSPORT', 'THROUGH', 'RELAY', 'RTT MS (MIN / AVG / MAX)', 'LOST'], rows)]),
    ...transports.flatMap(({ transport, namespace, sentence, remedy }) => [
      ...(sentence === null ? [] : [printable(`FAIL  ${namespace} ${transport}: ${sentence}`)]),
      ...(remedy === null ? [] : [printable(`      ${remedy}`)]),
    ]),
    ...attacks.flatMap(({ ok, namespace, sentence, open }) => [
      printable(`${ok ? 'ok  ' : 'FAIL'}  ${namespace}: ${sentence}`),
      ...open.map((what) => printable(`      ${what}`)),
    ]),
    ...found.flatMap(({ severity, sentence, remedy }) => [
      printable(`${severity === 'failure' ? 'FAIL' : 'note'}  ${sentence}`),
      ...(remedy === null ? [] : [printable(`      ${remedy}`)]),
    ]),
  ].join('\n');
}
