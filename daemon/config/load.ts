/**
 * Reads the configuration: YAML file -> environment overrides -> validation that reports every problem at
 * once, with its line. Never changes its input; a configuration with one problem is refused whole.
 */
import { readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isMap, LineCounter, parseDocument, type Document } from 'yaml';
import type { z } from 'zod';
import { daemonConfigSchema, type DaemonConfig } from '../contract/daemon-config.ts';
import { isErrno, messageOf } from '../kit/errors.ts';
import { environmentOverrides, type Override } from './environment.ts';
import { knownKeys, nearestKey } from './known-keys.ts';

/** A configuration file is written by hand: anything larger is a mistake. */
const MAX_CONFIG_BYTES = 256 * 1024;
/** Nobody mends more at once, and a file that is none has tens of thousands. */
const MAX_PROBLEMS = 100;

export type ConfigProblem = {
  /** Line in the file, or null when the value came from elsewhere. */
  line: number | null;
  /** `api.listen`, or the environment variable. */
  key: string;
  message: string;
};

/** Paths are absolute, and the socket has one. */
export type LoadedConfig = DaemonConfig & { api: { socket: string } };

/** All problems of a configuration; the message has one line for each. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: ConfigProblem[];

  constructor(source: string, problems: ConfigProblem[]) {
    const lines = problems.map((one) => {
      const place = one.line === null ? '' : `line ${String(one.line)}: `;
      return `  ${place}${one.key === '' ? '' : `${one.key}: `}${one.message}`;
    });
    super(
      `${source} has ${problems.length === 1 ? 'a problem' : `${String(problems.length)} problems`}:\n${lines.join('\n')}`,
    );
    this.problems = problems;
  }
}

/**
 * Loads a file, or the defaults when `path` is undefined. Paths in the result are absolute.
 * @throws ConfigError with every problem.
 */
export function loadConfig(options: {
  path: string | undefined;
  environment: Record<string, string | undefined>;
}): LoadedConfig {
  const { path, environment } = options;
  const text = path === undefined ? '' : readConfigFile(path);
  return resolvedConfig(text, { source: path ?? 'The environment', environment });
}

/** A text with the paths a daemon of this working directory would use. @throws ConfigError. */
export function resolvedConfig(
  text: string,
  options: { source: string; environment: Record<string, string | undefined> },
): LoadedConfig {
  const config = parseConfig(text, options);
  const dataDir = resolve(config.dataDir);
  const socket =
    config.api.socket === null ? join(dataDir, 'run', 'turnkeepd.sock') : resolve(config.api.socket);
  return { ...config, dataDir, api: { ...config.api, socket } };
}

/** The pure part: text and environment in, configuration out. Paths stay as written. */
export function parseConfig(
  text: string,
  options: { source: string; environment: Record<string, string | undefined> },
): DaemonConfig {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  const problems: ConfigProblem[] = document.errors.slice(0, MAX_PROBLEMS).map((error) => ({
    line: lines.linePos(error.pos[0]).line,
    key: '',
    message: firstLine(error.message),
  }));
  if (problems.length > 0) throw new ConfigError(options.source, problems);

  // The parser's own aliases limit guards against documents that grow when expanded.
  const written = expanded(document, options.source);
  const overrides = environmentOverrides(options.environment);
  const parsed = daemonConfigSchema.safeParse(withOverrides(written, overrides));
  if (parsed.success) return parsed.data;
  const place = (issuePath: readonly PropertyKey[]): Pick<ConfigProblem, 'line' | 'key'> => {
    const override = overrides.find(({ path }) => path.every((key, at) => key === issuePath[at]));
    if (override !== undefined) return { line: null, key: override.variable };
    return { line: lineOf(document, lines, issuePath), key: issuePath.join('.') };
  };
  throw new ConfigError(
    options.source,
    parsed.error.issues
      .flatMap((issue) => problemsOf(issue, place))
      .sort((a, b) => (a.line ?? 0) - (b.line ?? 0)),
  );
}

/** @throws ConfigError for an alias without its anchor, and for aliases that multiply. */
function expanded(document: Document, source: string): unknown {
  try {
    return (document.toJS({ maxAliasCount: 100 }) as unknown) ?? {};
  } catch (error) {
    throw wrong(source, `has an alias (*name) that cannot be followed: ${messageOf(error)}`);
  }
}

function readConfigFile(path: string): string {
  let bytes: Buffer;
  try {
    // Never opened unless it is a file: a pipe would be waited for, and a device never ends.
    const facts = statSync(path);
    if (!facts.isFile()) throw new Error(facts.isDirectory() ? 'it is a folder' : 'it is no file');
    if (facts.size > MAX_CONFIG_BYTES) throw wrong(path, `is longer than ${String(MAX_CONFIG_BYTES)} bytes`);
    bytes = readFileSync(path);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const why = isErrno(error, 'ENOENT') ? 'there is no such file' : messageOf(error);
    throw wrong(path, `cannot be read: ${why}`);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw wrong(path, 'is not UTF-8: save it as UTF-8');
  }
}

function wrong(source: string, message: string): ConfigError {
  return new ConfigError(source, [{ line: null, key: '', message }]);
}

type Issue = z.core.$ZodIssue;

function problemsOf(
  issue: Issue,
  place: (path: readonly PropertyKey[]) => Pick<ConfigProblem, 'line' | 'key'>,
): ConfigProblem[] {
  if (issue.code !== 'unrecognized_keys') return [{ ...place(issue.path), message: sentenceOf(issue) }];
  const known = knownKeys(daemonConfigSchema, issue.path);
  return issue.keys.map((key) => {
    const nearest = nearestKey(key, known);
    const hint = nearest === undefined ? `known here: ${known.join(', ')}` : `did you mean "${nearest}"?`;
    return { ...place([...issue.path, key]), message: `is no key of the configuration; ${hint}` };
  });
}

function sentenceOf(issue: Issue): string {
  // A union (IPv4 or IPv6) reports "Invalid input" only; every union of this schema is an address.
  if (issue.code === 'invalid_union') return 'must be an IP address';
  return issue.message.replace(/^Invalid input: /, '').replace(/^Invalid option: /, '');
}

function lineOf(document: Document, lines: LineCounter, path: readonly PropertyKey[]): number | null {
  for (let depth = path.length; depth > 0; depth -= 1) {
    const parent = document.getIn(path.slice(0, depth - 1), true);
    const last = path[depth - 1];
    if (isMap(parent)) {
      const pair = parent.items.find((item) => String(item.key) === String(last));
      const range = (pair?.key as { range?: [number, number, number] } | undefined)?.range;
      if (range !== undefined) return lines.linePos(range[0]).line;
    }
    const node = document.getIn(path.slice(0, depth), true) as
      { range?: [number, number, number] } | undefined;
    if (node?.range !== undefined) return lines.linePos(node.range[0]).line;
  }
  return null;
}

function withOverrides(written: unknown, overrides: Override[]): unknown {
  if (overrides.length === 0 || !isRecord(written)) return written;
  const copy = structuredClone(written);
  for (const { path, value } of overrides) {
    let at: Record<string, unknown> = copy;
    for (const key of path.slice(0, -1)) {
      const next = at[key];
      if (isRecord(next)) at = next;
      else at = at[key] = {};
    }
    const last = path.at(-1);
    if (last !== undefined) at[last] = value;
  }
  return copy;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function firstLine(text: string): string {
  return text.split('\n')[0]?.replace(/ at line \d+, column \d+:?$/, '') ?? text;
}
