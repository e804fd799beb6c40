/**
 * Holds the dependency direction of daemon/ARCHITECTURE.md: a file imports its own folder or a folder
 * further down; folders of one layer do not import each other; protocol cores import no I/O.
 */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import t from 'tap';

/** Lowest first. A folder is matched by its longest listed prefix. */
const LAYERS: string[][] = [
  ['daemon/kit'],
  ['daemon/contract'],
  ['daemon/config', 'daemon/credentials', 'daemon/datagrams', 'daemon/turn/codec', 'daemon/tunnels/protocol'],
  [
    'daemon/turn/core',
    'daemon/sfu/rooms',
    'daemon/sfu/media/core',
    'daemon/namespaces',
    'daemon/cameras',
    'daemon/identity',
  ],
  [
    'daemon/store',
    'daemon/system',
    'daemon/tunnels',
    'daemon/turn/server',
    'daemon/sfu/media',
    'daemon/sfu/signaling',
    'daemon/sfu/workers',
    'daemon/health',
  ],
  ['daemon/api'],
  ['daemon'],
];
/** `sfu/signaling` drives `sfu/media`, `sfu/workers` several of it, and all drive `sfu/rooms`: one service. */
const ALLOWED = new Set([
  'daemon/sfu/signaling > daemon/sfu/media',
  'daemon/sfu/workers > daemon/sfu/signaling',
]);
const SANS_IO = [
  'daemon/kit',
  'daemon/contract',
  'daemon/credentials',
  'daemon/turn/codec',
  'daemon/turn/core',
  'daemon/sfu/media/core',
  'daemon/sfu/rooms',
  'daemon/tunnels/protocol',
];
const IO = /^node:(dgram|net|tls|http|https|fs|fs\/promises|child_process|dns|timers|timers\/promises)$/;
/** The packages a browser may not load, and the folder that may not load the daemon. */
const CONTRACT_ONLY = ['cli', 'web/src'];

type Import = { from: string; target: string };

const files = globSync(['daemon/**/*.ts', 'cli/**/*.ts', 'web/src/**/*.ts']).filter(
  (file) => !file.includes('/test/'),
);
const imports: Import[] = files.flatMap((file) =>
  [...readFileSync(file, 'utf8').matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => ({
    from: file,
    target: match[1]!,
  })),
);
const folderOf = (file: string): string =>
  LAYERS.flat()
    .filter((folder) => file.startsWith(`${folder}/`))
    .sort((a, b) => b.length - a.length)[0] ?? '';
const layerOf = (folder: string): number => LAYERS.findIndex((layer) => layer.includes(folder));
const resolved = (one: Import): string => normalize(join(dirname(one.from), one.target));

t.test('imports point down the layers', (t) => {
  for (const one of imports) {
    if (!one.target.startsWith('.') || !one.from.startsWith('daemon/')) continue;
    const from = folderOf(one.from);
    const to = folderOf(resolved(one));
    if (from === to || ALLOWED.has(`${from} > ${to}`)) continue;
    t.ok(layerOf(to) < layerOf(from), `${one.from} imports ${resolved(one)}`);
  }
  t.pass('all imports were read');
  t.end();
});

t.test('turn and sfu never import each other', (t) => {
  for (const one of imports) {
    if (!one.target.startsWith('.')) continue;
    const to = resolved(one);
    t.notOk(one.from.startsWith('daemon/turn/') && to.startsWith('daemon/sfu/'), `${one.from} > ${to}`);
    t.notOk(one.from.startsWith('daemon/sfu/') && to.startsWith('daemon/turn/'), `${one.from} > ${to}`);
  }
  t.end();
});

t.test('protocol cores do no I/O', (t) => {
  for (const one of imports) {
    // isIPv4 and isIPv6 are pure functions that happen to live in node:net.
    if (one.from === 'daemon/kit/ip-address.ts') continue;
    if (!SANS_IO.includes(folderOf(one.from))) continue;
    t.notOk(IO.test(one.target), `${one.from} imports ${one.target}`);
  }
  t.end();
});

t.test('cli and web import only the contract', (t) => {
  for (const one of imports) {
    if (!CONTRACT_ONLY.some((folder) => one.from.startsWith(`${folder}/`)) || !one.target.startsWith('.'))
      continue;
    const to = resolved(one);
    if (to.startsWith('daemon/')) t.ok(to.startsWith('daemon/contract/'), `${one.from} imports ${to}`);
  }
  t.end();
});

t.test('no file imports itself, over whatever way', (t) => {
  const graph = new Map<string, string[]>();
  for (const one of imports) {
    if (one.target.startsWith('.')) graph.set(one.from, [...(graph.get(one.from) ?? []), resolved(one)]);
  }
  const done = new Set<string>();
  const visit = (file: string, way: string[]): void => {
    if (way.includes(file)) {
      t.fail([...way.slice(way.indexOf(file)), file].join(' > '));
      return;
    }
    if (done.has(file)) return;
    for (const next of graph.get(file) ?? []) visit(next, [...way, file]);
    done.add(file);
  };
  for (const file of graph.keys()) visit(file, []);
  t.pass(`${graph.size} files were walked`);
  t.end();
});

t.test('no barrel files and no files named utils', (t) => {
  for (const file of files) t.notMatch(file, /\/(index|utils?|helpers?|misc)\.ts$/);
  t.end();
});
