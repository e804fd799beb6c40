import t from 'tap';
import { DEFAULT_QUOTA } from '../../contract/quota.ts';
import { limitsOf, sliceProperties } from '../../system/systemd/slice-limits.ts';
import { parseProperties } from '../../system/systemd/unit-state.ts';

t.test('a quota as properties of a slice', (t) => {
  t.strictSame(sliceProperties(DEFAULT_QUOTA), [
    'MemoryMax=2048M',
    'MemoryHigh=1536M',
    'TasksMax=128',
    'CPUQuota=',
    'CPUWeight=100',
  ]);
  t.ok(sliceProperties({ ...DEFAULT_QUOTA, cpuPercent: 150 }).includes('CPUQuota=150%'));
  t.end();
});

t.test('what systemd says of a slice', (t) => {
  const text = `MemoryMax=536870912
TasksMax=99
CPUQuotaPerSecUSec=1s 500ms
CPUWeight=50
MemoryCurrent=1048576
TasksCurrent=24
`;
  t.strictSame(limitsOf(parseProperties(text)), {
    quota: { memoryMiB: 512, tasks: 99, cpuPercent: 150, cpuWeight: 50 },
    used: { memoryBytes: 1048576, tasks: 24 },
  });
  const none = `MemoryMax=infinity
TasksMax=18446744073709551615
CPUQuotaPerSecUSec=infinity
CPUWeight=[not set]
MemoryCurrent=[not set]
TasksCurrent=[not set]
`;
  t.strictSame(limitsOf(parseProperties(none)), {
    quota: { memoryMiB: null, tasks: null, cpuPercent: 0, cpuWeight: null },
    used: { memoryBytes: null, tasks: null },
  });
  for (const [text, percent] of [
    ['1.500000s', 150],
    ['50ms', 5],
    ['2min', 12_000],
    ['', null],
  ] as const) {
    const { quota } = limitsOf(new Map([['CPUQuotaPerSecUSec', text]]));
    t.equal(quota.cpuPercent, percent, text);
  }
  t.end();
});
