import { Command, InvalidArgumentError } from 'commander';
import { quotaViewSchema, type ChangeQuota, type QuotaView } from '../../../daemon/contract/quota.ts';
import type { ContextOf } from '../../cli-context.ts';
import { wholeNumber } from '../../option-values.ts';
import { printable, table } from '../../output.ts';

/** `default`: as configured again. Commander takes null for no value at all. */
type Value = number | 'default';
type Options = {
  namespace: string;
  memory?: Value;
  tasks?: Value;
  cpu?: Value;
  cpuWeight?: Value;
};

const MIB = 1024 * 1024;

/** `turnkeep namespace quota --namespace NAME [--memory 1G] [--tasks 200] [--cpu 150%] [--cpu-weight 50]` */
export function quotaCommand(contextOf: ContextOf): Command {
  return new Command('quota')
    .description('show or set what TURN and SFU of a namespace together may take of this host')
    .requiredOption('-n, --namespace <name>', 'the namespace')
    .option('--memory <size>', 'such as 512M or 2G, at least 256M; "default": as configured', readMemory)
    .option('--tasks <count>', 'processes and threads, at least 48; or "default"', countOrDefault(48, 32_768))
    .option(
      '--cpu <percent>',
      'of one core, such as 150%; 0: no bound; or "default"',
      countOrDefault(0, 102_400, '%'),
    )
    .option(
      '--cpu-weight <weight>',
      'its part of a busy host against the others (1 to 10000); or "default"',
      countOrDefault(1, 10_000),
    )
    .addHelpText(
      'after',
      `
Examples:
  turnkeep namespace quota --namespace demo
  turnkeep namespace quota --namespace demo --memory 1G --cpu 150%
  turnkeep namespace quota --namespace demo --memory default

In force at once, while pictures run. Needs services.manager: systemd.
`,
    )
    .action(async (options: Options, command: Command) => {
      const { client, output } = contextOf(command);
      const { namespace, memory, tasks, cpu, cpuWeight } = options;
      const path = `/v1/namespaces/${encodeURIComponent(namespace)}/quota`;
      const change: ChangeQuota = {
        ...asked('memoryMiB', memory),
        ...asked('tasks', tasks),
        ...asked('cpuPercent', cpu),
        ...asked('cpuWeight', cpuWeight),
      };
      const view =
        Object.keys(change).length === 0
          ? await client.get(path, quotaViewSchema)
          : await client.patch(path, change, quotaViewSchema);
      output.show(view, () => {
        const [first = [], ...rest] = quotaRows(view);
        return table(first, rest);
      });
    });
}

function asked(key: keyof ChangeQuota, value: Value | undefined): ChangeQuota {
  return value === undefined ? {} : { [key]: value === 'default' ? null : value };
}

/** For this command and the status. */
export function quotaRows({ quota, own, problem, used }: QuotaView): string[][] {
  const of = (key: keyof typeof quota, text: string): string =>
    own[key] === undefined ? `${text} (as configured)` : text;
  const memory = of('memoryMiB', `${String(quota.memoryMiB)} MiB`);
  const tasks = of('tasks', String(quota.tasks));
  const takes = (value: number | null | undefined, text: string): string =>
    value === null || value === undefined ? '' : `, takes ${text}`;
  return [
    ['Memory', `${memory}${takes(used?.memoryBytes, `${((used?.memoryBytes ?? 0) / MIB).toFixed(0)} MiB`)}`],
    ['Tasks', `${tasks}${takes(used?.tasks, String(used?.tasks ?? 0))}`],
    [
      'CPU',
      of('cpuPercent', quota.cpuPercent === 0 ? 'no bound' : `${String(quota.cpuPercent)} % of a core`),
    ],
    ['CPU weight', of('cpuWeight', String(quota.cpuWeight))],
    ...(problem === '' ? [] : [['', printable(problem)]]),
  ];
}

function readMemory(text: string): Value {
  if (text === 'default') return text;
  const match = /^([0-9]{1,7})\s*([MG])(?:i?B)?$/i.exec(text);
  const mebibytes = Number(match?.[1]) * (match?.[2]?.toUpperCase() === 'G' ? 1024 : 1);
  if (mebibytes >= 256 && mebibytes <= 1_048_576) return mebibytes;
  throw new InvalidArgumentError('A size is a number with M or G, such as 512M, from 256M to 1024G.');
}

/** `default`, or a number within these bounds, with `unit` behind it or not. */
function countOrDefault(min: number, max: number, unit = ''): (text: string) => Value {
  const read = wholeNumber(min, max);
  return (text) => {
    if (text === 'default') return text;
    return read(unit !== '' && text.endsWith(unit) ? text.slice(0, -unit.length) : text);
  };
}
