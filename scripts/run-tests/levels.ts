/** What kind of test a file is, what it needs for itself, and what may run beside it. */
import { availableParallelism } from 'node:os';

export const LEVELS = ['unit', 'blackbox', 'interop', 'browser', 'host'] as const;
export type Level = (typeof LEVELS)[number];

/** By name of the run. */
export const RUNS: Record<string, readonly Level[]> = {
  unit: ['unit'],
  local: ['unit', 'blackbox'],
  all: LEVELS,
};

const TIME_LIMIT_MS: Record<Level, number> = {
  unit: 120_000,
  blackbox: 300_000,
  interop: 300_000,
  browser: 300_000,
  host: 600_000,
};

/** Long forms of tests take longer, in seconds: for every file, where it is given. */
const OWN_TIME_LIMIT_MS = Number(process.env['TURNKEEP_TEST_SECONDS'] ?? 0) * 1000;

export function timeLimitMs(level: Level): number {
  return OWN_TIME_LIMIT_MS > 0 ? OWN_TIME_LIMIT_MS : TIME_LIMIT_MS[level];
}

/** Levels whose files drive other programs, or run beside such. */
export const SECOND_CHANCE: ReadonlySet<Level> = new Set(['blackbox', 'interop', 'browser', 'host']);

/** One network for itself: loopback alone, or with one interface beside it; `machine` is the one all others share. */
export type Network = 'machine' | 'loopback' | 'interface';

export type TestFile = {
  file: string;
  level: Level;
  env: Record<string, string>;
  network: Network;
  /** What only one file may have at a time. */
  claims: readonly string[];
};

export type Phase = { name: 'unit' | 'between' | 'browser'; files: TestFile[]; width: number };

/** `networks`: a container may keep even root from making networks. */
export type Rights = { root: boolean; networks: boolean };

/** Run twice: as installed, and with datagrams by `node:dgram`, which serves where the addon is not built. */
const ALSO_BY_DGRAM = /\/blackbox\/turn-(?:relay|peers|pressure)\.test\.ts$/;
const BY_DGRAM = { TURNKEEP_DATAGRAMS: 'dgram' };

/** Boots a box: only root can, and its file system is in memory. */
export function needsBox(file: string): boolean {
  return file.includes('/host/');
}

/**
 * Unit tests use no address that another one could want; a browser wants the whole machine. In between tests mostly
 * wait: there, files run side by side when each has a network of its own, which only root can give.
 *
 * @param files paths from the root of the repository
 */
export function phasesOf(files: readonly string[], levels: readonly Level[], may: Rights): Phase[] {
  const cores = Math.max(2, availableParallelism());
  const of = (...wanted: Level[]): TestFile[] =>
    wanted
      .filter((level) => levels.includes(level))
      .flatMap((level) => files.filter((file) => levelOf(file) === level))
      .flatMap((file) => [
        describe(file, {}, may),
        ...(ALSO_BY_DGRAM.test(file) ? [describe(file, BY_DGRAM, may)] : []),
      ]);
  return [
    { name: 'unit', files: of('unit'), width: cores },
    // The long ones first.
    { name: 'between', files: of('host', 'interop', 'blackbox'), width: may.networks ? cores : 1 },
    { name: 'browser', files: of('browser'), width: 1 },
  ];
}

function describe(file: string, env: Record<string, string>, may: Rights): TestFile {
  const level = levelOf(file);
  const network = networkOf(file, level, may);
  const claims = level !== 'unit' && network === 'machine' ? ['machine'] : [];
  return { file, level, env, network, claims: needsBox(file) ? ['box'] : claims };
}

function networkOf(file: string, level: Level, { root, networks }: Rights): Network {
  // What root does there may not happen to the machine's own network.
  if (file.includes('/netns/') && root) return 'interface';
  return level === 'blackbox' && networks ? 'loopback' : 'machine';
}

function levelOf(file: string): Level {
  return LEVELS.find((level) => file.includes(`/${level}/`)) ?? 'unit';
}
