/** What the command line prints, and how it ends. */
import { CommanderError } from 'commander';
import { ApiError, UnreachableError } from './api-client.ts';

export const EXIT = { ok: 0, failure: 1, usage: 2, unreachable: 3, conflict: 4 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** An operation ran and failed: said already, nothing more to print. */
export class OperationFailed extends Error {
  override readonly name = 'OperationFailed';
}

export interface Streams {
  out(text: string): void;
  err(text: string): void;
}

/** Lines for people, or the API's JSON unchanged. */
export class Output {
  readonly json: boolean;
  readonly #streams: Streams;

  constructor(options: { json: boolean; streams: Streams }) {
    this.json = options.json;
    this.#streams = options.streams;
  }

  /** Prints `value` as JSON under --json, else what `people` returns. */
  show(value: unknown, people: () => string): void {
    this.#streams.out(`${this.json ? JSON.stringify(value, null, 2) : people()}\n`);
  }

  /** A line beside the result: nothing under --json. */
  note(text: string): void {
    if (!this.json) this.#streams.out(`${text}\n`);
  }
}

/** Columns as wide as their widest cell. Control characters are shown as `?`: names come from others. */
export function table(headers: string[], rows: string[][]): string {
  const all = [headers, ...rows].map((row) => row.map(printable));
  const widths = headers.map((_, at) => Math.max(...all.map((row) => (row[at] ?? '').length)));
  return all
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

export function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, '?');
}

/** Prints what went wrong: a sentence, or under --json one document. @returns the exit code. */
export function reportFailure(
  error: unknown,
  { streams, json }: { streams: Streams; json: boolean },
): ExitCode {
  if (error instanceof OperationFailed) return EXIT.failure;
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return EXIT.ok;
    // Commander has said it to people already.
    if (json) tell(streams, { error: 'usage', message: usageSentence(error) });
    return EXIT.usage;
  }
  const message = error instanceof Error ? printable(error.message) : String(error);
  if (json) tell(streams, { error: codeOf(error), message, ...detailsOf(error) });
  else streams.err(`${message}\n`);
  if (error instanceof UnreachableError) return EXIT.unreachable;
  if (error instanceof ApiError) {
    if (error.status === 409) return EXIT.conflict;
    if (error.status === 400) return EXIT.usage;
  }
  return EXIT.failure;
}

function tell(streams: Streams, failure: object): void {
  streams.err(`${JSON.stringify(failure)}\n`);
}

function codeOf(error: unknown): string {
  if (error instanceof ApiError) return error.code;
  return error instanceof UnreachableError ? 'unreachable' : 'failed';
}

function detailsOf(error: unknown): { details?: unknown } {
  return error instanceof ApiError && error.details !== undefined ? { details: error.details } : {};
}

function usageSentence({ code, message }: CommanderError): string {
  if (code === 'commander.help') return 'A command is missing: --help names them.';
  const sentence = message.replace(/^error: /, '').replaceAll('\n', ' ');
  return /[.?)]$/.test(sentence) ? sentence : `${sentence}.`;
}
