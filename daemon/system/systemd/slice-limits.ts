/** A quota as properties of a namespace's slice (systemd.resource-control(5)), and back. Pure. */
import type { Quota } from '../../contract/quota.ts';
import type { ServiceLimits } from '../../namespaces/system.ts';

const MIB = 1024 * 1024;
/** Part of the memory above which the kernel slows the namespace down and takes memory back. */
const HIGH = 0.75;

export const LIMIT_PROPERTIES = [
  'MemoryMax',
  'TasksMax',
  'CPUQuotaPerSecUSec',
  'CPUWeight',
  'MemoryCurrent',
  'TasksCurrent',
] as const;

export function sliceProperties({ memoryMiB, tasks, cpuPercent, cpuWeight }: Quota): string[] {
  return [
    `MemoryMax=${String(memoryMiB)}M`,
    `MemoryHigh=${String(Math.floor(memoryMiB * HIGH))}M`,
    `TasksMax=${String(tasks)}`,
    // Empty takes a former one back.
    `CPUQuota=${cpuPercent === 0 ? '' : `${String(cpuPercent)}%`}`,
    `CPUWeight=${String(cpuWeight)}`,
  ];
}

export function limitsOf(properties: ReadonlyMap<string, string>): ServiceLimits {
  const number = (name: (typeof LIMIT_PROPERTIES)[number]): number | null => {
    const text = properties.get(name) ?? '';
    // `infinity`, `[not set]`, or the largest number there is: none.
    return /^[0-9]+$/.test(text) && Number(text) < Number.MAX_SAFE_INTEGER ? Number(text) : null;
  };
  const memoryMax = number('MemoryMax');
  return {
    quota: {
      memoryMiB: memoryMax === null ? null : Math.round(memoryMax / MIB),
      tasks: number('TasksMax'),
      cpuPercent: cpuPercent(properties.get('CPUQuotaPerSecUSec') ?? ''),
      cpuWeight: number('CPUWeight'),
    },
    used: { memoryBytes: number('MemoryCurrent'), tasks: number('TasksCurrent') },
  };
}

const SECONDS: Record<string, number> = { us: 1e-6, ms: 1e-3, s: 1, min: 60 };

/** CPU time per second, as systemd writes time spans: `1s 500ms` is 150; `infinity` is 0, as in a quota. */
function cpuPercent(text: string): number | null {
  if (text === 'infinity') return 0;
  const parts = [...text.matchAll(/([0-9.]+)(us|ms|s|min)/g)];
  if (parts.length === 0) return null;
  return Math.round(
    parts.reduce((sum, [, count, unit = '']) => sum + Number(count) * (SECONDS[unit] ?? 0), 0) * 100,
  );
}
